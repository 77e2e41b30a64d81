"""Exercise 04.front: which settings lie on the Pareto front."""

from typing import Any

import numpy as np

from clsloc_utils.exercises.core import Exercise, Mistake, function_check


def _front_cases() -> list[dict[str, Any]]:
    fixed = [
        {"accuracy": np.array([0.95, 0.90, 0.85, 0.70]), "mean_iou": np.array([0.40, 0.60, 0.55, 0.75])},
        {"accuracy": np.array([0.5, 0.6, 0.7]), "mean_iou": np.array([0.5, 0.6, 0.7])},
        # Ties in one measure, and twins.
        {"accuracy": np.array([0.9, 0.9, 0.8, 0.8]), "mean_iou": np.array([0.5, 0.6, 0.6, 0.7])},
        {"accuracy": np.array([0.7, 0.9, 0.7, 0.6]), "mean_iou": np.array([0.8, 0.5, 0.8, 0.8])},
    ]
    return fixed


def _drawn_settings(generator: np.random.Generator) -> dict[str, Any]:
    """On a coarse grid, so that many settings share a value, and some both."""
    size, steps = generator.integers(1, 12), generator.integers(2, 9)
    return {name: generator.integers(0, steps + 1, size) / 10 for name in ("accuracy", "mean_iou")}


_FRONT_SOLUTION = """\
def on_the_front(accuracy, mean_iou):
    front = []
    for index in range(len(accuracy)):
        as_good = (accuracy >= accuracy[index]) & (mean_iou >= mean_iou[index])
        better = (accuracy > accuracy[index]) | (mean_iou > mean_iou[index])
        if not np.any(as_good & better):
            front.append(index)
    return front
"""


def _as_good_in_both(accuracy, mean_iou):
    """Whether setting j (column) is at least as good as i (row) in both, bool [n, n]."""
    accuracy, mean_iou = np.asarray(accuracy), np.asarray(mean_iou)
    return (accuracy[None] >= accuracy[:, None]) & (mean_iou[None] >= mean_iou[:, None])


def _dominated(accuracy, mean_iou):
    """Which settings another one dominates, bool [n]."""
    as_good = _as_good_in_both(accuracy, mean_iou)
    return (as_good & ~as_good.T).any(axis=1)


def _beaten_in_both(accuracy, mean_iou):
    accuracy, mean_iou = np.asarray(accuracy), np.asarray(mean_iou)
    return ((accuracy[None] > accuracy[:, None]) & (mean_iou[None] > mean_iou[:, None])).any(axis=1)


def _is_best_in_one(accuracy, mean_iou):
    return sorted({int(np.argmax(accuracy)), int(np.argmax(mean_iou))})


def _dominates_somebody(accuracy, mean_iou):
    as_good = _as_good_in_both(accuracy, mean_iou)
    return np.flatnonzero((as_good & ~as_good.T).any(axis=0))


def _beaten_in_one(accuracy, mean_iou):
    accuracy, mean_iou = np.asarray(accuracy), np.asarray(mean_iou)
    better_in_one = (accuracy[None] > accuracy[:, None]) | (mean_iou[None] > mean_iou[:, None])
    return np.flatnonzero(~better_in_one.any(axis=1))


def _without_twins(accuracy, mean_iou):
    others = _as_good_in_both(accuracy, mean_iou) & ~np.eye(len(accuracy), dtype=bool)
    return np.flatnonzero(~others.any(axis=1))


def _indices(value: Any) -> Any:
    """Indices in order, from a list, a set or an array of them; anything else, such as a mask, as it is."""
    try:
        numbers = np.asarray(sorted(value) if isinstance(value, (set, frozenset)) else value)
    except (TypeError, ValueError):  # What cannot be ordered, or lists of different lengths.
        return value
    return np.sort(numbers) if numbers.ndim == 1 and (numbers.dtype.kind in "iu" or not numbers.size) else value


FRONT = Exercise(
    key="04.front",
    title="Who is on the front",
    level="stretch",
    minutes=15,
    lesson="On the front nobody is best: along it, you choose what to pay with.",
    check=function_check(
        lambda accuracy, mean_iou: np.flatnonzero(~_dominated(accuracy, mean_iou)),
        _front_cases,
        mistakes=(
            Mistake(
                "You keep what is beaten in one measure and level in the other. That is dominated, too.",
                lambda accuracy, mean_iou: np.flatnonzero(~_beaten_in_both(accuracy, mean_iou)),
            ),
            Mistake(
                "Of settings that are equal in both, none is better in one: they do not dominate each other.",
                _without_twins,
            ),
            Mistake(
                "That is a mask, one true or false for each setting. Their indices are asked for: np.flatnonzero.",
                lambda accuracy, mean_iou: ~_dominated(accuracy, mean_iou),
            ),
            Mistake(
                "Those are the dominated ones. The front is the rest.",
                lambda accuracy, mean_iou: np.flatnonzero(_dominated(accuracy, mean_iou)),
            ),
            Mistake(
                "Those are only the two ends, best in one task each. What nothing dominates belongs to it too.",
                _is_best_in_one,
            ),
            Mistake(
                "One setting, the best on average? That is a choice. The front is everything not dominated.",
                lambda accuracy, mean_iou: np.array([np.argmax(np.add(accuracy, mean_iou))]),
            ),
            Mistake(
                "You drop what is beaten in one task. What dominates it must be the *same* other setting, and as good "
                "in the other task.",
                _beaten_in_one,
            ),
            Mistake(
                "Those dominate somebody. A setting may dominate nobody and still be on the front.",
                _dominates_somebody,
            ),
            Mistake(
                "Those have an above-average sum. Compare each setting with each other one, in both tasks.",
                lambda accuracy, mean_iou: np.flatnonzero(
                    np.add(accuracy, mean_iou) >= np.mean(np.add(accuracy, mean_iou))
                ),
            ),
        ),
        hint="A setting is on the front unless some other one is at least as good in both measures and better in one.",
        drawn=_drawn_settings,
        draws=400,
        read=_indices,
    ),
    hints=(
        "Take one setting, and ask of all others at once: which are at least as good in both measures?",
        "A twin is as good in both, too, and does not dominate. What must a dominating setting have besides?",
        "One that is at least as good in both and better in one: if there is none, the index goes on the list.",
    ),
    solution=_FRONT_SOLUTION,
)
