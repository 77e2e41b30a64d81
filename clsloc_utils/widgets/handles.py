"""Boxes and points on a picture that can be moved: the one module that imports `anywidget`."""

import base64
import io
from pathlib import Path
from typing import Any

import anywidget
import keras
import numpy as np
import traitlets

_HERE = Path(__file__).parent


class Handles(anywidget.AnyWidget):
    """A picture with boxes or points that mouse, finger and keys move. `handles.js` draws it.

    All coordinates are shares of the picture's width and height. Whoever makes one observes `positions` and
    `selected`, and sets `readout` and `behind`.

    Attributes:
        picture: The picture as a `data:` address.
        aspect: Its height over its width.
        description: What it is, for those who cannot see it.
        hint: How to use it, in a sentence or two.
        items: What can be moved: dicts of `name` and `style`, which is `"true"` or `"predicted"` for boxes, `"left"`,
            `"right"` or `"middle"` for points.
        positions: Of each item: `[xmin, ymin, xmax, ymax]`, or `[x, y]`.
        start: The positions to go back to.
        selected: Index of the item that was touched last.
        links: Lines between points: index, index, style.
        behind: What is drawn below the items: dicts of `kind` (`"rect"`, `"line"`, `"circle"`), `at` (four
            coordinates, or x, y and a radius in shares of the width), and `style`, a class of `handles.css`.
        readout: Numbers beside the picture: name, value and a note, all of them texts.
    """

    _esm = _HERE / "handles.js"
    _css = _HERE / "handles.css"
    picture = traitlets.Unicode().tag(sync=True)
    aspect = traitlets.Float(1.0).tag(sync=True)
    description = traitlets.Unicode().tag(sync=True)
    hint = traitlets.Unicode().tag(sync=True)
    items = traitlets.List().tag(sync=True)
    positions = traitlets.List().tag(sync=True)
    start = traitlets.List().tag(sync=True)
    selected = traitlets.Int(0).tag(sync=True)
    links = traitlets.List().tag(sync=True)
    behind = traitlets.List().tag(sync=True)
    readout = traitlets.List().tag(sync=True)

    def __init__(self, image: Any, positions: Any, **others: Any):
        """Takes the picture as an array.

        Args:
            image: RGB, 0..255, `[height, width, 3]`.
            positions: As the attribute, as an array too.
            **others: The other attributes.
        """
        positions = np.asarray(positions, "float64").round(4).tolist()
        height, width = np.shape(image)[:2]
        super().__init__(
            picture=_as_address(image), aspect=height / width, positions=positions, start=positions, **others
        )


def _as_address(image: Any) -> str:
    buffer = io.BytesIO()
    pixels = np.clip(np.round(np.asarray(image)), 0, 255)
    keras.utils.array_to_img(pixels, scale=False).save(buffer, format="PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
