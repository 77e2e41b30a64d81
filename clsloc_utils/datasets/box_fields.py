"""One object of an annotation: its box, its class, and what is wrong with them."""

import math
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path

import tensorflow_datasets as tfds

from clsloc_utils.datasets.folders import UNCLEAR_ORIENTATION, FaultError, content_of, printable

OUTSIDE_BOX = "box outside the image"
INVERTED_BOX = "inverted box"
EMPTY_BOX = "empty box"
UNKNOWN_CLASS = "unknown class"
ENCODING = "unexpected encoding"
MISSING_FIELD = "missing or unreadable field"
NO_FILES = "listed, but there are no such files"
# VOC counts pixels from 1 and most tools from 0, and both round: a side may lie this far outside the image, in pixels,
# and is then moved onto the border. Anything further out is a mistake of the annotation.
BORDER_TOLERANCE = 1.0


# Objects.
def annotated_object(
    label: str,
    corners: tuple[float, float, float, float],
    size: tuple[int, int],
    *,
    allowed: Sequence[str] | None = None,
    pose: str = "unspecified",
    is_truncated: bool = False,
    is_difficult: bool = False,
) -> dict:
    """One object in the form that `voc_features` encodes, checked; raises a `FaultError` if box or class are none.

    A side up to `BORDER_TOLERANCE` outside the image is moved onto its border.

    Args:
        label: Its class.
        corners: `xmin, ymin, xmax, ymax`, in pixels of an image whose left and upper border are 0.
        size: Width and height of the image, in pixels.
        allowed: The classes that may be; `None` for any.
        pose: One of `VOC_POSES`.
        is_truncated: VOC's flag.
        is_difficult: VOC's flag.
    """
    if allowed is not None and label not in allowed:
        raise FaultError(UNKNOWN_CLASS, f"{label!r} is none of {', '.join(allowed)}")
    return {
        "label": label,
        "bbox": _checked_box(label, corners, size),
        "pose": pose,
        "is_truncated": is_truncated,
        "is_difficult": is_difficult,
    }


def voc_example(image: bytes, filename: str, objects: Sequence[Mapping]) -> dict:
    """A photo and its objects as `voc_features` encodes them."""
    return {
        "image": image,
        "image/filename": filename,
        "objects": objects,
        "labels": sorted({item["label"] for item in objects}),
        "labels_no_difficult": sorted({item["label"] for item in objects if not item["is_difficult"]}),
    }


def _checked_box(label: str, corners: tuple[float, float, float, float], size: tuple[int, int]) -> tfds.features.BBox:
    """The box relative to the size of the image, as TFDS's `voc` has it, without an offset of one pixel."""
    relative = {}
    for axis, low, high, side in zip("xy", corners[:2], corners[2:], size, strict=True):
        values = f"{label} has {axis}min {low:g}, {axis}max {high:g}"
        if high < low:
            raise FaultError(INVERTED_BOX, values)
        if low < -BORDER_TOLERANCE or high > side + BORDER_TOLERANCE:
            raise FaultError(OUTSIDE_BOX, f"{values} in an image of {text_of_size(size)}")
        low, high = max(low, 0.0), min(high, float(side))
        if high <= low:
            raise FaultError(EMPTY_BOX, values)
        relative[axis] = (low / side, high / side)
    return tfds.features.BBox(
        ymin=relative["y"][0], xmin=relative["x"][0], ymax=relative["y"][1], xmax=relative["x"][1]
    )


def around_turned(corners: Sequence[float], angle: float, size: tuple[int, int]) -> tuple[float, ...]:
    """The upright box around a box that was turned by an angle in radians about its centre, cut at the border."""
    xmin, ymin, xmax, ymax = corners
    x, y = (xmin + xmax) / 2, (ymin + ymax) / 2
    if xmax < xmin or ymax < ymin or not (0 <= x <= size[0] and 0 <= y <= size[1]):
        return tuple(corners)  # a fault, as it stands
    cosine, sine = abs(math.cos(angle)), abs(math.sin(angle))
    half_width = ((xmax - xmin) * cosine + (ymax - ymin) * sine) / 2
    half_height = ((xmax - xmin) * sine + (ymax - ymin) * cosine) / 2
    return (
        max(x - half_width, 0.0),
        max(y - half_height, 0.0),
        min(x + half_width, size[0]),
        min(y + half_height, size[1]),
    )


def text_of_size(size: tuple[int, int]) -> str:
    """A size in words."""
    return f"{size[0]} x {size[1]} pixels"


# Photos.
def is_turned(orientation: int, stored_size: tuple[int, int], annotated_size: tuple[int, int] | None) -> bool:
    """Whether the boxes were drawn on the photo as its EXIF orientation turns it.

    A camera held upright often stores the photo lying and adds a tag that makes viewers turn it. Annotation tools
    differ in whether they follow it, and decoders used for training ignore it. The annotated size tells, for a quarter
    turn of a photo that is not square; elsewhere a `FaultError` is raised: a guess could put boxes on wrong pixels.

    Args:
        orientation: The value of the EXIF tag, 1 if there is none.
        stored_size: Width and height of the photo as its pixels are stored.
        annotated_size: Width and height as the annotation gives them, if it does.
    """
    if orientation not in range(2, 9):
        return False
    if orientation >= 5 and stored_size[0] != stored_size[1] and annotated_size is not None:
        return annotated_size == stored_size[::-1]
    raise FaultError(
        UNCLEAR_ORIENTATION,
        f"EXIF orientation {orientation}, and nothing tells whether the boxes are drawn on the photo as stored or as "
        "viewers turn it; save the photo without that tag, the way its boxes are",
    )


def normalized(name: str) -> str:
    """One form for a name whose accents macOS stores as separate characters, and other systems do not."""
    return unicodedata.normalize("NFC", name)


def class_name(text: str) -> str:
    """One form for the name of a class, whatever its letters' case, blanks and accents."""
    return printable(normalized(" ".join(text.split()).lower()))


def text_of(path: Path) -> str:
    """The text of a file in UTF-8, or in UTF-16 if a byte-order mark says so (what PowerShell's `>` writes)."""
    data = content_of(path)
    try:
        return data.decode("utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise FaultError(ENCODING, f"{error}; save it as UTF-8") from error
