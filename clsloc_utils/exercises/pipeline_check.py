"""Exercise 02.pipeline: a pipeline of the learner's own runs on pictures whose objects are known to the pixel.

Each picture is blue, its object a red rectangle. Where the red is in what comes out says whether the proportions were
kept and whether the box is still on its object, however the pipeline was written. TensorFlow is imported where it is
needed: other exercises do without it.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from clsloc_utils.exercises.core import (
    Exercise,
    Failure,
    outcome_of,
    raise_if_not_tried,
    raise_if_placeholder,
    shown,
)

_BLUE, _RED = (40, 40, 200), (230, 30, 30)
_CLOSE = 0.85  # IoU; at 96 pixels, blurred edges cost about 0.05
_UNREADABLE = b"\xff\xd8 never decode a rejected image"


class Scene(NamedTuple):
    """A picture: its size in pixels, the class of its objects, and their pixels, `(xmin, ymin, xmax, ymax)` each."""

    width: int
    height: int
    label: int
    boxes: tuple[tuple[int, int, int, int], ...]


SCENES = (
    Scene(160, 80, 3, ((48, 16, 96, 40),)),
    Scene(80, 128, 5, ((8, 8, 40, 40), (48, 80, 72, 120))),
    Scene(80, 160, 11, ((40, 96, 72, 152),)),
    Scene(120, 90, 0, ((66, 9, 111, 81),)),
    Scene(96, 96, 7, ((16, 32, 48, 80),)),
    Scene(160, 80, 9, ((8, 8, 40, 40), (48, 8, 72, 40), (80, 40, 120, 72))),
    Scene(90, 120, 19, ((9, 24, 63, 60),)),
    Scene(100, 60, 4, ()),
    Scene(128, 64, 2, ((64, 8, 120, 56),)),
)
KEPT = tuple(scene for scene in SCENES if len(scene.boxes) == 1)


class Source:
    """Examples in the form of `datasets.load`, and how many of them have been read."""

    def __init__(self, rejected_are_readable: bool):
        self.readable = rejected_are_readable
        self.read = 0

    def dataset(self) -> Any:
        """The examples of `SCENES`, as a `tf.data.Dataset`."""
        import tensorflow as tf

        objects = {
            "bbox": tf.TensorSpec((None, 4), tf.float32),
            "label": tf.TensorSpec((None,), tf.int64),
            "pose": tf.TensorSpec((None,), tf.int64),
            "is_truncated": tf.TensorSpec((None,), tf.bool),
            "is_difficult": tf.TensorSpec((None,), tf.bool),
        }
        signature = {
            "image": tf.TensorSpec((), tf.string),
            "image/filename": tf.TensorSpec((), tf.string),
            "labels": tf.TensorSpec((None,), tf.int64),
            "labels_no_difficult": tf.TensorSpec((None,), tf.int64),
            "objects": objects,
        }
        return tf.data.Dataset.from_generator(self._examples, output_signature=signature)

    def _examples(self) -> Iterator[dict[str, Any]]:
        for number, scene in enumerate(SCENES):
            self.read += 1
            count = len(scene.boxes)
            if self.readable and not count:
                continue  # Its picture could be decoded, and then it has no first object.
            labels = np.full(count, scene.label, "int64")
            relative = np.array(scene.boxes, "float32").reshape(-1, 4) / np.tile([scene.width, scene.height], 2)
            yield {
                "image": _jpeg(scene) if self.readable or count == 1 else _UNREADABLE,
                "image/filename": f"{number:06d}.jpg",
                "labels": labels[:1],
                "labels_no_difficult": labels[:1],
                "objects": {
                    "bbox": relative[:, [1, 0, 3, 2]].astype("float32"),
                    "label": labels,
                    "pose": np.zeros(count, "int64"),
                    "is_truncated": np.zeros(count, bool),
                    "is_difficult": np.zeros(count, bool),
                },
            }


def _jpeg(scene: Scene) -> bytes:
    import tensorflow as tf

    image = np.full((scene.height, scene.width, 3), _BLUE, "uint8")
    for xmin, ymin, xmax, ymax in scene.boxes:
        image[ymin:ymax, xmin:xmax] = _RED
    return tf.io.encode_jpeg(image, quality=100, chroma_downsampling=False).numpy()


def check_pipeline(answer: Any) -> str:
    """What is wrong with a function that makes a pipeline; an empty string for nothing.

    Args:
        answer: Takes examples, the side of the square images, and the number of images in a batch.

    Returns:
        Lines for the learner.

    Raises:
        NotTriedError: It is still a placeholder.
    """
    raise_if_placeholder(answer)
    if not callable(answer):
        return f"  Hand over the function itself, without parentheses after its name; this is {shown(answer)}."
    for image_size, batch_size in ((96, 4), (120, 5)):
        complaint = _complaint(answer, image_size, batch_size)
        if complaint:
            return f"  for:   image_size = {image_size}, batch_size = {batch_size}\n{complaint}"
    return ""


def _complaint(answer: Callable, image_size: int, batch_size: int) -> str:
    import tensorflow as tf

    source = Source(rejected_are_readable=False)
    made = outcome_of(answer, {"examples": source.dataset(), "image_size": image_size, "batch_size": batch_size})
    raise_if_not_tried(made)
    if isinstance(made, Failure):
        return f"  {made}{_decoding_advice(answer, image_size, batch_size)}"
    if not isinstance(made, tf.data.Dataset):
        return f"  Return the pipeline itself, a tf.data.Dataset; this is {type(made).__name__}."
    if source.read >= len(SCENES):
        return "  Every example is read before anyone asks for a batch. A pipeline reads while it is iterated over."
    batches = outcome_of(lambda pipeline: list(pipeline.as_numpy_iterator()), {"pipeline": made})
    if isinstance(batches, Failure):
        advice = _decoding_advice(answer, image_size, batch_size)
        return advice.lstrip("\n") or f"  While the batches were made, {batches}"
    return _form(batches, image_size, batch_size) or _content(batches, image_size)


def _decoding_advice(answer: Callable, image_size: int, batch_size: int) -> str:
    """What to tell whose pipeline works only where every image can be decoded."""

    def run() -> int:
        examples = Source(rejected_are_readable=True).dataset()
        return sum(1 for _ in answer(examples, image_size, batch_size))

    if isinstance(outcome_of(run, {}), Failure):
        return ""
    return (
        "\n  An image that does not hold exactly one object was decoded, and these cannot be. Filter first: what is "
        "kept follows from the annotations alone."
    )


def _form(batches: list, image_size: int, batch_size: int) -> str:
    """What is wrong with structure, shapes and types."""
    if not batches:
        return f"  No image comes out, and {len(KEPT)} of the {len(SCENES)} hold one object: keep these."
    for batch in batches:
        if not (isinstance(batch, tuple) and len(batch) == 2 and isinstance(batch[1], dict)):
            return "  Each element is a pair: the images, and a dict with the targets `label` and `box`."
        if set(batch[1]) != {"label", "box"}:
            return f"  The targets have the keys {sorted(batch[1])}; `label` and `box` are asked for."
    rows = [len(np.atleast_1d(images)) for images, _ in batches]
    expected = [batch_size] * (len(KEPT) // batch_size) + [len(KEPT) % batch_size or batch_size]
    if np.ndim(batches[0][0]) == 3:
        return "  These are single images. Put them together with .batch."
    if sum(rows) == len(SCENES):
        return f"  {sum(rows)} images come out, and {len(SCENES) - len(KEPT)} of them do not hold one object: filter."
    if rows != expected[: len(rows)] or sum(rows) > len(KEPT):
        return f"  yours: batches of {rows} images\n  right: {expected}"
    if rows != expected:
        return f"  yours: batches of {rows} images\n  right: {expected}\n  The last batch, which is smaller, is lost."
    for images, targets in batches:
        count = len(images)
        shapes = {"images": images.shape, **{name: value.shape for name, value in targets.items()}}
        wanted = {"images": (count, image_size, image_size, 3), "label": (count,), "box": (count, 4)}
        for name, shape in wanted.items():
            if shapes[name] != shape:
                return f"  {name} has the shape {shapes[name]}; it should be {shape}."
        if images.dtype != np.float32 or targets["box"].dtype != np.float32:
            return f"  Images are {images.dtype}, boxes {targets['box'].dtype}; both should be float32."
        if not np.issubdtype(targets["label"].dtype, np.integer):
            return f"  Labels are {targets['label'].dtype}; a label is a whole number."
        if images.max() <= 2:
            return "  The pixels go from 0 to 1. The scaling is the backbone's business; leave them at 0 to 255."
    return ""


def _content(batches: list, image_size: int) -> str:
    """What is wrong with labels, proportions and boxes."""
    images = np.concatenate([images for images, _ in batches])
    labels = np.concatenate([targets["label"] for _, targets in batches])
    boxes = np.concatenate([targets["box"] for _, targets in batches])
    wanted = [scene.label for scene in KEPT]
    if labels.tolist() != wanted:
        order = " They are the right ones in another order: do not shuffle." if sorted(labels) == sorted(wanted) else ""
        return f"  yours: labels {labels.tolist()}\n  right: {wanted}{order}"
    for image, box, scene in zip(images, boxes, KEPT, strict=True):
        seen = _where_red(image)
        problem = _proportions(seen, scene, image_size) or _place(box, seen, scene, image_size)
        if problem:
            return f"  for a picture {scene.width} pixels wide and {scene.height} high:\n{problem}"
    return ""


def _where_red(image: np.ndarray) -> np.ndarray | None:
    """Box of the red pixels, `rel_xyxy`; `None` where there is none."""
    red = image[..., 0] - image[..., 1:].max(axis=-1) > 100
    if not red.any():
        return None
    rows, columns = np.flatnonzero(red.any(axis=1)), np.flatnonzero(red.any(axis=0))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]) / len(image)


def _proportions(seen: np.ndarray | None, scene: Scene, image_size: int) -> str:
    """Whether the object is as large as it is when the longer side of the picture fills the square."""
    if seen is None:
        return "  Its object is not in the image that comes out."
    xmin, ymin, xmax, ymax = scene.boxes[0]
    sides = (seen[2:] - seen[:2]) * image_size
    original = np.array([xmax - xmin, ymax - ymin])
    longer, shorter = max(scene.width, scene.height), min(scene.width, scene.height)
    right = original * image_size / longer
    if np.all(np.abs(sides - right) <= 3):
        return ""
    squeezed = original * image_size / np.array([scene.width, scene.height])
    advice = "The longer side of the picture fills the square, the shorter one keeps its proportion to it."
    if np.all(np.abs(sides - squeezed) <= 3):
        advice = "It was squeezed into the square. Pad it instead, so that it keeps its proportions."
    elif np.all(np.abs(sides - original * image_size / shorter) <= 3):
        advice = "Its shorter side fills the square, so that parts of it are cut off. Pad it, do not crop it."
    return (
        f"  yours: its object is {sides[0]:.0f} x {sides[1]:.0f} pixels\n"
        f"  right: {right[0]:.0f} x {right[1]:.0f}\n  {advice}"
    )


def _place(box: np.ndarray, seen: np.ndarray, scene: Scene, image_size: int) -> str:
    """Whether the box is where the red is."""
    if _iou(box, seen) >= _CLOSE:
        return ""
    stored = np.array(scene.boxes[0]) / np.tile([scene.width, scene.height], 2)
    if _iou(box[[1, 0, 3, 2]], seen) >= _CLOSE:
        advice = "That is y first. `[xmin, ymin, xmax, ymax]` is asked for."
    elif _iou(box / image_size, seen) >= _CLOSE:
        advice = "That is in pixels. Divide by the side of the square."
    elif np.allclose(box, stored, atol=0.01):
        advice = "That is the box in the stored picture. The padding has moved the object: take the box along."
    elif np.allclose(box, stored[[1, 0, 3, 2]], atol=0.01):
        advice = (
            "That is the box in the stored picture, y first. x comes first here, and the padding has moved the object."
        )
    else:
        advice = "Shift the box, in pixels of the stored picture, by the padding; then divide by the longer side."
    return f"  yours: box {shown(box)}\n  right: {shown(seen.round(2))}, where its object is seen\n  {advice}"


def _iou(first: np.ndarray, second: np.ndarray) -> float:
    sides = np.minimum(first[2:], second[2:]) - np.maximum(first[:2], second[:2])
    shared = np.maximum(sides, 0).prod()
    return float(shared / ((first[2:] - first[:2]).prod() + (second[2:] - second[:2]).prod() - shared + 1e-9))


HINTS = (
    "Four steps, each a method of the Dataset: .filter with has_one_object, .map with a function of yours, .batch, "
    ".prefetch.",
    "In the function: decode, then tf.image.resize_with_pad(image, image_size, image_size). It keeps the proportions "
    "and puts black bars left and right, or above and below.",
    "tf.shape(image) of the decoded image says height and width. With longer = tf.maximum(height, width) the bar on "
    "the left is (longer - width) / 2 pixels of the stored picture wide, the bar above (longer - height) / 2 high.",
    "xmin times width is a place in pixels of the stored picture. Add the bar on the left and divide by longer: that "
    "is the new xmin. The same with xmax; with ymin and ymax take the height and the bar above.",
)

SOLUTION = '''\
def padded_pipeline(examples, image_size, batch_size):
    """Batches of images with one object, padded to a square, and their targets."""

    def has_one_object(example):
        return tf.size(example["objects"]["label"]) == 1

    def parse_padded(example):
        image = tf.io.decode_jpeg(example["image"], channels=3)
        height, width = tf.unstack(tf.cast(tf.shape(image)[:2], tf.float32))
        longer = tf.maximum(height, width)
        left, above = (longer - width) / 2, (longer - height) / 2
        ymin, xmin, ymax, xmax = tf.unstack(example["objects"]["bbox"][0])
        xmin, xmax = xmin * width + left, xmax * width + left
        ymin, ymax = ymin * height + above, ymax * height + above
        box = tf.stack([xmin, ymin, xmax, ymax]) / longer
        image = tf.image.resize_with_pad(image, image_size, image_size)
        return image, {"label": tf.cast(example["objects"]["label"][0], tf.int32), "box": box}

    kept = examples.filter(has_one_object)
    return kept.map(parse_padded, num_parallel_calls=tf.data.AUTOTUNE).batch(batch_size).prefetch(tf.data.AUTOTUNE)
'''

PIPELINE = Exercise(
    key="02.pipeline",
    title="A pipeline that does not squeeze",
    level="stretch",
    minutes=20,
    lesson="Filter, decode, pad, move the box, batch: it streams, and it fits any source of the course.",
    check=check_pipeline,
    hints=HINTS,
    solution=SOLUTION,
)
