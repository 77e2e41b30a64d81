#!/usr/bin/env bash
# Label Studio's YOLO export: with numbers of classes of one's own, classes.txt says the opposite of the labels.
#
# Expected: line n of classes.txt is the name of class n of the label files; there is no other meaning of a line.
# Happens:  <Label value="dog" category="1"/> before <Label value="cat" category="0"/> writes the lines dog, cat and the
#           labels 0 for cat, 1 for dog: whoever reads the two together has all cats as dogs. notes.json has it right.
# Version:  label-studio-sdk 2.1.2
# Source:   label_studio_sdk/converter/converter.py, `convert_to_yolo` writes the names in the order of the categories,
#           `_get_labels` orders them as the labeling interface does, not by their number
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check label-studio-sdk==2.1.2
"$place/venv/bin/python" - "$place" <<'PYTHON' 2>"$place/log" || { tail -n 5 "$place/log"; exit 1; }
import json
import sys
from pathlib import Path

from label_studio_sdk.converter.converter import Converter, Format
from PIL import Image

folder = Path(sys.argv[1])
Image.new("RGB", (200, 100)).save(folder / "a.jpg")
value = {"x": 25, "y": 20, "width": 20, "height": 30, "rotation": 0, "rectanglelabels": ["cat"]}
result = {
    "id": "1", "type": "rectanglelabels", "from_name": "label", "to_name": "image",
    "original_width": 200, "original_height": 100, "value": value,
}
task = {"id": 1, "data": {"image": str(folder / "a.jpg")}, "annotations": [{"id": 1, "result": [result]}]}
(folder / "tasks.json").write_text(json.dumps([task]))
config = (
    '<View><Image name="image" value="$image"/><RectangleLabels name="label" toName="image">'
    '<Label value="dog" category="1"/><Label value="cat" category="0"/></RectangleLabels></View>'
)
converter = Converter(config, project_dir=str(folder), download_resources=False)
converter.convert(str(folder / "tasks.json"), str(folder / "yolo"), Format.YOLO, is_dir=False)
lines = (folder / "yolo/classes.txt").read_text().splitlines()
number = int((folder / "yolo/labels/a.txt").read_text().split()[0])
print(f"drawn: cat; label file: class {number}; classes.txt: {lines}, so class {number} is {lines[number]}")
sys.exit(lines[number] != "dog")
PYTHON
