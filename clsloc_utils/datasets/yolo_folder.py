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

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from clsloc_utils.datasets.box_fields import NO_FILES, UNKNOWN_CLASS, annotated_object, text_of
from clsloc_utils.datasets.box_folder import (
    AnnotatedImage,
    BoxFolder,
    Reading,
    Scan,
    each_once,
    reading_of,
    scan_of,
)
from clsloc_utils.datasets.folders import (
    MISSING_IMAGE,
    FaultError,
    Problem,
    checked_photo,
    faults_of,
    in_short,
    only_one,
)
from clsloc_utils.datasets.split_names import split_called, split_without_lists
from clsloc_utils.datasets.yolo_files import YoloFiles, looks_like_labels
from clsloc_utils.datasets.yolo_settings import LAYOUT, Settings, lines_of, no_class_names

BAD_LINE = "line that is no box"
NOT_RELATIVE = "numbers that are no shares of the photo"
_NO_PHOTO = "these labels have no photo"
# Ultralytics lets centre and size be this much above 1.
_TOLERANCE = 0.01


class YoloFolder(BoxFolder):
    """TFDS builder of a folder in YOLO layout, with the features of TFDS's `voc`."""

    LAYOUT = LAYOUT

    @classmethod
    def recognizes(cls, folder: Path) -> bool:
        """Whether it has photos, and a `data.yaml` or a label file with a box."""
        files = YoloFiles(folder)
        if not files.photos:
            return False
        return bool(files.settings_files) or any(looks_like_labels(path) for path in files.labels_of_photos)

    @classmethod
    def files(cls, folder: Path) -> Iterable[Path]:
        """Photos and all files with labels, lists and names."""
        return YoloFiles(folder).all_read

    @classmethod
    def _scan(cls, folder: Path, class_names: Sequence[str] | None) -> Scan:
        files = YoloFiles(folder)
        settings = Settings.of(files)
        problems = list(settings.problems)
        names, where = settings.class_names(files)
        if not names:
            if class_names is None:
                raise ValueError(f"{folder}: {no_class_names(files)}")
            names, where = dict(enumerate(class_names)), "class_names"
        names_by_split, splits_in_words = _splits(files, settings, problems)

        def read(name: str) -> Reading:
            return _read_image(files, name, names, class_names, settings.keypoint_values)

        return scan_of(
            folder,
            names_by_split,
            read,
            class_names=class_names,
            known_classes=names.values(),
            problems=problems,
            in_words=(f"YOLO layout, names of the classes from {where}", splits_in_words),
            unlisted=len(files.names.difference(*names_by_split.values())),
            unread=files.unread,
        )


# Splits.
def _splits(files: YoloFiles, settings: Settings, problems: list[Problem]) -> tuple[dict[str, list[str]], str]:
    """The names of the photos of each split, every name once, and in words where the splits came from."""
    listed, where = _named_splits(files, settings, problems)
    if not listed:
        return split_without_lists(files.names)
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
        problems.append(Problem(files.relative(files.labels[name][0]), MISSING_IMAGE, _NO_PHOTO))
    return splits, "; ".join(remarks)


def _named_splits(files: YoloFiles, settings: Settings, problems: list[Problem]) -> tuple[dict[str, list[str]], str]:
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


def _names_at(path: Path, files: YoloFiles) -> list[str]:
    """The names of the photos in a folder, or in a list; a line that fits no photo stands in it as it is."""
    if path.is_dir():
        return [name for name, paths in files.photos.items() if any(path in each.parents for each in paths)]
    if path.suffix.lower() != ".txt":
        return [files.name_of(path)]
    return [_name_in_list(line, files) for line in lines_of(path) if line]


def _name_in_list(line: str, files: YoloFiles) -> str:
    parts = [part for part in line.strip("\"'").replace("\\", "/").split("/") if part not in ("", ".", "..")]
    ends = ("/".join(parts[start:]) for start in range(len(parts)))
    return next((files.name_of_path[end] for end in ends if end in files.name_of_path), line)


# Reading one photo.
def _read_image(
    files: YoloFiles, name: str, class_names: Mapping[int, str], allowed: Sequence[str] | None, keypoint_values: int
) -> Reading:
    """The photo with its objects, or what is wrong with it."""
    photos, labels = files.photos.get(name, []), files.labels.get(name, [])
    if not photos:
        file = files.relative(labels[0]) if labels else name
        raise FaultError(MISSING_IMAGE if labels else NO_FILES, _NO_PHOTO if labels else "", file)
    file = only_one(photos, files.folder)
    with faults_of(file):
        (width, height), orientation = checked_photo(photos[0])
    if orientation in range(5, 9):  # the others mirror, or turn by a half
        width, height = height, width
    lines = []
    if labels:
        file = only_one(labels, files.folder)
        with faults_of(file):
            lines = text_of(labels[0]).splitlines()

    def read(line: str) -> Iterator[tuple[dict, list[str]]]:
        index, (xmin, ymin, xmax, ymax), remarks = _read_line(line, keypoint_values)
        if index not in class_names:
            numbers = f"{min(class_names)} to {max(class_names)}"
            raise FaultError(UNKNOWN_CLASS, f"class {index}; the classes are numbered {numbers}")
        in_pixels = (xmin * width, ymin * height, xmax * width, ymax * height)
        yield annotated_object(class_names[index], in_pixels, (width, height), allowed=allowed), remarks

    places = ((f"line {number}", line) for number, line in enumerate(lines, start=1) if line.strip())
    return reading_of(AnnotatedImage(name, photos[0], (), orientation in range(2, 9)), file, places, read)


def _read_line(line: str, keypoint_values: int) -> tuple[int, tuple[float, float, float, float], list[str]]:
    """The number of the class, `xmin, ymin, xmax, ymax` as shares of the photo, and remarks, of a line of labels."""
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
        return int(index), corners, [remark] * (len(fields) > 5)
    if len(fields) < 7 or len(fields) % 2 == 0 or keypoint_values:
        expected = f"5 or {5 + keypoint_values}" if keypoint_values else "5, or a class and the points of a polygon"
        raise FaultError(BAD_LINE, f"{len(fields)} numbers; expected {expected}")
    _check_shares(numbers)
    xs, ys = numbers[::2], numbers[1::2]
    return int(index), (min(xs), min(ys), max(xs), max(ys)), ["polygons read as the box around them"]


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
