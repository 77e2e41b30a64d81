"""A folder in YOLO's layout as a TFDS builder: what Ultralytics, darknet, Roboflow, CVAT, labelImg, ... write.

What the folder must hold:

    images/train/photo_1.jpg   the photos; `train/images`, plain `images` or any other folder will do
    labels/train/photo_1.txt   one file a photo: in the same place below `labels` instead of `images`, or beside it
    data.yaml                  names of the classes, and where the splits are; or classes.txt, a name a line; or
                               darknet's obj.data and obj.names; or Label Studio's notes.json

A line of a label file is `class x y width height`: centre and size as shares of the photo's size. A sixth number, the
confidence that prediction writes, is left unread. From seven numbers on it is `class x1 y1 x2 y2 x3 y3 ...`, a polygon,
as turned boxes are, too: its box is the one around it. Where data.yaml has `kpt_shape`, keypoints follow the box. A
photo without a label file, or with an empty one, is one without objects.

Boxes hold for the photo as Ultralytics (8.4) loads it: turned as its EXIF tag says. Nothing in the files tells whether
they were drawn so, but whoever has trained with Ultralytics has trained with these. Names of classes are compared in
lower case, as in TFDS's `voc`.
"""

import dataclasses
import functools
import json
import math
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

import yaml

from clsloc_utils.datasets.box_folder import (
    ENCODING,
    NO_FILES,
    UNKNOWN_CLASS,
    AnnotatedImage,
    BoxFolder,
    Reading,
    Scan,
    annotated_object,
    class_name,
    counted,
    each_once,
    in_short,
    joined,
    normalized,
    read_all,
    reading_of,
    split_by_folders,
    split_by_hash,
    split_called,
    text_of,
    used_and_unused,
)
from clsloc_utils.datasets.folders import (
    IMAGE_SUFFIXES,
    MISSING_IMAGE,
    SAME_NAME,
    FaultError,
    Problem,
    beginning_of,
    checked_photo,
    files_below,
    printable,
    relative,
)

BAD_LINE = "line that is no box"
NOT_RELATIVE = "numbers that are no shares of the photo"
LAYOUT = (
    "A folder in YOLO layout holds photos, a .txt of boxes for each, beside it or in labels/ for images/, and the "
    "classes' names in data.yaml or classes.txt"
)
# Ultralytics lets centre and size be this much above 1.
_TOLERANCE = 0.01
_FOLDERS_OF_KIND = ("images", "labels", "jpegimages")


class YoloFolder(BoxFolder):
    """TFDS builder of a folder in YOLO layout, with the features of TFDS's `voc`."""

    LAYOUT = LAYOUT

    @classmethod
    def recognizes(cls, folder: Path) -> bool:
        """Whether it has photos, and a `data.yaml` or a label file with a box."""
        files = _Files(folder)
        if not files.photos:
            return False
        return bool(files.settings_files) or any(_looks_like_labels(path) for path in files.labels_of_photos)

    @classmethod
    def files(cls, folder: Path) -> Iterable[Path]:
        """Photos and all files with labels, lists and names."""
        return _Files(folder).all_read

    @classmethod
    def scan(cls, folder: Path, class_names: Sequence[str] | None) -> Scan:
        """Checks all files that the splits need."""
        return _scan(_Files(folder), class_names)


def _scan(files: "_Files", class_names: Sequence[str] | None) -> Scan:
    settings = _Settings.of(files)
    problems = list(settings.problems)
    names, where = settings.class_names(files)
    if not names:
        if class_names is None:
            raise ValueError(f"{files.folder}: {_no_class_names(files)}")
        names, where = dict(enumerate(class_names)), "class_names"
    names_by_split, splits_in_words = _splits(files, settings, problems)

    def read(name: str) -> Reading:
        return _read_image(files, name, names, class_names, settings.keypoint_values)

    splits, found, remarks = read_all(files.folder, names_by_split, read)
    unused = []
    if class_names is None:
        class_names, unused = used_and_unused(names.values(), splits)
    unlisted = len(files.names.difference(*names_by_split.values()))
    in_words = (
        f"YOLO layout, names of the classes from {where}",
        splits_in_words,
        f"{unlisted} photos are in no split and left out" if unlisted else "",
        f"classes without an object left out: {in_short(unused)}" if unused else "",
        *counted(remarks),
        f"left unread: {in_short(files.unread)}" if files.unread else "",
    )
    return Scan(
        splits,
        tuple(class_names),
        [*problems, *found],
        joined(in_words),
        named_splits=tuple(names_by_split),
    )


# Finding the files.


class _Files:
    """The files of a folder, told apart.

    Attributes:
        folder: The folder.
        photos: The photos by name, such as `train/photo_1` for `images/train/photo_1.jpg`.
        labels: The label files by name, in the same way.
        texts: All other .txt.
        settings_files: `data.yaml` or darknet's `obj.data`.
        names_files: `classes.txt` and the like, and Label Studio's `notes.json`.
        unread: All that is none of this, relative to the folder.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.photos: dict[str, list[Path]] = {}
        self.labels: dict[str, list[Path]] = {}
        self.texts: list[Path] = []
        self.settings_files: list[Path] = []
        self.names_files: list[Path] = []
        self.unread: list[str] = []
        texts = []
        for path in files_below(folder):
            name, suffix = path.name.lower(), path.suffix.lower()
            if suffix in IMAGE_SUFFIXES:
                self.photos.setdefault(self.name_of(path), []).append(path)
            elif name in ("classes.txt", "_darknet.labels") or suffix == ".names" or _is_notes(name):
                self.names_files.append(path)
            elif _is_settings_file(path, folder):
                self.settings_files.append(path)
            elif suffix == ".txt":
                texts.append(path)
            elif suffix != ".cache":  # what Ultralytics keeps of the labels
                self.unread.append(self.relative(path))
        for path in texts:
            name = self.name_of(path)
            in_labels = "labels" in (part.lower() for part in path.relative_to(folder).parts[:-1])
            if name in self.photos or in_labels or _looks_like_labels(path):
                self.labels.setdefault(name, []).append(path)
            else:
                self.texts.append(path)

    def relative(self, path: Path) -> str:
        """A path as messages show it."""
        return relative(path, self.folder)

    def name_of(self, path: Path) -> str:
        """What a photo and its labels share: the path without ending, and without the last `images` or `labels`."""
        *folders, name = path.relative_to(self.folder).with_suffix("").parts
        kinds = [place for place, part in enumerate(folders) if part.lower() in _FOLDERS_OF_KIND]
        if kinds:
            del folders[kinds[-1]]
        return normalized("/".join([*folders, name]))

    @property
    def names(self) -> set[str]:
        """The names of all photos and labels."""
        return {*self.photos, *self.labels}

    @property
    def labels_of_photos(self) -> Iterator[Path]:
        """The label files that have a photo."""
        return (path for name, paths in self.labels.items() if name in self.photos for path in paths)

    @functools.cached_property
    def name_of_path(self) -> dict[str, str]:
        """The name of each photo by its path in the folder and by itself, with and without ending."""
        paths = [(name, path) for name, found in self.photos.items() for path in found]
        by_name = {f"{name}{suffix}": name for name, path in paths for suffix in ("", path.suffix)}
        by_path = {normalized(self.relative(path)): name for name, path in paths}
        return by_name | {path.rpartition(".")[0]: name for path, name in by_path.items()} | by_path

    @property
    def all_read(self) -> list[Path]:
        """All files that the examples depend on."""
        of_photos = [path for files in (self.photos, self.labels) for paths in files.values() for path in paths]
        return sorted([*of_photos, *self.texts, *self.settings_files, *self.names_files])


def _is_notes(file: str) -> bool:
    """Whether it is Label Studio's `notes.json`, which has the numbers of its labels; its `classes.txt` may not."""
    return PurePosixPath(file).name.lower() == "notes.json"


def _is_settings_file(path: Path, folder: Path) -> bool:
    if path.suffix.lower() in (".yaml", ".yml"):
        return path.parent == folder and (
            path.stem == "data" or re.search(rb"^(names|train)\s*:", beginning_of(path), re.MULTILINE) is not None
        )
    return path.suffix == ".data" and re.search(rb"^\s*(names|train)\s*=", beginning_of(path), re.MULTILINE) is not None


def _looks_like_labels(path: Path) -> bool:
    """Whether the first line of a file is a class and a box, be it in pixels."""
    first = beginning_of(path).removeprefix(b"\xef\xbb\xbf").lstrip().split(b"\n")[0].split()
    return len(first) >= 5 and all(re.fullmatch(rb"[-+]?\d*\.?\d+([eE][-+]?\d+)?", field) for field in first)


# What data.yaml or obj.data say.


@dataclasses.dataclass(frozen=True)
class _Settings:
    """What `data.yaml` or darknet's `obj.data` says; nothing if there is none.

    Attributes:
        file: The file, relative to the folder.
        values: Its fields.
        place: Where it lies.
    """

    file: str
    values: Mapping
    place: Path

    @classmethod
    def of(cls, files: _Files) -> "_Settings":
        found = sorted(files.settings_files, key=lambda path: (path.stem != "data", path.suffix == ".data"))
        if not found:
            return cls("", {}, files.folder)
        path, *others = found
        if others and path.stem != "data":
            raise ValueError(
                f"{files.folder}: {in_short([files.relative(each) for each in found])} each name classes or splits. "
                "Call the one that counts data.yaml."
            )
        files.unread += [files.relative(other) for other in others]
        try:
            text = text_of(path)
            values = dict(_assignments(text)) if path.suffix == ".data" else yaml.safe_load(text)
        except (FaultError, yaml.YAMLError, ValueError, RecursionError) as error:
            raise ValueError(f"{path} cannot be read ({' '.join(str(error).split())}). Mend it.") from error
        if not isinstance(values, dict):
            raise ValueError(f"{path} holds no fields such as `names:` and `train:`. {LAYOUT}.")
        return cls(files.relative(path), values, path.parent)

    def class_names(self, files: _Files) -> tuple[dict[int, str], str]:
        """The names of the classes by number, and which file they are from; none if no file has them."""
        names = self.values.get("names")
        if isinstance(names, (list, dict)):
            files.unread += [files.relative(path) for path in files.names_files]
            numbered = names if isinstance(names, dict) else dict(enumerate(names))
            return {self._number(number): self._name(number, name) for number, name in numbered.items()}, self.file
        read = {files.relative(path): self._names_in(path) for path in files.names_files}
        files.unread += [file for file in read if not read[file]]
        named = sorted(filter(read.get, read), key=lambda file: not _is_notes(file))
        remark = ""
        for other in named[1:]:
            if read[other] == read[named[0]]:
                continue
            same_names = sorted(read[other].values()) == sorted(read[named[0]].values())
            if not same_names or _is_notes(other) or not _is_notes(named[0]):
                raise ValueError(
                    f"{files.folder}: {named[0]} and {other} name other classes, or in another order, so numbers in "
                    "the labels mean two things. Leave one of them, the one that the labels were made with."
                )
            remark = f" (other numbers than the lines of {other})"
        return (read[named[0]], named[0] + remark) if named else ({}, "")

    def _names_in(self, path: Path) -> dict[int, str]:
        """The names of the classes by number in a file of names; none if it is a note on something else."""
        if not _is_notes(path.name):
            return {number: self._name(number, line) for number, line in enumerate(_lines(path))}
        try:
            numbered = {int(each["id"]): each["name"] for each in json.loads(text_of(path))["categories"]}
        except (FaultError, ValueError, LookupError, TypeError, OverflowError, RecursionError):
            return {}
        return {number: self._name(number, name) for number, name in numbered.items()}

    def _number(self, number: object) -> int:
        if isinstance(number, bool) or not re.fullmatch(r"\d+", str(number)):
            raise ValueError(f"{self.file}: names has the number {number!r}; write a whole number from 0 on.")
        return int(number)

    def _name(self, number: object, name: object) -> str:
        if not isinstance(name, (str, int)) or isinstance(name, bool):
            raise ValueError(
                f"{self.file}: names has {name!r} for class {number}, not a text. Put the name in quotes; YAML takes a "
                "plain yes, no, on or off for a truth value."
            )
        if not str(name).strip():
            raise ValueError(f"The name of class {number} is empty. Give it one, or the numbers behind it mean others.")
        return class_name(str(name))

    @property
    def problems(self) -> list[Problem]:
        """What its fields say against each other."""
        names, count = self.values.get("names"), self.values.get("nc")
        if isinstance(names, (list, dict)) and count is not None and count != len(names):
            return [Problem(self.file, "fields that contradict", f"nc is {count!r}, and names has {len(names)}")]
        return []

    @property
    def keypoint_values(self) -> int:
        """How many numbers of keypoints follow each box."""
        shape = self.values.get("kpt_shape")
        if shape is None:
            return 0
        if not (isinstance(shape, list) and len(shape) == 2 and all(isinstance(value, int) for value in shape)):
            raise ValueError(f"{self.file}: kpt_shape is {shape!r}; write two whole numbers, such as [17, 3].")
        return math.prod(shape)

    @property
    def splits(self) -> dict[str, list[str]]:
        """The folders and lists of each split, as they are written."""
        splits = {}
        for field, entry in self.values.items():
            split = split_called(field) if isinstance(field, str) else None
            if split is None or entry in (None, "", []):
                continue
            entries = entry if isinstance(entry, list) else [entry]
            if not all(isinstance(each, str) for each in entries):
                raise ValueError(f"{self.file}: {field} is {entry!r}; write a folder, a list of photos, or several.")
            splits[split] = [str(PurePosixPath(self._root, each.replace("\\", "/"))) for each in entries]
        return splits

    @property
    def _root(self) -> str:
        return str(self.values.get("path") or "").replace("\\", "/")

    def found(self, entry: str, folder: Path) -> Path | None:
        """What a path means: the longest end of it that there is, since its beginning is of another disk or missing."""
        parts = [part for part in PurePosixPath(entry).parts if part not in ("/", ".", "..")]
        ends = [parts[start:] for start in range(len(parts))] or [[]]
        paths = (base.joinpath(*end) for end in ends for base in (folder, self.place))
        return next((path for path in paths if os.path.exists(path)), None)  # whatever the text is


def _assignments(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        field, equals, value = line.partition("=")
        if equals:
            yield field.strip(), value.strip()


def _lines(path: Path) -> list[str]:
    try:
        return [normalized(line.strip()) for line in text_of(path).rstrip().splitlines()]
    except FaultError as fault:
        raise ValueError(f"{path} cannot be read ({fault}). Mend it.") from fault


def _no_class_names(files: _Files) -> str:
    inner = sorted({path.parent.name for path in files.folder.glob("*/data.yaml")})
    hint = f" Or did you mean {files.folder / inner[0]}?" if inner else ""
    return (
        "the labels hold numbers of classes, and no file names them. Write classes.txt into it, a name a line in the "
        f"order of the numbers, or, in Python, pass class_names.{hint}"
    )


# Splits.


def _splits(files: _Files, settings: _Settings, problems: list[Problem]) -> tuple[dict[str, list[str]], str]:
    """The names of the photos of each split, every name once, and in words where the splits came from."""
    listed, where = _named_splits(files, settings, problems)
    if not listed:
        by_folder = split_by_folders(files.names)
        if by_folder:
            return by_folder, "splits from the names of the folders"
        return split_by_hash(files.names), "no lists, so cut into train, validation and test by a hash of the names"
    remarks = [f"splits from {where}"]
    kept: dict[str, list[str]] = {}
    for split, names in listed.items():
        same = next((other for other in kept if set(names) == set(kept[other])), None)
        if same:
            remarks.append(f"{split} is the same photos as {same} and left out")
        else:
            kept[split] = names
    splits = each_once(kept, problems)
    for name in sorted(files.labels.keys() - files.photos.keys() - set().union(*kept.values())):
        problems += _read_image(files, name, {}, None, 0).problems
    return splits, "; ".join(remarks)


def _named_splits(files: _Files, settings: _Settings, problems: list[Problem]) -> tuple[dict[str, list[str]], str]:
    """The names of the photos of each split that data.yaml or a list names, and which file that is."""
    lists = {path for path in files.texts if split_called(path.stem)}
    splits: dict[str, list[str]] = {}
    for split, entries in settings.splits.items():
        for entry in entries:
            path = settings.found(entry, files.folder)
            if path is not None:
                splits.setdefault(split, []).extend(_names_at(path, files))
                lists.discard(path)
            elif split == "train":
                raise ValueError(
                    f"{files.folder / settings.file}: train is {entry!r}, and there is no such folder or list, so "
                    "there is nothing to learn from. Mend the path."
                )
            else:
                problems.append(Problem(settings.file, NO_FILES, f"{split}: {entry!r}"))
    where = settings.file
    if not splits:
        where = in_short([files.relative(path) for path in sorted(lists)])
        for path in sorted(lists, key=lambda path: ("train", "validation", "test").index(split_called(path.stem))):
            splits.setdefault(split_called(path.stem), []).extend(_names_at(path, files))
            lists.discard(path)
    others = [path for path in files.texts if path in lists or not split_called(path.stem)]
    files.unread += [files.relative(path) for path in others]
    return {split: list(dict.fromkeys(names)) for split, names in splits.items()}, where


def _names_at(path: Path, files: _Files) -> list[str]:
    """The names of the photos in a folder, or in a list; a line that fits no photo stands in it as it is."""
    if path.is_dir():
        return [name for name, paths in files.photos.items() if any(path in each.parents for each in paths)]
    if path.suffix.lower() != ".txt":
        return [files.name_of(path)]
    return [_name_in_list(line, files) for line in _lines(path) if line]


def _name_in_list(line: str, files: _Files) -> str:
    parts = [part for part in line.strip("\"'").replace("\\", "/").split("/") if part not in ("", ".", "..")]
    ends = ("/".join(parts[start:]) for start in range(len(parts)))
    return next((files.name_of_path[end] for end in ends if end in files.name_of_path), line)


# Reading one photo.


def _read_image(
    files: _Files, name: str, class_names: Mapping[int, str], allowed: Sequence[str] | None, keypoint_values: int
) -> Reading:
    """The photo with its objects, or what is wrong with it."""
    photos, labels = files.photos.get(name, []), files.labels.get(name, [])
    if printable(name) != name:
        detail = "the name is not UTF-8; rename the photo and its labels"
        return Reading.fault(printable(name), ENCODING, detail)
    if not photos:
        if not labels:
            return Reading.fault(name, NO_FILES)
        return Reading.fault(files.relative(labels[0]), MISSING_IMAGE, "these labels have no photo")
    for paths in (photos, labels):
        if len(paths) > 1:
            others = ", ".join(files.relative(path) for path in paths[1:])
            return Reading.fault(files.relative(paths[0]), SAME_NAME, others)
    file = files.relative(photos[0])
    try:
        size, orientation = checked_photo(photos[0])
        turned = orientation in range(2, 9)
        width, height = size[::-1] if orientation in range(5, 9) else size  # the others mirror, or turn by a half
        file = files.relative(labels[0]) if labels else file
        lines = text_of(labels[0]).splitlines() if labels else []
    except FaultError as fault:
        return Reading.fault(file, fault.reason, fault.detail)
    objects, problems, remarks = [], [], []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            index, corners, remark = _read_line(line, keypoint_values)
            if index not in class_names:
                detail = f"class {index}; the classes are numbered {min(class_names)} to {max(class_names)}"
                raise FaultError(UNKNOWN_CLASS, detail)
            xmin, ymin, xmax, ymax = corners
            in_pixels = (xmin * width, ymin * height, xmax * width, ymax * height)
            objects.append(annotated_object(class_names[index], in_pixels, (width, height), allowed=allowed))
            remarks += [remark] if remark else []
        except FaultError as fault:
            problems.append(Problem(file, fault.reason, f"line {number}: {fault.detail}"))
    return reading_of(AnnotatedImage(name, photos[0], objects, turned), problems, remarks)


def _read_line(line: str, keypoint_values: int) -> tuple[int, tuple[float, float, float, float], str]:
    """The number of the class, `xmin, ymin, xmax, ymax` as shares of the photo, and a remark, of a line of labels."""
    fields = line.split()
    index, *numbers = (_number(field, line) for field in fields)
    if index != int(index):
        raise FaultError(BAD_LINE, f"class {index:g} is no whole number")
    is_pose = keypoint_values > 0 and len(fields) == 5 + keypoint_values
    if len(fields) in (5, 6) or is_pose:
        _check_shares(numbers[:4])
        x, y, width, height = numbers[:4]
        corners = (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        remark = "keypoints left unread" if is_pose else "a sixth number (confidence) left unread"
        return int(index), corners, remark if len(fields) > 5 else ""
    if len(fields) < 7 or len(fields) % 2 == 0 or keypoint_values:
        expected = f"5 or {5 + keypoint_values}" if keypoint_values else "5, or a class and the points of a polygon"
        raise FaultError(BAD_LINE, f"{len(fields)} numbers; expected {expected}")
    _check_shares(numbers)
    xs, ys = numbers[::2], numbers[1::2]
    return int(index), (min(xs), min(ys), max(xs), max(ys)), "polygons read as the box around them"


def _number(field: str, line: str) -> float:
    try:
        number = float(field)
    except ValueError as error:
        hint = "; separate numbers by blanks, not by commas" if "," in line else ""
        raise FaultError(BAD_LINE, f"{field!r} is not a number{hint}") from error
    if not math.isfinite(number):
        raise FaultError(BAD_LINE, f"{field!r} is not a finite number")
    return number


def _check_shares(numbers: Collection[float]) -> None:
    worst = max(numbers, key=lambda number: abs(number - 0.5))
    if not -_TOLERANCE <= worst <= 1 + _TOLERANCE:
        hint = " It looks like pixels: divide x by the photo's width and y by its height." if worst > 2 else ""
        raise FaultError(NOT_RELATIVE, f"{worst:g} is not between 0 and 1.{hint}")
