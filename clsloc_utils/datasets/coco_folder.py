"""A folder with COCO's JSON as a TFDS builder: COCO itself, Roboflow, CVAT, Label Studio, FiftyOne, ...

What the folder must hold:

    annotations/instances_train2017.json   one or more JSON files with `images`, `annotations` and `categories`
    train2017/000000000009.jpg             the photos that they name, anywhere in the folder

A JSON file belongs to the split that it or its folder is called after: `instances_val2017.json`,
`valid/_annotations.coco.json`. Its photos are found by the longest end of their `file_name`, in the folder of the same
split first. A box is `[x, y, width, height]` in pixels, from 0; where there is none, it is the one around the polygons.

A crowd region (`iscrowd: 1`) stands for objects that nobody has counted. A photo with one is left out as a whole:
without the region it could pass for a photo of a single object. Names of classes are compared in lower case, as in
TFDS's `voc`; a category without an object in any usable photo (Roboflow writes one above all others) is no class.
"""

import collections
import dataclasses
import itertools
import json
import math
import mmap
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from clsloc_utils.datasets.box_fields import (
    MISSING_FIELD,
    UNKNOWN_CLASS,
    annotated_object,
    around_turned,
    class_name,
    normalized,
    text_of,
)
from clsloc_utils.datasets.box_folder import (
    TURNED_BOX,
    AnnotatedImage,
    BoxFolder,
    Reading,
    Scan,
    reading_of,
    scan_of,
    size_as_annotated,
)
from clsloc_utils.datasets.folders import (
    IMAGE_SUFFIXES,
    MISSING_IMAGE,
    SAME_NAME,
    FaultError,
    Problem,
    faults_of,
    files_below,
    in_short,
    printable,
    relative,
)
from clsloc_utils.datasets.split_names import split_called, split_without_lists

ENTERED_TWICE = "entered twice"
NOT_ENTERED = "annotations of a photo that is not entered"
LAYOUT = (
    "A folder in COCO layout holds photos and one or more .json with images, annotations and categories, called after "
    "their split, such as annotations/instances_train.json"
)


class CocoFolder(BoxFolder):
    """TFDS builder of a folder in COCO layout, with the features of TFDS's `voc`."""

    LAYOUT = LAYOUT

    @classmethod
    def recognizes(cls, folder: Path) -> bool:
        """Whether it has photos and a JSON file with COCO's three lists."""
        files = _Files(folder)
        return bool(files.photos and files.annotations)

    @classmethod
    def files(cls, folder: Path) -> Iterable[Path]:
        """Photos and JSON files."""
        files = _Files(folder)
        return sorted([*files.photos.values(), *files.annotations])

    @classmethod
    def _scan(cls, folder: Path, class_names: Sequence[str] | None) -> Scan:
        files = _Files(folder)
        documents, unused = _documents(files)
        entries, problems = _entries(files, documents)
        by_name = {entry.photo: entry for entry in entries}
        names_by_split, splits_in_words = _splits(documents, entries)

        def read(name: str) -> Reading:
            return _read_image(files, by_name[name], class_names)

        return scan_of(
            folder,
            names_by_split,
            read,
            class_names=class_names,
            known_classes=[name for document in documents for name in document.categories.values()],
            problems=problems,
            in_words=(f"COCO layout, {in_short([document.file for document in documents])}", splits_in_words),
            unlisted=len(files.photos.keys() - by_name.keys() - {problem.file for problem in problems}),
            unread=[*unused, *files.unread],
        )


# Finding the files.


class _Files:
    """The files of a folder, told apart: photos by relative path, JSON files with COCO's three lists, all others."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.photos: dict[str, Path] = {}
        self.annotations: list[Path] = []
        self.unread: list[str] = []
        for path in files_below(folder):
            if path.suffix.lower() in IMAGE_SUFFIXES:
                self.photos[normalized(path.relative_to(folder).as_posix())] = path
            elif path.suffix.lower() == ".json" and _has_lists(path):
                self.annotations.append(path)
            else:
                self.unread.append(relative(path, folder))


def _has_lists(path: Path) -> bool:
    """Whether a file names COCO's three lists; its captions lack categories, its lists of test photos annotations."""
    try:
        with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return all(content.find(f'"{field}"'.encode()) >= 0 for field in _LISTS)
    except (OSError, ValueError):  # an empty file cannot be mapped
        return False


# The JSON.

_LISTS = ("images", "annotations", "categories")


@dataclasses.dataclass(frozen=True)
class _Document:
    """One JSON file: its entries of photos, the annotations by photo's id, the names of classes by id in their order.

    `split` is what it or its folder is called after, `contributor` the tool that wrote it, if it says so.
    """

    file: str
    split: str | None
    images: Sequence
    annotations: Mapping[str, Sequence[dict]]
    categories: Mapping[str, str]
    contributor: object

    @classmethod
    def of(cls, path: Path, folder: Path) -> "_Document":
        try:
            content = json.loads(text_of(path))
        except (FaultError, ValueError, RecursionError) as error:
            raise ValueError(f"{path} cannot be read ({error}). Mend it, or export it again.") from error
        lists = [content.get(field) if isinstance(content, dict) else None for field in _LISTS]
        if not all(isinstance(each, list) for each in lists):
            raise ValueError(f"{path}: {' and '.join(_LISTS)} must be lists. {LAYOUT}.")
        images, annotations, categories = lists
        of_images = collections.defaultdict(list)
        for annotation in annotations:
            if not isinstance(annotation, dict):
                raise ValueError(f"{path}: annotations holds {annotation!r}, which is no object with fields. Mend it.")
            of_images[str(annotation.get("image_id"))].append(annotation)
        names = {}
        for category in categories:
            if not (isinstance(category, dict) and isinstance(category.get("name"), str) and "id" in category):
                raise ValueError(f"{path}: categories holds {category!r}, which lacks a name or an id. Mend it.")
            name, number = class_name(category["name"]), str(category["id"])
            if not name:
                raise ValueError(f"{path}: the category {category['id']!r} has an empty name. Give it one.")
            if number in names:
                raise ValueError(f"{path}: two categories have the id {category['id']!r}. Give each its own.")
            names[number] = name
        names = dict(sorted(names.items(), key=lambda item: (not item[0].isdecimal(), item[0].zfill(20))))
        file, info = relative(path, folder), content.get("info")
        contributor = info.get("contributor") if isinstance(info, dict) else None
        return cls(file, _split_of(file), images, of_images, names, contributor)


def _split_of(file: str) -> str | None:
    """The split of `annotations/instances_val2017.json` or `valid/_annotations.coco.json`."""
    *folders, name = file.split("/")
    words = [*re.split(r"[\W_]+", name), *reversed(folders)]
    return next(filter(None, map(split_called, words)), None)


def _documents(files: _Files) -> tuple[list[_Document], list[str]]:
    """The JSON files that count, and the others.

    COCO has the same photos in instances_train2017.json, person_keypoints_train2017.json and stuff_train2017.json: the
    first counts. Beside files of splits, those of no split count for nothing: they hold the same photos once more.
    """
    split_of = {path: _split_of(relative(path, files.folder)) for path in files.annotations}
    used = [path for path in files.annotations if split_of[path]] or files.annotations
    with_instances = {(path.parent, split_of[path]) for path in used if path.name.startswith("instances")}
    used = [
        path
        for path in used
        if path.name.startswith("instances") or (path.parent, split_of[path]) not in with_instances
    ]
    used.sort(key=lambda path: ("train", "validation", "test", None).index(split_of[path]))
    unused = [relative(path, files.folder) for path in files.annotations if path not in used]
    return [_Document.of(path, files.folder) for path in used], unused


@dataclasses.dataclass(frozen=True)
class _Entry:
    """One photo of a JSON file: the entry as it stands there, and the photo relative to the folder, if any."""

    document: _Document
    values: Mapping
    photo: str

    @property
    def is_exact(self) -> bool:
        """Whether the photo lies where the entry says, or in folders around that."""
        return f"/{self.photo}".endswith(f"/{_path_in(self.values)}")

    @property
    def annotations(self) -> Sequence[dict]:
        return self.document.annotations.get(str(self.values["id"]), ())


def _entries(files: _Files, documents: Sequence[_Document]) -> tuple[list[_Entry], list[Problem]]:
    """All entries that have a photo of their own, and what is wrong with the others."""
    problems: list[Problem] = []
    by_basename = collections.defaultdict(list)
    for photo in files.photos:
        by_basename[photo.rpartition("/")[2]].append(photo)
    entries: list[_Entry] = []
    for document in documents:
        ids = collections.Counter(str(image.get("id")) for image in document.images if isinstance(image, dict))
        for number, image in enumerate(document.images, start=1):
            if not (isinstance(image, dict) and "id" in image and isinstance(image.get("file_name"), str)):
                problems.append(Problem(document.file, MISSING_FIELD, f"image {number} lacks a file_name or an id"))
                continue
            name, photos = printable(image["file_name"]), _photos_of(_path_in(image), document, by_basename)
            if ids[str(image["id"])] > 1:
                detail = f"{name}: its id {image['id']!r} is another's, too"
                problems.append(Problem(document.file, ENTERED_TWICE, detail))
            elif len(photos) > 1:
                detail = printable(f"{', '.join(photos[1:])}; {document.file} says {name}")
                problems.append(Problem(printable(photos[0]), SAME_NAME, detail))
            else:
                entries.append(_Entry(document, image, photos[0] if photos else ""))
        for image_id in document.annotations.keys() - ids.keys():
            count = len(document.annotations[image_id])
            problems.append(Problem(document.file, NOT_ENTERED, f"image_id {image_id!r}: {count}"))
    # `cam1/a.jpg` may mean `a.jpg` in a folder of another name, but not if that one is entered itself.
    entered = {entry.photo for entry in entries if entry.is_exact}
    by_photo = collections.defaultdict(list)
    for entry in entries:
        if entry.photo and (entry.is_exact or entry.photo not in entered):
            by_photo[entry.photo].append(entry)
        else:
            file = printable(entry.values["file_name"])
            problems.append(Problem(file, MISSING_IMAGE, f"but it is in {entry.document.file}"))
    for photo, found in by_photo.items():
        if len(found) > 1:
            where = ", ".join(entry.document.file for entry in found)
            problems.append(Problem(printable(photo), ENTERED_TWICE, f"in {where}; which entry counts is not clear"))
    return [found[0] for found in by_photo.values() if len(found) == 1], problems


def _photos_of(name: str, document: _Document, by_basename: Mapping[str, Sequence[str]]) -> list[str]:
    """The photos that a file name may mean: those that share the longest end with it, if possible of the same split."""
    parts = name.split("/")
    folder = document.file.rpartition("/")[0]

    def fit(photo: str) -> tuple[int, bool, bool]:
        of_photo = photo.split("/")
        pairs = zip(reversed(parts), reversed(of_photo), strict=False)
        shared = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
        split = next(filter(None, map(split_called, of_photo[:-1])), None)
        return shared, document.split is not None and split == document.split, photo == f"{folder}/{name}".lstrip("/")

    photos = by_basename.get(parts[-1], ())
    best = max(map(fit, photos), default=None)
    return [photo for photo in photos if fit(photo) == best]


def _path_in(values: Mapping) -> str:
    return normalized(values["file_name"]).replace("\\", "/").removeprefix("./")


def _splits(documents: Sequence[_Document], entries: Sequence[_Entry]) -> tuple[dict[str, list[str]], str]:
    """The photos of each split, and in words where the splits came from."""
    if not documents[0].split:
        return split_without_lists([entry.photo for entry in entries])
    splits = collections.defaultdict(list)
    for entry in entries:
        splits[entry.document.split].append(entry.photo)
    return splits, "splits from the names of the JSON files or of their folders"


# Reading one photo.


def _read_image(files: _Files, entry: _Entry, allowed: Sequence[str] | None) -> Reading:
    """The photo with its objects, or what is wrong with it."""
    path, document = files.photos[entry.photo], entry.document
    with faults_of(entry.photo):
        annotated_size = _annotated_size(entry.values)
    size, turned = size_as_annotated(
        path,
        annotated_size,
        photo=entry.photo,
        annotation=entry.photo,
        # It gives the stored size, though boxes are drawn on what the browser shows, the turned photo.
        stored_tells=document.contributor != "Label Studio",
    )
    if any(annotation.get("iscrowd") for annotation in entry.annotations):
        return Reading(None, remarks=[Problem(entry.photo, "photos with crowd regions left out")])

    def read(annotation: dict) -> Iterator[tuple[dict, list[str]]]:
        corners, remarks = _corners(annotation, size)
        category = str(annotation.get("category_id"))
        if category not in document.categories:
            raise FaultError(UNKNOWN_CLASS, f"category_id {category!r} is none of the categories")
        yield annotated_object(document.categories[category], corners, size, allowed=allowed), remarks

    places = ((f"{document.file}: annotation {each.get('id')!r}", each) for each in entry.annotations)
    return reading_of(AnnotatedImage(entry.photo, path, (), turned), entry.photo, places, read)


def _annotated_size(values: Mapping) -> tuple[int, int] | None:
    """Width and height as the JSON gives them; `None` if it does not, which the photo knows anyway."""
    size = tuple(values.get(field) for field in ("width", "height"))
    if size in ((None, None), (0, 0)):
        return None
    return tuple(round(_number(value, field)) for value, field in zip(size, ("width", "height"), strict=True))


def _corners(annotation: Mapping, size: tuple[int, int]) -> tuple[tuple[float, ...], list[str]]:
    """`xmin, ymin, xmax, ymax` in pixels, and remarks on what was read otherwise than it stands there or not at all."""
    remarks = ["keypoints left unread"] if annotation.get("keypoints") else []
    box, polygons = annotation.get("bbox"), annotation.get("segmentation")
    if box:
        if not (isinstance(box, list) and len(box) == 4):
            raise FaultError(MISSING_FIELD, f"bbox is {box!r}, not [x, y, width, height]")
        x, y, width, height = (_number(value, "bbox") for value in box)
        corners = (x, y, x + width, y + height)
        attributes = annotation.get("attributes")
        rotation = attributes.get("rotation") if isinstance(attributes, dict) else None  # CVAT's, in degrees
        angle = math.radians(_number(rotation or 0, "rotation") % 360)
        if not angle:
            return corners, remarks
        return around_turned(corners, angle, size), [*remarks, TURNED_BOX]
    if not (isinstance(polygons, list) and polygons and all(isinstance(each, list) for each in polygons)):
        raise FaultError(MISSING_FIELD, "no bbox, and no polygons")
    xs = [_number(value, "segmentation") for polygon in polygons for value in polygon[::2]]
    ys = [_number(value, "segmentation") for polygon in polygons for value in polygon[1::2]]
    if len(xs) != len(ys) or len(xs) < 3:
        raise FaultError(MISSING_FIELD, "no bbox, and polygons that are no pairs of numbers")
    return (min(xs), min(ys), max(xs), max(ys)), [*remarks, "polygons without bbox read as the box around them"]


def _number(value: object, field: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 1e300:
        raise FaultError(MISSING_FIELD, f"{field} holds {value!r}, not a finite number")
    return float(value)
