"""Annotations that no builder of folders reads, told by how their files begin, and what to export instead."""

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

from clsloc_utils.datasets.folders import beginning_of, relative

OTHER_FORMAT = "another format"

XML_ROOTS = {
    "annotations": "CVAT's own format; export the task again as PASCAL VOC",
    "dataset": "the format of dlib's imglab; convert it to PASCAL VOC",
    "html": "a web page; fetch the file again",
}
"""What an XML file is, and what to do, by the name of its root."""
_AS_ANY = "as PASCAL VOC, YOLO or COCO"
# Endings of names, what tells a format in such a file, and the format with what to do.
_FORMATS = (
    (
        (".json",),
        rb'"_via_(settings|img_metadata)"|"(shape|region|file)_attributes"',
        "the JSON of the VGG Image Annotator; export COCO from it, with the class as a radio button or a list",
    ),
    (
        (".csv",),
        rb"\bregion_shape_attributes\b",
        "the CSV of the VGG Image Annotator; export COCO from it, with the class as a radio button or a list",
    ),
    (
        (".json",),
        rb'"shapes"\s*:',
        "labelme's JSON; make PASCAL VOC of it with labelme's labelme2voc.py, or, if it is of X-AnyLabeling, export "
        f"it {_AS_ANY} there",
    ),
    ((".json",), rb'"coordinates"\s*:\s*\{', f"CreateML's JSON; export again {_AS_ANY}"),
    ((".json",), rb'"classTitle"|"projectType"', f"Supervisely's JSON; export the project {_AS_ANY}"),
    ((".json",), rb'"(rectangle|polygon)labels"', "Label Studio's own JSON; export YOLO or PASCAL VOC"),
    (
        (".ndjson", ".jsonl", ".json"),
        rb'"data_row"|"Labeled Data"',
        "Labelbox's JSON; the Python package labelformat converts it to PASCAL VOC or YOLO",
    ),
    (
        (".csv",),
        rb"(?i)\A(?=[^\n]*\bxmin\b)[^\n]*\bymax\b",
        f"a table of boxes; use the XML that it was made from, or export {_AS_ANY}",
    ),
    ((".tfrecord", ".record"), b"", f"TFRecords; use what they were made from, or export {_AS_ANY}"),
)
_FILES_READ = 100


def other_format(folder: Path) -> str:
    """A sentence on the first file that is of another format, with a blank before it; empty if there is none.

    Args:
        folder: Any path. Files in it and up to two folders deep are looked at, a hundred at most.
    """
    candidates = itertools.islice(_candidates(folder), _FILES_READ)
    found = ((path, words) for path in candidates if (words := _words_on(path)))
    return next((f" {relative(path, folder)}: {OTHER_FORMAT}, {words}." for path, words in found), "")


def _candidates(folder: Path) -> Iterator[Path]:
    suffixes = {".xml", *(suffix for each in _FORMATS for suffix in each[0])}
    for pattern in ("*", "*/*", "*/*/*"):
        for path in sorted(folder.glob(pattern)):
            if path.suffix.lower() in suffixes and not path.name.startswith(".") and path.is_file():
                yield path


def _words_on(path: Path) -> str:
    """What a file is and what to do, if it is of another format."""
    beginning = beginning_of(path).replace(b"\0", b"")  # which UTF-16 has between Latin letters
    suffix = path.suffix.lower()
    if suffix == ".xml":
        root = re.search(rb"<(\w+)", re.sub(rb"<!--.*?-->", b"", beginning, flags=re.DOTALL))
        return XML_ROOTS.get(root[1].decode(), "") if root else ""
    return next((words for suffixes, sign, words in _FORMATS if suffix in suffixes and re.search(sign, beginning)), "")
