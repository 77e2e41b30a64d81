"""One example on its way through the pipeline, step by step."""

import dataclasses
import html
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from matplotlib.figure import Figure

from clsloc_utils import boxes, pipelines, plotting
from clsloc_utils.widgets.live import Touchable, shrunk_to_fit, stepper


@dataclasses.dataclass(frozen=True)
class Step:
    """One step of a walk.

    Attributes:
        title: What happens, in a few words.
        text: What is there afterwards, in lines of fixed width.
        figure: The same as a picture, where there is one to see.
        alt: What the figure shows.
    """

    title: str
    text: str
    figure: Figure | None = None
    alt: str = ""


def walk_through(steps: Sequence[Step], *, still: bool | None = None) -> Touchable:
    """Steps to go through one at a time, forward and back. Where nothing can move, they stand below each other.

    Args:
        steps: In their order.
        still: Whether to do without the widget; `None` asks `can_show_widgets`.

    Returns:
        What a notebook shows as a widget, or as a still page.

    Raises:
        ValueError: There is no step.
    """
    if not steps:
        raise ValueError("walk_through: there is no step; give at least one.")
    pages = [_page(number, step) for number, step in enumerate(steps, 1)]
    text = "\n\n".join(f"{number}. {step.title}\n{step.text}" for number, step in enumerate(steps, 1))
    return Touchable(lambda: _widget(steps, pages), "ipywidgets", "".join(pages), text, still)


def _page(number: int, step: Step) -> str:
    picture = "" if step.figure is None else plotting.image_element(step.figure, step.alt)
    title = f"<p><strong>{number}. {html.escape(step.title)}</strong></p>"
    return f"<div>{title}<pre>{html.escape(step.text)}</pre>{picture}</div>"


def _widget(steps: Sequence[Step], pages: Sequence[str]) -> Any:
    import ipywidgets

    options = [(f"{number} of {len(steps)}", page) for number, page in enumerate(pages, 1)]
    controls, slider = stepper(options, pages[0], "step")
    shown = ipywidgets.HTML()
    ipywidgets.dlink(
        (slider, "value"), (shown, "value"), lambda page: shrunk_to_fit(f'<div role="status">{page}</div>')
    )
    return ipywidgets.VBox([controls, shown])


# --- The pipeline of boxes --------------------------------------------------------------------------------------------


def pipeline_steps(
    examples: tf.data.Dataset, class_names: Sequence[str], *, image_size: int, batch_size: int = 8, seed: int = 0
) -> list[Step]:
    """The way of the first single-object example of a data set, from its annotation to its place in a batch.

    Every step is made by `clsloc_utils.pipelines`, as for a training.

    Args:
        examples: Examples as `clsloc_utils.datasets.load` yields them.
        class_names: Names of the classes.
        image_size: Side of the square images, in pixels.
        batch_size: Number of images in the batch.
        seed: Of the augmentation.

    Returns:
        Six steps: annotation, filter, decoded, resized, augmented, batched.

    Raises:
        ValueError: No example has exactly one object.
    """
    kept = pipelines.single_object(examples)
    example = next(iter(kept.take(1)), None)
    if example is None:
        raise ValueError("pipeline_steps: no example has exactly one object; take another split.")
    image, targets = pipelines.parse(image_size)(example)
    images, batch = next(
        iter(pipelines.to_batches(kept, image_size=image_size, batch_size=batch_size, augmented=True, seed=seed))
    )
    original = tf.io.decode_jpeg(example["image"], channels=3)
    original_boxes = boxes.convert(example["objects"]["bbox"], "rel_yxyx", "rel_xyxy")
    box, moved_box = targets["box"], batch["box"][0]
    names = [class_names[label] for label in batch["label"].numpy()]
    return [
        Step("The annotation, as the data set hands it out", _annotation(example, class_names)),
        Step("The filter counts the boxes", _said_by_filter(examples, example)),
        Step(
            "Decoded",
            _tensor("image", original),
            _pictures([original], original_boxes),
            "The image in its own shape, with its box",
        ),
        Step(
            "Resized to a square, the box rewritten",
            f"{_tensor('image', image)}\nbox    {_numbers(box)}  xmin, ymin, xmax, ymax",
            _pictures([image], [box]),
            "The image squeezed to a square; the box fits",
        ),
        Step(
            "Augmented",
            f"{_tensor('image', images[0])}\nbox    {_numbers(moved_box)}  moved along with the pixels",
            _pictures([image, images[0]], [box, moved_box]),
            "The image before and after a random change; the box fits both times",
        ),
        Step(
            "Batched",
            "\n".join([_tensor("image", images), *(_tensor(name, batch[name]) for name in ("label", "box"))]),
            plotting.gallery(images[:4], boxes=batch["box"][:4], titles=names[:4]),
            "The first images of the augmented batch with their boxes, ours first",
        ),
    ]


def _annotation(example: Any, class_names: Sequence[str]) -> str:
    labels = [class_names[label] for label in example["objects"]["label"].numpy()]
    flags = {name: example["objects"][name].numpy().tolist() for name in ("is_truncated", "is_difficult")}
    lines = [
        f"image         a string that begins with {example['image'].numpy()[:2]!r}: a {_format(example)}, not decoded",
        f"label         {labels}",
        f"bbox          {_numbers(example['objects']['bbox'][0])}  ymin, xmin, ymax, xmax",
        *(f"{name:13} {value}" for name, value in flags.items()),
    ]
    return "\n".join(lines)


def _format(example: Any) -> str:
    return "PNG" if example["image"].numpy().startswith(b"\x89PNG") else "JPEG"


def _said_by_filter(examples: tf.data.Dataset, example: Any) -> str:
    """What the filter says to the last examples up to the one that it keeps."""
    lines = []
    for each in examples:
        count = len(each["objects"]["label"])
        objects = "1 object " if count == 1 else f"{count} objects"
        lines.append(f"{objects}  {'kept' if count == 1 else f'left out, its {_format(each)} unread'}")
        if each["image/filename"] == example["image/filename"]:
            break
    return "\n".join(lines[-4:])


def _pictures(images: Sequence, true_boxes: Any) -> Figure:
    """Images side by side with one box each, of the size that they have in a gallery of four columns."""
    side = 0.25 * plotting.FIGURE_WIDTH
    figure = Figure(figsize=(side * len(images), side), layout="constrained", facecolor="white")
    for axes, image, box in zip(figure.subplots(1, len(images), squeeze=False)[0], images, true_boxes, strict=True):
        plotting.draw_boxes(axes, image, box)
    return figure


def _tensor(name: str, tensor: tf.Tensor) -> str:
    return f"{name:6} {tensor.dtype.name} {tuple(tensor.shape)}"


def _numbers(box: Any) -> str:
    return "[" + ", ".join(f"{float(side):.3f}" for side in np.asarray(box)) + "]"
