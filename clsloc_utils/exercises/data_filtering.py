"""Exercises and questions of notebook 02: annotations, the filter, what it does to the data, boxes that move."""

from typing import Any

import numpy as np

from clsloc_utils.exercises.core import Exercise, Mistake, function_check
from clsloc_utils.exercises.pipeline_check import PIPELINE
from clsloc_utils.exercises.quizzes import Option, Question

# --- 02.filter --------------------------------------------------------------------------------------------------------

# Every image is unreadable: whoever decodes one is found out.
_NO_JPEG = b"\xff\xd8 never decode a rejected image"


def _example(*objects: tuple[int, bool], seed: int = 0) -> dict[str, Any]:
    """An example as `as_numpy_iterator` yields it, of objects given as `(label, is_difficult)`; the rest is drawn."""
    generator = np.random.default_rng(seed)
    labels = np.array([label for label, _ in objects], "int64")
    difficult = np.array([is_difficult for _, is_difficult in objects], bool)
    return {
        "objects": {
            "label": labels,
            "is_difficult": difficult,
            "is_truncated": generator.random(len(objects)) < 0.5,
            "pose": generator.integers(0, 5, len(objects)),
            "bbox": np.sort(generator.random((len(objects), 2, 2)), axis=1).reshape(-1, 4).astype("float32"),
        },
        "labels": np.unique(labels),
        "labels_no_difficult": np.unique(labels[~difficult]),
        "image": _NO_JPEG,
        "image/filename": b"000001.jpg",
    }


def _filter_cases() -> list[dict[str, Any]]:
    cat, hard_cat, dog, hard_dog = (7, False), (7, True), (11, False), (11, True)
    scenes = [(cat,), (cat, dog), (cat, cat), (hard_dog,), (dog, hard_cat), (hard_cat, hard_dog), (dog,), ()]
    return [{"example": _example(*scene)} for scene in scenes]


def _drawn_example(generator: np.random.Generator) -> dict[str, Any]:
    """None to four objects of few classes, so that many are twice there."""
    count = generator.choice(5, p=[0.1, 0.4, 0.25, 0.15, 0.1])
    objects = zip(generator.integers(0, 3, count).tolist(), (generator.random(count) < 0.4).tolist(), strict=True)
    return {"example": _example(*objects, seed=int(generator.integers(1_000_000)))}


_FILTER_SOLUTION = """\
def keep_exclude(example):
    is_difficult = example["objects"]["is_difficult"]
    return len(is_difficult) == 1 and not is_difficult[0]
"""


def _exclude(example):
    difficult = example["objects"]["is_difficult"]
    return len(difficult) == 1 and not difficult[0]


def _decodes(example):
    import io

    from PIL import Image

    return Image.open(io.BytesIO(example["image"]))


def _decodes_with_tensorflow(example):
    import tensorflow as tf

    return tf.io.decode_jpeg(example["image"])


_DECODED = (
    "The image is decoded, and this one cannot be. Whether an image is kept follows from the annotations alone: leave "
    "`image` untouched."
)

FILTER = Exercise(
    key="02.filter",
    title="The filter called exclude",
    level="warm-up",
    minutes=5,
    lesson="It needed the annotations only: nothing of a rejected image was ever decoded.",
    check=function_check(
        _exclude,
        _filter_cases,
        mistakes=(
            Mistake(
                "You count `labels`, the classes in the image. Two cats are one class and two objects: count the "
                "objects.",
                lambda example: len(example["labels"]) == 1 and not example["objects"]["is_difficult"].any(),
            ),
            Mistake(
                "You count classes, and difficult objects pass. Two cats are one class and two objects.",
                lambda example: len(example["labels"]) == 1,
            ),
            Mistake(
                "`labels_no_difficult` lists classes, each once, and leaves difficult objects out. Count objects of "
                "any kind.",
                lambda example: len(example["labels_no_difficult"]) == 1,
            ),
            Mistake(
                "That is `count`: one object of any kind. Here the one object must not be difficult.",
                lambda example: len(example["objects"]["bbox"]) == 1,
            ),
            Mistake(
                "That is `ignore`: one object that is not difficult beside any number of difficult ones. `exclude` "
                "wants exactly one object in all.",
                lambda example: np.sum(~example["objects"]["is_difficult"]) == 1,
            ),
            Mistake(
                "No object is difficult, but how many are there? An image with two objects has no place here.",
                lambda example: not example["objects"]["is_difficult"].any(),
            ),
            Mistake(
                "An image without any object passes. Exactly one is asked for.",
                lambda example: len(example["objects"]["bbox"]) <= 1 and not example["objects"]["is_difficult"].any(),
            ),
            Mistake(
                "This keeps what it should throw away, and the other way round.",
                lambda example: not _exclude(example),
            ),
            Mistake(_DECODED, _decodes),
            Mistake(_DECODED, _decodes_with_tensorflow),
        ),
        hint="True for exactly one object that is not difficult, False for everything else.",
        drawn=_drawn_example,
    ),
    hints=(
        'example["objects"]["is_difficult"] has one entry for each object, whatever its class.',
        "Two conditions: its length is 1, and its only entry is false. Ask for the length first: an image may have no "
        "object at all.",
    ),
    solution=_FILTER_SOLUTION,
)

# --- 02.bias ----------------------------------------------------------------------------------------------------------


def _bias_cases() -> list[dict[str, Any]]:
    return [
        _labels([0] * 12 + [1] * 6 + [2] * 2, [0] * 4 + [1] * 3 + [2] * 2),
        _labels([0] * 12 + [1] * 9 + [2], [0] * 4 + [1] * 6 + [2]),
        _labels([1, 1, 1, 0, 0, 2, 2, 2, 2, 2], [0, 1, 1]),
    ]


def _drawn_labels(generator: np.random.Generator) -> dict[str, Any]:
    """Labels of all objects, and some of them; classes may be lost, or never have been there."""
    while True:
        num_classes = int(generator.integers(2, 7))
        shares = generator.dirichlet(np.ones(num_classes))
        all_labels = generator.choice(num_classes, generator.integers(8, 60), p=shares)
        single_labels = all_labels[generator.random(len(all_labels)) < generator.random(num_classes)[all_labels]]
        if len(single_labels):
            *_, second, first = np.sort(_gains(all_labels, single_labels, num_classes))
            if first - second > 1e-3:  # Which of two equal gains is the largest nobody could say.
                return {**_labels(all_labels, single_labels), "num_classes": num_classes}


_BIAS_SOLUTION = """\
def favoured_class(all_labels, single_labels, num_classes):
    before = np.bincount(all_labels, minlength=num_classes) / len(all_labels)
    after = np.bincount(single_labels, minlength=num_classes) / len(single_labels)
    return np.argmax(after - before)
"""


def _labels(all_labels, single_labels) -> dict[str, Any]:
    return {"all_labels": np.array(all_labels), "single_labels": np.array(single_labels), "num_classes": 3}


def _shares(labels, num_classes):
    return np.bincount(labels, minlength=num_classes) / len(labels)


def _gains(all_labels, single_labels, num_classes):
    return _shares(single_labels, num_classes) - _shares(all_labels, num_classes)


BIAS = Exercise(
    key="02.bias",
    title="Whom the filter favours",
    level="core",
    minutes=10,
    lesson="Counts fall for every class. What tells of a bias is the share, before and after.",
    check=function_check(
        lambda *arguments: np.argmax(_gains(*arguments)),
        _bias_cases,
        mistakes=(
            Mistake(
                "That is the most frequent class after the filter. Whose share has *grown* most?",
                lambda all_labels, single_labels, num_classes: np.argmax(_shares(single_labels, num_classes)),
            ),
            Mistake(
                "You compare counts, and the filter makes all of them smaller. Divide each by its total first.",
                lambda all_labels, single_labels, num_classes: np.argmax(
                    np.bincount(single_labels, minlength=num_classes) - np.bincount(all_labels, minlength=num_classes)
                ),
            ),
            Mistake(
                "That is the class that loses most.",
                lambda *arguments: np.argmin(_gains(*arguments)),
            ),
            Mistake(
                "You divide the shares by each other: a rare class doubles easily. Take their difference.",
                lambda all_labels, single_labels, num_classes: np.argmax(
                    _shares(single_labels, num_classes) / np.maximum(_shares(all_labels, num_classes), 1e-9)
                ),
            ),
            Mistake(
                "Those are the differences of all classes. Return the index of the class with the largest one.",
                _gains,
            ),
        ),
        hint="Share of each class after the filter minus its share before; then the index of the largest difference.",
        drawn=_drawn_labels,
    ),
    hints=(
        "Count the labels of each class, before and after. np.bincount with minlength=num_classes keeps a place for a "
        "class that is not there any more.",
        "A share is a count divided by the number of labels that it was counted in. Which class has gained most?",
    ),
    solution=_BIAS_SOLUTION,
)

# --- 02.flip ----------------------------------------------------------------------------------------------------------


def _flip_cases() -> list[dict[str, Any]]:
    image = np.repeat(np.arange(4.0).reshape(2, 2, 1), 3, axis=2)
    wide = np.concatenate([image, image + 4], axis=1)
    return [
        {"image": image, "boxes": np.array([[0.1, 0.2, 0.4, 0.9]])},
        {"image": wide, "boxes": np.array([[0.0, 0.0, 1.0, 1.0], [0.5, 0.1, 0.7, 0.3]])},
    ]


def _random_boxes(generator: np.random.Generator, count: int) -> np.ndarray:
    """Boxes of any size anywhere, half of their sides on eighths, so that some share a side or touch the border."""
    sides = generator.random((count, 2, 2))
    while np.any(sides[:, 0] == sides[:, 1]):
        sides = np.where(generator.random(sides.shape) < 0.5, generator.integers(0, 9, sides.shape) / 8, sides)
    return np.sort(sides, axis=1).reshape(-1, 4)


def _drawn_flip(generator: np.random.Generator) -> dict[str, Any]:
    """A picture that is wide or high, its pixels whole numbers or not."""
    image = generator.integers(0, 256, (*generator.integers(1, 6, 2), 3)).astype("uint8")
    boxes = _random_boxes(generator, int(generator.integers(1, 4)))
    return {"image": image if generator.random() < 0.5 else image.astype("float32"), "boxes": boxes}


_FLIP_SOLUTION = """\
def mirror(image, boxes):
    flipped = boxes.copy()
    flipped[:, 0] = 1 - boxes[:, 2]
    flipped[:, 2] = 1 - boxes[:, 0]
    return image[:, ::-1], flipped
"""


def _flip(image, boxes):
    return image[:, ::-1], np.stack([1 - boxes[:, 2], boxes[:, 1], 1 - boxes[:, 0], boxes[:, 3]], axis=1)


def _flip_without_swap(boxes):
    return np.stack([1 - boxes[:, 0], boxes[:, 1], 1 - boxes[:, 2], boxes[:, 3]], axis=1)


def _flip_in_place(boxes):
    boxes[:, 0] = 1 - boxes[:, 2]
    boxes[:, 2] = 1 - boxes[:, 0]
    return boxes


def _flip_both_axes(boxes):
    return np.stack([1 - boxes[:, 2], 1 - boxes[:, 3], 1 - boxes[:, 0], 1 - boxes[:, 1]], axis=1)


_UPSIDE_DOWN = "The first axis of an image runs down, the second to the right: this turns the picture upside down."
_NO_SWAP = (
    "The boxes are inside out, xmin above xmax: what was the left side is the right one in the mirror. The new xmin is "
    "1 - xmax."
)

FLIP = Exercise(
    key="02.flip",
    title="Two bugs in a mirror",
    level="core",
    minutes=8,
    lesson="Mirror it twice and you are back: a good test for any flip.",
    check=function_check(
        _flip,
        _flip_cases,
        mistakes=(
            Mistake(
                f"{_UPSIDE_DOWN} And {_NO_SWAP[0].lower()}{_NO_SWAP[1:]}",
                lambda image, boxes: (image[::-1], _flip_without_swap(boxes)),
            ),
            Mistake(_NO_SWAP, lambda image, boxes: (image[:, ::-1], _flip_without_swap(boxes))),
            Mistake(_UPSIDE_DOWN, lambda image, boxes: (image[::-1], _flip(image, boxes)[1])),
            Mistake(
                "The image is mirrored and the boxes stayed behind.",
                lambda image, boxes: (image[:, ::-1], boxes),
            ),
            Mistake(
                "The boxes are mirrored and the image is not.",
                lambda image, boxes: (image, _flip(image, boxes)[1]),
            ),
            Mistake(
                "xmin is overwritten before xmax is computed from it. Keep the old values, in a copy for example.",
                lambda image, boxes: (image[:, ::-1], _flip_in_place(boxes)),
            ),
            Mistake(
                "A mirror beside you swaps left and right, not top and bottom: ymin and ymax stay.",
                lambda image, boxes: (image[:, ::-1], _flip_both_axes(boxes)),
            ),
            Mistake(
                "Swapping xmin and xmax alone moves no box: a distance from the left becomes one from the right.",
                lambda image, boxes: (image[:, ::-1], boxes[:, [2, 1, 0, 3]]),
            ),
            Mistake(
                "Return both, the image and the boxes.",
                lambda image, boxes: _flip(image, boxes)[1],
            ),
        ),
        hint="Reverse the second axis of the image; new xmin = 1 - xmax, new xmax = 1 - xmin, y as before.",
        drawn=_drawn_flip,
    ),
    hints=(
        "What image[::-1] reverses are the rows. Which axis of the array runs from left to right?",
        "Draw a box near the left border and its mirror image: what was its right side is now its left one.",
        "So the new xmin is 1 less the old xmax. Read the old values, not those that you have just written.",
    ),
    solution=_FLIP_SOLUTION,
)

# --- 02.crop ----------------------------------------------------------------------------------------------------------


def _crop_cases() -> list[dict[str, Any]]:
    return [
        {"boxes": np.array([[0.5, 0.4, 0.75, 0.6]]), "window": np.array([0.5, 0.2, 1.0, 1.0])},
        {"boxes": np.array([[0.3, 0.3, 0.5, 0.4], [0.2, 0.1, 0.6, 0.5]]), "window": np.array([0.2, 0.1, 0.6, 0.9])},
        {"boxes": np.array([[0.0, 0.1, 0.7, 0.9]]), "window": np.array([0.25, 0.5, 0.5, 1.0])},
        {"boxes": np.array([[0.1, 0.2, 0.3, 0.4]]), "window": np.array([0.0, 0.0, 1.0, 1.0])},
    ]


def _drawn_crop(generator: np.random.Generator) -> dict[str, Any]:
    """Windows anywhere; boxes within, across each of its sides, around it, outside, and touching it."""
    while True:
        (window,) = _random_boxes(generator, 1)
        if np.all(window[2:] - window[:2] >= 0.1):
            return {"boxes": _random_boxes(generator, int(generator.integers(1, 5))), "window": window}


_CROP_SOLUTION = """\
def crop_boxes(boxes, window):
    origin = np.tile(window[:2], 2)
    size = np.tile(window[2:] - window[:2], 2)
    return np.clip((boxes - origin) / size, 0, 1)
"""


def _crop_unclipped(boxes, window):
    origin, size = np.tile(window[:2], 2), np.tile(window[2:] - window[:2], 2)
    return (boxes - origin) / size


def _crop(boxes, window):
    return np.clip(_crop_unclipped(boxes, window), 0, 1)


CROP = Exercise(
    key="02.crop",
    title="Boxes of a crop",
    level="core",
    minutes=15,
    lesson="Shift, scale, clip: every crop, zoom and translation of a box is made of these three.",
    check=function_check(
        _crop,
        _crop_cases,
        mistakes=(
            Mistake(
                "A box that reaches beyond the crop ends at its border: clip to 0..1.",
                _crop_unclipped,
            ),
            Mistake(
                "The origin has moved, but the numbers are still relative to the old image: divide by the width and "
                "height of the window.",
                lambda boxes, window: np.clip(boxes - np.tile(window[:2], 2), 0, 1),
            ),
            Mistake(
                "Scaled, but not shifted: the left edge of the window is the new 0.",
                lambda boxes, window: np.clip(boxes / np.tile(window[2:] - window[:2], 2), 0, 1),
            ),
            Mistake(
                "You divide by the right and the bottom edge of the window. Its width is right minus left.",
                lambda boxes, window: np.clip((boxes - np.tile(window[:2], 2)) / np.tile(window[2:], 2), 0, 1),
            ),
            Mistake(
                "The parts inside the window are right, in the units of the old image. Shift and scale them too.",
                lambda boxes, window: np.clip(boxes, np.tile(window[:2], 2), np.tile(window[2:], 2)),
            ),
            Mistake(
                "Width and height of the window are mixed up.",
                lambda boxes, window: np.clip(
                    (boxes - np.tile(window[:2], 2)) / np.tile((window[2:] - window[:2])[::-1], 2), 0, 1
                ),
            ),
        ),
        hint="Subtract the window's left and top edge, divide by its width and height, clip to 0..1.",
        drawn=_drawn_crop,
    ),
    hints=(
        "The corner of the window is the new origin. What has to be taken off each x, and off each y?",
        "The window is as wide as the new image, and that is 1. By what do you divide what is along x?",
        "What is now below 0 or above 1 lies outside of the crop.",
    ),
    solution=_CROP_SOLUTION,
)

EXERCISES = (FILTER, BIAS, FLIP, CROP, PIPELINE)

QUESTIONS = (
    Question(
        "Why does the filter come before the decoding?",
        (
            Option(
                "A rejected image then costs almost nothing.",
                "Annotations are a few bytes; decoding and resizing are nearly all of the work.",
                right=True,
            ),
            Option("A decoded image has lost its annotations.", "They travel together through the whole pipeline."),
            Option(
                "After decoding, images differ in size, and no filter takes that.",
                "They differ, and .map brings them to one size; a filter works before and after that.",
            ),
        ),
    ),
    Question(
        "On VOC the median object of the kept photos has six times the area of the median of all. What follows?",
        (
            Option(
                "Nothing: boxes are relative to the image.",
                "Relative boxes are larger too. A model learns what it sees.",
            ),
            Option(
                "The model has hardly seen small objects.",
                "A filter that looks harmless changes what is learned. Say so beside the results.",
                right=True,
            ),
            Option(
                "The model's boxes come out six times too large.", "It learns each box as it is; none was enlarged."
            ),
        ),
    ),
    Question(
        "The annotation of a bus says is_truncated. What does that mean?",
        (
            Option(
                "Its box was cut so that it fits into 0..1.",
                "Every box lies inside the image; that is not what it says.",
            ),
            Option("It is hard to recognise.", "That is the mark is_difficult. Half a bus can be easy to recognise."),
            Option(
                "The box does not hold all of the bus.",
                "It may go on beyond the border of the image, or beyond what was annotated.",
                right=True,
            ),
        ),
    ),
    Question(
        "An image is mirrored left to right. Which numbers of its box change?",
        (
            Option("xmin and xmax", "And they trade places: the new xmin is 1 - xmax.", right=True),
            Option("All four", "What was high stays high: ymin and ymax do not change."),
            Option("None, the object is the same", "The same object, at another place: the box has to follow."),
        ),
    ),
    Question(
        "Your data grows from a thousand images to a million. How much more memory does the pipeline need?",
        (
            Option("A thousand times as much", "That would be the list of all decoded images, the naive way."),
            Option(
                "About as much as before",
                "It holds the batches it is working on and forgets the rest.",
                right=True,
            ),
            Option("None, it works on disk", "A batch has to be in memory while the model reads it."),
        ),
    ),
)
