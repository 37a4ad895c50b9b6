"""Read a role's settings under RocketMQ's property names, and write them back.

Java:    common.MixAll.properties2Object, object2Properties; common.Configuration
Differs: an unknown name or an unreadable value is an error that names both; Java ignores them.
         A field's property is its name in camelCase, unless its metadata says `property`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import Field, fields, replace
from enum import Enum
from typing import Any, TypeVar, get_type_hints

from minimq.errors import ConfigError

T = TypeVar("T")

_TRUE = ("true", "1", "yes", "on")
_FALSE = ("false", "0", "no", "off")


def property_name(field: Field[Any]) -> str:
    """RocketMQ's name of a setting: `register_name_server_period` → registerNameServerPeriod."""
    named = field.metadata.get("property")
    if named is not None:
        return str(named)
    first, *rest = field.name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def property_names(config_class: type[Any]) -> dict[str, str]:
    """Property → attribute, in the order of the fields."""
    return {property_name(field): field.name for field in fields(config_class)}


def from_properties(config_class: type[T], properties: Mapping[str, str], **given: Any) -> T:
    """A config from texts; what is `given` as a value wins. ConfigError names what is wrong."""
    (config,) = configs_from_properties({config_class: given}, properties)
    return config  # type: ignore[no-any-return]


def configs_from_properties(
    classes: Mapping[type[Any], Mapping[str, Any]], properties: Mapping[str, str]
) -> list[Any]:
    """Several configs that share one list of properties, as a broker's two do."""
    values = {config_class: dict(given) for config_class, given in classes.items()}
    for name, text in properties.items():
        owners = [config_class for config_class in classes if name in property_names(config_class)]
        if not owners:
            raise ConfigError(f"unknown setting {name!r}{_suggestion(name, list(classes))}")
        for config_class in owners:
            attribute = property_names(config_class)[name]
            value = read_setting(config_class, attribute, name, text)
            values[config_class].setdefault(attribute, value)
    return [config_class(**values[config_class]) for config_class in classes]


def read_setting(config_class: type[Any], attribute: str, name: str, text: str) -> Any:
    """The value that `text` means for this field's type."""
    kind = get_type_hints(config_class)[attribute]
    try:
        return _read(kind, text.strip())
    except (ValueError, KeyError):
        raise ConfigError(f"setting {name}={text!r} cannot be read as {_kind(kind)}") from None


def to_properties(config: Any) -> dict[str, str]:
    """Every setting as text, under its property name."""
    return {property_name(field): write_setting(getattr(config, field.name))
            for field in fields(config)}  # fmt: skip


def with_setting(config: T, name: str, value: object) -> T:
    """A copy in which one property has another value, given as text or as itself."""
    attribute = property_names(type(config)).get(name)
    if attribute is None:
        raise ConfigError(f"unknown setting {name!r}{_suggestion(name, [type(config)])}")
    read = read_setting(type(config), attribute, name, write_setting(value))
    changed: T = replace(config, **{attribute: read})  # type: ignore[type-var]
    return changed


def write_setting(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Enum):
        return str(value.name)
    return str(value)


def parse_properties(text: str) -> dict[str, str]:
    """`key=value` lines, as mqadmin sends them and as properties files hold them."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        line = line.strip()
        if line and not line.startswith(("#", "!")):
            name, _, value = line.partition("=")
            found[name.strip()] = value.strip()
    return found


def format_properties(properties: Mapping[str, str]) -> str:
    return "".join(f"{name}={value}\n" for name, value in properties.items())


def _read(kind: Any, text: str) -> Any:
    if kind is bool:
        if text.lower() in _TRUE:
            return True
        if text.lower() in _FALSE:
            return False
        raise ValueError(text)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind[text.upper()]
    return kind(text)


def _kind(kind: Any) -> str:
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "one of " + ", ".join(member.name for member in kind)
    return {bool: "true or false", int: "a whole number"}.get(kind) or str(kind.__name__)


def _suggestion(name: str, classes: list[type[Any]]) -> str:
    """The property that differs in capitals only, if there is one."""
    for config_class in classes:
        for known in property_names(config_class):
            if known.lower() == name.lower():
                return f": did you mean {known}?"
    return ""
