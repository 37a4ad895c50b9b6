"""All exercises of the course by key: `find("nb06.allocate")`."""

from __future__ import annotations

from widgets.learning import lesson_00, lesson_01, lesson_04, lesson_06, lesson_07, lesson_09
from widgets.learning.exercise import Exercise
from widgets.learning.lesson_01 import shuffled_steps
from widgets.learning.lesson_04 import records_of
from widgets.learning.lesson_06 import film_of_a_stale_view

__all__ = ["EXERCISES", "film_of_a_stale_view", "find", "records_of", "shuffled_steps"]

_LESSONS = (lesson_00, lesson_01, lesson_04, lesson_06, lesson_07, lesson_09)
EXERCISES: dict[str, Exercise] = {
    exercise.key: exercise for lesson in _LESSONS for exercise in lesson.EXERCISES
}


def find(key: str) -> Exercise:
    """The exercise of this key; KeyError with the known ones."""
    if key not in EXERCISES:
        raise KeyError(f"no exercise {key!r}; there are: {', '.join(EXERCISES)}")
    return EXERCISES[key]
