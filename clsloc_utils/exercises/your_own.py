"""Exercises and questions of notebook 06: a threshold, an error gallery, paired comparisons, learning curves."""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from clsloc_utils.exercises.core import (
    Exercise,
    Failure,
    Mistake,
    function_check,
    outcome_of,
    raise_if_not_tried,
    raise_if_placeholder,
    shown,
)
from clsloc_utils.exercises.error_gallery import DECIDE
from clsloc_utils.exercises.quizzes import Option, Question

# --- 06.threshold -----------------------------------------------------------------------------------------------------


def _threshold(known: np.ndarray, share: float) -> float:
    return float(np.sort(known)[::-1][math.ceil(share * len(known)) - 1])


def _threshold_cases() -> list[dict[str, Any]]:
    """Few numbers and many, some of them equal; shares whose products are exact, so that rounding decides nothing."""
    generator = np.random.default_rng(6)
    cases = [
        {"known": np.round(generator.uniform(0.3, 1.0, count), digits), "share": share}
        for count, digits, share in (
            (8, 3, 0.75),
            (10, 3, 0.75),
            (30, 3, 0.875),
            (7, 3, 0.5),
            (5, 3, 1.0),
            (24, 1, 0.875),
        )
    ]
    return [*cases, *({**case, "share": 0.625} for case in cases)]


THRESHOLD = Exercise(
    key="06.threshold",
    title="A threshold for none",
    level="warm-up",
    minutes=8,
    lesson="The threshold says what it costs: one photo in so many that has an object is refused.",
    check=function_check(
        _threshold,
        _threshold_cases,
        mistakes=(
            Mistake(
                "So many are refused, not kept: the share counts from the highest probability down.",
                lambda known, share: np.sort(known)[math.ceil(share * len(known)) - 1],
            ),
            Mistake(
                "One photo too few is kept: a share of 0.75 of 10 photos is 8 of them, not 7.",
                lambda known, share: np.sort(known)[::-1][math.floor(share * len(known)) - 1],
            ),
            Mistake(
                "A quantile between two photos: NumPy interpolates. Take the probability of a photo.",
                lambda known, share: np.quantile(known, 1 - share),
            ),
            Mistake(
                "The next lower probability would keep more than is asked for: look for the largest threshold.",
                lambda known, share: np.min(known),
            ),
        ),
        hint="Sort from the highest down. How many must stay? The last of these is the threshold.",
    ),
    hints=(
        "How many photos are kept when a share of all must stay? Half a photo more is a whole one.",
        "Sort the probabilities from the highest down: the threshold is the one of the last photo that is kept.",
    ),
    solution="""\
def choose_threshold(known, share):
    kept = int(np.ceil(share * len(known)))
    return np.sort(known)[::-1][kept - 1]
""",
)

# --- 06.paired --------------------------------------------------------------------------------------------------------


def _two_sided(fewer: int, number: int) -> float:
    """How often a fair coin, thrown so many times, falls at least as unevenly."""
    return min(1.0, 2 * sum(math.comb(number, k) for k in range(fewer + 1)) / 2**number)


def _counts(first_right: np.ndarray, second_right: np.ndarray) -> tuple[int, int]:
    first_right, second_right = np.asarray(first_right, bool), np.asarray(second_right, bool)
    return int(np.sum(first_right & ~second_right)), int(np.sum(~first_right & second_right))


def _paired(first_right: np.ndarray, second_right: np.ndarray) -> tuple[int, int, float]:
    only_first, only_second = _counts(first_right, second_right)
    return only_first, only_second, _two_sided(min(only_first, only_second), only_first + only_second)


def _one_sided(first_right: np.ndarray, second_right: np.ndarray) -> tuple[int, int, float]:
    only_first, only_second, p_value = _paired(first_right, second_right)
    return only_first, only_second, p_value / 2


def _among_all(first_right: np.ndarray, second_right: np.ndarray) -> tuple[int, int, float]:
    only_first, only_second = _counts(first_right, second_right)
    return only_first, only_second, _two_sided(min(only_first, only_second), len(first_right))


def _of_totals(first_right: np.ndarray, second_right: np.ndarray) -> tuple[int, int, float]:
    totals = int(np.sum(first_right)), int(np.sum(second_right))
    return *totals, _two_sided(min(totals), sum(totals))


def _paired_cases() -> list[dict[str, Any]]:
    """Forty photos, models of several strengths; and two models that are right on the same photos."""
    generator = np.random.default_rng(7)
    chances = ((0.9, 0.6), (0.6, 0.9), (0.8, 0.75), (0.5, 0.5), (0.95, 0.9), (0.4, 0.7))
    cases = [
        {"first_right": generator.random(40) < first, "second_right": generator.random(40) < second}
        for first, second in chances
    ]
    right = generator.random(12) < 0.7
    return [*cases, {"first_right": right, "second_right": right.copy()}]


PAIRED = Exercise(
    key="06.paired",
    title="Two models on the same photos",
    level="core",
    minutes=12,
    lesson="Photos on which both are right or both are wrong say nothing about which is better.",
    check=function_check(
        _paired,
        _paired_cases,
        mistakes=(
            Mistake(
                "The counts are right, p is one-sided: a difference to the other side would surprise as much.",
                _one_sided,
            ),
            Mistake("The coin is thrown for the photos that differ only, not for all of them.", _among_all),
            Mistake(
                "These are all photos that each model has right. Count those that the other one has wrong.", _of_totals
            ),
            Mistake(
                "The two counts are the wrong way round: first those that only the first model has right.",
                lambda first, second: _paired(second, first),
            ),
        ),
        hint="p is stats.binomtest(only_first, only_first + only_second).pvalue, and 1 where no photo differs.",
    ),
    hints=(
        "first_right & ~second_right is True where only the first model is right. Sum it, and the same for the second.",
        "If the models were equally good, each of these photos would fall to either side like a coin.",
        "stats.binomtest(only_first, only_first + only_second).pvalue is p; without such photos p is 1.",
    ),
    solution="""\
def paired_test(first_right, second_right):
    only_first = int(np.sum(first_right & ~second_right))
    only_second = int(np.sum(second_right & ~first_right))
    number = only_first + only_second
    return only_first, only_second, stats.binomtest(only_first, number).pvalue if number else 1.0
""",
)

# --- 06.curve ---------------------------------------------------------------------------------------------------------


def _check_curve(answer: Any) -> str:
    raise_if_placeholder(answer)
    if not callable(answer):
        return f"  Hand over the function itself, without parentheses after its name; this is {shown(answer)}."
    calls = ((40, (5, 10, 20, 40), 3), (23, (4, 23), 2))
    return next(filter(None, (_complaint_of_curve(answer, *call) for call in calls)), "")


def _complaint_of_curve(answer: Callable, num_images: int, sizes: Sequence[int], draws: int) -> str:
    """What is wrong with the parts that a learner's loop trains on, or with the table of their scores."""
    trained: list[list[int]] = []

    def train_and_score(images: Any) -> float:
        trained.append([int(image) for image in np.asarray(images).ravel()])
        return float(len(trained))

    arguments = {"train_and_score": train_and_score, "num_images": num_images, "sizes": list(sizes), "draws": draws}
    outcome = outcome_of(answer, arguments)
    raise_if_not_tried(outcome)
    if isinstance(outcome, Failure):
        return f"  {outcome}"
    try:
        table = np.asarray(outcome, "float64")
    except (TypeError, ValueError):
        table = np.empty(0)
    called = f"  for {num_images} photos, sizes {list(sizes)} and {draws} draws: "
    if table.shape != (draws, len(sizes)):
        return f"{called}the scores should have the shape {(draws, len(sizes))}, a row a draw; yours: {shown(outcome)}"
    if sorted(table.ravel()) != [*range(1, table.size + 1)] or len(trained) != table.size:
        return f"{called}each part is trained once and its score returned as it is; you trained {len(trained)} times."
    parts = [[trained[int(score) - 1] for score in row] for row in table]
    for row in parts:
        for size, part in zip(sizes, row, strict=True):
            if len(part) != size:
                return f"{called}the part of {size} has {len(part)} photos; or the columns are in another order."
            if len(set(part)) < size:
                return f"{called}a photo is twice in a part: draw without putting back, as a permutation does."
            if not set(part) <= set(range(num_images)):
                return f"{called}photos are numbered from 0 to {num_images - 1}; a part holds {max(part, key=abs)}."
        if not all(set(low) <= set(high) for low, high in itertools.pairwise(row)):
            return f"{called}a larger part should hold the smaller ones of its draw: permute once, take the first."
    if len({frozenset(row[0]) for row in parts}) < draws:
        return f"{called}two draws begin with the same photos. Give each draw a permutation of its own."
    return ""


CURVE = Exercise(
    key="06.curve",
    title="A learning curve",
    level="stretch",
    minutes=15,
    lesson="With train_on_some and its score in place of train_and_score, this is the curve of this notebook.",
    check=_check_curve,
    hints=(
        "Two loops: over the draws, and within a draw over the sizes.",
        "At the beginning of a draw permute all numbers: np.random.default_rng(draw).permutation(num_images).",
        "The part of a size is the beginning of the permutation; so a larger part holds the smaller ones of its draw.",
    ),
    solution="""\
def learning_curve(train_and_score, num_images, sizes, draws):
    rows = []
    for draw in range(draws):
        order = np.random.default_rng(draw).permutation(num_images)
        rows.append([train_and_score(order[:size]) for size in sizes])
    return np.array(rows)
""",
)

EXERCISES = (THRESHOLD, PAIRED, DECIDE, CURVE)

QUESTIONS = (
    Question(
        "You took ten photos of each cup in a row, and a hash of the file name splits them. What of the test score?",
        (
            Option(
                "It is right: no file is in two splits.", "No file is, but nearly the same photo is, with its answer."
            ),
            Option(
                "It is too low: such photos are hard to tell apart.",
                "Nobody has to tell them apart: they have one answer.",
            ),
            Option(
                "It is too high.",
                "The model has learned from near doubles of the test photos. Split by scene, by hand.",
                right=True,
            ),
        ),
    ),
    Question(
        "Among the worst training photos is a chair that is annotated as a bottle. The model says chair. What now?",
        (
            Option(
                "Train longer, until it says bottle", "It may learn this one by heart, and what it learns is wrong."
            ),
            Option(
                "Correct the annotation, and train again",
                "The list of the worst is there to find such slips.",
                right=True,
            ),
            Option(
                "Nothing: one slip does no harm", "One may not. But look for its like, above all among the test photos."
            ),
        ),
    ),
    Question(
        "27 of 30 test photos are right, and the interval reaches from 0.74 to 0.97. How do you make it narrower?",
        (
            Option(
                "Take more test photos",
                "With 300 it reaches from 0.86 to 0.93: ten times the photos, a third of the width.",
                right=True,
            ),
            Option(
                "Test on three augmented copies of each",
                "They are the same 30 photos: their answers rise and fall together.",
            ),
            Option("Train longer", "That may move the interval. Its width comes from the number of test photos."),
        ),
    ),
    Question(
        "A friend loads your model.keras and sees class 2. Which class is that?",
        (
            Option(
                "The file says it: Keras saves the names",
                "It saves architecture and weights. It has never seen a name.",
            ),
            Option(
                "The third of VOC's twenty", "Only if you trained on these. Your classes come from your annotations."
            ),
            Option(
                "Only your list of class names tells",
                "So save the list beside the model, in the order that training had.",
                right=True,
            ),
        ),
    ),
    Question(
        "Forty photos of your cups gave 0.98. A colleague has forty X-ray images. What will she get?",
        (
            Option(
                "Nobody knows; perhaps far less.",
                "Her backbone has never seen such pictures. The curve and a control with random weights tell.",
                right=True,
            ),
            Option("About as much: forty is forty.", "How many suffice depends on what the backbone has seen before."),
            Option("Nothing: X-ray images have no colours.", "Grey is a colour, too; but the shapes are new to it."),
        ),
    ),
)
