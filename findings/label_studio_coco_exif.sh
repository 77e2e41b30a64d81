#!/usr/bin/env bash
# Label Studio's COCO export: of a photo that its EXIF tag turns, the size of the stored photo and the box on the turned.
#
# Expected: `width` and `height` of an image are of the picture that its boxes are drawn on.
# Happens:  the browser shows the photo turned, so box and `original_width` are of the turned photo. The COCO file takes
#           the size from the file, unturned: the box ends below the image. A reader that tells by the size whether the
#           boxes hold for the turned photo is told the wrong thing. The VOC export of the same task has the turned size.
# Version:  label-studio-sdk 2.1.2; reported in 2024 for Label Studio 1.14 (HumanSignal/label-studio, issue 6608)
# Source:   label_studio_sdk/converter/converter.py, `convert_to_coco`: `width, height = img.size`
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
exif = Image.Exif()
exif[0x0112] = 6  # viewers turn it by a quarter: 100 wide, 200 high
Image.new("RGB", (200, 100)).save(folder / "a.jpg", exif=exif)
value = {"x": 10, "y": 75, "width": 50, "height": 20, "rotation": 0, "rectanglelabels": ["cat"]}
result = {
    "id": "1", "type": "rectanglelabels", "from_name": "label", "to_name": "image",
    "original_width": 100, "original_height": 200, "value": value,
}
task = {"id": 1, "data": {"image": str(folder / "a.jpg")}, "annotations": [{"id": 1, "result": [result]}]}
(folder / "tasks.json").write_text(json.dumps([task]))
config = (
    '<View><Image name="image" value="$image"/>'
    '<RectangleLabels name="label" toName="image"><Label value="cat"/></RectangleLabels></View>'
)
converter = Converter(config, project_dir=str(folder), download_resources=False)
converter.convert(str(folder / "tasks.json"), str(folder / "coco"), Format.COCO, is_dir=False)
coco = json.loads((folder / "coco/result.json").read_text())
image, box = coco["images"][0], coco["annotations"][0]["bbox"]
print(f"image {image['width']} x {image['height']}, box {box}: it ends at {box[1] + box[3]:g} of {image['height']}")
sys.exit(not (image["height"] == 100 and box == [10, 150, 50, 40]))
PYTHON
