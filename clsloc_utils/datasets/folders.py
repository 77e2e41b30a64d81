"""What the builders of folders share: the report of what is wrong, reading photos, the files' fingerprint."""

import collections
import contextlib
import dataclasses
import hashlib
import io
import os
import re
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import tensorflow as tf
from PIL import Image, ImageOps, UnidentifiedImageError

from clsloc_utils import photos
from clsloc_utils.progress import progress

IMAGE_SUFFIXES = photos.SUFFIXES
MISSING_IMAGE = "missing image"
SAME_NAME = "several images of the same name"
UNREADABLE_PHOTO = "unreadable photo"
UNREADABLE_FILE = "unreadable file"
UNCLEAR_ORIENTATION = "unclear orientation"

PROBLEMS_SHOWN_PER_REASON = 20
IMAGES_THAT_TAKE_LONG = 1000
EXIF_ORIENTATION = 0x0112


class Problem(NamedTuple):
    """One fault of one file.

    Attributes:
        file: The file, relative to the folder.
        reason: What kind of fault it is, one of a few fixed phrases: `report.counts` counts them.
        detail: Which object, which value, what was expected.
    """

    file: str
    reason: str
    detail: str = ""


@dataclasses.dataclass(frozen=True)
class FolderReport:
    """What a folder of photos holds, and what is wrong with it.

    Attributes:
        folder: The folder.
        num_examples: Number of usable images by split.
        class_names: The classes, in the order of their labels; `None` for a folder in LSP layout, which has none.
        problems: Every fault found, a list of `Problem(file, reason, detail)`. An image with a fault in any of its
            objects is left out as a whole: without that object it could pass for an image with a single one.
        understood: How the folder was read, in one line: the layout, where the splits came from, what was left unread.
        drawn: Whether the files say that the pictures are drawings; photographs are the rule.
        remarks: What was read otherwise than it stands there, such as an object that stands there twice; no fault.
    """

    folder: str
    num_examples: Mapping[str, int]
    class_names: Sequence[str] | None
    problems: Sequence[Problem]
    understood: str = ""
    drawn: bool = False
    remarks: Sequence[Problem] = ()

    @property
    def counts(self) -> dict[str, int]:
        """Number of faults by reason, most frequent first."""
        return dict(collections.Counter(problem.reason for problem in self.problems).most_common())

    def __str__(self) -> str:
        splits = ", ".join(f"{name} {count}" for name, count in self.num_examples.items()) or "none"
        classes = "" if self.class_names is None else f" Classes: {', '.join(self.class_names) or 'none'}."
        count = f"{len(self.problems)} problem" + ("" if len(self.problems) == 1 else "s")
        lines = [f"Folder {self.folder}: {count}. Usable images: {splits}.{classes}"]
        if self.understood:
            lines.append(f"  Understood as: {self.understood}")
        return "\n".join([*lines, *_listed(self.problems, "problems"), *_listed(self.remarks, "remarks")])


def _listed(problems: Sequence[Problem], name: str) -> Iterator[str]:
    """The lines of a report on problems or remarks, by reason."""
    for reason, count in collections.Counter(problem.reason for problem in problems).most_common():
        yield f"  {reason} ({count}):"
        of_reason = [problem for problem in problems if problem.reason == reason]
        for problem in of_reason[:PROBLEMS_SHOWN_PER_REASON]:
            yield f"    {problem.file}" + (f": {problem.detail}" if problem.detail else "")
        if count > PROBLEMS_SHOWN_PER_REASON:
            yield f"    ... and {count - PROBLEMS_SHOWN_PER_REASON} more, all in `.{name}`"


def raise_on_problems(folder_report: FolderReport) -> None:
    """Raises a `ValueError` with the whole report as its text if the report lists any problem."""
    if folder_report.problems:
        raise ValueError(f"{folder_report}\nRepair or remove these files, or use strict=False to go on without them.")


class FaultError(Exception):
    """A fault of one file, on its way into the report; whoever knows the file relative to the folder names it."""

    def __init__(self, reason: str, detail: str = "", file: str = ""):
        super().__init__(reason, detail, file)
        self.reason, self.detail, self.file = reason, detail, file

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}" if self.detail else self.reason


@contextlib.contextmanager
def faults_of(file: str) -> Iterator[None]:
    """Names the file in a fault that is found in the block."""
    try:
        yield
    except FaultError as fault:
        fault.file = fault.file or file
        raise


def in_short(names: Sequence[str], shown: int = 4) -> str:
    """Names in a sentence: all of a few, or the first and how many more."""
    more = len(names) - shown
    return ", ".join(names) if more <= 1 else f"{', '.join(names[:shown])} and {more} more"


def with_progress(iterable: Iterable, total: int, description: str) -> Iterable:
    """A progress bar, if there is enough to do for anyone to wait."""
    return progress(iterable, total=total, description=description) if total >= IMAGES_THAT_TAKE_LONG else iterable


def files_of(folder: Path) -> list[Path]:
    """The files of a folder by name, without hidden ones (macOS leaves `._photo.jpg` beside `photo.jpg`)."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))


def files_below(folder: Path) -> list[Path]:
    """The files of a folder and of all folders in it, by name, without hidden ones; a link back is not followed."""
    found, seen = [], set()
    for root, folders, files in os.walk(folder, onerror=_raise, followlinks=True):
        if os.path.realpath(root) in seen:
            folders.clear()
            continue
        seen.add(os.path.realpath(root))
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(root, name) for name in files if not name.startswith(".")]
    return sorted(found)


def _raise(error: OSError) -> None:
    raise error  # `os.walk` would pass over what it cannot read.


def printable(name: str) -> str:
    """A name in which what is no text, such as a byte that is not UTF-8, is written out."""
    return name.encode(errors="backslashreplace").decode()


def relative(path: Path, folder: Path) -> str:
    """A path in a folder, as messages show it."""
    return printable(path.relative_to(folder).as_posix())


def only_one(paths: Sequence[Path], folder: Path) -> str:
    """The file relative to the folder, if there is one and no more."""
    file, *others = [relative(path, folder) for path in paths]
    if others:
        raise FaultError(SAME_NAME, ", ".join(others), file)
    return file


def fingerprint_of(paths: Iterable[Path], folder: Path, options: object = None) -> str:
    """A digest of the names (relative to a folder), sizes and times of files, and of options that matter."""
    digest = hashlib.sha256(repr(options).encode())
    for path in paths:
        status = path.stat()
        name = path.relative_to(folder).as_posix()
        digest.update(f"{name}\0{status.st_size}\0{status.st_mtime_ns}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()[:16]


def place_of_data(data_dir: str | os.PathLike, folder: Path, fingerprint: str) -> Path:
    """Where the prepared data of a folder goes, under a name that people recognise and that changes with its files."""
    readable_name = re.sub(r"[^A-Za-z0-9_-]+", "_", folder.name)[:40]
    return Path(data_dir).expanduser() / f"{readable_name}-{fingerprint}"


def content_of(path: Path) -> bytes:
    """What is in a file; a `FaultError` if it is there and cannot be read, for want of a right or for a bad disk."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise FaultError(UNREADABLE_FILE, error.strerror) from error


def beginning_of(path: Path) -> bytes:
    """The first bytes of a file, to tell what it is; none if it cannot be read, which whoever reads all of it says."""
    try:
        with path.open("rb") as stream:
            return stream.read(1 << 16)
    except OSError:
        return b""


def checked_photo(path: Path) -> tuple[tuple[int, int], int]:
    """Width and height of a photo as its pixels are stored, and its EXIF orientation (1 if it has none).

    A `FaultError` says that it is no photo, or that its data are damaged or cannot be read.
    """
    data = content_of(path)
    with _faults_of_photo(data), Image.open(io.BytesIO(data)) as image:
        size, orientation = image.size, image.getexif().get(EXIF_ORIENTATION, 1)
        if image.format not in photos.FORMATS:
            raise FaultError(UNREADABLE_PHOTO, f"it is a {image.format} file; save it as JPEG or PNG")
        if not _decodes_as_seen(image):
            photos.as_rgb(image)
            return size, orientation
    try:
        # The decoder that training uses, at an eighth of the size: it reads all the data, in a fraction of the time.
        tf.io.decode_jpeg(data, channels=3, ratio=8)
    except tf.errors.InvalidArgumentError as error:
        raise FaultError(UNREADABLE_PHOTO, "its data end early or are damaged") from error
    return size, orientation


def photo_for_training(path: Path, *, turned: bool = False) -> bytes:
    """The bytes of a photo for `tf.io.decode_jpeg`: the file itself if that shows what one sees, or else as a PNG.

    `turned` as its EXIF orientation says; otherwise its pixels stay as they are stored. All is lossless but a turned
    JPEG: it is saved as a JPEG of quality 95, since a PNG of a photo takes five times the space.
    """
    data = path.read_bytes()
    with Image.open(io.BytesIO(data)) as image:
        if not turned and _decodes_as_seen(image):
            return data
        is_jpeg = image.format in _JPEG_FORMATS
        pixels = photos.as_rgb(ImageOps.exif_transpose(image) if turned else image)
    pixels.info.clear()  # Pillow writes the EXIF tag of a PNG again, and others turn the photo again.
    buffer = io.BytesIO()
    if is_jpeg:
        pixels.save(buffer, format="JPEG", quality=95)
    else:
        pixels.save(buffer, format="PNG", compress_level=1)  # Level 6 saves a tenth more, in several times the time.
    return buffer.getvalue()


# A phone's multi-picture file is a JPEG with more pictures behind it.
_JPEG_FORMATS = ("JPEG", "MPO")


def _decodes_as_seen(image: Image.Image) -> bool:
    """Whether `tf.io.decode_jpeg` gives the pixels of `photos.as_rgb`; it also reads PNG, but drops transparency."""
    if image.format in _JPEG_FORMATS:
        return True
    return image.format == "PNG" and image.mode in ("1", "L", "P", "RGB") and not image.has_transparency_data


# RuntimeError comes from its AVIF decoder.
_PILLOW_ERRORS = (OSError, SyntaxError, ValueError, RuntimeError, struct.error, Image.DecompressionBombError)


@contextlib.contextmanager
def _faults_of_photo(data: bytes) -> Iterator[None]:
    """Turns what Pillow raises on bytes that are no good photo into a fault."""
    try:
        yield
    except UnidentifiedImageError as error:
        # Its own text names an address in memory, another one on every run.
        raise FaultError(UNREADABLE_PHOTO, photos.why_no_image(data[:12])) from error
    except _PILLOW_ERRORS as error:
        raise FaultError(UNREADABLE_PHOTO, str(error)) from error
