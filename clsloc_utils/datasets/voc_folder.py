"""A folder in PASCAL VOC's layout as a TFDS builder: an extracted `VOCdevkit/VOC2007`, or one's own annotated photos.

What the folder must hold:

    JPEGImages/photo_1.jpg             the photos, of any format that Pillow reads
    Annotations/photo_1.xml            one file a photo, in VOC's format
    ImageSets/Main/train.txt, val.txt  one photo's name a line, see `name_lists`; the folder may do without

Or what tools make of that: `images/` with `annots/`, `annotations/` or `Annotations/`, `data/` with `labels/`; each
photo beside its XML file; folders within these (`cam1/b` is a name like any other); and `train/`, `valid/`, `test/`
around or within them, which are the splits where there are no lists.

Boxes become what TFDS's `voc` makes of them: `value / size`, so VOC's habit of counting pixels from 1 is not undone.
"""

import dataclasses
import itertools
import math
import os
import re
import xml.etree.ElementTree
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import defusedxml
import defusedxml.ElementTree

from clsloc_utils.datasets.box_fields import (
    MISSING_FIELD,
    NO_FILES,
    annotated_object,
    around_turned,
    class_name,
)
from clsloc_utils.datasets.box_folder import (
    SEVERAL_BOXES,
    TURNED_BOX,
    AnnotatedImage,
    BoxFolder,
    Reading,
    Scan,
    files_by_name,
    reading_of,
    scan_of,
    size_as_annotated,
)
from clsloc_utils.datasets.folders import (
    IMAGE_SUFFIXES,
    MISSING_IMAGE,
    FaultError,
    content_of,
    faults_of,
    files_below,
    files_of,
    in_short,
    only_one,
    relative,
)
from clsloc_utils.datasets.name_lists import PHOTO_FOLDERS, list_files, read_name_lists
from clsloc_utils.datasets.other_formats import OTHER_FORMAT, XML_ROOTS
from clsloc_utils.datasets.split_names import split_called, split_without_lists
from clsloc_utils.datasets.voc_features import VOC_POSES

IMAGE_FOLDER = "JPEGImages"
ANNOTATION_FOLDER = "Annotations"
LIST_FOLDER = "ImageSets/Main"
LAYOUT = (
    f"A folder in VOC layout holds the photos in {IMAGE_FOLDER}/*.jpg, one {ANNOTATION_FOLDER}/*.xml for each, and, if "
    f"you want to choose the splits yourself, the names of the photos in {LIST_FOLDER}/train.txt, val.txt and "
    "test.txt; images/ and annotations/ will do, and so will each photo beside its XML file"
)

MISSING_ANNOTATION = "missing annotation"
MALFORMED_XML = "malformed XML"
NO_OBJECTS = "no objects"

# What `<source><image>` says in the folders that the course draws itself; VOC has "flickr" there.
DRAWING = "drawing"

_ANNOTATION_FOLDERS = ("annotations", "annotation", "annots", "labels", "xml", "xmls")


class VocFolder(BoxFolder):
    """TFDS builder of a folder in VOC layout, with the features of TFDS's `voc`."""

    LAYOUT = LAYOUT

    @classmethod
    def recognizes(cls, folder: Path) -> bool:
        """Whether photos and XML files lie in it as the top of this module says."""
        return bool(_pairs(folder))

    @classmethod
    def files(cls, folder: Path) -> Iterable[Path]:
        """Photos, annotations and lists."""
        places = dict.fromkeys(place for pair in _pairs(folder) for place in (pair.photos, pair.annotations))
        found = [path for place in places for path in files_below(place)]
        return [*found, *list_files(_list_places(folder))]

    @classmethod
    def _scan(cls, folder: Path, class_names: Sequence[str] | None) -> Scan:
        files = _Files.of(folder)
        list_paths = list_files(_list_places(folder))
        lists = read_name_lists(folder, list_paths, files.names)
        names_by_split, splits_in_words = lists.names, ""
        if not names_by_split:
            names_by_split, splits_in_words = split_without_lists(files.names)

        def read(name: str) -> Reading:
            return _read_image(files, name, class_names)

        return scan_of(
            folder,
            names_by_split,
            read,
            class_names=class_names,
            problems=lists.problems,
            in_words=(files.in_words(), splits_in_words, lists.in_words()),
            unlisted=len(files.names.difference(*names_by_split.values())),
            unread=files.unread(list_paths),
        )


def in_voc_layout(folder: str | os.PathLike) -> bool:
    """Whether a folder has VOC's sub-folders for images and annotations, under VOC's names."""
    return all((Path(folder).expanduser() / name).is_dir() for name in (IMAGE_FOLDER, ANNOTATION_FOLDER))


# Finding the files.


class _Pair(NamedTuple):
    """Where photos and their annotations lie; the names of both begin with the prefix."""

    prefix: str
    photos: Path
    annotations: Path


def _pairs(folder: Path) -> list[_Pair]:
    """Where photos and annotations lie: in two folders, in two in each folder of a split, or side by side."""
    if in_voc_layout(folder):
        return [_Pair("", folder / IMAGE_FOLDER, folder / ANNOTATION_FOLDER)]
    if pair := _two_folders(folder):
        return [_Pair("", *pair)]
    folders = _folders_of(folder)
    pairs = [(place, _two_folders(place)) for place in folders if split_called(place.name)]
    if any(pair for _, pair in pairs):
        return [_Pair(f"{place.name}/", *pair) for place, pair in pairs if pair]
    places = [
        folder,
        *folders,
        *(inner for place in folders if os.access(place, os.R_OK) for inner in _folders_of(place)),
    ]
    return [
        _Pair(f"{place.relative_to(folder).as_posix()}/".removeprefix("./"), place, place)
        for place in places
        if os.access(place, os.R_OK) and _holds_photos_and_xml(place)
    ]


def _two_folders(folder: Path) -> tuple[Path, Path] | None:
    """The folders of photos and of XML files in a folder, under any of the names that tools give them."""
    by_name = {place.name.lower(): place for place in _folders_of(folder)}
    photo_places = [by_name[name] for name in PHOTO_FOLDERS if name in by_name]
    outer = [by_name[name] for name in _ANNOTATION_FOLDERS if name in by_name]
    if not (photo_places and outer):
        return None  # before any folder is walked
    inner = [place for each in outer for place in _folders_of(each) if place.name.lower() in _ANNOTATION_FOLDERS]
    photos = next((place for place in photo_places if _holds(files_below(place), IMAGE_SUFFIXES)), None)
    annotations = next((place for place in (*inner, *outer) if _holds(files_below(place), (".xml",))), None)
    return (photos, annotations) if photos and annotations else None


def _folders_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _holds(files: Iterable[Path], suffixes: Sequence[str]) -> bool:
    return any(path.suffix.lower() in suffixes for path in files)


def _holds_photos_and_xml(folder: Path) -> bool:
    """Whether both lie right in a folder, by their names: whoever names a wrong folder gets told so soon."""
    endings = {os.path.splitext(name)[1].lower() for name in os.listdir(folder) if not name.startswith(".")}
    return ".xml" in endings and bool(endings & set(IMAGE_SUFFIXES))


def _list_places(folder: Path) -> list[Path]:
    """Where lists may lie, the likeliest first."""
    sets = [place for place in _folders_of(folder) if place.name.lower() == "imagesets"]
    inner = [place for outer in sets for place in _folders_of(outer)]
    inner.sort(key=lambda place: place.name.lower() != "main")
    return list(dict.fromkeys([*inner, *sets, folder, *(pair.annotations.parent for pair in _pairs(folder))]))


# Reading the folder.


@dataclasses.dataclass(frozen=True)
class _Files:
    """The files of a folder by the names of the photos."""

    folder: Path
    pairs: Sequence[_Pair]
    images: dict[str, Sequence[Path]]
    annotations: dict[str, Sequence[Path]]

    @classmethod
    def of(cls, folder: Path) -> "_Files":
        files = cls(folder, _pairs(folder), {}, {})
        for prefix, photos, annotations in files.pairs:
            deep = photos != annotations  # Side by side, the inner folders are pairs of their own.
            for found, place, suffixes in (
                (files.images, photos, IMAGE_SUFFIXES),
                (files.annotations, annotations, (".xml",)),
            ):
                by_name = files_by_name(place, suffixes, deep=deep)
                found.update({prefix + name: paths for name, paths in by_name.items()})
        return files

    @property
    def names(self) -> set[str]:
        return {*self.images, *self.annotations}

    def expected(self, name: str, kind: str) -> str:
        """Where the photo or the annotation of a name would lie, relative to the folder."""
        pair = max((pair for pair in self.pairs if name.startswith(pair.prefix)), key=lambda pair: len(pair.prefix))
        place, ending = (pair.photos, ".jpg") if kind == MISSING_IMAGE else (pair.annotations, ".xml")
        return (place / (name.removeprefix(pair.prefix) + ending)).relative_to(self.folder).as_posix()

    def in_words(self) -> str:
        """Where photos and annotations were found."""
        photos, annotations = ([f"{relative(place, self.folder)}/" for place in each] for each in self._places())
        if photos == annotations:
            return "VOC XML beside the photos" + ("" if photos == ["./"] else f" in {in_short(photos)}")
        return f"VOC XML, photos in {in_short(photos)}, annotations in {in_short(annotations)}"

    def unread(self, lists: Sequence[Path]) -> list[str]:
        """What else lies in the folder, in words: what was read for nothing else is not ignored without a word."""
        read = {*itertools.chain(*self.images.values(), *self.annotations.values()), *lists}
        photos, annotations = self._places()
        others = [path for place in dict.fromkeys(photos + annotations) for path in files_below(place)]
        count = len({*others} - read)
        read_folders = {parent for path in (*read, *photos, *annotations) for parent in (path, *path.parents)}
        folders = [path for path in _folders_of(self.folder) if path not in read_folders and any(path.iterdir())]
        # Lists are named one by one.
        unread = [f"{path.name}/" for path in folders if path.name.lower() != "imagesets"]
        unread += [path.name for path in files_of(self.folder) if path not in read and path not in others]
        parts = [in_short(unread)] if unread else []
        return parts + [f"files of other kinds beside photos and annotations ({count})"] * (count > 0)

    def _places(self) -> tuple[list[Path], list[Path]]:
        return [pair.photos for pair in self.pairs], [pair.annotations for pair in self.pairs]


# Checking one image.


def _read_image(files: _Files, name: str, allowed: Sequence[str] | None) -> Reading:
    """The photo with its objects, or what is wrong with it."""
    images, annotations = files.images.get(name, ()), files.annotations.get(name, ())
    if not images and not annotations:
        raise FaultError(NO_FILES, file=name)
    if not images:
        there = relative(annotations[0], files.folder)
        raise FaultError(MISSING_IMAGE, f"but there is {there}", files.expected(name, MISSING_IMAGE))
    photo = only_one(images, files.folder)
    if not annotations:
        raise FaultError(MISSING_ANNOTATION, f"of {photo}", files.expected(name, MISSING_ANNOTATION))
    file = only_one(annotations, files.folder)
    with faults_of(file):
        root = parsed_xml(annotations[0])
        annotated_size = _annotated_size(root)
    size, turned = size_as_annotated(images[0], annotated_size, photo=photo, annotation=file)
    elements = root.findall("object")
    if not elements:
        raise FaultError(NO_OBJECTS, file=file)
    image = AnnotatedImage(name, images[0], (), turned, drawn=root.findtext("source/image") == DRAWING)
    places = ((f"object {number}", element) for number, element in enumerate(elements, start=1))
    return reading_of(image, file, places, lambda element: _checked_objects(element, size, allowed))


def parsed_xml(path: Path) -> xml.etree.ElementTree.Element:
    """The root of an XML file, read without following entities, which could make a small file grow without bound."""
    text = ""
    try:
        text = _text_of_xml(content_of(path))
        root = defusedxml.ElementTree.fromstring(text)
    except defusedxml.EntitiesForbidden as error:
        raise FaultError(MALFORMED_XML, f"it defines the entity {error.name!r}, which is not read") from error
    except (xml.etree.ElementTree.ParseError, ValueError, LookupError) as error:
        # Several tools write names as they are.
        bare = re.search(r"[^<>\n]{0,60}&(?!#?\w+;)[^<>\n]{0,60}", text)
        hint = f"; write {bare[0].strip().replace('&', '&amp;')!r} for {bare[0].strip()!r}" if bare else ""
        raise FaultError(MALFORMED_XML, f"{error}{hint}") from error
    if root.tag in XML_ROOTS:
        raise FaultError(OTHER_FORMAT, f"its root <{root.tag}> is that of {XML_ROOTS[root.tag]}")
    return root


def _text_of_xml(data: bytes) -> str:
    """The text of an XML file in any encoding of Python's: its own parser knows neither `utf8` nor `gb2312`."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16")
    declared = re.match(rb"\s*<\?xml[^>]*?\bencoding\s*=\s*[\"']([\w.-]+)", data.removeprefix(b"\xef\xbb\xbf"))
    encoding = declared[1].decode().lower() if declared else "utf-8"
    # .NET writes "utf-16" into files that it saves as UTF-8; a declaration that was found has one byte a letter.
    # Programs that say gb2312 or gbk write what GB 18030, their superset, has.
    superset = {"utf-16": "utf-8", "utf8": "utf-8", "gb2312": "gb18030", "gbk": "gb18030"}
    encoding = superset.get(encoding, encoding)
    try:
        return data.decode("utf-8-sig" if encoding == "utf-8" else encoding)
    except UnicodeDecodeError as error:
        said = f"it says that it is {encoding}" if declared else "without a word on its encoding it must be UTF-8"
        raise FaultError(
            MALFORMED_XML,
            f"{said}, and byte {error.start + 1} is not; save it as UTF-8, or say in its first line what it is, such "
            'as <?xml version="1.0" encoding="iso-8859-1"?>',
        ) from error


def _annotated_size(root: xml.etree.ElementTree.Element) -> tuple[int, int] | None:
    """Width and height as the XML gives them; `None` where a tool left them out, empty or 0: the photo knows anyway."""
    element = root.find("size")
    if element is None or any(not (element.findtext(side) or "").strip() for side in ("width", "height")):
        return None
    size = int(_number(element, "width")), int(_number(element, "height"))
    return None if 0 in size else size


def _checked_objects(
    element: xml.etree.ElementTree.Element, size: tuple[int, int], allowed: Sequence[str] | None
) -> Iterator[tuple[dict, list[str]]]:
    """The boxes of one object in the form that `voc_features` encodes, each with remarks."""
    label = class_name(element.findtext("name") or "")
    if not label:
        raise FaultError(MISSING_FIELD, "<name> is missing or empty")
    boxes = [(_corners(box), _rotation(element)) for box in element.findall("bndbox")]
    boxes += [_corners_and_angle(box) for box in element.findall("robndbox")]
    if not boxes:
        raise FaultError(MISSING_FIELD, f"{label} has no <bndbox>")
    pose = class_name(element.findtext("pose") or "")
    for number, (corners, angle) in enumerate(boxes):
        item = annotated_object(
            label,
            around_turned(corners, angle, size) if angle else corners,
            size,
            allowed=allowed,
            pose=pose if pose in VOC_POSES else "unspecified",
            is_truncated=_flag(element, "truncated"),
            is_difficult=_flag(element, "difficult"),
        )
        yield item, [TURNED_BOX] if angle else [SEVERAL_BOXES] * (number == 1)


def _flag(element: xml.etree.ElementTree.Element, field: str) -> bool:
    """VOC writes 1, FiftyOne `True`."""
    return (element.findtext(field) or "").strip().lower() in ("1", "true", "yes")


def _corners(box: xml.etree.ElementTree.Element) -> tuple[float, ...]:
    return tuple(_number(box, side) for side in ("xmin", "ymin", "xmax", "ymax"))


def _rotation(element: xml.etree.ElementTree.Element) -> float:
    """By how many radians CVAT has turned a box about its centre, 0 for any other tool; the corners are from before."""
    for attribute in element.findall("attributes/attribute"):
        if (attribute.findtext("name") or "").strip() == "rotation":
            return math.radians(_number(attribute, "value") % 360)
    return 0.0


def _corners_and_angle(box: xml.etree.ElementTree.Element) -> tuple[tuple[float, ...], float]:
    """The corners before the turn, and the turn in radians, of a box that roLabelImg has turned."""
    x, y, width, height, angle = (_number(box, field) for field in ("cx", "cy", "w", "h", "angle"))
    return (x - width / 2, y - height / 2, x + width / 2, y + height / 2), angle


def _number(element: xml.etree.ElementTree.Element, field: str) -> float:
    text = element.findtext(field)
    try:
        number = float(text)
    except (TypeError, ValueError) as error:
        raise FaultError(MISSING_FIELD, f"<{element.tag}><{field}> is {text!r}, not a number") from error
    if not math.isfinite(number):
        raise FaultError(MISSING_FIELD, f"<{element.tag}><{field}> is {text!r}, not a finite number")
    return number
