"""Exercises and questions of notebook 01: boxes, IoU, measures, baselines."""

from typing import Any

import numpy as np

from clsloc_utils.exercises.core import Exercise, Mistake, function_check, raise_if_placeholder, value_check
from clsloc_utils.exercises.quizzes import Option, Question

# --- 01.outputs -------------------------------------------------------------------------------------------------------

OUTPUTS = Exercise(
    key="01.outputs",
    title="How many numbers come out",
    level="warm-up",
    minutes=2,
    lesson="Seven scores and four sides of one box, whatever the picture shows: a layer of fixed size can end in that.",
    check=value_check(
        11,
        mistakes=(
            Mistake("The class is not one number: there is a score for each of the seven classes.", 5),
            Mistake("That is the class head alone. The box is part of the answer too.", 7),
            Mistake("That is the box alone. The classes are part of the answer too.", 4),
            Mistake("A corner is two numbers, x and y; a box needs two corners, hence four numbers.", 9),
            Mistake("One box for each class? There is one object in the picture, so there is one box.", 35),
            Mistake("That is a detector with a box for each class. Here there is one object and one box.", 28),
        ),
        hint="Read the row *classification + localization* of the table: scores, one for each class, and 4 numbers.",
    ),
    hints=(
        "The table above has a row for this task. What does it say in place of the 20 classes and the one box?",
        "The class is one score for each class that the model knows; the box is two corners, each with an x and a y.",
    ),
    solution="number_of_outputs = 7 + 4\n",
)

# --- 01.convert -------------------------------------------------------------------------------------------------------


def _convert_cases() -> list[dict[str, Any]]:
    return [
        {"box": np.array([50.0, 20.0, 100.0, 40.0]), "height": 100, "width": 200},
        {"box": np.array([0.0, 0.0, 640.0, 480.0]), "height": 480, "width": 640},
        {"box": np.array([30.0, 10.0, 5.0, 35.0]), "height": 50, "width": 60},
    ]


def _drawn_convert(generator: np.random.Generator) -> dict[str, Any]:
    """A box in a photo that is wide or high, inside it or up to its borders."""
    height, width = (int(side) for side in generator.integers(20, 600, 2))
    if generator.random() < 0.5:
        sides = np.sort([generator.choice(9, 2, replace=False) / 8 for _ in range(2)])  # 0 and 1 are frequent
    else:
        sides = np.sort(generator.uniform(0, 1, (2, 2)))
    (left, right), (top, bottom) = sides * [[width], [height]]
    return {"box": np.array([left, top, right - left, bottom - top]), "height": height, "width": width}


def _to_rel_xyxy(box, height, width):
    x, y, box_width, box_height = box
    return [x / width, y / height, (x + box_width) / width, (y + box_height) / height]


_CONVERT_SOLUTION = """\
def to_rel_xyxy(box, height, width):
    left, top, box_width, box_height = box
    return [left / width, top / height, (left + box_width) / width, (top + box_height) / height]
"""


def _swapped_pairs(box):
    return [box[1], box[0], box[3], box[2]]


CONVERT = Exercise(
    key="01.convert",
    title="From xywh in pixels to rel_xyxy",
    level="warm-up",
    minutes=5,
    lesson="Convert like this once, where the data come in, and use no other format after it.",
    check=function_check(
        _to_rel_xyxy,
        _convert_cases,
        mistakes=(
            Mistake(
                "The third and fourth number of xywh are a width and a height, no corner: add them to the first two.",
                lambda box, height, width: [box[0] / width, box[1] / height, box[2] / width, box[3] / height],
            ),
            Mistake(
                "These are still pixels: divide what is along x by the width, what is along y by the height.",
                lambda box, height, width: [box[0], box[1], box[0] + box[2], box[1] + box[3]],
            ),
            Mistake(
                "Height and width are swapped: x runs along the width, y along the height.",
                lambda box, height, width: _to_rel_xyxy(box, width, height),
            ),
            Mistake(
                "That is rel_yxyx, with y first. We keep x first.",
                lambda box, height, width: _swapped_pairs(_to_rel_xyxy(box, height, width)),
            ),
            Mistake(
                "The first two numbers of xywh are the left and the top edge, not the middle of the box.",
                lambda box, height, width: _to_rel_xyxy([*(box[:2] - box[2:] / 2), *box[2:]], height, width),
            ),
        ),
        hint="Left, top, right, bottom, in this order; each between 0 and 1 for a box inside the image.",
        drawn=_drawn_convert,
    ),
    hints=(
        "First all four sides in pixels: where is the right side of a box that begins at `left` and is `width` wide?",
        "Then relative: a place along x is divided by the width of the image, a place along y by its height.",
    ),
    solution=_CONVERT_SOLUTION,
)

# --- 01.iou -----------------------------------------------------------------------------------------------------------


_IOU_SOLUTION = """\
def iou_with_many(box, others):
    sides = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    shared = np.maximum(sides, 0).prod(axis=1)
    area_of_box, area_of_others = (box[2:] - box[:2]).prod(), (others[:, 2:] - others[:, :2]).prod(axis=1)
    return shared / (area_of_box + area_of_others - shared)
"""


def _iou_cases() -> list[dict[str, Any]]:
    box = np.array([0.0, 0.0, 4.0, 2.0])
    return [
        {"box": box, "others": np.array([[0.0, 0.0, 4.0, 2.0], [2.0, 0.0, 6.0, 2.0]])},
        {"box": box, "others": np.array([[1.0, 0.5, 3.0, 1.5]])},
        {"box": box, "others": np.array([[-1.0, -1.0, 5.0, 3.0]])},
        {"box": box, "others": np.array([[6.0, 0.0, 8.0, 2.0]])},
        {"box": box, "others": np.array([[6.0, 5.0, 8.0, 7.0]])},
        {
            "box": np.array([0.1, 0.2, 0.5, 0.6]),
            "others": np.array([[0.1, 0.2, 0.5, 0.6], [0.3, 0.0, 0.9, 0.5], [0.0, 0.7, 0.5, 0.9]]),
        },
    ]


def _drawn_iou(generator: np.random.Generator) -> dict[str, Any]:
    """Boxes on a coarse grid, so that many share a side or touch, in pixels or relative; some equal, some far apart."""
    low = generator.integers(0, 7, (generator.integers(2, 6), 2))
    boxes = np.concatenate([low, low + generator.integers(1, 6, low.shape)], axis=1)
    if generator.random() < 0.5:
        boxes = boxes + generator.uniform(-0.4, 0.4, boxes.shape)
    boxes = boxes * (1 / 13 if generator.random() < 0.5 else 20)
    return {"box": boxes[0], "others": boxes[1:]}


def _sides(box, others, clipped: bool = True):
    """Width and height of what a box shares with others."""
    sides = np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2])
    return np.maximum(sides, 0) if clipped else sides


def _areas(boxes):
    return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])


def _iou(box, others, clipped: bool = True):
    shared = _sides(box, others, clipped).prod(axis=1)
    return shared / (_areas(box) + _areas(others) - shared)


def _iou_without_subtracting(box, others):
    return _sides(box, others).prod(axis=1) / (_areas(box) + _areas(others))


def _iou_of_enclosing(box, others):
    shared = (np.maximum(box[2:], others[:, 2:]) - np.minimum(box[:2], others[:, :2])).prod(axis=1)
    return shared / (_areas(box) + _areas(others) - shared)


IOU = Exercise(
    key="01.iou",
    title="IoU of one box with many",
    level="core",
    minutes=10,
    lesson="Clipped sides, and the shared area counted once: those are the two things that go wrong most.",
    check=function_check(
        _iou,
        _iou_cases,
        mistakes=(
            Mistake(
                "The shared width or height of boxes that lie apart is negative, and two negatives even make a "
                "positive area. Clip both at 0 before you multiply.",
                lambda box, others: _iou(box, others, clipped=False),
            ),
            Mistake(
                "The shared part is counted twice when you add both areas. Subtract it once from their sum.",
                _iou_without_subtracting,
            ),
            Mistake(
                "You divide by the area of `box` alone. The union covers both boxes.",
                lambda box, others: _sides(box, others).prod(axis=1) / _areas(box),
            ),
            Mistake(
                "You divide by the area of each other box alone. The union covers both boxes.",
                lambda box, others: _sides(box, others).prod(axis=1) / _areas(others),
            ),
            Mistake(
                "Larger and smaller are mixed up: the shared left edge is the larger of the two left edges, the shared "
                "right edge the smaller of the two right edges.",
                _iou_of_enclosing,
            ),
            Mistake(
                "One number for all of them? Return one IoU for each of the other boxes, not their mean.",
                lambda box, others: np.mean(_iou(box, others)),
            ),
        ),
        hint="Shared area over the area that both cover together, one number for each of the other boxes.",
        drawn=_drawn_iou,
    ),
    hints=(
        "The shared rectangle: its left side is the larger of the two left sides, its right side the smaller of the "
        "two right sides, and so along y. np.maximum and np.minimum take one box and many at once.",
        "Boxes that lie apart share a width or a height below 0: make it 0 before you multiply.",
        "The union is both areas together, less what was counted twice.",
    ),
    solution=_IOU_SOLUTION,
)

# --- 01.clsloc --------------------------------------------------------------------------------------------------------


def _clsloc_cases() -> list[dict[str, Any]]:
    return [
        _answers([0, 0, 0, 0], [0, 0, 1, 1], [1.0, 0.0, 0.8, 0.333]),
        _answers([3, 1, 2, 2, 0], [3, 1, 2, 1, 0], [0.9, 0.7, 0.2, 0.4, 0.6]),
        _answers([4, 4, 2, 1], [4, 0, 2, 1], [0.5, 0.9, 0.49, 0.51]),
        _answers([1, 0], [0, 1], [0.9, 0.9]),
    ]


def _drawn_clsloc(generator: np.random.Generator) -> dict[str, Any]:
    """Right and wrong classes, with an IoU of anything, of exactly 0.5, or close to it on either side."""
    count = int(generator.integers(1, 13))
    true, predicted = generator.integers(0, 3, (2, count))
    near = generator.choice([0.0, 0.45, 0.499, 0.5, 0.501, 0.55, 1.0], count)
    return _answers(true, predicted, np.where(generator.random(count) < 0.5, near, generator.random(count).round(3)))


_CLSLOC_SOLUTION = """\
def clsloc_share(true_label, predicted_label, iou):
    return np.mean((true_label == predicted_label) & (iou >= 0.5))
"""


def _answers(true_label, predicted_label, iou) -> dict[str, Any]:
    return {"true_label": np.array(true_label), "predicted_label": np.array(predicted_label), "iou": np.array(iou)}


CLSLOC = Exercise(
    key="01.clsloc",
    title="Class and box both right",
    level="core",
    minutes=8,
    lesson="Both conditions hold for the same image: that cannot be computed from the two separate scores.",
    check=function_check(
        lambda true, predicted, iou: np.mean((true == predicted) & (iou >= 0.5)),
        _clsloc_cases,
        mistakes=(
            Mistake(
                "You multiply two averages. Ask of each image whether both are right, and average that.",
                lambda true, predicted, iou: np.mean(true == predicted) * np.mean(iou >= 0.5),
            ),
            Mistake(
                "A box at exactly 0.5 counts as found: at least 0.5.",
                lambda true, predicted, iou: np.mean((true == predicted) & (iou > 0.5)),
            ),
            Mistake(
                "You count images where the class *or* the box is right. Both have to be.",
                lambda true, predicted, iou: np.mean((true == predicted) | (iou >= 0.5)),
            ),
            Mistake(
                "That is the plain class accuracy: the boxes do not enter.",
                lambda true, predicted, iou: np.mean(true == predicted),
            ),
            Mistake(
                "That is the box accuracy: the classes do not enter.",
                lambda true, predicted, iou: np.mean(iou >= 0.5),
            ),
            Mistake(
                "You average the two accuracies. An image counts when both are right in it.",
                lambda true, predicted, iou: (np.mean(true == predicted) + np.mean(iou >= 0.5)) / 2,
            ),
            Mistake(
                "You average IoU values. Here an IoU only passes the bar of 0.5 or fails it.",
                lambda true, predicted, iou: np.mean((true == predicted) * iou),
            ),
            Mistake(
                "That is a count. Divide by the number of images.",
                lambda true, predicted, iou: np.sum((true == predicted) & (iou >= 0.5)),
            ),
        ),
        hint="The share of images, 0 to 1, in which the class is right and the IoU is at least 0.5.",
        drawn=_drawn_clsloc,
    ),
    hints=(
        "Ask each image two questions: is the class right, is the IoU at least 0.5? Two arrays of truth values.",
        "`&` of two such arrays is true where both are. The share of images is the average of that.",
    ),
    solution=_CLSLOC_SOLUTION,
)

# --- 01.fooled --------------------------------------------------------------------------------------------------------


def _fooled(answer: Any) -> str:
    """What is wrong with a pair of boxes that should fool the argmax "accuracy"."""
    raise_if_placeholder(answer)
    try:
        pair = np.asarray(answer, dtype="float64")
    except (TypeError, ValueError):
        return "  Two boxes of four numbers each are asked for."
    if not np.all(np.isfinite(pair)):
        return "  Two boxes of four numbers each are asked for; in these, a number is missing."
    if pair.shape != (2, 4):
        return f"  Two boxes of four numbers each are asked for; these have the shape {pair.shape}."
    if pair.min() < 0 or pair.max() > 1:
        return "  Stay inside the image: rel_xyxy runs from 0 to 1."
    if np.any(pair[:, 2:] <= pair[:, :2]):
        return "  One of them is inside out or empty: xmax has to be above xmin, ymax above ymin."
    shared = _sides(pair[0], pair[1:]).prod()
    if shared > 0:
        return f"  They overlap, IoU {_iou(pair[0], pair[1:])[0]:.3f}. Move one away until they share nothing."
    if pair[0].argmax() != pair[1].argmax():
        return "  The largest number stands in different places, so not even the argmax calls this right."
    return ""


FOOLED = Exercise(
    key="01.fooled",
    title="Fool the accuracy of a box",
    level="core",
    minutes=4,
    lesson="An IoU of 0 and an accuracy of 1: the number says nothing about boxes.",
    check=_fooled,
    hints=(
        "The argmax only asks which of the four numbers is the largest. In a real box it can be xmax or ymax.",
        "Make ymax the largest number in both: two high boxes. Where may the second one stand so that they share "
        "nothing?",
    ),
    solution="my_true_box = [0.1, 0.1, 0.2, 0.9]\nmy_predicted_box = [0.5, 0.1, 0.6, 0.9]\n",
)

# --- 01.majority ------------------------------------------------------------------------------------------------------


def _majority_cases() -> list[dict[str, Any]]:
    return [
        {"train_labels": np.array([0, 0, 1]), "test_labels": np.array([0, 1, 1, 1])},
        {"train_labels": np.array([5, 5, 2, 2, 2, 9]), "test_labels": np.array([9, 5, 5, 2, 2, 2, 2, 9, 9, 5])},
        {"train_labels": np.array([3, 3, 3, 4]), "test_labels": np.array([4, 4, 1])},
    ]


def _drawn_majority(generator: np.random.Generator) -> dict[str, Any]:
    """Labels with one most frequent class each, seldom the same one, nor the smallest or the largest label."""
    classes = generator.choice(20, generator.integers(2, 6), replace=False)
    # No two counts are equal: which of two classes is the most frequent one nobody could say.
    train, test = (np.repeat(classes, generator.permutation(len(classes) + 2)[: len(classes)]) for _ in range(2))
    return {"train_labels": generator.permutation(train), "test_labels": generator.permutation(test)}


_MAJORITY_SOLUTION = """\
def majority_accuracy(train_labels, test_labels):
    majority = np.bincount(train_labels).argmax()
    return np.mean(test_labels == majority)
"""


def _most_frequent(labels) -> int:
    return np.bincount(labels).argmax()


MAJORITY = Exercise(
    key="01.majority",
    title="The score of not looking",
    level="stretch",
    minutes=10,
    lesson="The class comes from the training images, the score from the test images: a baseline may not peek either.",
    check=function_check(
        lambda train, test: np.mean(test == _most_frequent(train)),
        _majority_cases,
        mistakes=(
            Mistake(
                "You take the most frequent class of the test images. A blind model has only seen the training images.",
                lambda train, test: np.mean(test == _most_frequent(test)),
            ),
            Mistake(
                "You score it on the training images. Its accuracy is asked for on the test images.",
                lambda train, test: np.mean(train == _most_frequent(train)),
            ),
            Mistake(
                "That is the class itself. How often is it right on the test images?",
                lambda train, test: _most_frequent(train),
            ),
            Mistake(
                "That is the number of hits. Divide by the number of test images.",
                lambda train, test: np.sum(test == _most_frequent(train)),
            ),
            Mistake(
                "Labels are names written as numbers: their mean is no class. Count how often each occurs.",
                lambda train, test: np.mean(test == np.round(np.mean(train))),
            ),
            Mistake(
                "The largest label is not the most frequent one. Count how often each occurs.",
                lambda train, test: np.mean(test == np.max(train)),
            ),
        ),
        hint="Find the most frequent training label; then the share of test labels that equal it.",
        drawn=_drawn_majority,
    ),
    hints=(
        "Count how often each label occurs among the training labels: np.bincount does that for whole numbers from 0.",
        "The label with the largest count is the answer to every test image. How many of the test labels equal it?",
    ),
    solution=_MAJORITY_SOLUTION,
)

EXERCISES = (OUTPUTS, CONVERT, IOU, CLSLOC, FOOLED, MAJORITY)

QUESTIONS = (
    Question(
        "Why does this course begin with images that hold exactly one object?",
        (
            Option(
                "Objects in a crowd are small, and small boxes are hard to learn.",
                "They are, but an image with one object may hold a small one.",
            ),
            Option(
                "The answer then has the same size for every image.",
                "Scores and four numbers: a layer of fixed size can produce that, and a list of any length it cannot.",
                right=True,
            ),
            Option("IoU is undefined for several objects.", "IoU compares two boxes, however many there are."),
        ),
    ),
    Question(
        "An image 400 pixels wide and 200 high is squeezed to 128 x 128. What happens to its box in rel_xyxy?",
        (
            Option("Nothing.", "Half-way across stays half-way across, along each axis for itself.", right=True),
            Option("Its x values are multiplied by 128 / 400.", "That is what happens to pixels."),
            Option("It has to be made square too.", "It is squeezed with the image, and its relative numbers stay."),
        ),
    ),
    Question(
        "Prediction A misses the true box by 3 pixels, B by 300; neither overlaps it. Which has the higher IoU?",
        (
            Option("A, it is closer.", "IoU only looks at what is shared, and both share nothing."),
            Option("Neither: both have 0.", "Without overlap IoU cannot tell near from far.", right=True),
            Option("That depends on the size of the image.", "IoU has no unit and does not know the image."),
        ),
    ),
    Question(
        "Class accuracy is 0.9, box accuracy at 0.5 is 0.8. What is cls-loc accuracy?",
        (
            Option("0.72", "Only if errors of both kinds fell on images independently of each other. They rarely do."),
            Option("0.85", "The mean of both is no measure of both being right in the same image."),
            Option(
                "Somewhere from 0.7 to 0.8",
                "At best all class errors fall on images whose box is wrong too, at worst none does.",
                right=True,
            ),
            Option("0.8", "At best. It is lower when an image with a right box has a wrong class."),
        ),
    ),
    Question(
        "The mean box scores a mean IoU of 0.37 on some test images, your model 0.40. What do you conclude?",
        (
            Option("It finds 40 % of the objects.", "A mean IoU is no share of objects."),
            Option(
                "It has hardly learned where things are.",
                "An answer that never looks is almost as good. The distance to the baseline is what counts.",
                right=True,
            ),
            Option("It is below 0.5, so all boxes are wrong.", "Single boxes may be good; 0.40 is their average."),
        ),
    ),
)
