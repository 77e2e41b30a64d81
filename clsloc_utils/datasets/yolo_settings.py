"""What the settings of a folder in YOLO layout say: `data.yaml`, or the files of darknet."""

import dataclasses
import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

import yaml

from clsloc_utils.datasets.box_fields import class_name, normalized, text_of
from clsloc_utils.datasets.folders import FaultError, Problem, in_short
from clsloc_utils.datasets.split_names import split_called
from clsloc_utils.datasets.yolo_files import YoloFiles, is_notes

LAYOUT = (
    "A folder in YOLO layout holds photos, a .txt of boxes for each, beside it or in labels/ for images/, and the "
    "classes' names in data.yaml or classes.txt"
)


@dataclasses.dataclass(frozen=True)
class Settings:
    """The fields of `data.yaml` or darknet's `obj.data`, and where it lies; none if there is no such file."""

    file: str
    values: Mapping
    place: Path

    @classmethod
    def of(cls, files: YoloFiles) -> "Settings":
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

    def class_names(self, files: YoloFiles) -> tuple[dict[int, str], str]:
        """The names of the classes by number, and which file they are from; none if no file has them."""
        names = self.values.get("names")
        if isinstance(names, (list, dict)):
            files.unread += [files.relative(path) for path in files.names_files]
            numbered = names if isinstance(names, dict) else dict(enumerate(names))
            return {
                self._number(number): _name(self.file, number, name) for number, name in numbered.items()
            }, self.file
        read = {files.relative(path): _names_in(path, files.relative(path)) for path in files.names_files}
        files.unread += [file for file in read if not read[file]]
        named = sorted(filter(read.get, read), key=lambda file: not is_notes(file))
        remark = ""
        for other in named[1:]:
            if read[other] == read[named[0]]:
                continue
            same_names = sorted(read[other].values()) == sorted(read[named[0]].values())
            if not same_names or is_notes(other) or not is_notes(named[0]):
                raise ValueError(
                    f"{files.folder}: {named[0]} and {other} name other classes, or in another order, so numbers in "
                    "the labels mean two things. Leave one of them, the one that the labels were made with."
                )
            remark = f" (other numbers than the lines of {other})"
        return (read[named[0]], named[0] + remark) if named else ({}, "")

    def _number(self, number: object) -> int:
        if isinstance(number, bool) or not re.fullmatch(r"\d+", str(number)):
            raise ValueError(f"{self.file}: names has the number {number!r}; write a whole number from 0 on.")
        return int(number)

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


def _names_in(path: Path, file: str) -> dict[int, str]:
    """The names of the classes by number in a file of names; none if it is a note on something else."""
    if is_notes(path.name):
        try:
            numbered = {int(each["id"]): each["name"] for each in json.loads(text_of(path))["categories"]}
        except (FaultError, ValueError, LookupError, TypeError, OverflowError, RecursionError):
            return {}
    else:
        numbered = dict(enumerate(lines_of(path)))
    return {number: _name(file, number, name) for number, name in numbered.items()}


def _name(file: str, number: object, name: object) -> str:
    if not isinstance(name, (str, int)) or isinstance(name, bool):
        raise ValueError(
            f"{file}: names has {name!r} for class {number}, not a text. Put the name in quotes; YAML takes a plain "
            "yes, no, on or off for a truth value."
        )
    if not str(name).strip():
        raise ValueError(
            f"{file}: the name of class {number} is empty. Give it one, or the numbers behind it mean others."
        )
    return class_name(str(name))


def _assignments(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        field, equals, value = line.partition("=")
        if equals:
            yield field.strip(), value.strip()


def lines_of(path: Path) -> list[str]:
    try:
        return [normalized(line.strip()) for line in text_of(path).rstrip().splitlines()]
    except FaultError as fault:
        raise ValueError(f"{path} cannot be read ({fault}). Mend it.") from fault


def no_class_names(files: YoloFiles) -> str:
    inner = sorted({path.parent.name for path in files.folder.glob("*/data.yaml")})
    hint = f" Or did you mean {files.folder / inner[0]}?" if inner else ""
    return (
        "the labels hold numbers of classes, and no file names them. Write classes.txt into it, a name a line in the "
        f"order of the numbers, or, in Python, pass class_names.{hint}"
    )
