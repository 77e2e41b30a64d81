#!/usr/bin/env bash
# A YOLO label file with a box and a polygon: labelformat drops the polygon, so a photo of two objects passes as one of one.
#
# Expected: both objects (the polygon by the box around it, as supervision 0.31.2 has it), or the photo refused (as
#           Ultralytics 8.4.190 does: "labels mix segment and detection rows").
# Happens:  the row of the polygon is left out with a line in the log, the photo stays with its box alone, and a
#           conversion to VOC or COCO ends well without it. Label Studio writes such files where both tools were used.
# Version:  labelformat 0.1.17
# Source:   labelformat/formats/yolov8.py, `get_labels`: `if len(entry) != 5: ... continue`
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check labelformat==0.1.17
"$place/venv/bin/python" - "$place" <<'PYTHON'
import sys
from pathlib import Path

from labelformat.formats.pascalvoc import PascalVOCObjectDetectionOutput
from labelformat.formats.yolov8 import YOLOv8ObjectDetectionInput
from PIL import Image

folder = Path(sys.argv[1])
for name in ("images", "labels"):
    (folder / name).mkdir()
Image.new("RGB", (200, 100)).save(folder / "images/a.jpg")
(folder / "labels/a.txt").write_text("0 0.35 0.35 0.2 0.3\n1 0.6 0.2 0.9 0.2 0.9 0.5 0.6 0.5\n")
(folder / "data.yaml").write_text("path: .\ntrain: images\nval: images\nnames: [cat, dog]\n")
PascalVOCObjectDetectionOutput(folder / "voc").save(YOLOv8ObjectDetectionInput(folder / "data.yaml", "train"))
objects = (folder / "voc/a.xml").read_text().count("<object>")
print(f"objects in the label file: 2, in the VOC file made of it: {objects}")
sys.exit(objects != 1)
PYTHON
