"""Makes the table of VOC 2007's annotations that the package ships, from VOC's own files or from a list of them.

    python tools/voc_table.py VOCdevkit/VOC2007
    python tools/voc_table.py boxes.csv

The folder needs `Annotations/` and `ImageSets/Main/`, no photo. The list has a line for each object, those of one image
together: image_id, split (train or val), class, xmin, ymin, xmax, ymax, difficult.
"""

import argparse
import csv
from collections.abc import Iterable, Iterator
from pathlib import Path

import defusedxml.ElementTree

from clsloc_utils.datasets import VOC_CLASS_NAMES
from clsloc_utils.datasets.voc_table import FILE, write_table

SIDES = ("xmin", "ymin", "xmax", "ymax")


def rows_of_folder(folder: Path) -> Iterator[dict[str, str]]:
    """The objects of a folder in VOC layout, as the lines of the list would have them."""
    for split in ("train", "val"):
        for name in (folder / "ImageSets" / "Main" / f"{split}.txt").read_text(encoding="utf-8").split():
            for element in defusedxml.ElementTree.parse(folder / "Annotations" / f"{name}.xml").iter("object"):
                box = {side: element.findtext(f"bndbox/{side}") for side in SIDES}
                flags = {"class": element.findtext("name"), "difficult": element.findtext("difficult")}
                yield {"image_id": name, "split": split, **flags, **box}


def rows_of_list(path: Path) -> Iterator[dict[str, str]]:
    """The lines of the list."""
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def write(rows: Iterable[dict[str, str]], path: Path) -> None:
    """Writes the table, the images in the order of their numbers."""
    objects = {}  # of each image, by its number
    for row in rows:
        objects.setdefault(int(row["image_id"]), []).append(row)
    images = sorted(objects)
    ordered = [row for image in images for row in objects[image]]
    write_table(
        path,
        {
            "image_id": images,
            "is_training": [objects[image][0]["split"] == "train" for image in images],
            "count": [len(objects[image]) for image in images],
        },
        {
            "label": [VOC_CLASS_NAMES.index(row["class"]) for row in ordered],
            "box": [[int(row[side]) for side in SIDES] for row in ordered],
            "is_difficult": [row["difficult"] == "1" for row in ordered],
        },
    )


def main() -> None:
    """Makes the file of the package anew."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="a folder in VOC layout, or the list as a .csv file")
    parser.add_argument("--output", type=Path, default=FILE, help="default: the table of the package")
    options = parser.parse_args()
    rows = rows_of_folder if options.source.is_dir() else rows_of_list
    write(rows(options.source), options.output)
    print(f"{options.output}: {options.output.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
