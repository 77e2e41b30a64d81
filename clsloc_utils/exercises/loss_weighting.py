"""Exercises and questions of notebook 04: units, the front, choosing, seeds, learned weights."""

from typing import Any

import numpy as np

from clsloc_utils.exercises.core import Exercise, Mistake, function_check, value_check
from clsloc_utils.exercises.quizzes import Option, Question

# --- 04.units ---------------------------------------------------------------------------------------------------------


def _units_cases() -> list[dict[str, Any]]:
    return [
        {"weight": 0.002, "box_loss": "l2", "image_size": 300},
        {"weight": 0.01, "box_loss": "l1", "image_size": 224},
        {"weight": 2.0, "box_loss": "giou", "image_size": 224},
        {"weight": 1e-4, "box_loss": "l2", "image_size": 100},
    ]


def _relative_weight(weight, box_loss, image_size):
    return weight * image_size ** {"l2": 2, "l1": 1, "giou": 0}[box_loss]


UNITS = Exercise(
    key="04.units",
    title="Weights in one unit",
    level="core",
    minutes=6,
    lesson="Now two weights from two repositories can be compared.",
    check=function_check(
        _relative_weight,
        _units_cases,
        mistakes=(
            Mistake(
                "The wrong way: the relative loss is *smaller* than the one in pixels, so its weight has to be larger.",
                lambda weight, box_loss, image_size: weight / image_size ** {"l2": 2, "l1": 1, "giou": 0}[box_loss],
            ),
            Mistake(
                "L2 squares the coordinates, and with them their unit: the factor of L2 is the size squared.",
                lambda weight, box_loss, image_size: weight * image_size ** (box_loss != "giou"),
            ),
            Mistake(
                "Only L2 squares. The factor of L1 is the size itself, and GIoU has no unit.",
                lambda weight, box_loss, image_size: weight * image_size**2,
            ),
            Mistake(
                "GIoU has no unit: it is the same number in pixels and in 0..1, and so is its weight.",
                lambda weight, box_loss, image_size: weight * image_size ** (2 if box_loss == "l2" else 1),
            ),
            Mistake(
                "The weight has to change with the units, by the factor that the text measured for each loss.",
                lambda weight, box_loss, image_size: weight,
            ),
        ),
        hint="weight x loss in pixels = new weight x relative loss. How many times larger is the loss in pixels?",
    ),
)

# --- 04.scale ---------------------------------------------------------------------------------------------------------

SCALE = Exercise(
    key="04.scale",
    title="Ten times the loss",
    level="warm-up",
    minutes=2,
    lesson="For SGD a factor on the loss is a factor on the learning rate. Adam would not have noticed.",
    check=value_check(
        0.01,
        mistakes=(
            Mistake("That would do for Adam, which divides the factor out. SGD multiplies it in.", 0.1),
            Mistake("That makes the steps a hundred times longer: the gradients have grown already.", 1.0),
            Mistake("The steps grow by ten, not by ten squared.", 0.001),
            Mistake("The steps grow by ten, not by its square root.", 0.1 / 10**0.5),
        ),
        hint="The step of SGD is learning rate times gradient. The gradient has grown tenfold; keep the product.",
        tolerance=1e-6,
    ),
)

# --- 04.front ---------------------------------------------------------------------------------------------------------


def _front_cases() -> list[dict[str, Any]]:
    return [
        {"accuracy": np.array([0.95, 0.90, 0.85, 0.70]), "mean_iou": np.array([0.40, 0.60, 0.55, 0.75])},
        {"accuracy": np.array([0.5, 0.6, 0.7]), "mean_iou": np.array([0.5, 0.6, 0.7])},
        {
            "accuracy": np.array([0.94, 0.10, 0.93, 0.80, 0.95, 0.91]),
            "mean_iou": np.array([0.70, 0.80, 0.76, 0.75, 0.20, 0.77]),
        },
    ]


def _dominated(accuracy, mean_iou):
    """Which settings another one beats in both, bool [n]."""
    better_in_both = (accuracy[None] > accuracy[:, None]) & (mean_iou[None] > mean_iou[:, None])
    return better_in_both.any(axis=1)


def _is_best_in_one(accuracy, mean_iou):
    return sorted({int(accuracy.argmax()), int(mean_iou.argmax())})


def _beats_somebody(accuracy, mean_iou):
    better_in_both = (accuracy[:, None] > accuracy[None]) & (mean_iou[:, None] > mean_iou[None])
    return np.flatnonzero(better_in_both.any(axis=1))


def _beaten_in_one(accuracy, mean_iou):
    better_in_one = (accuracy[None] > accuracy[:, None]) | (mean_iou[None] > mean_iou[:, None])
    return np.flatnonzero(~better_in_one.any(axis=1))


def _indices(value: Any) -> Any:
    """Indices in order, from a list, a set, an array of them or a mask."""
    try:
        numbers = np.asarray(sorted(value) if isinstance(value, (set, frozenset)) else value)
    except (TypeError, ValueError):  # What cannot be ordered, or lists of different lengths.
        return value
    if numbers.dtype == bool:
        return np.flatnonzero(numbers)
    return np.sort(numbers) if numbers.ndim == 1 else value


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
                "Those are the dominated ones. The front is the rest.",
                lambda accuracy, mean_iou: np.flatnonzero(_dominated(accuracy, mean_iou)),
            ),
            Mistake(
                "Those are only the two ends, best in one task each. What nobody beats in *both* belongs to it too.",
                _is_best_in_one,
            ),
            Mistake(
                "One setting, the best on average? That is a choice. The front is everything not dominated.",
                lambda accuracy, mean_iou: np.array([np.argmax(accuracy + mean_iou)]),
            ),
            Mistake(
                "You drop what is beaten in one task. To be dominated a setting has to be beaten in both, by the same "
                "other one.",
                _beaten_in_one,
            ),
            Mistake(
                "Those dominate somebody. A setting may dominate nobody and still be on the front.",
                _beats_somebody,
            ),
            Mistake(
                "Those have an above-average sum. Compare each setting with each other one, in both tasks.",
                lambda accuracy, mean_iou: np.flatnonzero(accuracy + mean_iou >= np.mean(accuracy + mean_iou)),
            ),
        ),
        hint="A setting is on the front unless some other one is better in accuracy and in mean IoU.",
        read=_indices,
    ),
)

# --- 04.choose --------------------------------------------------------------------------------------------------------


def _choose_cases() -> list[dict[str, Any]]:
    names = ("setting", "val_loss", "accuracy", "mean_iou", "clsloc", "test_clsloc")

    def rows(*values: tuple) -> dict[str, Any]:
        return {"rows": [dict(zip(names, row, strict=True)) for row in values]}

    return [
        rows(
            ("class only", 0.21, 0.96, 0.10, 0.02, 0.01),
            ("ratio 1", 0.48, 0.95, 0.76, 0.92, 0.90),
            ("ratio 10", 0.62, 0.91, 0.78, 0.89, 0.93),
            ("box only", 0.70, 0.04, 0.79, 0.03, 0.03),
        ),
        rows(
            ("ratio 1", 0.40, 0.94, 0.70, 0.88, 0.86),
            ("ratio 1", 0.42, 0.95, 0.71, 0.89, 0.89),
            ("ratio 3", 0.39, 0.90, 0.72, 0.93, 0.85),
            ("ratio 3", 0.55, 0.80, 0.73, 0.75, 0.83),
        ),
        rows(
            ("ratio 0.1", 0.40, 0.97, 0.60, 0.70, 0.72),
            ("ratio 0.3", 0.35, 0.93, 0.66, 0.80, 0.75),
            ("ratio 0.3", 0.33, 0.95, 0.64, 0.84, 0.74),
            ("ratio 0.1", 0.38, 0.98, 0.62, 0.74, 0.90),
        ),
        rows(
            ("ratio 1", 0.40, 0.93, 0.75, 0.86, 0.88),
            ("ratio 1", 0.41, 0.94, 0.74, 0.92, 0.90),
            ("ratio 3", 0.52, 0.92, 0.72, 0.88, 0.86),
            ("ratio 3", 0.50, 0.91, 0.73, 0.87, 0.85),
        ),
    ]


def _best(rows, column: str, lowest: bool = False, of_seeds=np.mean):
    """The setting whose seeds are best in a column: by their mean, or by what else is made of them."""
    settings = {row["setting"]: [] for row in rows}
    for row in rows:
        settings[row["setting"]].append(-row[column] if lowest else row[column])
    return max(settings, key=lambda name: of_seeds(settings[name]))


CHOOSE = Exercise(
    key="04.choose",
    title="Choose a setting",
    level="core",
    minutes=10,
    lesson="Validation, a measure that no weight enters, the mean over the seeds; the test column stays unread.",
    check=function_check(
        lambda rows: _best(rows, "clsloc"),
        _choose_cases,
        mistakes=(
            Mistake(
                "You go by val_loss. The weights are part of it, so each setting is measured with its own ruler.",
                lambda rows: _best(rows, "val_loss", lowest=True),
            ),
            Mistake(
                "You take the lowest single val_loss. The weights are part of that number: compare another one.",
                lambda rows: _best(rows, "val_loss", lowest=True, of_seeds=max),
            ),
            Mistake(
                "You choose on the test images. Then nothing is left to report on: choose on validation.",
                lambda rows: _best(rows, "test_clsloc"),
            ),
            Mistake(
                "You take the luckiest seed. Average the seeds of each setting first.",
                lambda rows: _best(rows, "clsloc", of_seeds=max),
            ),
            Mistake(
                "You go by the worst seed of each setting. Average the seeds of each setting instead.",
                lambda rows: _best(rows, "clsloc", of_seeds=min),
            ),
            Mistake(
                "The class accuracy alone? It does not ask for the box. cls-loc accuracy asks for both.",
                lambda rows: _best(rows, "accuracy"),
            ),
            Mistake(
                "The mean IoU alone? It does not ask for the class. cls-loc accuracy asks for both.",
                lambda rows: _best(rows, "mean_iou"),
            ),
            Mistake(
                "That is the best mean cls-loc accuracy. Return the name of its setting.",
                lambda rows: max(
                    np.mean([row["clsloc"] for row in rows if row["setting"] == name])
                    for name in {row["setting"] for row in rows}
                ),
            ),
        ),
        hint="The name of the setting whose mean of `clsloc` over its rows is highest.",
    ),
)

# --- 04.overlap -------------------------------------------------------------------------------------------------------


def _overlap_cases() -> list[dict[str, Any]]:
    return [
        {"first": [0.93, 0.90, 0.95], "second": [0.92, 0.91, 0.89]},
        {"first": [0.80, 0.82, 0.81], "second": [0.90, 0.91, 0.88]},
        {"first": [0.95, 0.94, 0.96], "second": [0.90, 0.91, 0.93]},
        {"first": [0.85, 0.95], "second": [0.89, 0.90]},
        {"first": [0.89, 0.90], "second": [0.85, 0.95]},
        {"first": [0.91, 0.93, 0.92], "second": [0.93, 0.95, 0.94]},
        {"first": [0.90, 0.90, 0.90, 0.94], "second": [0.96, 0.93, 0.96, 0.96]},
    ]


OVERLAP = Exercise(
    key="04.overlap",
    title="Winner or not",
    level="core",
    minutes=6,
    lesson="Two spreads overlap unless the worst of one is above the best of the other.",
    check=function_check(
        lambda first, second: max(first) >= min(second) and max(second) >= min(first),
        _overlap_cases,
        mistakes=(
            Mistake(
                "This answers the opposite: True stands for an overlap, that is, for no winner.",
                lambda first, second: max(first) < min(second) or max(second) < min(first),
            ),
            Mistake(
                "You only look from one side. The second may lie wholly below the first, or wholly above it.",
                lambda first, second: max(first) >= min(second),
            ),
            Mistake(
                "You only look from one side. The first may lie wholly below the second, or wholly above it.",
                lambda first, second: max(second) >= min(first),
            ),
            Mistake(
                "The means say who is ahead, not whether the seeds could tell them apart.",
                lambda first, second: np.mean(first) <= np.mean(second),
            ),
            Mistake(
                "The means say who is ahead, not whether the seeds could tell them apart. Look at lowest and highest.",
                lambda first, second: np.mean(first) >= np.mean(second),
            ),
            Mistake(
                "You answer True whatever the scores are. Ranges that lie apart do not overlap.",
                lambda first, second: True,
            ),
            Mistake(
                "They need not have a score in common. Two ranges overlap when one begins before the other ends.",
                lambda first, second: bool(set(first) & set(second)),
            ),
            Mistake(
                "A single point in common is an overlap too: the best of one may equal the worst of the other.",
                lambda first, second: max(first) > min(second) and max(second) > min(first),
            ),
            Mistake(
                "You compare means and standard deviations. The spread here runs from the lowest score to the highest.",
                lambda first, second: abs(np.mean(first) - np.mean(second)) <= np.std(first) + np.std(second),
            ),
            Mistake(
                "You take the first score for the lowest and the last for the highest. The lists are not sorted.",
                lambda first, second: first[-1] >= second[0] and second[-1] >= first[0],
            ),
            Mistake(
                "One range may lie inside the other, or reach beyond it on both sides: that is an overlap too.",
                lambda first, second: (
                    min(first) <= min(second) <= max(first) <= max(second)
                    or min(second) <= min(first) <= max(second) <= max(first)
                ),
            ),
        ),
        hint="True when the ranges from lowest to highest have a point in common.",
    ),
)

# --- 04.learned -------------------------------------------------------------------------------------------------------


def _learned_cases() -> list[dict[str, Any]]:
    return [{"box_loss": 0.8}, {"box_loss": 0.05}, {"box_loss": 3.0}]


LEARNED = Exercise(
    key="04.learned",
    title="Where a learned weight settles",
    level="stretch",
    minutes=15,
    lesson="The learned variance becomes the loss itself: a task that is solved better is weighted more.",
    check=function_check(
        lambda box_loss: np.log(box_loss),
        _learned_cases,
        mistakes=(
            Mistake(
                "That is the variance. Its logarithm is asked for.",
                lambda box_loss: box_loss,
            ),
            Mistake(
                "That is what the classification formula gives, where the loss is not halved.",
                lambda box_loss: np.log(2 * box_loss),
            ),
            Mistake(
                "Both terms are halved, the loss and the log variance: the halves cancel.",
                lambda box_loss: np.log(box_loss / 2),
            ),
            Mistake(
                "The sign is wrong: a larger loss asks for a larger variance.",
                lambda box_loss: -np.log(box_loss),
            ),
            Mistake(
                "That is the weight, exp(-s). The log variance s is asked for.",
                lambda box_loss: 1 / box_loss,
            ),
            Mistake(
                "That is where it starts. Where does the sum stop falling?",
                lambda box_loss: 0.0,
            ),
        ),
        hint="Minimize exp(-s) * box_loss / 2 + s / 2 over s: set its derivative to zero, or try a fine grid of s.",
        tolerance=0.01,
    ),
)

EXERCISES = (UNITS, SCALE, FRONT, CHOOSE, OVERLAP, LEARNED)

QUESTIONS = (
    Question(
        "A box loss in pixels of a 100-pixel image and the same in 0..1: by what factor do they differ for L2?",
        (
            Option("100", "That is L1. L2 squares the coordinates and with them their unit."),
            Option("10,000", "100 squared.", right=True),
            Option("1", "That is an IoU loss, which has no unit."),
        ),
    ),
    Question(
        "Why may the weight not be chosen by the lowest val_loss?",
        (
            Option("The weight is part of val_loss.", "Each setting would be measured with its own ruler.", right=True),
            Option("val_loss is too noisy.", "Noise is what several seeds are for. The trouble is a systematic one."),
            Option("It should be the training loss.", "That has the weight in it too, and rewards learning by heart."),
        ),
    ),
    Question(
        "Setting A scores 0.93 with seeds from 0.90 to 0.95, setting B 0.92 with seeds from 0.91 to 0.94. And now?",
        (
            Option("A wins.", "By 0.01, where the seeds of A alone differ by 0.05."),
            Option("B wins, its worst seed is better.", "Its best seed is worse. The spreads overlap."),
            Option("These seeds show no winner.", "Take either, or train more seeds.", right=True),
        ),
    ),
    Question(
        "Both loss weights are multiplied by 100. Who notices?",
        (
            Option("SGD", "Its steps become a hundred times longer.", right=True),
            Option("Adam", "It divides each step by the size of recent gradients, and the factor cancels."),
            Option("Nobody, the minimum stays where it is", "It does, and SGD may leap over it."),
        ),
    ),
    Question(
        "What may you expect of learned weights?",
        (
            Option("A better model than any fixed weight", "Careful comparisons find none that is reliably ahead."),
            Option(
                "A good fixed weight without the grid",
                "They land on the plateau, which saves the search and gains no accuracy.",
                right=True,
            ),
            Option("No box, since they drive its weight to zero", "The logarithm in the sum keeps them from that."),
        ),
    ),
)
