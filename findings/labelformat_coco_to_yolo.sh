#!/usr/bin/env bash
# labelformat turns ordinary COCO files into YOLO files that neither it nor Ultralytics reads.
#
# Expected: COCO's numbers of classes, which begin at 1 in what most tools write, become YOLO's, which begin at 0.
# Happens:  they are written as they are: `names: {1: cat, 2: dog}` beside `nc: 2`. labelformat's own reader stops with
#           KeyError: 0; Ultralytics 8.4.190 wants the numbers 0 to nc - 1 (ultralytics/data/utils.py, `check_det_dataset`).
# Version:  labelformat 0.1.17
# Source:   labelformat/formats/yolov8.py, `_save_dataset_yaml` and `get_categories`
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check labelformat==0.1.17
"$place/venv/bin/python" - "$place" <<'PYTHON'
import json
import sys
from pathlib import Path

from labelformat.formats.coco import COCOObjectDetectionInput
from labelformat.formats.yolov8 import YOLOv8ObjectDetectionInput, YOLOv8ObjectDetectionOutput
from PIL import Image

folder = Path(sys.argv[1])
coco = {
    "images": [{"id": 1, "file_name": "a.jpg", "width": 200, "height": 100}],
    "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
    "annotations": [{"id": 1, "image_id": 1, "category_id": 2, "bbox": [50, 20, 40, 30], "area": 1200, "iscrowd": 0}],
}
(folder / "coco.json").write_text(json.dumps(coco))
(folder / "images").mkdir()
Image.new("RGB", (200, 100)).save(folder / "images/a.jpg")
YOLOv8ObjectDetectionOutput(folder / "data.yaml", "train").save(COCOObjectDetectionInput(folder / "coco.json"))
print((folder / "data.yaml").read_text() + (folder / "labels/a.txt").read_text().strip())
try:
    found = list(YOLOv8ObjectDetectionInput(folder / "data.yaml", "train").get_labels())
except KeyError as error:
    print("read again by labelformat: KeyError", error)
    sys.exit(0)
print("read again by labelformat:", found)
sys.exit(1)
PYTHON
