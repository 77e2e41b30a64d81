"""Boxes and people drawn on images, with Matplotlib alone: whoever only draws a photo waits for no TensorFlow.

`clsloc_utils.plotting` offers the same names, and says by which rules they are drawn.
"""

import io
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import font_manager, patches, patheffects
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from clsloc_utils.joints import BONES, NUM_JOINTS, side_of, side_of_bone

BLUE, ORANGE, GREEN, VERMILLION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
SKY_BLUE, PURPLE, YELLOW, BLACK = "#56B4E9", "#CC79A7", "#F0E442", "#000000"
PALETTE = (BLUE, ORANGE, GREEN, VERMILLION, SKY_BLUE, PURPLE, YELLOW, BLACK)
TRUE_COLOUR, PREDICTED_COLOUR = SKY_BLUE, ORANGE
# A vermillion that is dark enough for text on white: contrast 4.8 to 1.
WRONG_COLOUR = "#B35900"
# Colour, line and marker of each side of a person.
SIDE_STYLES = {
    "left": (SKY_BLUE, "solid", "o"),
    "right": (ORANGE, (0, (3, 1.2)), "s"),
    "middle": (YELLOW, (0, (1, 1)), "D"),
}

FIGURE_WIDTH = 9.6
"""Inches; at `DOTS_PER_INCH` this is the 960 pixels that a notebook shows without shrinking."""
DOTS_PER_INCH = 100
# Fonts that systems bring, with letters that Matplotlib's own lacks.
_MORE_FONTS = (
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "Hiragino Sans",
    "Microsoft YaHei",
    "Malgun Gothic",
    "Nirmala UI",
)


def png(figure: Figure) -> bytes:
    """The figure as a PNG file of its own size; warns once of letters that no font has."""
    buffer = io.BytesIO()
    _use_more_fonts(figure)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")  # one for each letter
        figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
    return buffer.getvalue()


def _use_more_fonts(figure: Figure) -> None:
    """Lets names of classes in any script be read, where the system has a font for it."""
    texts = [text for text in figure.findobj(Text) if not text.get_text().isascii()]
    more_fonts = [name for name in _MORE_FONTS if texts and name in font_manager.get_font_names()]
    missing = set()
    for text in texts:
        text.set_fontfamily([*text.get_fontfamily(), *more_fonts])
        fonts = [font_manager.FontProperties(family=[name]) for name in text.get_fontfamily()]
        charmaps = (font_manager.get_font(font_manager.findfont(font)).get_charmap() for font in fonts)
        missing |= {ord(letter) for letter in text.get_text() if letter != "\n"}.difference(*charmaps)
    if missing:
        letters = "".join(map(chr, sorted(missing)))
        told = f"No font here has {letters}: boxes stand for that. Install one, such as Noto Sans CJK."
        warnings.warn(told, stacklevel=3)


def draw_boxes(
    axes: Axes,
    image: Any,
    boxes: Any = (),
    labels: Sequence[str] | None = None,
    *,
    colours: Sequence[str] | str | None = None,
    predicted: bool = False,
) -> Axes:
    """Draws an image and boxes on it.

    Args:
        axes: Where to draw. Call it twice on the same axes, the second time with `image=None`, to add predictions.
        image: RGB or grey values 0..255, shape `[height, width, 3]`, `[height, width, 1]` or `[height, width]`, of any
            dtype; `None` adds boxes to the image that is there.
        boxes: `rel_xyxy`, that is `[xmin, ymin, xmax, ymax]` in 0..1, shape `[N, 4]` or `[4]`.
        labels: A text for each box.
        colours: One colour for each box, or one for all; by default the colour of true or of predicted boxes.
        predicted: Dashed lines instead of solid ones, and the label below the box instead of above.

    Returns:
        `axes`, in pixels of the image, without ticks.

    Raises:
        ValueError: `image` is `None` and the axes show no image; `labels` or `colours` do not match the boxes.
    """
    boxes = np.asarray(boxes, dtype="float32").reshape(-1, 4)
    colours = colours or (PREDICTED_COLOUR if predicted else TRUE_COLOUR)
    if isinstance(colours, str):
        colours = [colours] * len(boxes)
    for name, values in {"labels": labels, "colours": colours}.items():
        if values is not None and len(values) != len(boxes):
            raise ValueError(f"{len(values)} {name} for {len(boxes)} boxes; give one for each.")
    height, width = _image_size_of(axes) if image is None else draw_image(axes, image)
    for index, (box, colour) in enumerate(zip(boxes, colours, strict=True)):
        corners = box * (width, height, width, height)
        draw_rectangle(axes, corners, colour, dashed=predicted)
        if labels is not None:
            _draw_label(axes, corners, labels[index], colour, below=predicted)
    return axes


def as_picture(image: Any) -> np.ndarray:
    """uint8 `[height, width, 3]` of what a model or a data set holds."""
    pixels = np.asarray(image)
    if pixels.ndim == 2:
        pixels = pixels[..., np.newaxis]
    if pixels.ndim != 3 or pixels.shape[-1] not in (1, 3):
        raise ValueError(f"image has the shape {pixels.shape}; expected [height, width, 3] or [height, width, 1].")
    return np.broadcast_to(np.clip(np.round(pixels), 0, 255).astype("uint8"), (*pixels.shape[:2], 3))


def draw_image(axes: Axes, image: Any) -> tuple[int, int]:
    """Draws the image so that coordinates count from its very corner, and returns its height and width."""
    picture = as_picture(image)
    height, width = picture.shape[:2]
    axes.imshow(picture, extent=(0, width, height, 0), interpolation="antialiased")
    axes.set(xticks=[], yticks=[], xlim=(0, width), ylim=(height, 0))
    return height, width


def _image_size_of(axes: Axes) -> tuple[int, int]:
    """Height and width of the image that the axes show."""
    if not axes.images:
        raise ValueError("image is None, but the axes show no image yet; pass the image in the first call.")
    return axes.images[0].get_array().shape[:2]


def draw_rectangle(axes: Axes, corners: np.ndarray, colour: str, dashed: bool) -> None:
    """A rectangle with a dark edge around its line: it stands out on light and on dark grounds."""
    xmin, ymin, xmax, ymax = corners
    rectangle = patches.Rectangle(
        (xmin, ymin),
        xmax - xmin,
        ymax - ymin,
        fill=False,
        linewidth=2.2,
        edgecolor=colour,
        linestyle=(0, (4, 1.5)) if dashed else "solid",
        joinstyle="miter",
        path_effects=[patheffects.withStroke(linewidth=4.2, foreground="#000000a0")],
    )
    axes.add_patch(rectangle)


def _draw_label(axes: Axes, corners: np.ndarray, label: str, colour: str, below: bool) -> None:
    """A label at a corner of the box, outside where the image leaves room, and always on the image."""
    xmin, ymin, xmax, ymax = corners
    height, width = _image_size_of(axes)
    left = (xmin + xmax) / 2 < 0.6 * width
    if below:
        y, vertical = ymax, "top" if ymax < 0.9 * height else "bottom"
    else:
        y, vertical = ymin, "bottom" if ymin > 0.1 * height else "top"
    axes.text(
        np.clip(xmin if left else xmax, 0, width),
        np.clip(y, 0, height),
        label,
        fontsize=9,
        color="black",
        horizontalalignment="left" if left else "right",
        verticalalignment=vertical,
        bbox={"facecolor": colour, "edgecolor": "none", "pad": 1.5},
        clip_on=True,
    )


def skeleton(
    axes: Axes, image: Any, joints: Any, weights: Any = None, other: Any = None, other_weights: Any = None
) -> Axes:
    """Draws an image and a person's joints and bones on it, left and right told apart.

    The person's own left is blue and solid with round joints, the right orange and dashed with square ones; neck, head
    and the lines across the trunk are yellow and dotted.

    Args:
        axes: Where to draw.
        image: As `draw_boxes` takes it; `None` adds a person to the image that is there.
        joints: x and y relative to the image's width and height, shape `[14, 2]`. What lies outside the image is cut
            off.
        weights: Weight of each joint, shape `[14]`; those of weight 0, and the bones at them, are not drawn. `None`
            draws all.
        other: Joints of a pose to compare with, such as the true one, likewise; drawn below in thin black lines.
        other_weights: Weights of its joints, likewise.

    Returns:
        `axes`, in pixels of the image, without ticks.

    Raises:
        ValueError: `image` is `None` and the axes show no image, or an array has another shape.
    """
    height, width = _image_size_of(axes) if image is None else draw_image(axes, image)
    if other is not None:
        _draw_thin_bones(axes, joints_in_pixels(other, width, height), is_labelled(other_weights))
    _draw_person(axes, joints_in_pixels(joints, width, height), is_labelled(weights))
    return axes


def joints_in_pixels(joints: Any, width: int, height: int) -> np.ndarray:
    """Joints in pixels of an image of this size."""
    joints = np.asarray(joints, dtype="float32")
    if joints.shape != (NUM_JOINTS, 2):
        raise ValueError(f"The joints of a person must have the shape ({NUM_JOINTS}, 2); got {joints.shape}.")
    return joints * (width, height)


def is_labelled(weights: Any) -> np.ndarray:
    """Which joints to draw, bool `[14]`."""
    weights = np.ones(NUM_JOINTS) if weights is None else np.asarray(weights)
    if weights.shape != (NUM_JOINTS,):
        raise ValueError(f"The weights of a person's joints must have the shape ({NUM_JOINTS},); got {weights.shape}.")
    return weights > 0


def _draw_person(axes: Axes, joints: np.ndarray, labelled: np.ndarray) -> None:
    """Bones and joints, each side in its style, on a dark edge that shows them on any ground."""
    edge = [patheffects.withStroke(linewidth=3.8, foreground="#000000b0")]
    for bone in sorted(BONES, key=lambda bone: side_of_bone(bone) != "middle"):
        if labelled[list(bone)].all():
            colour, line, _ = SIDE_STYLES[side_of_bone(bone)]
            axes.plot(*joints[list(bone)].T, color=colour, linestyle=line, linewidth=2.2, path_effects=edge)
    for joint in np.flatnonzero(labelled):
        colour, _, marker = SIDE_STYLES[side_of(joint)]
        axes.plot(*joints[joint], marker=marker, markersize=4.5, color=colour, markeredgecolor="black")


def _draw_thin_bones(axes: Axes, joints: np.ndarray, labelled: np.ndarray) -> None:
    """A person in thin black lines with a white edge."""
    edge = [patheffects.withStroke(linewidth=3.0, foreground="#ffffffc0")]
    for bone in BONES:
        if labelled[list(bone)].all():
            axes.plot(*joints[list(bone)].T, color=BLACK, linewidth=1.2, path_effects=edge)
