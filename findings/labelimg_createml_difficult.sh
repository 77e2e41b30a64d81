#!/usr/bin/env bash
# labelImg opens CreateML files with every object difficult, and saves them so.
#
# Expected: an object that was never marked difficult is not difficult after the file is opened again.
# Happens:  the reader of CreateML, which has no such flag, sets it for every object. Draw, save as CreateML, open again,
#           save as VOC: `<difficult>1</difficult>` everywhere, and evaluation that leaves difficult objects out (VOC's
#           own) counts none.
# Version:  labelImg 1.8.6, and the last commit of its repository (b33f965)
# Source:   libs/create_ml_io.py, `add_shape` ends in `None, None, True`; libs/yolo_io.py has False in that place
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check labelImg==1.8.6
"$place/venv/bin/python" - "$place" <<'PYTHON'
import sys
from pathlib import Path

from libs.create_ml_io import CreateMLReader, CreateMLWriter
from libs.pascal_voc_io import PascalVocWriter

folder = Path(sys.argv[1])
drawn = {"label": "cat", "points": [(50, 20), (90, 20), (90, 50), (50, 50)], "difficult": False}
CreateMLWriter("photos", "a.jpg", [100, 200, 3], [drawn], str(folder / "a.json")).write()
print("saved: ", (folder / "a.json").read_text())
shapes = CreateMLReader(str(folder / "a.json"), str(folder / "a.jpg")).get_shapes()
print("opened:", shapes)
writer = PascalVocWriter("photos", "a.jpg", [100, 200, 3])
for label, points, _, _, difficult in shapes:
    writer.add_bnd_box(int(points[0][0]), int(points[0][1]), int(points[2][0]), int(points[2][1]), label, difficult)
writer.save(str(folder / "a.xml"))
is_difficult = "<difficult>1</difficult>" in (folder / "a.xml").read_text()
print("as VOC: difficult", int(is_difficult))
sys.exit(not is_difficult)
PYTHON
