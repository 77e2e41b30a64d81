"""Exercises and questions of notebook 04: units, a shared trunk, the Pareto front, choosing, learned weights."""

from typing import Any

import numpy as np

from clsloc_utils.exercises.building import TRUNK
from clsloc_utils.exercises.core import Exercise, Mistake, function_check
from clsloc_utils.exercises.front_check import FRONT
from clsloc_utils.exercises.quizzes import Option, Question

# --- 04.units ---------------------------------------------------------------------------------------------------------


def _units_cases() -> list[dict[str, Any]]:
    return [
        {"weight": 0.002, "box_loss": "l2", "image_size": 300},
        {"weight": 0.01, "box_loss": "l1", "image_size": 224},
        {"weight": 2.0, "box_loss": "giou", "image_size": 224},
        {"weight": 1e-4, "box_loss": "l2", "image_size": 100},
    ]


def _drawn_units(generator: np.random.Generator) -> dict[str, Any]:
    weight, image_size = float(10 ** generator.uniform(-4, 1)), int(generator.integers(20, 800))
    return {"weight": weight, "box_loss": str(generator.choice(["l2", "l1", "giou"])), "image_size": image_size}


_UNITS_SOLUTION = """\
def relative_weight(weight, box_loss, image_size):
    power = {"l2": 2, "l1": 1, "giou": 0}[box_loss]
    return weight * image_size**power
"""


def _relative_weight(weight, box_loss, image_size):
    return weight * image_size ** {"l2": 2, "l1": 1, "giou": 0}[box_loss]


UNITS = Exercise(
    key="04.units",
    title="Weights in one unit",
    level="warm-up",
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
        drawn=_drawn_units,
    ),
    hints=(
        "A coordinate in pixels is image_size times the relative one. By how much is |difference| larger, by how much "
        "its square, and by how much an IoU?",
        "The products must be equal: old weight x loss in pixels = new weight x relative loss. So the new weight is "
        "larger by as much as the relative loss is smaller.",
    ),
    solution=_UNITS_SOLUTION,
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


_COLUMNS = ("val_loss", "accuracy", "mean_iou", "clsloc", "test_clsloc")


def _drawn_rows(generator: np.random.Generator) -> dict[str, Any]:
    """Settings with one to five seeds each, in any order, each column with a favourite of its own."""
    while True:
        names = [f"ratio {name}" for name in generator.choice(40, generator.integers(2, 5), replace=False)]
        settings = np.repeat(names, generator.integers(1, 6, len(names)))
        level = {name: generator.uniform(0.3, 0.6, len(_COLUMNS)) for name in names}
        rows = [
            {"setting": str(name), **dict(zip(_COLUMNS, values.tolist(), strict=True))}
            for name in generator.permutation(settings)
            for values in [np.round(level[name] + generator.exponential(0.1, len(_COLUMNS)).clip(0, 0.4), 3)]
        ]
        means = [np.mean([row["clsloc"] for row in rows if row["setting"] == name]) for name in names]
        *_, second, first = np.sort(means)
        if first - second > 1e-3:  # Between two equal means nobody could choose.
            return {"rows": rows}


_CHOOSE_SOLUTION = """\
def choose_setting(rows):
    scores = {}
    for row in rows:
        scores.setdefault(row["setting"], []).append(row["clsloc"])
    return max(scores, key=lambda name: np.mean(scores[name]))
"""


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
        drawn=_drawn_rows,
    ),
    hints=(
        "Which column does no weight enter, and asks for class and box together? And may it be one of the test images?",
        "A setting has several rows, one for each seed: collect their `clsloc` under its name.",
        "max of a dict takes a key: a function that says how good each name is.",
    ),
    solution=_CHOOSE_SOLUTION,
)

# --- 04.difference ----------------------------------------------------------------------------------------------------


def _difference_cases() -> list[dict[str, Any]]:
    generator = np.random.default_rng(3)
    return [_scores(generator, seeds, images) for seeds, images in ((3, 8), (2, 40), (1, 12), (5, 6))]


def _scores(generator: np.random.Generator, seeds: int, images: int) -> dict[str, Any]:
    common = generator.uniform(0, 0.6, (1, images))  # An image is easy or hard for both.
    first, second = (np.round(common + generator.uniform(0, 0.4, (seeds, images)), 3) for _ in range(2))
    return {"first": first, "second": second}


def _drawn_scores(generator: np.random.Generator) -> dict[str, Any]:
    return _scores(generator, int(generator.integers(1, 7)), int(generator.integers(3, 30)))


_DIFFERENCE_SOLUTION = """\
def paired_difference(first, second):
    each_image = np.mean(first - second, axis=0)
    standard_error = each_image.std(ddof=1) / np.sqrt(len(each_image))
    return each_image.mean(), 1.96 * standard_error
"""


def _paired(first, second, error=lambda each: np.std(each, ddof=1) / len(each) ** 0.5, factor=1.96):
    each = np.mean(np.subtract(first, second), axis=0)
    return each.mean(), factor * error(each)


def _unpaired(first, second):
    mean, _ = _paired(first, second)
    errors = [np.var(np.mean(each, axis=0), ddof=1) / np.shape(each)[1] for each in (first, second)]
    return mean, 1.96 * sum(errors) ** 0.5


def _over_seeds(first, second):
    each = np.mean(np.subtract(first, second), axis=1)
    return each.mean(), 1.96 * np.std(each, ddof=1) / len(each) ** 0.5 if len(each) > 1 else np.nan


def _over_everything(first, second):
    each = np.subtract(first, second).ravel()
    return each.mean(), 1.96 * each.std(ddof=1) / len(each) ** 0.5


DIFFERENCE = Exercise(
    key="04.difference",
    title="One difference",
    level="core",
    minutes=12,
    lesson="What is hard for both cancels in the difference: its interval is narrower than those of the two scores.",
    check=function_check(
        _paired,
        _difference_cases,
        mistakes=(
            Mistake("You take second minus first.", lambda first, second: _paired(second, first)),
            Mistake(
                "That is the interval of two scores on different images. Here each image was seen by both: take the "
                "difference of each image first, then its standard deviation.",
                _unpaired,
            ),
            Mistake(
                "Your interval is over the seeds. Average over the seeds (axis 0) first; what varies are the images.",
                _over_seeds,
            ),
            Mistake(
                "You count each seed's answer to an image as an image of its own. Average over the seeds first.",
                _over_everything,
            ),
            Mistake(
                "That is the standard deviation of single images. The mean of n of them varies by the square root of n "
                "less.",
                lambda first, second: _paired(first, second, error=lambda each: np.std(each, ddof=1)),
            ),
            Mistake(
                "That is one standard error. The half width is 1.96 of them.",
                lambda first, second: _paired(first, second, factor=1.0),
            ),
            Mistake(
                "That is the whole width. Half of it lies to either side.",
                lambda first, second: _paired(first, second, factor=2 * 1.96),
            ),
            Mistake(
                "The standard deviation of a sample divides by n - 1: ddof=1.",
                lambda first, second: _paired(first, second, error=lambda each: np.std(each) / len(each) ** 0.5),
            ),
            Mistake(
                "You divide by n. The error of a mean falls with the square root of n.",
                lambda first, second: _paired(first, second, error=lambda each: np.std(each, ddof=1) / len(each)),
            ),
        ),
        hint="d = (first - second).mean(axis=0); the mean of d, and 1.96 * d.std(ddof=1) / sqrt(number of images).",
        drawn=_drawn_scores,
    ),
    hints=(
        "Image by image first: the difference of both settings, averaged over the seeds. That is one number an image.",
        "What varies are these numbers. The standard error of their mean is their standard deviation (ddof=1), divided "
        "by the square root of how many there are.",
    ),
    solution=_DIFFERENCE_SOLUTION,
)

# --- 04.learned -------------------------------------------------------------------------------------------------------


def _learned_cases() -> list[dict[str, Any]]:
    return [{"box_loss": 0.8}, {"box_loss": 0.05}, {"box_loss": 3.0}]


def _drawn_loss(generator: np.random.Generator) -> dict[str, Any]:
    return {"box_loss": float(generator.uniform(0.05, 3.0))}


_LEARNED_SOLUTION = """\
def best_log_variance(box_loss):
    return np.log(box_loss)
"""


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
        drawn=_drawn_loss,
        draws=20,  # Whoever searches on a fine grid takes a while for each.
        tolerance=0.01,
    ),
    hints=(
        "In learned_sum, only two terms hold box_log_variance. Call it s and write them down.",
        "exp(-s) * box_loss / 2 falls with s, s / 2 rises. At the smallest sum the slopes cancel: what is then "
        "exp(-s) * box_loss?",
    ),
    solution=_LEARNED_SOLUTION,
)

EXERCISES = (UNITS, TRUNK, FRONT, CHOOSE, DIFFERENCE, LEARNED)

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
        "On the same 256 images A is better than B by 0.010, with an interval of 0.012 to either side. And now?",
        (
            Option("A is better: the mean says so.", "The interval holds 0: on other images B may be ahead."),
            Option("More images would tell.", "With four times as many the interval is half as wide.", right=True),
            Option("They are equally good.", "Nobody has shown that: the difference may be 0.02 as well as 0."),
        ),
    ),
    Question(
        "Two heads on a frozen backbone share no layer. You raise the box weight tenfold, under Adam. What changes?",
        (
            Option("Next to nothing", "No weight is asked for by both, and Adam divides the factor out.", right=True),
            Option(
                "Better boxes, at the price of the class", "What should pay? The class head never sees that gradient."
            ),
            Option("The box head's steps are ten times longer", "So they would be under SGD."),
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
)
