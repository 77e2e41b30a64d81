#!/usr/bin/env bash
# datumaro reads COCO's category 0 as "no class": objects of Label Studio's first class do not survive a conversion.
#
# Expected: a category is a category, whatever its number; Label Studio numbers from 0, COCO itself from 1.
# Happens:  a warning, then the object has the label None. Written as YOLO it is gone: a photo of two objects has one.
# Version:  datumaro 1.13.12; label-studio-sdk 2.1.2 writes such files (converter.py, `_get_labels`: `itertools.count()`),
#           and so does anything that numbers as YOLO does (labelformat 0.1.17: YOLO to COCO)
# Source:   datumaro/plugins/data_formats/coco, and "Import COCO dataset" in its documentation
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check datumaro==1.13.12
"$place/venv/bin/python" - "$place" <<'PYTHON'
import json
import sys
from pathlib import Path

from datumaro import Dataset
from PIL import Image

folder = Path(sys.argv[1]) / "coco"
(folder / "annotations").mkdir(parents=True)
(folder / "images/train").mkdir(parents=True)
Image.new("RGB", (200, 100)).save(folder / "images/train/a.jpg")
annotations = [
    {"id": 1, "image_id": 1, "category_id": 0, "bbox": [50, 20, 40, 30], "area": 1200, "iscrowd": 0, "segmentation": []},
    {"id": 2, "image_id": 1, "category_id": 1, "bbox": [0, 0, 10, 10], "area": 100, "iscrowd": 0, "segmentation": []},
]
coco = {
    "images": [{"id": 1, "file_name": "a.jpg", "width": 200, "height": 100}],
    "categories": [{"id": 0, "name": "cat"}, {"id": 1, "name": "dog"}],
    "annotations": annotations,
}
(folder / "annotations/instances_train.json").write_text(json.dumps(coco))
dataset = Dataset.import_from(str(folder), "coco")
labels = sorted((annotation.id, annotation.label) for item in dataset for annotation in item.annotations)
print("annotation, label:", labels)
dataset.export(str(folder.parent / "yolo"), "yolo", save_media=True)
(text,) = [path.read_text() for path in (folder.parent / "yolo").rglob("a.txt")]
print("as YOLO:", text.strip())
sys.exit(not (labels == [(1, None), (2, 1)] and len(text.splitlines()) == 1))
PYTHON
