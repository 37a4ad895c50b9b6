"""What every test may count on: markers with their needs, forbidden skips, longer loops on request.

Run with MINIMQ_CI=1 (as .ci/run does), a skip is a failure unless the test carries
`@pytest.mark.may_skip("reason")`, and the slow tests take part.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import tempfile
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from tests.lab.server import Server

SKIPS_FORBIDDEN = os.environ.get("MINIMQ_CI", "") not in ("", "0")
LONG_FACTOR = 20

# No deadline: on a shared machine one slow example is no finding.
for profile, examples in {"default": 60, "long": 60 * LONG_FACTOR}.items():
    settings.register_profile(
        profile,
        max_examples=examples,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )


def chromium() -> str | None:
    """The browser to drive: $CHROMIUM, or the distribution's."""
    named = os.environ.get("CHROMIUM")
    return named or shutil.which("chromium") or shutil.which("chromium-browser")


def missing_browser() -> str | None:
    if not chromium():
        return "no Chromium: apt install chromium fonts-dejavu-core, or set CHROMIUM"
    if importlib.util.find_spec("playwright") is None:
        return "no playwright: pip install playwright"
    return None


def missing_cpp_client() -> str | None:
    found = importlib.util.find_spec("rocketmq") is not None
    return None if found else "no C++ client: pip install rocketmq==0.4.4 (x86-64 Linux only)"


def missing_java() -> str | None:
    absent = [tool for tool in ("java", "javac", "mvn") if not shutil.which(tool)]
    return f"the genuine RocketMQ needs {' and '.join(absent)}" if absent else None


# marker -> what this machine lacks for it, or None
NEEDS: dict[str, Callable[[], str | None]] = {
    "browser": missing_browser,
    "cpp": missing_cpp_client,
    "genuine": missing_java,
}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--long",
        action="store_true",
        help=f"slow tests too, and {LONG_FACTOR} times more rounds in loops and properties",
    )


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("long" if config.getoption("--long") else "default")


def pytest_report_header(config: pytest.Config) -> str:
    skips = "forbidden" if SKIPS_FORBIDDEN else "allowed, with their reason"
    return f"minimq: skips {skips}; slow tests {'in' if slow_wanted(config) else 'left out'}"


def slow_wanted(config: pytest.Config) -> bool:
    named = any("::" in argument for argument in config.args)
    return bool(SKIPS_FORBIDDEN or config.getoption("--long") or config.option.markexpr or named)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        for marker, missing in NEEDS.items():
            if item.get_closest_marker(marker) and (reason := missing()):
                item.add_marker(pytest.mark.skip(reason=reason))
    if not slow_wanted(config):
        slow = [item for item in items if item.get_closest_marker("slow")]
        items[:] = [item for item in items if not item.get_closest_marker("slow")]
        config.hook.pytest_deselected(items=slow)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    allowed = item.get_closest_marker("may_skip") or hasattr(report, "wasxfail")
    if SKIPS_FORBIDDEN and report.skipped and not allowed:
        fail_instead(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if SKIPS_FORBIDDEN and report.skipped:
        fail_instead(report)
    return report


def fail_instead(report: pytest.TestReport | pytest.CollectReport) -> None:
    where = report.longrepr
    reason = where[2] if isinstance(where, tuple) else str(where)
    report.outcome = "failed"
    report.longrepr = f"MINIMQ_CI=1 forbids skips, and this was one: {reason}"


@pytest.fixture(scope="session")
def project_root() -> Path:
    return Path(__file__).resolve().parent.parent


@pytest.fixture
def rounds(request: pytest.FixtureRequest) -> Callable[[int], int]:
    """`for _ in range(rounds(50))`: 50 in a plain run, LONG_FACTOR times as many with --long."""
    factor = LONG_FACTOR if request.config.getoption("--long") else 1
    return lambda usual: usual * factor


@pytest.fixture(scope="session")
def lab_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One JupyterLab for all tests in a browser; each module has a folder of its own below it."""
    from tests.helpers.processes import processes_with, wait_until
    from tests.lab.server import Server

    with Server(tmp_path_factory.mktemp("lab")) as server:
        yield server
    wait_until(lambda: processes_with(server.mark) == [], timeout=10, what="the end of JupyterLab")


@pytest.fixture(scope="module")
def lab_folder(lab_server: Server) -> Iterator[Path]:
    """Empty, below the server's root; what notebooks and browser started must end with the module.

    Labs are not wider than a module: while Playwright is open, asyncio.run() fails in its thread.
    """
    from tests.helpers.processes import wait_until

    yield Path(tempfile.mkdtemp(dir=lab_server.root))
    ended = "the end of browser, kernels and clusters"
    wait_until(lambda: lab_server.others() == [], timeout=10, what=ended)
