"""Imports point down only, and the roles meet on the wire; ARCHITECTURE.md shows the picture."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.helpers.sources import ROOT, Import, files, imports, modules, name, tree

# From the top down. Neighbours in one line never import each other, except in the first.
LAYERS: list[tuple[str, ...]] = [
    ("minimq.__main__", "minimq.lab", "minimq.cli", "minimq.bench"),
    ("widgets",),
    ("minimq.cluster",),
    ("minimq", "minimq.aio"),  # the faces: what users import
    ("minimq.namesrv", "minimq.broker", "minimq.client"),
    ("minimq.remoting", "minimq.acl", "minimq.store"),
    ("minimq.protocol",),
    ("minimq.common.host", "minimq.common.service_task"),  # what a role is given; emits events
    ("minimq.telemetry",),
    ("minimq.common",),
    ("minimq.errors",),
]
MAY_MEET = ({"minimq.__main__", "minimq.lab", "minimq.cli", "minimq.bench"},
            {"minimq", "minimq.aio"},
            {"minimq.common.host", "minimq.common.service_task"})  # fmt: skip
STORE_USERS = ("minimq.store", "minimq.broker", "minimq.cluster", "minimq.__main__", "minimq.cli")

# Roles take the world from `host`, so that the same code runs live and simulated.
WORLD = {
    "time": {"time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "sleep"},
    "random": {"random", "randint", "randrange", "choice", "shuffle", "uniform", "Random"},
    "os": {"getpid", "urandom", "cpu_count"},
    "datetime": {"now", "utcnow", "today"},
    "socket": {"socket", "create_connection", "gethostname"},
    "threading": {"Thread", "Timer"},
    "uuid": {"uuid1", "uuid4"},
}
BUILTINS = {"open", "hash", "id"}
# file -> why it may touch the world itself
AT_THE_RIM: dict[str, str] = {
    "minimq/client/blocking_channel.py": "the plain face's synchronous send has its own socket",
    "minimq/client/loop_thread.py": "the plain face owns a loop thread",
}


def belongs_to(module: str, prefix: str) -> bool:
    inside = prefix != "minimq" and module.startswith(f"{prefix}.")
    return module == prefix or inside


def place(module: str) -> tuple[int, str]:
    """(layer number, prefix) by the longest prefix that fits."""
    fits = [
        (len(prefix), number, prefix)
        for number, layer in enumerate(LAYERS)
        for prefix in layer
        if belongs_to(module, prefix)
    ]
    if not fits:
        raise LookupError(f"{module} has no layer: name one in tests/test_layers.py")
    _, number, prefix = max(fits)
    return number, prefix


def points_down(imported: Import) -> bool:
    importer, target = place(imported.module), place(imported.target)
    if importer == target:
        return True
    together = any({importer[1], target[1]} <= group for group in MAY_MEET)
    return importer[0] < target[0] or together


def ours(path: Path) -> list[Import]:
    return [x for x in imports(path) if x.target.split(".")[0] in ("minimq", "widgets")]


def test_every_module_has_a_layer() -> None:
    for module in modules():
        assert place(module)


@pytest.mark.parametrize("path", modules().values(), ids=name)
def test_imports_point_down(path: Path) -> None:
    wrong = [f"{name(path)}:{x.line} imports {x.target}" for x in ours(path) if not points_down(x)]
    assert wrong == []


@pytest.mark.parametrize(
    ("module", "target", "allowed"),
    [
        ("minimq.broker.broker_controller", "minimq.store.commit_log", True),
        ("minimq.store.commit_log", "minimq.remoting.connection", False),
        ("minimq.broker.broker_controller", "minimq.client.mq_client_api", False),
        ("minimq.broker.broker_controller", "minimq.acl.plain_access_validator", True),
        ("minimq.acl.plain_access_validator", "minimq.remoting.connection", False),
        ("minimq.common.host", "minimq.telemetry.recorder", True),
        ("minimq.common.clock", "minimq.telemetry.recorder", False),
        ("widgets.control_panel", "minimq.cluster", True),
        ("minimq.cluster.local_cluster", "widgets", False),
        ("minimq.telemetry.event", "minimq", False),
    ],
)
def test_the_rule_itself(module: str, target: str, allowed: bool) -> None:
    assert points_down(Import(module, target, 1)) is allowed


def test_the_store_serves_the_broker_only() -> None:
    users = {
        x.module
        for path in modules().values()
        for x in ours(path)
        if belongs_to(x.target, "minimq.store")
    }
    assert [user for user in users if not user.startswith(STORE_USERS)] == []


def called(node: ast.Call) -> str:
    """`time.time` for time.time(…), `open` for open(…), otherwise an empty string."""
    function = node.func
    if isinstance(function, ast.Name):
        return function.id
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
        return f"{function.value.id}.{function.attr}"
    return ""


def touches_the_world(parsed: ast.AST) -> list[str]:
    forbidden = BUILTINS | {f"{where}.{what}" for where, names in WORLD.items() for what in names}
    calls = (node for node in ast.walk(parsed) if isinstance(node, ast.Call))
    return sorted(f"line {x.lineno}: {called(x)}()" for x in calls if called(x) in forbidden)


def test_touching_the_world_is_seen() -> None:
    code = "import time\ndef f(host):\n    return host.clock.now() + time.time() + hash('a')\n"
    assert touches_the_world(ast.parse(code)) == ["line 3: hash()", "line 3: time.time()"]


@pytest.mark.parametrize("role", ["protocol", "acl", "store", "namesrv", "broker", "client"])
def test_roles_take_the_world_from_their_host(role: str) -> None:
    found = {
        name(path): touches_the_world(tree(path))
        for path in files("minimq", suffix=".py")
        if path.is_relative_to(ROOT / "minimq" / role) and name(path) not in AT_THE_RIM
    }
    assert {file: calls for file, calls in found.items() if calls} == {}
