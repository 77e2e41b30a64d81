"""A folder in PASCAL VOC's layout as a TFDS builder: an extracted `VOCdevkit/VOC2007`, or one's own annotated photos.

What the folder must hold:

    JPEGImages/photo_1.jpg             the photos, named .jpg or .jpeg in any case
    Annotations/photo_1.xml            one file a photo, in VOC's format
    ImageSets/Main/train.txt, val.txt  one photo's name a line, without ending; the folder may do without

Boxes become what TFDS's `voc` makes of them: `value / size`, so VOC's habit of counting pixels from 1 is not undone.
"""

import concurrent.futures
import math
import os
import xml.etree.ElementTree
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import defusedxml
import defusedxml.ElementTree

from clsloc_utils.datasets.box_folder import (
    AnnotatedImage,
    BoxFolder,
    Scan,
    annotated_object,
    files_by_name,
    is_turned,
    normalized,
    split_by_hash,
    text_of_size,
)
from clsloc_utils.datasets.folders import (
    IMAGE_SUFFIXES,
    MISSING_IMAGE,
    SAME_NAME,
    FaultError,
    FolderReport,
    Problem,
    checked_jpeg,
    content_of,
    files_of,
    with_progress,
)
from clsloc_utils.datasets.voc_features import VOC_POSES

IMAGE_FOLDER = "JPEGImages"
ANNOTATION_FOLDER = "Annotations"
LIST_FOLDER = "ImageSets/Main"
LAYOUT = (
    f"A folder in VOC layout holds the photos in {IMAGE_FOLDER}/*.jpg, one {ANNOTATION_FOLDER}/*.xml for each, and, if "
    f"you want to choose the splits yourself, the names of the photos in {LIST_FOLDER}/train.txt, val.txt and test.txt"
)

MISSING_ANNOTATION = "missing annotation"
NO_FILES = "listed, but there are no such files"
LISTED_TWICE = "listed twice"
ENCODING = "unexpected encoding"
MALFORMED_XML = "malformed XML"
MISSING_FIELD = "missing or unreadable field"
NO_OBJECTS = "no objects"
WRONG_SIZE = "wrong size in the XML"

# What `<source><image>` says in the folders that the course draws itself; VOC has "flickr" there.
DRAWING = "drawing"


class VocFolder(BoxFolder):
    """TFDS builder of a folder in VOC layout, with the features of TFDS's `voc`."""

    LAYOUT = LAYOUT

    @classmethod
    def recognizes(cls, folder: Path) -> bool:
        """Whether it has the sub-folders `JPEGImages` and `Annotations`."""
        return in_voc_layout(folder)

    @classmethod
    def checked_layout(cls, folder: str | os.PathLike) -> Path:
        """The folder, if it has `JPEGImages` and `Annotations`."""
        folder = Path(folder).expanduser().resolve()
        if not folder.is_dir():
            raise ValueError(f"There is no folder {folder}. {LAYOUT}.")
        for name in (IMAGE_FOLDER, ANNOTATION_FOLDER):
            if not (folder / name).is_dir():
                raise ValueError(f"{folder} has no folder {name}. {LAYOUT}.")
        return folder

    @classmethod
    def files(cls, folder: Path) -> Iterable[Path]:
        """Photos, annotations and lists."""
        return [path for name in (IMAGE_FOLDER, ANNOTATION_FOLDER, LIST_FOLDER) for path in files_of(folder / name)]

    @classmethod
    def scan(cls, folder: Path, class_names: Sequence[str] | None) -> Scan:
        """Checks all files that the splits need."""
        return _scan(folder, class_names)


def report(folder: str | os.PathLike, *, class_names: Sequence[str] | None = None) -> FolderReport:
    """Checks every file of a folder in VOC layout, without preparing it.

    Args:
        folder: The folder.
        class_names: The classes that are allowed, all by default.

    Returns:
        The `FolderReport`; `print(report(folder))` shows it.

    Raises:
        ValueError: The folder has no `JPEGImages` or no `Annotations`.
    """
    return VocFolder.check(folder, class_names)


def in_voc_layout(folder: str | os.PathLike) -> bool:
    """Whether a folder has VOC's sub-folders for images and annotations."""
    return all((Path(folder).expanduser() / name).is_dir() for name in (IMAGE_FOLDER, ANNOTATION_FOLDER))


# Reading the folder.


def _scan(folder: Path, class_names: Sequence[str] | None) -> Scan:
    images = files_by_name(folder / IMAGE_FOLDER, IMAGE_SUFFIXES)
    annotations = files_by_name(folder / ANNOTATION_FOLDER, (".xml",))
    names_by_split, problems = _split_names(folder, images, annotations)
    allowed = None if class_names is None else [name.lower() for name in class_names]

    def check(name: str) -> tuple[AnnotatedImage | None, list[Problem]]:
        return _checked_image(folder, name, images.get(name, []), annotations.get(name, []), allowed)

    names = [name for split_names in names_by_split.values() for name in split_names]
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        results = with_progress(pool.map(check, names), len(names), f"Checking {folder.name}")
        checked = dict(zip(names, results, strict=True))

    splits = {}
    for split, split_names in names_by_split.items():
        good_images = [checked[name][0] for name in split_names if checked[name][0] is not None]
        if good_images:
            splits[split] = good_images
    problems += [problem for _, found in checked.values() for problem in found]
    if allowed is None:
        allowed = sorted({item["label"] for image, _ in checked.values() if image for item in image.objects})
    return Scan(splits, tuple(allowed), problems)


def _split_names(folder: Path, images: Mapping, annotations: Mapping) -> tuple[dict[str, list[str]], list[Problem]]:
    """The names of the images of each split, every name once, and the faults of the lists."""
    lists, problems = _listed_names(folder)
    if not lists:
        return split_by_hash({*images, *annotations}), problems
    split_of_name: dict[str, str] = {}
    for split, names in lists.items():
        for name in names:
            if name in split_of_name:
                problems.append(
                    Problem(name, LISTED_TWICE, f"in {split_of_name[name]} and in {split}; the first counts")
                )
            else:
                split_of_name[name] = split
    names_by_split = {split: [] for split in lists}
    for name, split in split_of_name.items():
        names_by_split[split].append(name)
    return names_by_split, problems


def _listed_names(folder: Path) -> tuple[dict[str, list[str]], list[Problem]]:
    """The names in train.txt, val.txt and test.txt; trainval.txt stands in where the first two are missing.

    Lists of a single class (`cat_train.txt`) have other names, and are not looked at.
    """
    file_of_split = {"train": "train.txt", "validation": "val.txt", "test": "test.txt"}
    if not any((folder / LIST_FOLDER / file_of_split[split]).is_file() for split in ("train", "validation")):
        file_of_split = {"train": "trainval.txt", "test": "test.txt"}
    lists, problems = {}, []
    for split, file in file_of_split.items():
        path = folder / LIST_FOLDER / file
        if not path.is_file():
            continue
        try:
            lines = _decoded(path.read_bytes()).splitlines()
        except UnicodeDecodeError as error:
            problems.append(Problem(f"{LIST_FOLDER}/{file}", ENCODING, f"{error}; save it as UTF-8"))
            lines = []
        lists[split] = [normalized(line.strip()) for line in lines if line.strip()]
    return lists, problems


def _decoded(data: bytes) -> str:
    """Text in UTF-8, or in UTF-16 if a byte-order mark says so (what PowerShell's `>` writes)."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16")
    return data.decode("utf-8-sig")


# Checking one image.


def _checked_image(
    folder: Path, name: str, images: list[Path], annotations: list[Path], allowed: Sequence[str] | None
) -> tuple[AnnotatedImage | None, list[Problem]]:
    """The image with its objects, or `None` and what is wrong with it."""
    printable = name.encode(errors="backslashreplace").decode()
    if printable != name:
        return None, [Problem(printable, ENCODING, "the name is not UTF-8; rename the photo and its annotation")]
    if not images and not annotations:
        return None, [Problem(name, NO_FILES)]
    if not images:
        expected = f"{IMAGE_FOLDER}/{name}.jpg"
        return None, [Problem(expected, MISSING_IMAGE, f"but there is {ANNOTATION_FOLDER}/{annotations[0].name}")]
    if len(images) > 1:
        return None, [Problem(_relative(images[0], folder), SAME_NAME, ", ".join(path.name for path in images[1:]))]
    if not annotations:
        return None, [Problem(f"{ANNOTATION_FOLDER}/{name}.xml", MISSING_ANNOTATION, f"of {images[0].name}")]
    image_path, annotation_path = images[0], annotations[0]
    image_file, annotation_file = _relative(image_path, folder), _relative(annotation_path, folder)
    file = image_file
    try:
        stored_size, orientation = checked_jpeg(image_path)
        file = annotation_file
        root = parsed_xml(annotation_path)
        annotated_size = _annotated_size(root)
        file = image_file
        turned = is_turned(orientation, stored_size, annotated_size)
        file = annotation_file
        size = stored_size[::-1] if turned else stored_size
        if annotated_size not in (None, size):
            raise FaultError(WRONG_SIZE, f"{text_of_size(annotated_size)}, the JPEG is {text_of_size(size)}")
        if root.find("object") is None:
            raise FaultError(NO_OBJECTS)
    except FaultError as fault:
        return None, [Problem(file, fault.reason, fault.detail)]
    objects, problems = [], []
    for number, element in enumerate(root.findall("object"), start=1):
        try:
            objects.append(_checked_object(element, size, allowed))
        except FaultError as fault:
            problems.append(Problem(annotation_file, fault.reason, f"object {number}: {fault.detail}"))
    if problems:
        return None, problems
    is_drawn = root.findtext("source/image") == DRAWING
    return AnnotatedImage(name, image_path, objects, turned, is_drawn), []


def _relative(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def parsed_xml(path: Path) -> xml.etree.ElementTree.Element:
    """The root of an XML file, read without following entities, which could make a small file grow without bound."""
    try:
        return defusedxml.ElementTree.fromstring(content_of(path))
    except defusedxml.EntitiesForbidden as error:
        raise FaultError(MALFORMED_XML, f"it defines the entity {error.name!r}, which is not read") from error
    except (xml.etree.ElementTree.ParseError, ValueError, LookupError) as error:
        raise FaultError(MALFORMED_XML, str(error)) from error


def _annotated_size(root: xml.etree.ElementTree.Element) -> tuple[int, int] | None:
    """Width and height as the XML gives them; `None` if it has no size, which the JPEG knows anyway."""
    element = root.find("size")
    if element is None:
        return None
    return int(_number(element, "width")), int(_number(element, "height"))


def _checked_object(
    element: xml.etree.ElementTree.Element, size: tuple[int, int], allowed: Sequence[str] | None
) -> dict:
    """One object in the form that `voc_features` encodes."""
    label = (element.findtext("name") or "").strip().lower()
    if not label:
        raise FaultError(MISSING_FIELD, "<name> is missing or empty")
    box = element.find("bndbox")
    if box is None:
        raise FaultError(MISSING_FIELD, f"{label} has no <bndbox>")
    corners = tuple(_number(box, side) for side in ("xmin", "ymin", "xmax", "ymax"))
    pose = (element.findtext("pose") or "").strip().lower()
    return annotated_object(
        label,
        corners,
        size,
        allowed=allowed,
        pose=pose if pose in VOC_POSES else "unspecified",
        is_truncated=(element.findtext("truncated") or "").strip() == "1",
        is_difficult=(element.findtext("difficult") or "").strip() == "1",
    )


def _number(element: xml.etree.ElementTree.Element, field: str) -> float:
    text = element.findtext(field)
    try:
        number = float(text)
    except (TypeError, ValueError) as error:
        raise FaultError(MISSING_FIELD, f"<{element.tag}><{field}> is {text!r}, not a number") from error
    if not math.isfinite(number):
        raise FaultError(MISSING_FIELD, f"<{element.tag}><{field}> is {text!r}, not a finite number")
    return number
