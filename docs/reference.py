"""Write docs/events.md and docs/configuration.md from the code: `python docs/reference.py`.

tests/test_docs.py fails while a page and the code disagree.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import textwrap
from dataclasses import MISSING, Field, fields
from enum import Enum
from pathlib import Path
from typing import Any

from minimq.common.settings import property_name
from minimq.telemetry.catalog import CATALOG

HERE = Path(__file__).parent
CONFIGS = [
    ("Name server", "minimq.namesrv.namesrv_config", "NamesrvConfig"),
    ("Broker", "minimq.broker.broker_config", "BrokerConfig"),
    ("Store (a broker's)", "minimq.store.store_config", "MessageStoreConfig"),
    ("Every client", "minimq.client.client_config", "ClientConfig"),
    ("Producer", "minimq.client.producer.producer_config", "ProducerConfig"),
    ("Push consumer", "minimq.client.consumer.consumer_config", "PushConsumerConfig"),
    ("Both pull consumers", "minimq.client.consumer.pulling_consumer", "PullingConsumerConfig"),
    ("Pull consumer", "minimq.client.consumer.rebalance_pull", "PullConsumerConfig"),
    ("Lite pull consumer", "minimq.client.consumer.lite_pull_config", "LitePullConsumerConfig"),
]


def events_page() -> str:
    lines = [
        "# Events",
        "",
        "Every interesting step emits one of these (`minimq/telemetry/catalog.py`). A *state*",
        "event is never dropped; of a *gauge* one batch keeps the newest per thing measured (the",
        "fields before the bar); a *detail* flows while somebody listens. *Holdable* ones sit",
        "where the code may wait.",
        "",
        "| event | kind | means | fields |",
        "|---|---|---|---|",
    ]
    for event in CATALOG:
        kind = "gauge" if event.latest_of is not None else "state" if event.state else "detail"
        if event.holdable:
            kind += ", holdable"
        keys = len(event.latest_of or ())
        names = " ".join(event.fields[:keys]) + " \\| " if keys else ""
        names += " ".join(event.fields[keys:])
        lines.append(f"| `{event.name}` | {kind} | {event.meaning} | {names} |")
    return "\n".join(lines) + "\n"


def configuration_page() -> str:
    lines = [
        "# Settings",
        "",
        "Under RocketMQ's own names, as `minimq broker --set name=value` takes them; in Python a",
        "client's settings are keyword arguments in snake_case. Times are in milliseconds unless",
        "the text says otherwise. Written from the code by `python docs/reference.py`.",
    ]
    for title, module, name in CONFIGS:
        config_class = getattr(importlib.import_module(module), name, None)
        if config_class is None:
            continue
        lines += ["", f"## {title}", "", "| setting | default | means |", "|---|---|---|"]
        said = _field_docstrings(config_class)
        lines += [_row(field, said) for field in _own_fields(config_class)]
    return "\n".join(lines) + "\n"


def _own_fields(config_class: type[Any]) -> list[Field[Any]]:
    own = vars(config_class).get("__annotations__", {})
    return [field for field in fields(config_class) if field.name in own and field.init]


def _row(field: Field[Any], said: dict[str, str]) -> str:
    name = property_name(field)
    text = said.get(field.name, "")
    if text.startswith(name):
        text = text.removeprefix(name).lstrip(": ")
    text = text.replace("|", "\\|")
    return f"| `{name}` | {_default(field)} | {text[:1].upper() + text[1:]} |"


def _default(field: Field[Any]) -> str:
    value = field.default
    if value is MISSING:
        return ""
    if isinstance(value, Enum):
        return f"`{value.name}`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, frozenset):
        value = sorted(value)
    return f"`{value}`" if value not in ("", None) else ""


def _field_docstrings(config_class: type[Any]) -> dict[str, str]:
    """The text below each field, as one line."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(config_class))).body
    assert isinstance(tree, ast.ClassDef)
    said: dict[str, str] = {}
    for field, text in zip(tree.body, tree.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            value = text.value if isinstance(text, ast.Expr) else None
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                said[field.target.id] = " ".join(value.value.split())
    return said


PAGES = {"events.md": events_page, "configuration.md": configuration_page}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (HERE / name).write_text(page(), encoding="utf-8")
