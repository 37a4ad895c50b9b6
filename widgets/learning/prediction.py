"""What may be answered, and when an answer was right; how a notebook without a reader goes on."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

TOLERANCE = 0.25
CHOICES_MAX = 6
CLASS_VARIABLE = "MINIMQ_CLASS"
HEADLESS_VARIABLE = "MINIMQ_HEADLESS"
GREETING_SECONDS = 8.0
"""How long a kernel of a Jupyter server waits for a first sign of a browser."""
GREETING_SECONDS_ELSEWHERE = 2.0
_NO = ("", "0", "false", "no")


@dataclass(frozen=True, slots=True)
class Number:
    """Asks for a number; a miss by this share of the true value (one half at least) is right."""

    unit: str = ""
    low: float = 0.0
    high: float | None = None
    tolerance: float = TOLERANCE


def number(
    unit: str = "", low: float = 0.0, high: float | None = None, tolerance: float = TOLERANCE
) -> Number:
    """`Predict(..., choices=number(unit="ms"))`: a number instead of choices."""
    return Number(unit, low, high, tolerance)


@dataclass(frozen=True, slots=True)
class Choice:
    text: str
    value: Any


@dataclass(frozen=True, slots=True)
class Answers:
    """The choices of a question, or a number."""

    choices: tuple[Choice, ...] = ()
    number: Number | None = None
    unit: str = ""

    def check(self, said: Any) -> Any:
        """The value of an answer given as text or value; ValueError if it is none."""
        if self.number is not None:
            return self._number(said)
        for choice in self.choices:
            if said == choice.text or said == choice.value:
                return choice.value
        raise ValueError(f"{said!r} is none of the choices: {', '.join(self.texts)}")

    def _number(self, said: Any) -> float:
        assert self.number is not None
        is_number = isinstance(said, int | float) and not isinstance(said, bool)
        if not is_number or not math.isfinite(said):
            raise ValueError(f"{said!r} is no number")
        low, high = self.number.low, self.number.high
        if said < low or (high is not None and said > high):
            limits = f"from {low:g}" if high is None else f"from {low:g} to {high:g}"
            raise ValueError(f"{said:g} is outside: {limits}")
        return float(said)

    @property
    def texts(self) -> list[str]:
        return [choice.text for choice in self.choices]

    @property
    def numeric(self) -> bool:
        """Whether all answers lie on one axis."""
        return self.number is not None or all(is_number(c.value) for c in self.choices)

    def is_right(self, said: Any, was: Any) -> bool:
        """A number within tolerance; the choice nearest to the measured value; else equality."""
        if is_number(said) and is_number(was):
            if self.number is not None:
                return bool(abs(said - was) <= max(self.number.tolerance * abs(was), 0.5))
            values = [c.value for c in self.choices if is_number(c.value)]
            return bool(abs(said - was) <= min(abs(value - was) for value in values))
        return bool(said == was or self.text(said) == was)

    def text(self, value: Any) -> str:
        """How an answer is written."""
        for choice in self.choices:
            if value == choice.value:
                return choice.text
        return self.measured(value)

    def measured(self, value: Any) -> str:
        """How the value of a run is written: a number as it is, not as the choice near to it."""
        if is_number(value) and (self.unit or all(c.value != value for c in self.choices)):
            return with_unit(value, self.unit)
        return next((c.text for c in self.choices if value == c.value), str(value))


def answers(choices: Sequence[Any] | Number, unit: str = "") -> Answers:
    """Choices are texts, numbers or (text, value) pairs."""
    if isinstance(choices, Number):
        return Answers(number=choices, unit=unit or choices.unit)
    made = tuple(Choice(*c) if isinstance(c, tuple) else Choice(str(c), c) for c in choices)
    if not 2 <= len(made) <= CHOICES_MAX:
        raise ValueError(f"a question has 2 to {CHOICES_MAX} choices, not {len(made)}")
    if len({choice.text for choice in made}) < len(made):
        raise ValueError("two choices read the same")
    return Answers(made, unit=unit)


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def plain_number(value: float) -> str:
    """Three figures, whole numbers in full: 0.43, 31.2, 1204."""
    if abs(value) >= 100 or value == int(value):
        return f"{value:.0f}"
    return f"{value:.3g}"


def difference(said: float, was: float, unit: str = "") -> str:
    return f"off by {with_unit(abs(said - was), unit)}"


def with_unit(value: float, unit: str) -> str:
    """1 message, 20 messages, 1 ms."""
    number = plain_number(value)
    word = unit.removesuffix("s") if number == "1" and len(unit) > 2 else unit
    return f"{number} {word}".strip()


def class_mode() -> bool:
    """MINIMQ_CLASS=1: no run without an answer, for nobody."""
    return os.environ.get(CLASS_VARIABLE, "").lower() not in _NO


def headless() -> bool:
    """MINIMQ_HEADLESS=1, or no Jupyter kernel: nobody is there who could answer."""
    if os.environ.get(HEADLESS_VARIABLE, "").lower() not in _NO:
        return True
    try:
        from IPython import get_ipython
    except ImportError:
        return True
    return getattr(get_ipython(), "kernel", None) is None


def greeting_seconds() -> float:
    """A server's kernel has a browser beside it; a kernel run by a script has none."""
    served = "JPY_SESSION_NAME" in os.environ
    return GREETING_SECONDS if served else GREETING_SECONDS_ELSEWHERE
