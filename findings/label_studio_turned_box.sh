#!/usr/bin/env bash
# Label Studio's exports of one turned box: three formats, three boxes, and COCO's is right on square photos only.
#
# Expected: the upright box around the turned one, or the turned one, in each format.
# Happens:  a box of 40 x 20 pixels turned by a quarter stands on the pixels 80..100, 40..80 of a photo of 200 x 100.
#           YOLO and VOC have it as it was before the turn. COCO turns it in percent of the photo, as if the photo were
#           square. Only "YOLO OBB" has the pixels.
# Version:  label-studio-sdk 2.1.2
# Source:   label_studio_sdk/converter/converter.py, `rotated_rectangle`, which takes percents and no size of the photo
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
Image.new("RGB", (200, 100)).save(folder / "a.jpg")
# What Label Studio stores: the corner that was the upper left one, where it is after the turn, clockwise about itself.
value = {"x": 50, "y": 40, "width": 20, "height": 20, "rotation": 90, "rectanglelabels": ["cat"]}
result = {
    "id": "1", "type": "rectanglelabels", "from_name": "label", "to_name": "image",
    "original_width": 200, "original_height": 100, "value": value,
}
task = {"id": 1, "data": {"image": str(folder / "a.jpg")}, "annotations": [{"id": 1, "result": [result]}]}
(folder / "tasks.json").write_text(json.dumps([task]))
config = (
    '<View><Image name="image" value="$image"/>'
    '<RectangleLabels name="label" toName="image"><Label value="cat"/></RectangleLabels></View>'
)
converter = Converter(config, project_dir=str(folder), download_resources=False)
for name, kind in (("voc", Format.VOC), ("coco", Format.COCO), ("yolo", Format.YOLO), ("obb", Format.YOLO_OBB)):
    converter.convert(str(folder / "tasks.json"), str(folder / name), kind, is_dir=False)


def rounded(*sides):
    return tuple(round(side, 3) for side in sides)


box = xml.etree.ElementTree.parse(folder / "voc/Annotations/a.xml").getroot().find("object/bndbox")
voc = rounded(*(float(box.find(side).text) for side in ("xmin", "ymin", "xmax", "ymax")))
left, top, width, height = json.loads((folder / "coco/result.json").read_text())["annotations"][0]["bbox"]
coco = rounded(left, top, left + width, top + height)
_, x, y, width, height = map(float, (folder / "yolo/labels/a.txt").read_text().split())
yolo = rounded((x - width / 2) * 200, (y - height / 2) * 100, (x + width / 2) * 200, (y + height / 2) * 100)
corners = list(map(float, (folder / "obb/labels/a.txt").read_text().split()))[1:]
xs, ys = [x * 200 for x in corners[::2]], [y * 100 for y in corners[1::2]]
obb = rounded(min(xs), min(ys), max(xs), max(ys))
print("on the pixels    (80, 40, 100, 80)")
for name, sides in (("VOC", voc), ("YOLO", yolo), ("COCO", coco), ("around YOLO OBB", obb)):
    print(f"{name:16}", sides)
as_before = voc == yolo == (100, 40, 140, 60)
sys.exit(not (as_before and coco == (60, 40, 100, 60) and obb == (80, 40, 100, 80)))
PYTHON
