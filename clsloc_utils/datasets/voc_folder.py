"""A folder in PASCAL VOC's layout as a TFDS builder: an extracted `VOCdevkit/VOC2007`, or one's own annotated photos.

What the folder must hold:

    JPEGImages/photo_1.jpg             the photos, named .jpg or .jpeg in any case
    Annotations/photo_1.xml            one file a photo, in VOC's format
    ImageSets/Main/train.txt, val.txt  one photo's name a line, without ending; the folder may do without

Boxes become what TFDS's `voc` makes of them: `value / size`, so VOC's habit of counting pixels from 1 is not undone.
"""

import collections
import concurrent.futures
import dataclasses
import hashlib
import io
import math
import os
import unicodedata
import xml.etree.ElementTree
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import defusedxml
import defusedxml.ElementTree
import tensorflow_datasets as tfds
from PIL import Image, ImageOps

from clsloc_utils.datasets.folders import (
    IMAGE_SUFFIXES,
    MISSING_IMAGE,
    SAME_NAME,
    UNCLEAR_ORIENTATION,
    FaultError,
    FolderReport,
    Problem,
    checked_jpeg,
    content_of,
    files_of,
    fingerprint_of,
    place_of_data,
    raise_on_problems,
    with_progress,
)
from clsloc_utils.datasets.voc_features import VOC_POSES, voc_features

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
UNKNOWN_CLASS = "unknown class"
OUTSIDE_BOX = "box outside the image"
INVERTED_BOX = "inverted box"
EMPTY_BOX = "empty box"
WRONG_SIZE = "wrong size in the XML"

# VOC counts pixels from 1 and most tools from 0, and both round: a side may lie this far outside the image, in pixels,
# and is then moved onto the border. Anything further out is a mistake of the annotation.
BORDER_TOLERANCE = 1.0
# Without lists of one's own the photos are cut here into train, validation and test.
SPLIT_SHARES = {"train": 0.7, "validation": 0.85, "test": 1.0}


class VocFolder(tfds.core.GeneratorBasedBuilder):
    """TFDS builder of a folder in VOC layout, with the features of TFDS's `voc`."""

    VERSION = tfds.core.Version("1.0.0")

    def __init__(
        self,
        folder: str | os.PathLike,
        *,
        class_names: Sequence[str] | None = None,
        strict: bool = False,
        data_dir: str | os.PathLike,
    ):
        """Opens the folder; reads no image before `download_and_prepare`.

        Args:
            folder: The folder, see the top of this module for what it must hold.
            class_names: The classes, in the order of their labels; an image with an object of another class is a
                problem. By default the classes of the usable images, in alphabetical order. As in TFDS's `voc`, a name
                is compared in lower case.
            strict: Whether any problem makes `download_and_prepare` raise instead of leaving the bad images out.
            data_dir: Where prepared data goes. The path below it contains the `fingerprint` of the folder, so that
                data prepared before a file changed is never taken for the new state; what it has been stays there
                until someone deletes it.

        Raises:
            ValueError: The folder has no `JPEGImages` or no `Annotations`.
        """
        self.folder = _checked_layout(folder)
        files = [
            path for name in (IMAGE_FOLDER, ANNOTATION_FOLDER, LIST_FOLDER) for path in files_of(self.folder / name)
        ]
        self.fingerprint = fingerprint_of(files, self.folder, class_names and list(class_names))
        self._given_class_names = class_names
        self._strict = strict
        super().__init__(data_dir=place_of_data(data_dir, self.folder, self.fingerprint))

    @property
    def report(self) -> FolderReport:
        """The report of the prepared data."""
        stored = self.info.metadata
        return FolderReport(
            folder=str(self.folder),
            num_examples={name: split.num_examples for name, split in self.info.splits.items()},
            class_names=tuple(self.info.features["objects"]["label"].names),
            problems=[Problem(*problem) for problem in stored["problems"]],
        )

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description="A folder in PASCAL VOC layout.",
            features=voc_features(None),
            metadata=tfds.core.MetadataDict(),
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator]:
        del dl_manager  # nothing to download
        folder_report, splits = _scan(self.folder, self._given_class_names)
        if self._strict:
            raise_on_problems(folder_report)
        if not splits:
            raise ValueError(f"No usable image. {folder_report}\n{LAYOUT}.")
        self.info.metadata["problems"] = [list(problem) for problem in folder_report.problems]
        features = self.info.features
        for label in (
            features["objects"]["label"],
            features["labels"].feature,
            features["labels_no_difficult"].feature,
        ):
            label.names = list(folder_report.class_names)
        return {name: self._generate_examples(images) for name, images in splits.items()}

    def _generate_examples(self, images: Sequence["_AnnotatedImage"]) -> Iterator[tuple[str, dict]]:
        for image in with_progress(images, len(images), f"Preparing {self.folder.name}"):
            yield image.name, image.example()


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
    folder_report, _ = _scan(_checked_layout(folder), class_names)
    return folder_report


def in_voc_layout(folder: str | os.PathLike) -> bool:
    """Whether a folder has VOC's sub-folders for images and annotations."""
    return all((Path(folder).expanduser() / name).is_dir() for name in (IMAGE_FOLDER, ANNOTATION_FOLDER))


# Reading the folder.


@dataclasses.dataclass(frozen=True)
class _AnnotatedImage:
    """An image without a fault, and its objects in the form that `voc_features` encodes."""

    name: str
    path: Path
    objects: Sequence[Mapping]
    turned: bool  # whether the boxes hold for the photo as its EXIF tag turns it, not as its pixels are stored

    def example(self) -> dict:
        return {
            "image": _turned_jpeg(self.path) if self.turned else self.path.read_bytes(),
            "image/filename": self.path.name,
            "objects": self.objects,
            "labels": sorted({item["label"] for item in self.objects}),
            "labels_no_difficult": sorted({item["label"] for item in self.objects if not item["is_difficult"]}),
        }


def _scan(folder: Path, class_names: Sequence[str] | None) -> tuple[FolderReport, dict[str, list[_AnnotatedImage]]]:
    """Checks all files that the splits need; returns the report and the good images by split."""
    images = _files_by_name(folder / IMAGE_FOLDER, IMAGE_SUFFIXES)
    annotations = _files_by_name(folder / ANNOTATION_FOLDER, (".xml",))
    names_by_split, problems = _split_names(folder, images, annotations)
    allowed = None if class_names is None else [name.lower() for name in class_names]

    def check(name: str) -> tuple[_AnnotatedImage | None, list[Problem]]:
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
    num_examples = {split: len(good_images) for split, good_images in splits.items()}
    return FolderReport(str(folder), num_examples, tuple(allowed), problems), splits


def _checked_layout(folder: str | os.PathLike) -> Path:
    folder = Path(folder).expanduser().resolve()
    if not folder.is_dir():
        raise ValueError(f"There is no folder {folder}. {LAYOUT}.")
    for name in (IMAGE_FOLDER, ANNOTATION_FOLDER):
        if not (folder / name).is_dir():
            raise ValueError(f"{folder} has no folder {name}. {LAYOUT}.")
    return folder


def _files_by_name(folder: Path, suffixes: Sequence[str]) -> dict[str, list[Path]]:
    files = collections.defaultdict(list)
    for path in files_of(folder):
        if path.suffix.lower() in suffixes:
            files[_normalized(path.stem)].append(path)
    return files


def _normalized(name: str) -> str:
    """One form for a name whose accents macOS stores as separate characters, and other systems do not."""
    return unicodedata.normalize("NFC", name)


def _split_names(folder: Path, images: Mapping, annotations: Mapping) -> tuple[dict[str, list[str]], list[Problem]]:
    """The names of the images of each split, every name once, and the faults of the lists."""
    lists, problems = _listed_names(folder)
    if not lists:
        return _split_by_hash({*images, *annotations}), problems
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
        lists[split] = [_normalized(line.strip()) for line in lines if line.strip()]
    return lists, problems


def _decoded(data: bytes) -> str:
    """Text in UTF-8, or in UTF-16 if a byte-order mark says so (what PowerShell's `>` writes)."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16")
    return data.decode("utf-8-sig")


def _split_by_hash(names: set[str]) -> dict[str, list[str]]:
    """Cuts the names, ordered by a hash of theirs, into 70 % train, 15 % validation and 15 % test."""
    ordered = sorted(names, key=lambda name: hashlib.sha256(name.encode(errors="surrogateescape")).digest())
    splits, start = {}, 0
    for split, share in SPLIT_SHARES.items():
        stop = round(share * len(ordered))
        splits[split] = ordered[start:stop]
        start = stop
    return splits


# Checking one image.


def _checked_image(
    folder: Path, name: str, images: list[Path], annotations: list[Path], allowed: Sequence[str] | None
) -> tuple[_AnnotatedImage | None, list[Problem]]:
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
        turned = _is_turned(orientation, stored_size, annotated_size)
        file = annotation_file
        size = stored_size[::-1] if turned else stored_size
        if annotated_size not in (None, size):
            raise FaultError(WRONG_SIZE, f"{_text_of_size(annotated_size)}, the JPEG is {_text_of_size(size)}")
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
    return _AnnotatedImage(name, image_path, objects, turned), []


def _relative(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def _text_of_size(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]} pixels"


def _is_turned(orientation: int, stored_size: tuple[int, int], annotated_size: tuple[int, int] | None) -> bool:
    """Whether the boxes were drawn on the photo as its EXIF orientation turns it.

    A camera held upright often stores the photo lying and adds a tag that makes viewers turn it. Annotation tools
    differ in whether they follow it, and decoders used for training ignore it. The size in the XML tells, for a quarter
    turn of a photo that is not square; where it cannot tell, guessing would put boxes on the wrong pixels.
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


def _turned_jpeg(path: Path) -> bytes:
    """The photo turned as its EXIF orientation says, as a JPEG without the tag."""
    buffer = io.BytesIO()
    with Image.open(path) as image:
        ImageOps.exif_transpose(image).convert("RGB").save(buffer, format="JPEG", quality=95)
    return buffer.getvalue()


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
    if allowed is not None and label not in allowed:
        raise FaultError(UNKNOWN_CLASS, f"{label!r} is none of {', '.join(allowed)}")
    pose = (element.findtext("pose") or "").strip().lower()
    return {
        "label": label,
        "bbox": _checked_box(element, label, size),
        "pose": pose if pose in VOC_POSES else "unspecified",
        "is_truncated": (element.findtext("truncated") or "").strip() == "1",
        "is_difficult": (element.findtext("difficult") or "").strip() == "1",
    }


def _checked_box(element: xml.etree.ElementTree.Element, label: str, size: tuple[int, int]) -> tfds.features.BBox:
    """The box relative to the size of the image, as TFDS's `voc` has it, without an offset of one pixel."""
    box = element.find("bndbox")
    if box is None:
        raise FaultError(MISSING_FIELD, f"{label} has no <bndbox>")
    relative = {}
    for axis, side in (("x", size[0]), ("y", size[1])):
        low, high = _number(box, f"{axis}min"), _number(box, f"{axis}max")
        values = f"{label} has {axis}min {low:g}, {axis}max {high:g}"
        if high < low:
            raise FaultError(INVERTED_BOX, values)
        if low < -BORDER_TOLERANCE or high > side + BORDER_TOLERANCE:
            raise FaultError(OUTSIDE_BOX, f"{values} in an image of {_text_of_size(size)}")
        low, high = max(low, 0.0), min(high, float(side))
        if high <= low:
            raise FaultError(EMPTY_BOX, values)
        relative[axis] = (low / side, high / side)
    return tfds.features.BBox(
        ymin=relative["y"][0], xmin=relative["x"][0], ymax=relative["y"][1], xmax=relative["x"][1]
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
