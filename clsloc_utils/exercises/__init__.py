"""Exercises of the course: each answer is checked in one call, and what is solved is remembered.

exercises.check("01.iou", my_iou)     # right, not right yet and why, or not tried yet
exercises.hint("02.pipeline")         # a step of the way, each call one more
exercises.solution("02.pipeline")     # all of it
exercises.quiz("01")                  # five questions
exercises.explain("01", 3)            # the third with its explanations
exercises.progress("01")              # what is solved
"""

import difflib
import textwrap

from clsloc_utils.exercises import (
    data_filtering,
    loss_weighting,
    pose,
    problem_framing,
    record,
    start,
    two_heads,
    your_own,
)
from clsloc_utils.exercises.core import Exercise, Result, Status
from clsloc_utils.exercises.quizzes import Quiz
from clsloc_utils.exercises.record import progress_file

__all__ = [
    "EXERCISES",
    "QUIZZES",
    "Status",
    "check",
    "explain",
    "hint",
    "judge",
    "progress",
    "progress_file",
    "quiz",
    "solution",
]

_NOTEBOOKS = {
    "00": start,
    "01": problem_framing,
    "02": data_filtering,
    "03": two_heads,
    "04": loss_weighting,
    "05": pose,
    "06": your_own,
}
EXERCISES: dict[str, Exercise] = {
    exercise.key: exercise for module in _NOTEBOOKS.values() for exercise in module.EXERCISES
}
"""Key -> exercise, in the order of the course."""

QUIZZES: dict[str, Quiz] = {number: Quiz(number, module.QUESTIONS) for number, module in _NOTEBOOKS.items()}
"""Number of a notebook -> its questions."""

_hints_given: dict[str, int] = {}


def check(key: str, answer: object) -> Result:
    """Judges an answer, and writes a right one down in the learner's record.

    Args:
        key: Key of the exercise, such as `"01.iou"`.
        answer: What the exercise asks for: a function or a value.

    Returns:
        A `Result`; a notebook shows it as text.

    Raises:
        ValueError: There is no such exercise.
    """
    result = judge(key, answer)
    notice = record.add(key) if result.status is Status.RIGHT else ""
    return Result(key, result.status, f"{result.message} {notice}".rstrip())


def judge(key: str, answer: object) -> Result:
    """Judges an answer and writes nothing down.

    Args:
        key: As for `check`.
        answer: As for `check`.

    Returns:
        A `Result`.

    Raises:
        ValueError: There is no such exercise.
    """
    return _found(EXERCISES, key, "exercise").judge(answer)


def hint(key: str) -> None:
    """Prints a step of the way to an answer; each call one more, then the last one again.

    Args:
        key: As for `check`.

    Raises:
        ValueError: There is no such exercise.
    """
    steps = _found(EXERCISES, key, "exercise").hints
    if not steps:
        print(f"{key} has no steps. Hand in what you have: the check says what is wrong with it.")
        return
    number = min(_hints_given.get(key, 0) + 1, len(steps))
    _hints_given[key] = number
    print(textwrap.fill(f"{key}, step {number} of {len(steps)}: {steps[number - 1]}", 100))


def solution(key: str) -> None:
    """Prints an answer that is right, or says where one is.

    Args:
        key: As for `check`.

    Raises:
        ValueError: There is no such exercise.
    """
    source = _found(EXERCISES, key, "exercise").solution
    print(source or f"The solution of {key} is in notebooks/solutions/{key[:2]}_solutions.ipynb.\n", end="")


def quiz(notebook: str) -> Quiz:
    """The questions of a notebook; the last line of a cell shows them.

    Args:
        notebook: Its number, such as `"01"`.

    Returns:
        A `Quiz`.

    Raises:
        ValueError: There is no such notebook, or it has no questions.
    """
    return _found(QUIZZES, notebook, "quiz")


def explain(notebook: str, number: int) -> None:
    """Prints a question with the explanation of each option.

    Args:
        notebook: Number of the notebook, such as `"01"`.
        number: Number of the question, from 1.

    Raises:
        ValueError: There is no such question.
    """
    print(quiz(notebook).explain(number))


def progress(notebook: str | None = None) -> None:
    """Prints what is solved and what is left.

    Args:
        notebook: Number of a notebook, such as `"01"`; `None` for the whole course.

    Raises:
        ValueError: There is no such notebook.
    """
    numbers = list(QUIZZES) if notebook is None else [quiz(notebook).notebook]
    solved, notice = record.read()
    print("\n\n".join([*(_progress_of(number, solved) for number in numbers), *([notice] if notice else [])]))


def _progress_of(notebook: str, solved: set[str]) -> str:
    own = [exercise for exercise in EXERCISES.values() if exercise.key.startswith(f"{notebook}.")]
    questions = [f"{notebook}.quiz.{number + 1}" for number in range(len(QUIZZES[notebook].questions))]
    count = sum(exercise.key in solved for exercise in own)
    answered = len(solved & set(questions))
    exercises = f"{count} of {len(own)} exercises, " if own else ""
    heading = f"Notebook {notebook}: {exercises}{answered} of {len(questions)} questions"
    return "\n".join([heading, *(_line(exercise, exercise.key in solved) for exercise in own)])


def _line(exercise: Exercise, is_solved: bool) -> str:
    mark = "[x]" if is_solved else "[ ]"
    return f"  {mark} {exercise.key:16} {exercise.level:8} {exercise.minutes:2} min  {exercise.title}"


def _found(known: dict, key: str, kind: str):
    if key in known:
        return known[key]
    close = difflib.get_close_matches(str(key), known, n=1)
    remedy = f"is it {close[0]!r}?" if close else f"there are {', '.join(known)}."
    raise ValueError(f"There is no {kind} {key!r}; {remedy}")
