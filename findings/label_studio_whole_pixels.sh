#!/usr/bin/env bash
# Label Studio's VOC export: a box drawn on whole pixels loses a pixel.
#
# Expected: corners that are whole pixels come back as they are; decimals may be cut, but there are none.
# Happens:  Label Studio keeps boxes in percent. 1 / 640 * 100 / 100 * 640 is 0.99... for some numbers, and `int()` cuts
#           that to the pixel before. Width and height are cut on their own, so the far side moves too.
# Version:  label-studio-sdk 2.1.2 (label-studio-converter 0.0.59 has the same lines)
# Source:   label_studio_sdk/converter/converter.py, `convert_to_voc`: `int(bbox["x"] / 100 * width)`
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check label-studio-sdk==2.1.2
"$place/venv/bin/python" - "$place" <<'PYTHON' 2>"$place/log" || { tail -n 5 "$place/log"; exit 1; }
import json
import sys
import xml.etree.ElementTree
from pathlib import Path

from label_studio_sdk.converter.converter import Converter, Format
from PIL import Image

folder = Path(sys.argv[1])
Image.new("RGB", (640, 480)).save(folder / "a.jpg")
drawn = [(x, y, x + 10 + x // 3, y + 5 + y // 3) for x in range(1, 400, 7) for y in range(1, 300, 31)]
results = [
    {
        "id": str(number), "type": "rectanglelabels", "from_name": "label", "to_name": "image",
        "original_width": 640, "original_height": 480,
        "value": {
            "x": left / 640 * 100, "y": top / 480 * 100,
            "width": (right - left) / 640 * 100, "height": (bottom - top) / 480 * 100,
            "rotation": 0, "rectanglelabels": ["cat"],
        },
    }
    for number, (left, top, right, bottom) in enumerate(drawn)
]
task = {"id": 1, "data": {"image": str(folder / "a.jpg")}, "annotations": [{"id": 1, "result": results}]}
(folder / "tasks.json").write_text(json.dumps([task]))
config = (
    '<View><Image name="image" value="$image"/>'
    '<RectangleLabels name="label" toName="image"><Label value="cat"/></RectangleLabels></View>'
)
converter = Converter(config, project_dir=str(folder), download_resources=False)
converter.convert(str(folder / "tasks.json"), str(folder / "voc"), Format.VOC, is_dir=False)
root = xml.etree.ElementTree.parse(folder / "voc/Annotations/a.xml").getroot()
written = [
    tuple(int(box.find(side).text) for side in ("xmin", "ymin", "xmax", "ymax")) for box in root.iter("bndbox")
]
moved = [pair for pair in zip(drawn, written, strict=True) if pair[0] != pair[1]]
print(f"{len(moved)} of {len(drawn)} boxes drawn on whole pixels are written a pixel short.")
print("drawn", moved[0][0], "written", moved[0][1]) if moved else None
sys.exit(len(moved) != 57)
PYTHON
