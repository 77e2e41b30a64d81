"""A folder of drawn "photos" in PASCAL VOC's layout, as one's own would lie there, with the faults that folders have.

It stands in for a learner's own photos where there are none.
"""

import itertools
import os
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from clsloc_utils.datasets.drawing.scenes import Scene, draw_scene
from clsloc_utils.datasets.voc_folder import ANNOTATION_FOLDER, DRAWING, IMAGE_FOLDER

CLASS_NAMES = ("bottle", "cat", "chair", "pottedplant")
OBJECTS_IN_CROWD = 3
LONGEST_SIDE = 240
_SEED = 6
_FIRST_SLIP, _LAST_SLIP = 3, 17
# Prepared data and cached features are found again by names, sizes and times of the files; so a folder that is written
# anew for every run of a notebook does not fill the disk with copies of them.
_TIME = 1_000_000_000


def write_drawn_folder(
    folder: str | os.PathLike, *, class_names: Sequence[str] = CLASS_NAMES, per_class: int = 45, crowds: int = 12
) -> Path:
    """Writes drawings as JPEG files and their annotations as XML files, and on purpose some that are broken.

    The same bytes and times on every call. Good are `per_class` photos of one object of each class and `crowds` of
    several objects. Seven more have a fault each: a JPEG cut short, a HEIC photo that is called JPEG, a photo without
    annotation, an annotation without photo, a box that leaves the photo, one that is inside out, and one of no height.
    Two of the good ones have a slip that no report can see: `photo_003` is called what it is not, and the box of
    `photo_017` lies in a corner.

    Args:
        folder: Where to; made if need be.
        class_names: Names of VOC's classes, two or more.
        per_class: Photos of one object, of each class.
        crowds: Photos of several objects.

    Returns:
        The folder.

    Raises:
        ValueError: The folder holds something already, or these would be too few photos for all slips.
    """
    folder = Path(folder).expanduser()
    good = per_class * len(class_names) + crowds
    if len(set(class_names)) < 2 or good < _LAST_SLIP:
        raise ValueError(
            f"write_drawn_folder: {len(set(class_names))} classes and {good} good photos; it needs at least 2 and "
            f"{_LAST_SLIP}. Raise per_class or crowds, or name more classes."
        )
    if folder.is_dir() and any(folder.iterdir()):
        raise ValueError(f"{folder} holds files already; name a new folder for the drawings.")
    for name in (IMAGE_FOLDER, ANNOTATION_FOLDER):
        (folder / name).mkdir(parents=True)
    wanted = [(name, 1) for _ in range(per_class) for name in class_names]
    wanted += [(class_names[index % len(class_names)], OBJECTS_IN_CROWD) for index in range(crowds)]
    for number, (class_name, num_objects) in enumerate(wanted, start=1):
        _write(folder, f"photo_{number:03d}", _scene(number, num_objects, class_name, class_names))
    annotations = folder / ANNOTATION_FOLDER
    _change_object(
        annotations / f"photo_{_FIRST_SLIP:03d}.xml",
        name=next(name for name in class_names if name != wanted[_FIRST_SLIP - 1][0]),
    )
    _change_object(annotations / f"photo_{_LAST_SLIP:03d}.xml", xmin="2", ymin="2", xmax="50", ymax="50")
    _write_broken(folder, class_names[0])
    for file in (path for path in folder.rglob("*") if path.is_file()):
        os.utime(file, (_TIME, _TIME))
    return folder


def _scene(number: int, num_objects: int, class_name: str, class_names: Sequence[str]) -> Scene:
    """The first scene of a series of its own that shows nothing but these classes."""
    for attempt in itertools.count():
        scene = draw_scene(np.random.default_rng([_SEED, number, attempt]), num_objects, class_name, LONGEST_SIDE)
        if {drawn.class_name for drawn in scene.objects} <= set(class_names):
            break
    return scene


def _write(folder: Path, name: str, scene: Scene) -> None:
    scene.image.save(folder / IMAGE_FOLDER / f"{name}.jpg", quality=88)
    annotation = ElementTree.Element("annotation")
    ElementTree.SubElement(annotation, "filename").text = f"{name}.jpg"
    ElementTree.SubElement(ElementTree.SubElement(annotation, "source"), "image").text = DRAWING
    size = ElementTree.SubElement(annotation, "size")
    for field, value in zip(("width", "height", "depth"), (*scene.image.size, 3), strict=True):
        ElementTree.SubElement(size, field).text = str(value)
    for drawn in scene.objects:
        item = ElementTree.SubElement(annotation, "object")
        ElementTree.SubElement(item, "name").text = drawn.class_name
        ElementTree.SubElement(item, "pose").text = drawn.pose
        ElementTree.SubElement(item, "truncated").text = str(int(drawn.is_truncated))
        ElementTree.SubElement(item, "difficult").text = str(int(drawn.is_difficult))
        box = ElementTree.SubElement(item, "bndbox")
        for field, value in zip(("xmin", "ymin", "xmax", "ymax"), drawn.bbox, strict=True):
            ElementTree.SubElement(box, field).text = str(value)
    tree = ElementTree.ElementTree(annotation)
    ElementTree.indent(tree)
    tree.write(folder / ANNOTATION_FOLDER / f"{name}.xml", encoding="unicode")


def _write_broken(folder: Path, class_name: str) -> None:
    """The files with a fault, each named after it."""
    faults = (
        "trouble_cut_short",
        "trouble_heic",
        "trouble_without_annotation",
        "trouble_without_photo",
        "trouble_outside",
        "trouble_inside_out",
        "trouble_flat",
    )
    for number, name in enumerate(faults):
        _write(folder, name, draw_scene(np.random.default_rng([_SEED, 0, number + 1]), 1, class_name, LONGEST_SIDE))
    photos, annotations = folder / IMAGE_FOLDER, folder / ANNOTATION_FOLDER
    cut_short = photos / "trouble_cut_short.jpg"
    cut_short.write_bytes(cut_short.read_bytes()[: cut_short.stat().st_size // 2])
    (photos / "trouble_heic.jpg").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")  # its first bytes, which tell
    (annotations / "trouble_without_annotation.xml").unlink()
    (photos / "trouble_without_photo.jpg").unlink()
    _change_object(annotations / "trouble_outside.xml", xmin="10", xmax=str(2 * LONGEST_SIDE))
    _change_object(annotations / "trouble_inside_out.xml", xmin="90", xmax="30")
    _change_object(annotations / "trouble_flat.xml", ymin="40", ymax="40")


def _change_object(file: Path, **fields: str) -> None:
    tree = ElementTree.parse(file)
    for name, value in fields.items():
        tree.find(f"object//{name}").text = value
    tree.write(file, encoding="unicode")
