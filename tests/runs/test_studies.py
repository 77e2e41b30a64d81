"""`clsloc sweep` and `clsloc curve`: tables, figures, and what they say."""

import json
import re

import pandas
import pytest
from helpers.runs import visible_files
from PIL import Image


def test_sweep_writes_table_and_figures_and_says_the_choice(voc_folder, tmp_path, clsloc, refused):
    sweep = ["sweep", voc_folder, "--epochs", "1", "--ratios", "2", "--seeds", "2", "--out", tmp_path]
    written = clsloc(*sweep)
    assert visible_files(tmp_path) == {"sweep.csv", "sweep.json", "sweep.png", "pareto_front.png"}
    assert re.search(r"Features of train\[:85%\]: 100%.* 12/12 ", written.err), "twelve plain images"
    rows = pandas.DataFrame(json.loads((tmp_path / "sweep.json").read_text()))
    assert len(rows) == (2 + 2 + 1) * 2
    means = rows.groupby("setting")["clsloc_accuracy_50"].mean()
    assert means[re.search(r"Chosen: (.+?)\. On the test", written.out)[1]] == means.max()
    assert "class only" in written.out
    assert "holds a sweep already" in refused(*sweep)


@pytest.mark.slow
def test_curve_writes_table_and_figure(voc_folder, tmp_path, clsloc, refused):
    curve = ["curve", voc_folder, "--draws", "1", "--epochs", "1", "--out", tmp_path]
    written = clsloc(*curve)
    assert "without looking" in written.out
    rows = pandas.read_csv(tmp_path / "curve.csv")
    assert list(rows["num_images"]) == [1, 2, 3, 6, 12]
    assert f"{rows['accuracy'].iloc[-1]:.3f}" in written.out
    with Image.open(tmp_path / "curve.png") as picture:
        assert picture.size[0] == 960
    assert "holds a curve already" in refused(*curve)


def test_a_sweep_needs_boxes(people, tmp_path, refused):
    assert "holds pose; a sweep weighs the losses" in refused("sweep", people.folder, "--out", tmp_path)
