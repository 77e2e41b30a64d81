"""A folder in the layout of Leeds Sports Pose as a TFDS builder: LSP, LSP-extended, or one's own photos with joints.

What the folder must hold:

    joints.mat             the variable `joints`, [3, 14, N] or [14, 3, N]
    images/im0001.jpg      photo 1 of N, and so on; LSP-extended writes im00001.jpg

The 14 joints stand in the order of `clsloc_utils.joints.JOINT_NAMES`, the 3 numbers are x and y in pixels and a flag.
The flag means opposite things in the two shapes: in LSP, [3, 14, N], 1 says that the joint is hidden, and all joints
have a position; in LSP-extended, [14, 3, N], 1 says that the joint has a position, and nothing says what is hidden.
Who turns LSP-extended into LSP's shape may keep its flags: exactly the joints at 0, 0 then have flag 0. In LSP's shape
a joint at 0, 0 has no position.

Where the numbers of the photos have gaps and go beyond N, as in the photos that were annotated anew in high resolution
(HR-LSPET), the rows follow the order of the photos; that takes N photos.

Positions become `value / size`, as boxes do in TFDS's `voc`: that MATLAB counts pixels from 1 is not undone.
"""

import dataclasses
import os
import re
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds

from clsloc_utils.datasets.folders import (
    IMAGE_SUFFIXES,
    MISSING_IMAGE,
    UNCLEAR_ORIENTATION,
    FaultError,
    Problem,
    checked_photo,
    faults_of,
    files_of,
    only_one,
    photo_for_training,
    relative,
)
from clsloc_utils.datasets.photo_folder import PhotoFolder, Reading, Scan, read_all
from clsloc_utils.datasets.pose_features import pose_features
from clsloc_utils.joints import JOINT_NAMES, NUM_JOINTS

IMAGE_FOLDER = "images"
JOINTS_FILE = "joints.mat"
VARIABLE = "joints"
LAYOUT = (
    f"A folder in LSP layout holds the photos in {IMAGE_FOLDER}/im0001.jpg, im0002.jpg, ... and {JOINTS_FILE} with the "
    f"variable {VARIABLE!r}, [3, 14, N] as in LSP or [14, 3, N] as in LSP-extended"
)

MISSING_JOINTS = "no joints for the photo"
UNNUMBERED = "no number in the name"
NO_JOINTS = "no labelled joint"
UNREADABLE_JOINT = "position is not a number"
FAR_OUTSIDE = "joint far outside the photo"

# A joint of someone who is cut off may lie outside the photo. Farther than this share of a side it is a mistake: x and
# y swapped, or the photos resized and the joints not.
OUTSIDE_TOLERANCE = 0.25
_NAME = re.compile(r"im(\d+)", re.IGNORECASE)


class LspFolder(PhotoFolder):
    """TFDS builder of a folder in LSP layout, with the features of `pose_features`.

    It has one split, `train`, in the order of the photos' numbers: of 1,000 good photos, `train[:800]` are the first
    800. Photos that are left out for a fault do not count. With `splits` it has those instead.
    """

    VERSION = tfds.core.Version("1.1.0")
    LAYOUT = LAYOUT
    # LSP's own split is by number: its first 1,000 photos are for training, the others for testing.
    KEEPS_ORDER = True

    def __init__(
        self,
        folder: str | os.PathLike,
        *,
        strict: bool = False,
        splits: Mapping[str, int] | None = None,
        data_dir: str | os.PathLike,
    ):
        """Opens the folder; reads no image before `download_and_prepare`.

        Args:
            folder: The folder, see the top of this module for what it must hold.
            strict: Whether any problem makes `download_and_prepare` raise instead of leaving the bad images out.
            splits: How many photos belong to each split, which follow each other in the order of the photos' numbers:
                `{"train": 1000, "test": 1000}` cuts between photos 1000 and 1001, whether all of them are good or not.
            data_dir: Where prepared data goes. The path below it contains the `fingerprint` of the folder, so that
                data prepared before a file changed is never taken for the new state.

        Raises:
            ValueError: The folder has no `images` or no `joints.mat`.
        """
        super().__init__(folder, splits and dict(splits), strict=strict, data_dir=data_dir)

    @classmethod
    def lack(cls, folder: Path) -> str:
        """See `PhotoFolder`."""
        if not (folder / IMAGE_FOLDER).is_dir():
            return f"no folder {IMAGE_FOLDER}"
        return "" if (folder / JOINTS_FILE).is_file() else f"no file {JOINTS_FILE}"

    @classmethod
    def files(cls, folder: Path) -> Iterable[Path]:
        """The joints and all that lies beside the photos."""
        return [folder / JOINTS_FILE, *files_of(folder / IMAGE_FOLDER)]

    @classmethod
    def features(cls) -> tfds.features.FeaturesDict:
        """Those of all sources of poses."""
        return pose_features()

    @classmethod
    def scan(cls, folder: Path, options: Mapping[str, int] | None) -> Scan:
        """Checks all photos and joints; `options` are the splits, if given. Photos beyond the last are in none."""
        annotations = read_joints(folder / JOINTS_FILE)
        count = len(annotations[0])
        paths, problems = _numbered_photos(folder)
        rows, in_words = _rows_of_photos(folder, sorted(paths), count)

        def read(number: int) -> Reading:
            row = rows.get(number)
            annotation = None if row is None else tuple(values[row] for values in annotations)
            return Reading(_checked_photo(folder, number, paths.get(number), annotation, count))

        splits, found, _ = read_all(folder, {"train": sorted({*paths, *rows})}, read)
        if options is not None and splits:
            photos, start = splits["train"], 1
            for split, length in options.items():
                splits[split] = [photo for photo in photos if photo.name in range(start, start + length)]
                start += length
        understood = f"LSP layout, {count} rows of {JOINTS_FILE} paired with photos in {IMAGE_FOLDER} {in_words}"
        return Scan(splits, None, [*problems, *found], understood)


def shape_of_joints(path: Path) -> tuple[int, ...]:
    """The shape of the variable `joints` as `joints.mat` holds it; errors as in `read_joints`."""
    return _variable(path).shape


def numbers_of_photos(folder: Path) -> set[int]:
    """The numbers that photos of a folder in LSP layout bear in their names."""
    return set(_numbered_photos(folder)[0])


def read_joints(path: str | os.PathLike) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Reads `joints.mat`.

    Args:
        path: The file, in MATLAB's format up to version 7.

    Returns:
        Three arrays with the joints in the order of `JOINT_NAMES`: positions, float64 [N, 14, 2], x and y in pixels;
        bool [N, 14], whether the joint has a position; bool [N, 14], whether it has one and is not marked as hidden.

    Raises:
        ValueError: The file is missing, unreadable, has no variable `joints`, or that one has another shape or flags
            other than 0 and 1.
    """
    values = _variable(Path(path))
    if values.ndim == 2:
        values = values[..., None]  # MATLAB drops the last axis where there is a single photo.
    shape = values.shape
    if values.dtype.kind not in "fiub" or values.ndim != 3 or shape[:2] not in ((3, NUM_JOINTS), (NUM_JOINTS, 3)):
        raise ValueError(
            f"{path}: the variable {VARIABLE!r} holds {values.dtype} numbers of shape {list(shape)}; it must hold real "
            "numbers of shape [3, 14, N] (LSP, flag 1: hidden) or [14, 3, N] (LSP-extended, flag 1: labelled)."
        )
    is_lsp = shape[0] == 3
    values = values.transpose(2, 1, 0) if is_lsp else values.transpose(2, 0, 1)
    positions, flags = values[..., :2].astype(np.float64), values[..., 2]
    wrong = flags[(flags != 0) & (flags != 1)]
    if wrong.size:
        raise ValueError(
            f"{path}: the flag of {wrong.size} joints is neither 0 nor 1, but for example {wrong[0]}. In {VARIABLE!r} "
            "the third of the 3 numbers must be the flag."
        )
    placed = (positions != 0).any(axis=-1)
    # In LSP's shape, LSP-extended's flags are 1 for the joints with a position and 0 for those without.
    if not is_lsp or (not placed.all() and (flags == placed).all()):
        return positions, flags == 1, flags == 1
    return positions, placed, placed & (flags == 0)


def _variable(path: Path) -> np.ndarray:
    """The variable `joints` of a MATLAB file."""
    # Imported here: only those who read such a folder wait for it.
    import scipy.io

    if not path.is_file():
        raise ValueError(f"There is no file {path}. {LAYOUT}.")
    unreadable = (ValueError, TypeError, OSError, NotImplementedError, zlib.error, scipy.io.matlab.MatReadError)
    try:
        variables = scipy.io.loadmat(path)
    except unreadable as error:
        raise ValueError(
            f"{path} cannot be read as a MATLAB file: {error}. Fetch it again, or save it anew with MATLAB's "
            "save(..., '-v7') or with scipy.io.savemat."
        ) from error
    if VARIABLE not in variables:
        found = ", ".join(name for name in variables if not name.startswith("__")) or "none"
        raise ValueError(f"{path} has no variable {VARIABLE!r}; it has: {found}. Save the joints under that name.")
    return np.asarray(variables[VARIABLE])


# Reading the folder.


@dataclasses.dataclass(frozen=True)
class _Photo:
    """A photo without a fault, named by its number; joints relative to its size."""

    name: int
    path: Path
    joints: np.ndarray
    labelled: np.ndarray
    visible: np.ndarray

    def example(self) -> dict:
        return {
            "image": photo_for_training(self.path),
            "image/filename": self.path.name,
            "joints": self.joints.astype(np.float32),
            "labelled": self.labelled,
            "visible": self.visible,
        }


def _rows_of_photos(folder: Path, numbers: Sequence[int], count: int) -> tuple[dict[int, int], str]:
    """The row of joints of each photo, by its number, and in words how they were paired."""
    if set(numbers) <= set(range(1, count + 1)) or len(numbers) == numbers[-1]:
        return {row + 1: row for row in range(count)}, "by number"
    if len(numbers) == count:
        return {number: row for row, number in enumerate(numbers)}, "in their order, since their numbers have gaps"
    raise ValueError(
        f"{folder}: {JOINTS_FILE} has joints of {count} photos, and {IMAGE_FOLDER} has {len(numbers)}, whose numbers "
        f"have gaps and go up to {numbers[-1]}: nothing tells which joints are whose. Take the {count} photos that "
        f"were annotated, or call them im0001.jpg to im{count:04d}.jpg in the order of the rows."
    )


def _numbered_photos(folder: Path) -> tuple[dict[int, list[Path]], list[Problem]]:
    """The photos by the number in their names, and those that have none."""
    photos: dict[int, list[Path]] = {}
    problems = []
    for path in files_of(folder / IMAGE_FOLDER):
        if path.suffix.lower() not in IMAGE_SUFFIXES:
            continue
        match = _NAME.fullmatch(path.stem)
        if match is None:
            problems.append(Problem(relative(path, folder), UNNUMBERED, "it must be called like im0001.jpg"))
        else:
            photos.setdefault(int(match[1]), []).append(path)
    return photos, problems


def _checked_photo(
    folder: Path, number: int, paths: list[Path] | None, annotation: tuple[np.ndarray, ...] | None, count: int
) -> _Photo:
    """The photo with its joints; raises a `FaultError` with what is wrong."""
    if not paths:
        file = f"{IMAGE_FOLDER}/im{number:04d}.jpg"
        raise FaultError(MISSING_IMAGE, f"photo {number} of {count} in {JOINTS_FILE}", file)
    file = only_one(paths, folder)
    with faults_of(file):
        if annotation is None:
            raise FaultError(MISSING_JOINTS, f"{JOINTS_FILE} holds photos 1 to {count}")
        positions, labelled, visible = annotation
        size, orientation = checked_photo(paths[0])
        if orientation in range(2, 9):
            raise FaultError(
                UNCLEAR_ORIENTATION,
                f"EXIF orientation {orientation}, and nothing tells whether the joints are those of the photo as "
                "stored or as viewers turn it; save the photo without that tag, the way its joints are",
            )
        return _Photo(number, paths[0], _checked_joints(positions, labelled, size), labelled, visible)


def _checked_joints(positions: np.ndarray, labelled: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The joints [14, 2] relative to the photo's size, 0 where they have no position."""
    if not labelled.any():
        raise FaultError(NO_JOINTS, f"all {NUM_JOINTS} joints are missing")
    for name, position in zip(np.array(JOINT_NAMES)[labelled], positions[labelled], strict=True):
        place = f"{name} at x {position[0]:g}, y {position[1]:g}"
        if not np.isfinite(position).all():
            raise FaultError(UNREADABLE_JOINT, place)
        if (np.abs(position / size - 0.5) > 0.5 + OUTSIDE_TOLERANCE).any():
            raise FaultError(FAR_OUTSIDE, f"{place}, the photo is {size[0]} x {size[1]} pixels")
    return np.where(labelled[:, None], positions, 0.0) / size
