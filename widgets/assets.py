"""Load the front-end files: ES modules of widgets cannot import their neighbours without a server.

So helpers are plain scripts, put in front of the one module that exports `render`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

STATIC = Path(__file__).parent / "static"


@cache
def load(*names: str) -> str:
    """The text of these files of widgets/static, one after another."""
    return "\n".join((STATIC / name).read_text(encoding="utf-8") for name in names)


def css() -> str:
    return load("minimq.css")
