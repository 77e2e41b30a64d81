"""What an exercise is, and how an answer to it is judged.

An answer is a value or a function. A function is called with a handful of inputs that can be read, and with some
hundred drawn at random, and compared with one that is right. Where they differ, it is compared with functions that make
a known mistake: whoever answers as a mistake does on *every* input has made that mistake, and gets its hint. How an
answer is written never matters: it may want its arrays as NumPy, as TensorFlow or as lists, and may change them.
"""

import contextlib
import dataclasses
import enum
import functools
import io
import sys
import textwrap
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from clsloc_utils import quiet
from clsloc_utils.exercises.forms import (
    FORMS,
    NEED_TENSORFLOW,
    Fresh,
    called_with,
    converted,
    holds,
    holds_array,
    in_long_floats,
    in_short_floats,
)

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
    drawn: Callable[[np.random.Generator], Mapping[str, Any]] | None = None,
    draws: int = 200,
    read: Callable[[Any], Any] = lambda value: value,
    tolerance: float = _TOLERANCE,
) -> Callable[[Any], str]:
    """The check of an exercise that asks for a function.

    Args:
        reference: A function that is right; takes NumPy arrays in float64.
        cases: Makes the inputs that a learner can read: for each call the arguments in their order, under the names to
            show them by. Every call gets a copy of its own.
        mistakes: Functions that make one mistake each, the likeliest first.
        hint: What to tell whoever makes another one.
        drawn: Draws one more input at random; `None` for an exercise whose cases are all there is.
        draws: How many of these.
        read: Brings an output into a form that can be compared.
        tolerance: Largest difference between equal numbers.

    Returns:
        The check.
    """

    return _FunctionCheck(reference, cases, drawn, draws, tuple(mistakes), hint, read, tolerance)


@dataclasses.dataclass(frozen=True)
class _FunctionCheck:
    """What `function_check` makes; its attributes are the arguments of that."""

    reference: Callable
    cases: Callable[[], Sequence[Mapping[str, Any]]]
    drawn: Callable[[np.random.Generator], Mapping[str, Any]] | None
    draws: int
    mistakes: tuple[Mistake, ...]
    hint: str
    read: Callable[[Any], Any]
    tolerance: float

    def __call__(self, answer: Any) -> str:
        raise_if_placeholder(answer)
        if not callable(answer):
            return f"  Hand over the function itself, without parentheses after its name; this is {shown(answer)}."
        first = self._attempt(answer, self._forms[0])
        if first[0] is not None or all(each is None for each in self._outcomes(answer, self._forms[0])):
            raise_if_not_tried(first[0])
        form, found = self._best_attempt(answer, first)
        if self._is_right(found):
            return ""
        found += self._outcomes(answer, form, begin=len(found))
        pairs = list(zip(found, self._expected, strict=True))
        wrong = [index for index, pair in enumerate(pairs) if not same(*pair, self.tolerance)]
        clearest = self._clearest(wrong)
        advice = self._known_mistake(found) or _advice_on_none(pairs[clearest][0])
        if not advice and all(_same(*pairs[index], self.tolerance, squeezed=True) for index in wrong):
            advice = "The numbers are right, but they stand in more brackets, or in fewer, than is asked for."
        return _report(self._inputs[clearest], *pairs[clearest], advice, self.hint)

    @functools.cached_property
    def _inputs(self) -> list[Mapping[str, Any]]:
        """Those that can be read, then those drawn: the same ones each time, so that nobody is judged by luck."""
        generator = np.random.default_rng(0)
        drawn = (self.drawn(generator) for _ in range(self.draws if self.drawn else 0))
        return [converted(arguments, in_short_floats) for arguments in (*self.cases(), *drawn)]

    @functools.cached_property
    def _num_readable(self) -> int:
        return len(self.cases())

    @functools.cached_property
    def _expected(self) -> list[Any]:
        return list(self._outcomes(self.reference, in_long_floats))

    @functools.cached_property
    def _forms(self) -> tuple[Callable, ...]:
        return FORMS if any(map(holds_array, self._inputs)) else FORMS[:1]

    def _outcomes(self, answer: Callable, form: Callable, begin: int = 0) -> Iterator[Any]:
        """What an answer gives, input by input. What it writes is heard only for inputs that can be read."""
        for index, arguments in enumerate(self._inputs[begin:], begin):
            heard = form is FORMS[0] and index < self._num_readable
            with contextlib.nullcontext() if heard else _silence():
                outcome = outcome_of(answer, called_with(arguments, form), self.read)
            yield outcome

    def _attempt(self, answer: Callable, form: Callable) -> list[Any]:
        """Outcomes up to the first wrong one; all of them for an answer that is right."""
        found = []
        for outcome, right in zip(self._outcomes(answer, form), self._expected, strict=True):
            found.append(outcome)
            if not same(outcome, right, self.tolerance):
                break
        return found

    def _is_right(self, found: Sequence[Any]) -> bool:
        return len(found) == len(self._inputs) and same(found[-1], self._expected[-1], self.tolerance)

    def _best_attempt(self, answer: Callable, found: list[Any]) -> tuple[Callable, list[Any]]:
        """The form of the inputs in which an answer gets furthest: the one that it was written for."""
        best = self._forms[0]
        for form in self._forms[1:]:
            if self._is_right(found):
                break
            if form in NEED_TENSORFLOW and "tensorflow" not in sys.modules:
                continue  # An answer that needs it has imported it by now.
            # Whoever gets wrong numbers out of arrays gets no right ones out of lists; only rounding may do that.
            if isinstance(found[-1], Failure) or form is in_long_floats:
                attempt = self._attempt(answer, form)
                if _progress(attempt) > _progress(found):
                    best, found = form, attempt
        return best, found

    def _known_mistake(self, found: Sequence[Any]) -> str:
        """Hint of the first mistake that explains every outcome, the right ones too; empty for none."""
        for mistake in self.mistakes:
            # Rounding decides what overflows and which of two sums is larger, so with either.
            for form in dict.fromkeys((self._forms[0], self._forms[-1])):
                pairs = zip(found, self._outcomes(mistake.answer, form), strict=True)
                if all(same(outcome, mistaken, self.tolerance) for outcome, mistaken in pairs):
                    return mistake.hint
        return ""

    def _clearest(self, wrong: Sequence[int]) -> int:
        """The first of the inputs that went wrong, if that can be read, or else the shortest."""
        if wrong[0] < self._num_readable:
            return wrong[0]
        return min(wrong, key=lambda each: len("".join(map(_written, self._inputs[each].values()))))


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
        NotTriedError: It is `None`, or it is, or holds, `...` or `NotImplemented`.
    """
    if _is_placeholder(answer):
        raise NotTriedError("Replace the ... in the cell above and run both cells again.")


def raise_if_not_tried(outcome: Any) -> None:
    """Tells a function that is not written yet by what its first call gave.

    Args:
        outcome: Its output, or a `Failure`.

    Raises:
        NotTriedError: It is `None`, or it is, or holds, `...` or `NotImplemented`, or failed because of one of them.
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
        tolerance: Largest difference between equal numbers; large ones may also differ by a ten thousandth of them.

    Returns:
        True for equal values of the same shape, the same words in any case, the same keys, or exceptions of the same
        type.
    """
    return _same(actual, expected, tolerance, squeezed=False)


def _same(actual: Any, expected: Any, tolerance: float, squeezed: bool) -> bool:
    """`same`, or the same but for dimensions of length 1."""
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
            and all(_same(actual[name], value, tolerance, squeezed) for name, value in expected.items())
        )
    if isinstance(expected, tuple):
        return _same_sequence(actual, expected, tolerance, squeezed)
    numbers, wanted = _numbers(actual), _numbers(expected)
    if numbers is None or wanted is None:
        return False
    if squeezed:
        numbers, wanted = np.squeeze(numbers), np.squeeze(wanted)
    relative = min(tolerance, _TOLERANCE)
    return numbers.shape == wanted.shape and np.allclose(numbers, wanted, relative, tolerance, equal_nan=True)


def shown(value: Any) -> str:
    """A value as a message shows it: numbers rounded, arrays and tensors as lists, nothing longer than some lines."""
    return _shortened(_written(value))


def _same_sequence(actual: Any, expected: tuple, tolerance: float, squeezed: bool) -> bool:
    if isinstance(actual, (set, frozenset, Mapping)):
        return False  # They have no order.
    try:
        parts = list(actual)
    except TypeError:
        return False
    return len(parts) == len(expected) and all(
        _same(*pair, tolerance, squeezed) for pair in zip(parts, expected, strict=True)
    )


def _numbers(value: Any) -> np.ndarray | None:
    """Numbers as a float array; None for what is no number."""
    # NumPy reads numbers out of texts, and takes None for NaN.
    if holds(value, lambda each: each is None or isinstance(each, (str, bytes))):
        return None
    try:
        return np.asarray(value, dtype="float64")
    except (TypeError, ValueError):
        return None


def _written(value: Any) -> str:
    if isinstance(value, Fresh):
        return value.text
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


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Without what an answer prints, and what TensorFlow writes on an input that it cannot take."""
    with contextlib.redirect_stdout(io.StringIO()), quiet.silent_standard_error():
        yield


def _progress(outcomes: Sequence[Any]) -> tuple[int, bool]:
    """How far an attempt got, and whether it ended with an answer, if a wrong one."""
    return len(outcomes), not isinstance(outcomes[-1], Failure)


def _advice_on_none(outcome: Any) -> str:
    """What to tell of an outcome that is `None` or holds one; empty for others."""
    if outcome is None:
        return "Your function returns None here: one of its ways ends without a return."
    if holds(outcome, lambda each: each is None):
        return "There is a None in what you return: nothing has been computed there."
    return ""


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
    return output if holds(output, lambda each: each is None or _is_placeholder(each)) else read(output)


def _line_of(error: Exception) -> str:
    """The line of the answer that an exception came from: the deepest one in the file that was called first."""
    _, *frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.line or "" for frame in frames if frame.filename == frames[0].filename]
    return lines[-1] if lines else ""


def _is_placeholder(value: Any) -> bool:
    """Whether a value is, or holds, what stands for an answer before there is one."""
    return value is None or holds(value, lambda each: each is ... or each is NotImplemented)


def _report(arguments: Mapping[str, Any], outcome: Any, expected: Any, advice: str, hint: str) -> str:
    inputs = ", ".join(f"{name} = {shown(value)}" for name, value in arguments.items())
    lines = [f"  for:   {inputs}"]
    if isinstance(outcome, Failure):
        lines += [f"  {outcome}", *([f"  {advice}"] if advice else [])]
    else:
        lines += [f"  yours: {shown(outcome)}", f"  right: {shown(expected)}", f"  {advice or hint}"]
    return "\n".join(lines)
