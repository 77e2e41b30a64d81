"""What the builders of folders share: the report of what is wrong, the check of a JPEG, the files' fingerprint."""

import collections
import dataclasses
import hashlib
import io
import os
import re
import struct
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import tensorflow as tf
from PIL import Image, UnidentifiedImageError

from clsloc_utils.progress import progress

IMAGE_SUFFIXES = (".jpg", ".jpeg")
MISSING_IMAGE = "missing image"
SAME_NAME = "several images of the same name"
UNREADABLE_JPEG = "unreadable JPEG"
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
    """

    folder: str
    num_examples: Mapping[str, int]
    class_names: Sequence[str] | None
    problems: Sequence[Problem]
    understood: str = ""
    drawn: bool = False

    @property
    def counts(self) -> dict[str, int]:
        """Number of faults by reason, most frequent first."""
        return dict(collections.Counter(problem.reason for problem in self.problems).most_common())

    def __str__(self) -> str:
        splits = ", ".join(f"{name} {count}" for name, count in self.num_examples.items()) or "none"
        classes = "" if self.class_names is None else f" Classes: {', '.join(self.class_names) or 'none'}."
        lines = [f"Folder {self.folder}: {len(self.problems)} problems. Usable images: {splits}.{classes}"]
        for reason, count in self.counts.items():
            lines.append(f"  {reason} ({count}):")
            problems = [problem for problem in self.problems if problem.reason == reason]
            for problem in problems[:PROBLEMS_SHOWN_PER_REASON]:
                lines.append(f"    {problem.file}" + (f": {problem.detail}" if problem.detail else ""))
            if count > PROBLEMS_SHOWN_PER_REASON:
                lines.append(f"    ... and {count - PROBLEMS_SHOWN_PER_REASON} more, all in `.problems`")
        return "\n".join(lines)


def raise_on_problems(folder_report: FolderReport) -> None:
    """Raises a `ValueError` with the whole report as its text if the report lists any problem."""
    if folder_report.problems:
        raise ValueError(f"{folder_report}\nRepair or remove these files, or use strict=False to go on without them.")


class FaultError(Exception):
    """A fault of one file, on its way into the report."""

    def __init__(self, reason: str, detail: str = ""):
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}" if self.detail else self.reason


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
    """What is in a file.

    Raises:
        FaultError: It is there and cannot be read: whoever runs this has no right to, or the disk has a fault.
        FileNotFoundError: It is not there.
    """
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise FaultError(UNREADABLE_FILE, error.strerror) from error


def checked_jpeg(path: Path) -> tuple[tuple[int, int], int]:
    """Width and height of a JPEG as its pixels are stored, and its EXIF orientation (1 if it has none).

    Raises:
        FaultError: It is no JPEG, its data are damaged, or it cannot be read.
        FileNotFoundError: It is not there.
    """
    data = content_of(path)
    try:
        with Image.open(io.BytesIO(data)) as image:
            image_format, size = image.format, image.size
            orientation = image.getexif().get(EXIF_ORIENTATION, 1)
    except UnidentifiedImageError as error:
        # Its own text names an address in memory, another one on every run.
        raise FaultError(UNREADABLE_JPEG, "it is no image, or its first bytes are damaged") from error
    except (OSError, SyntaxError, ValueError, struct.error, Image.DecompressionBombError) as error:
        raise FaultError(UNREADABLE_JPEG, str(error)) from error
    # A phone's multi-picture file is a JPEG with more pictures behind it.
    if image_format not in ("JPEG", "MPO"):
        raise FaultError(UNREADABLE_JPEG, f"it is a {image_format} file; save it as a JPEG")
    try:
        # The decoder that training uses, at an eighth of the size: it reads all the data, in a fraction of the time.
        tf.io.decode_jpeg(data, channels=3, ratio=8)
    except tf.errors.InvalidArgumentError as error:
        raise FaultError(UNREADABLE_JPEG, "its data end early or are damaged") from error
    return size, orientation
