"""What an exercise is, and how an answer to it is judged.

An answer is a value or a function. A function is called with a handful of inputs and compared with one that is right.
Where they differ, it is compared with functions that make a known mistake: whoever answers as a mistake does on every
input that went wrong has made that mistake, and gets its hint. If several explain them, the one that does most like the
answer on the other inputs is taken. How an answer is written never matters.
"""

import dataclasses
import enum
import textwrap
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

LEVELS = ("warm-up", "core", "stretch")
_TOLERANCE = 1e-4
_LONGEST_SHOWN = 600
_WIDTH = 80


class Status(enum.StrEnum):
    """How far an answer is."""

    RIGHT = "right"
    WRONG = "not right yet"
    UNTRIED = "not tried yet"


@dataclasses.dataclass(frozen=True)
class Result:
    """What is said of an answer; a notebook shows it as text.

    Attributes:
        key: Key of the exercise.
        status: Right, wrong or not tried.
        message: Why; several lines for a wrong answer.
    """

    key: str
    status: Status
    message: str

    def __repr__(self) -> str:
        separator = "\n" if self.status is Status.WRONG else " "
        lines = f"{self.key}: {self.status}.{separator}{self.message}".splitlines()
        return "\n".join(textwrap.fill(line, _WIDTH, subsequent_indent="    ") for line in lines)


class NotTriedError(Exception):
    """Raised by a check for an answer that is still a placeholder; the message says what to do."""


@dataclasses.dataclass(frozen=True)
class Exercise:
    """One exercise.

    Attributes:
        key: Notebook and name, such as `"01.iou"`.
        title: What it asks for, in a few words.
        level: One of `LEVELS`.
        minutes: How long it takes somebody who has just read the notebook.
        lesson: One sentence for whoever got it right.
        check: Takes an answer; returns what is wrong with it, an empty string for nothing. Raises `NotTriedError` for
            an answer that is still a placeholder.
        hints: Steps of the way, for whoever is stuck; each goes a little further than the one before.
        solution: Source of an answer that is right; empty where only the solution's notebook has one.
    """

    key: str
    title: str
    level: str
    minutes: int
    lesson: str
    check: Callable[[Any], str]
    hints: tuple[str, ...] = ()
    solution: str = ""

    def judge(self, answer: Any) -> Result:
        """Right, wrong and why, or not tried yet.

        Args:
            answer: A value or a function, as the exercise asks.

        Returns:
            The `Result`.
        """
        try:
            complaint = self.check(answer)
        except NotTriedError as placeholder:
            return Result(self.key, Status.UNTRIED, str(placeholder))
        return Result(self.key, Status.WRONG, complaint) if complaint else Result(self.key, Status.RIGHT, self.lesson)


@dataclasses.dataclass(frozen=True)
class Mistake:
    """A mistake that people make.

    Attributes:
        hint: What to tell them.
        answer: What they answer: a function for `function_check`, a value for `value_check`.
    """

    hint: str
    answer: Any


@dataclasses.dataclass(frozen=True)
class Failure:
    """An exception that an answer raised.

    Attributes:
        error: The exception.
        line: The line of the answer that it came from; empty when that is not known.
    """

    error: Exception
    line: str

    def __str__(self) -> str:
        reason = str(self.error).splitlines()
        text = f"your code raised {type(self.error).__name__}{f': {_shortened(reason[0])}' if reason else ''}"
        return f"{text}\n  in the line: {self.line}" if self.line else text


def function_check(
    reference: Callable,
    cases: Callable[[], Sequence[Mapping[str, Any]]],
    mistakes: Sequence[Mistake],
    hint: str,
    *,
    read: Callable[[Any], Any] = lambda value: value,
    tolerance: float = _TOLERANCE,
) -> Callable[[Any], str]:
    """The check of an exercise that asks for a function.

    Args:
        reference: A function that is right.
        cases: Makes the inputs: for each call the arguments in their order, under the names to show them by. Made anew
            each time, so that a function that changes its inputs spoils nothing.
        mistakes: Functions that make one mistake each, the likeliest first.
        hint: What to tell whoever makes another one.
        read: Brings an output into a form that can be compared.
        tolerance: Largest difference between equal numbers.

    Returns:
        The check.
    """

    def check(answer: Any) -> str:
        raise_if_placeholder(answer)
        if not callable(answer):
            return f"  Hand over the function itself, without parentheses after its name; this is {shown(answer)}."
        outcomes = _outcomes(answer, cases(), read)
        raise_if_not_tried(outcomes[0])
        expected = _outcomes(reference, cases(), read)
        wrong = [index for index, pair in enumerate(zip(outcomes, expected, strict=True)) if not same(*pair, tolerance)]
        if not wrong:
            return ""
        advice = likeliest(wrong, outcomes)
        return _report(cases()[wrong[0]], outcomes[wrong[0]], expected[wrong[0]], advice, hint)

    def likeliest(wrong: Sequence[int], outcomes: Sequence[Any]) -> str:
        """Hint of the mistake that explains every wrong outcome and is most like the answer; empty for none."""
        # One that differs on half of the inputs is no explanation, even if it fits where the answer is wrong.
        best, advice = len(outcomes) / 2, ""
        for mistake in mistakes:
            mistaken = _outcomes(mistake.answer, cases(), read)
            agrees = [same(*pair, tolerance) for pair in zip(outcomes, mistaken, strict=True)]
            if all(agrees[index] for index in wrong) and sum(agrees) > best:
                best, advice = sum(agrees), mistake.hint
        return advice

    check.mistakes = tuple(mistakes)  # So that a test can hand in each of them.
    return check


def value_check(
    expected: Any, mistakes: Sequence[Mistake], hint: str, *, tolerance: float = _TOLERANCE
) -> Callable[[Any], str]:
    """The check of an exercise that asks for a value.

    Args:
        expected: The right value: a number, a string, or a list or tuple of these.
        mistakes: Wrong values with a hint each.
        hint: What to tell whoever has another one.
        tolerance: Largest difference between equal numbers, absolute for small ones, relative for large ones.

    Returns:
        The check.
    """

    def check(answer: Any) -> str:
        raise_if_placeholder(answer)
        if callable(answer):
            return "  A value is asked for, and this is a function. Hand over what it returns."
        if same(answer, expected, tolerance):
            return ""
        advice = next((each.hint for each in mistakes if same(answer, each.answer, tolerance)), hint)
        return f"  yours: {shown(answer)}\n  {advice}"

    check.mistakes = tuple(mistakes)  # So that a test can hand in each of them.
    return check


def raise_if_placeholder(answer: Any) -> None:
    """Tells an answer from what stands for it before there is one.

    Args:
        answer: Any value.

    Raises:
        NotTriedError: It is, or holds, `...`, `None` or `NotImplemented`.
    """
    if _is_placeholder(answer):
        raise NotTriedError("Replace the ... in the cell above and run both cells again.")


def raise_if_not_tried(outcome: Any) -> None:
    """Tells a function that is not written yet by what its first call gave.

    Args:
        outcome: Its output, or a `Failure`.

    Raises:
        NotTriedError: It is, or holds, `...`, `None` or `NotImplemented`, or failed because of one of them.
    """
    if outcome is None:
        raise NotTriedError(
            "Replace the ... in the function and run both cells again. (Done? Then a return is missing.)"
        )
    if isinstance(outcome, Failure):
        # An unfinished line, such as `width = ...`, fails where the placeholder is first used.
        placeholder = isinstance(outcome.error, NotImplementedError) or "ellipsis" in str(outcome.error).lower()
    else:
        placeholder = _is_placeholder(outcome)
    if placeholder:
        raise NotTriedError("There is still a ... in the function. Replace it and run both cells again.")


def same(actual: Any, expected: Any, tolerance: float = _TOLERANCE) -> bool:
    """Whether two answers are equal, whichever way they are written down.

    Args:
        actual: Numbers as Python, NumPy or TensorFlow have them, in lists or not; strings; `Failure`; dicts and tuples
            of these.
        expected: What to compare with; its type rules.
        tolerance: Largest difference between equal numbers, absolute for small ones, relative for large ones.

    Returns:
        True for equal values of the same shape (dimensions of length 1 apart), the same words in any case, the same
        keys, or exceptions of the same type.
    """
    if isinstance(expected, Failure) or isinstance(actual, Failure):
        return (
            isinstance(expected, Failure) and isinstance(actual, Failure) and type(actual.error) is type(expected.error)
        )
    if isinstance(expected, str):
        return isinstance(actual, str) and actual.strip().casefold() == expected.casefold()
    if isinstance(expected, Mapping):
        return (
            isinstance(actual, Mapping)
            and set(actual) == set(expected)
            and all(same(actual[name], value, tolerance) for name, value in expected.items())
        )
    if isinstance(expected, tuple):
        return _same_sequence(actual, expected, tolerance)
    numbers, wanted = _numbers(actual), _numbers(expected)
    if numbers is None or wanted is None:
        return False
    numbers, wanted = np.squeeze(numbers), np.squeeze(wanted)
    return numbers.shape == wanted.shape and np.allclose(numbers, wanted, tolerance, tolerance, equal_nan=True)


def shown(value: Any) -> str:
    """A value as a message shows it: numbers rounded, arrays and tensors as lists, nothing longer than some lines."""
    return _shortened(_written(value))


def _same_sequence(actual: Any, expected: tuple, tolerance: float) -> bool:
    try:
        parts = list(actual)
    except TypeError:
        return False
    return len(parts) == len(expected) and all(same(*pair, tolerance) for pair in zip(parts, expected, strict=True))


def _numbers(value: Any) -> np.ndarray | None:
    """Numbers as a float array; None for what is no number."""
    if isinstance(value, (str, bytes)):
        return None
    try:
        return np.asarray(value, dtype="float64")
    except (TypeError, ValueError):
        return None


def _written(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name!r}: {_written(item)}" for name, item in value.items()) + "}"
    if isinstance(value, (str, bytes, bool, int)) or value is None or value is ...:
        return "..." if value is ... else repr(value)
    numbers = _numbers(value)
    if numbers is not None and (numbers.ndim or not isinstance(value, Sequence)):
        kind = getattr(np.asarray(value).dtype, "kind", "f")
        return str(np.asarray(value).tolist() if kind in "biu" else _rounded(numbers.tolist()))
    if isinstance(value, (list, tuple)):
        items = ", ".join(_written(item) for item in value)
        return f"[{items}]" if isinstance(value, list) else f"({items})"
    return repr(value)


def _rounded(value: Any) -> Any:
    return [_rounded(item) for item in value] if isinstance(value, list) else float(f"{value:.5g}")


def _shortened(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 4]} ..."


def _outcomes(function: Callable, inputs: Sequence[Mapping[str, Any]], read: Callable) -> list[Any]:
    return [outcome_of(function, arguments, read) for arguments in inputs]


def outcome_of(function: Callable, arguments: Mapping[str, Any], read: Callable = lambda value: value) -> Any:
    """What a function makes of some arguments.

    Args:
        function: Takes the arguments in their order.
        arguments: Under the names to show them by.
        read: Brings an output into a form that can be compared.

    Returns:
        Its output, or a `Failure` with the exception that it raised.
    """
    try:
        # A warning about an input that the learner did not choose would only confuse.
        with warnings.catch_warnings(action="ignore"):
            output = function(*arguments.values())
            output = list(output) if isinstance(output, Iterator) else output  # a generator runs while it is read
    # A learner's code may raise anything, and whatever it is, the learner is to be told.
    except Exception as error:
        return Failure(error, _line_of(error))
    return output if _is_placeholder(output) else read(output)


def _line_of(error: Exception) -> str:
    """The line of the answer that an exception came from: the deepest one in the file that was called first."""
    _, *frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.line or "" for frame in frames if frame.filename == frames[0].filename]
    return lines[-1] if lines else ""


def _is_placeholder(value: Any) -> bool:
    """Whether a value is, or holds, what stands for an answer before there is one."""
    if isinstance(value, Mapping):
        return any(_is_placeholder(item) for item in value.values())
    if isinstance(value, (list, tuple)):
        return any(_is_placeholder(item) for item in value)
    return value is None or value is ... or value is NotImplemented


def _report(arguments: Mapping[str, Any], outcome: Any, expected: Any, advice: str, hint: str) -> str:
    inputs = ", ".join(f"{name} = {shown(value)}" for name, value in arguments.items())
    lines = [f"  for:   {inputs}"]
    if isinstance(outcome, Failure):
        lines += [f"  {outcome}", *([f"  {advice}"] if advice else [])]
    else:
        lines += [f"  yours: {shown(outcome)}", f"  right: {shown(expected)}", f"  {advice or hint}"]
    return "\n".join(lines)
