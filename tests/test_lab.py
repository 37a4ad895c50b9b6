"""`minimq lab`: which folder, which file, whose settings; and a server that answers and ends."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import urllib.request
import webbrowser
from pathlib import Path

import pytest

from minimq import lab


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """An installed package with two lessons and one picture inside."""
    inside = tmp_path / "site-packages" / "minimq"
    (inside / "notebooks" / "pictures").mkdir(parents=True)
    for name in ("00_first.ipynb", "01_second.ipynb", "pictures/seen.svg"):
        (inside / "notebooks" / name).write_text(f"the original {name}", encoding="utf-8")
    return inside


def test_a_checkout_uses_its_own_notebooks(project_root: Path, tmp_path: Path) -> None:
    folder = lab.lessons_folder(project_root / "minimq", tmp_path)
    assert folder == project_root / "notebooks"
    assert list(tmp_path.iterdir()) == []


def test_a_wheel_copies_the_lessons_once(package: Path, tmp_path: Path) -> None:
    folder = lab.lessons_folder(package, tmp_path)
    assert folder == tmp_path / "minimq-course"
    assert (folder / "pictures" / "seen.svg").read_text() == "the original pictures/seen.svg"


def test_work_done_in_the_copy_is_never_overwritten(package: Path, tmp_path: Path) -> None:
    folder = lab.lessons_folder(package, tmp_path)
    (folder / "00_first.ipynb").write_text("my answers", encoding="utf-8")
    (package / "notebooks" / "02_new.ipynb").write_text("a new lesson", encoding="utf-8")
    lab.lessons_folder(package, tmp_path)
    assert (folder / "00_first.ipynb").read_text() == "my answers"
    assert (folder / "02_new.ipynb").read_text() == "a new lesson"


def test_started_inside_the_copy_it_makes_no_second_one(package: Path, tmp_path: Path) -> None:
    folder = lab.lessons_folder(package, tmp_path)
    assert lab.lessons_folder(package, folder) == folder


def test_a_folder_that_cannot_be_made_is_one_clear_line(package: Path, tmp_path: Path) -> None:
    (tmp_path / "minimq-course").write_text("a file is in the way", encoding="utf-8")
    with pytest.raises(lab.LabError, match="cannot copy the lessons to"):
        lab.lessons_folder(package, tmp_path)


@pytest.mark.parametrize(
    ("wanted", "opened"),
    [
        (None, "00_first.ipynb"),
        ("1", "01_second.ipynb"),
        ("01", "01_second.ipynb"),
        ("01_second.ipynb", "01_second.ipynb"),
        ("playground", "playground.ipynb"),
    ],
)
def test_which_notebook_opens(tmp_path: Path, wanted: str | None, opened: str) -> None:
    for name in ("playground", "01_second", "00_first"):
        (tmp_path / f"{name}.ipynb").touch()
    assert lab.choose_notebook(tmp_path, wanted) == opened


def test_an_unknown_notebook_is_answered_with_the_known(tmp_path: Path) -> None:
    (tmp_path / "00_first.ipynb").touch()
    with pytest.raises(lab.LabError, match=r"there are: 00_first\.ipynb"):
        lab.choose_notebook(tmp_path, "7")


def test_first_settings_silence_the_news_and_stay_as_the_learner_leaves_them(
    tmp_path: Path,
) -> None:
    lab.prepare_settings(tmp_path)
    folder = tmp_path / "settings" / "@jupyterlab" / "apputils-extension"
    news = folder / "notification.jupyterlab-settings"
    assert json.loads(news.read_text())["fetchNews"] == "false"
    news.write_text("{}")
    lab.prepare_settings(tmp_path)
    assert news.read_text() == "{}"


@pytest.mark.parametrize(
    ("environ", "platform", "expected"),
    [
        ({}, "linux", False),  # no screen: webbrowser would offer a text browser
        ({"DISPLAY": ":0"}, "linux", True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True),
        ({"BROWSER": "firefox"}, "linux", True),
        ({}, "darwin", True),
    ],
)
def test_when_a_browser_is_opened(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], platform: str, expected: bool
) -> None:
    monkeypatch.setattr("webbrowser.get", lambda: object())
    assert lab.browser_at_hand(environ, platform) is expected


def test_no_browser_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> None:
        raise webbrowser.Error("could not locate runnable browser")

    monkeypatch.setattr("webbrowser.get", none)
    assert lab.browser_at_hand({"DISPLAY": ":0"}, "linux") is False


def test_a_server_that_never_answers_is_told_of_once_its_time_is_up(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(lab, "START_SECONDS", 0.2)
    monkeypatch.setattr(lab, "LOOK_SECONDS", 0.01)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        lab.tell_when_served(silent.getsockname()[1], "http://here")
        assert capsys.readouterr().out == "address: http://here\n"
        silent.setblocking(False)
        silent.accept()[0].close()
        with pytest.raises(BlockingIOError):  # the first question took all the time
            silent.accept()


def test_bad_input_is_one_line_on_stderr(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert lab.main(["no-such-lesson"]) == 1
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert said[0].startswith("minimq lab: no notebook")


@pytest.mark.live
def test_it_prints_an_address_that_answers_and_ends_on_sigterm(
    package: Path, tmp_path: Path
) -> None:
    start = (
        "import sys; from pathlib import Path; from minimq import lab\n"
        f"lab.__file__ = {str(package / 'lab.py')!r}\n"
        "sys.exit(lab.main(['--no-browser']))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", start], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            assert server.stdout is not None
            said = "".join(server.stdout.readline() for _ in range(3))
            match = re.search(
                r"http://127\.0\.0\.1:(\d+)/doc/tree/00_first\.ipynb\?token=\w+", said
            )
            assert match, said
            with urllib.request.urlopen(match[0], timeout=10) as answer:  # told when it answers
                assert "<title>JupyterLab</title>" in answer.read().decode()
            server.send_signal(signal.SIGTERM)
            assert server.wait(30) == 0
        finally:
            server.kill()
    assert (tmp_path / "minimq-course" / "00_first.ipynb").exists()
