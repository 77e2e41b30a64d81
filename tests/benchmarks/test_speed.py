"""The commands that measure speed: what they compare, and the page that is made of their numbers."""

import inspect
import re
import time
from pathlib import Path

import cost
import iou_over_time
import keras
import measurements
import nbformat
import numpy as np
import pytest
import speed
from naive_recipe import as_two_head_model, combined_loss, naive_model, naive_targets

from clsloc_utils import datasets
from clsloc_utils.datasets import toy_voc

REPOSITORY = Path(__file__).resolve().parents[2]
PHOTOS = {
    "train_photos": 400,
    "test_photos": 94,
    "ours": [{"seconds": 20.0, "mean_iou": 0.5}, {"seconds": 25.0, "mean_iou": 0.8}],
    "naive": [{"seconds": 60.0, "mean_iou": 0.2}, {"seconds": 120.0, "mean_iou": 0.3}],
    "plain": [{"seconds": 100.0 * epoch, "mean_iou": iou} for epoch, iou in enumerate([0.5, 0.55, 0.5], start=1)],
    "machine": "a machine",
}


def test_the_loss_of_the_recipe_is_the_one_of_notebook_03():
    (path,) = (REPOSITORY / "notebooks").glob("03_*.ipynb")
    cells = nbformat.read(path, as_version=4).cells
    assert any(inspect.getsource(combined_loss) in f"{cell.source}\n" for cell in cells)


def test_the_recipe_trains_all_weights_and_is_judged_by_the_same_ones():
    inputs = keras.Input((16, 16, 3))
    backbone = keras.Model(inputs, keras.layers.Conv2D(4, 3)(inputs))
    # Frozen through another model, as `two_head_model` does it.
    keras.Model(inputs, keras.layers.Flatten()(backbone.output)).trainable = False
    model = naive_model(backbone, num_classes=3)
    assert len(model.trainable_variables) == 2 + 4 * 2
    judged = as_two_head_model(model)
    targets = naive_targets({"label": np.array([2, 0]), "box": np.tile([0.1, 0.2, 0.6, 0.7], (2, 1))}, 3)
    assert targets[0].numpy().tolist() == [[0, 0, 1], [1, 0, 0]]
    images = np.random.default_rng(0).uniform(0, 255, (2, 16, 16, 3)).astype("float32")
    before = judged.predict_on_batch(images)
    model.fit(images, list(targets), verbose=0)
    after = judged.predict_on_batch(images)
    assert np.abs(after["label"] - before["label"]).max() > 0
    assert after["box"].min() >= 0
    assert after["box"].max() <= 1


def test_every_stage_counts_what_it_got_ready(voc_folder, data_dir):
    """Sixteen photos, fourteen of them with one object, gone through twice."""
    examples = datasets.load(voc_folder, "train", data_dir=data_dir)
    counts = [sum(run(examples, 2)) for run in speed.STAGES.values()]
    assert counts == [32] + [28] * 6


def test_curves_are_compared_at_each_others_ends():
    assert [iou_over_time.seconds_to(PHOTOS["plain"], goal) for goal in (0.55, 0.56)] == [200.0, None]
    words = iou_over_time.photos_words(PHOTOS)
    assert "is at or past that point after 20 s" in words
    assert "never reaches ours." in " ".join(words.split())
    assert "Its best mean IoU is 0.550, after 200 s" in words
    assert "is there after 25 s, 0.12 of that time." in words
    swapped = iou_over_time.photos_words(PHOTOS | {"ours": PHOTOS["naive"], "naive": PHOTOS["ours"]})
    assert "The spatial head never gets there, its features" in swapped
    assert "recipe reaches ours after 20 s." in swapped
    assert "the spatial head never gets there." in swapped


def test_a_part_keeps_the_numbers_of_the_others(tmp_path, monkeypatch):
    file = tmp_path / "docs" / "speed.json"
    file.parent.mkdir()
    measurements.save(file, {"photos": PHOTOS, "sweep": "of another day"})
    rows = [
        {"models": models, "settings": models, "seeds": 1, "seconds": seconds, "cpu_seconds": 8.0}
        for models, seconds in ((1, 5.0), (33, 21.0))
    ]
    monkeypatch.setattr(measurements, "in_new_process", lambda part, options: {"rows": rows})
    speed.main(["--parts", "sweep", "--out", str(tmp_path)])
    numbers = measurements.load(file)
    assert numbers["photos"] == PHOTOS
    assert numbers["sweep"] == {"rows": rows, "machine": measurements.machine()}
    page = (tmp_path / "docs" / "speed.md").read_text(encoding="utf-8")
    assert "| 33 | 33 | 1 | 21.0 | 8.0 | 0.64 |" in page
    assert page.count("Measured on") == 2 + 1, "and once for how it grows"
    assert page.count("Not measured yet: `python benchmarks/speed.py --parts") == 3
    assert "frozen backbone, pooled heads" in (tmp_path / "images" / "speed_photos.svg").read_text(encoding="utf-8")


def test_start_up_is_not_counted(monkeypatch):
    """A clock that only runs goes on: a run takes 7 s to start, and 2 s a pass."""
    clock = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])

    def run(passes):
        clock[0] += 7 + 2 * passes

    assert cost.seconds_per_pass(run, 5) == 2


def test_costs_are_shown_for_each_precision_with_the_largest_memory():
    full = {step: {"seconds": 0.4, "gigabytes": 2.0} for step in cost.STEPS}
    half = {step: {"seconds": 119.4, "gigabytes": 5.5} for step in cost.STEPS}
    full["all"], half["all"] = {"seconds": 450.0, "gigabytes": 4.0}, {"seconds": 300.0, "gigabytes": 3.0}
    _, _, _, heads, _, everything = cost.cost_table({"float32": full, "mixed_bfloat16": half}).splitlines()
    assert heads == "| heads, from cached features | 0.4 s | 119 s | 5.5 |"
    assert everything == "| fine-tuning, everything | 7.5 min | 5.0 min | 4.0 |"


@pytest.mark.slow
def test_all_parts_are_measured_on_a_few_drawings(voc_folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("CLSLOC_DATA_DIR", str(tmp_path / "data"))
    pytest.importorskip("resource", reason="Windows does not tell the peak of a process's memory")
    monkeypatch.setattr(toy_voc, "SPLITS", {"train": 64, "validation": 16, "test": 1})
    monkeypatch.setattr(measurements, "in_new_process", lambda function, *arguments: function(*arguments))
    monkeypatch.setattr(measurements, "precisions", lambda: ["float32"])
    photos = ["--photos", str(voc_folder), "--backbone", "tiny_resnet", "--naive-epochs", "1", "--plain-epochs", "2"]
    speed.main(["--quick", "--image-size", "64", *photos, "--out", str(tmp_path)])
    page = capsys.readouterr().out
    assert "Not measured yet" not in page
    assert "12 photos with one object to learn from, 6 others to test on." in page
    for row in (
        "| naive recipe | float32 | in every epoch |",
        "| frozen backbone, pooled heads, plain Keras | 2 |",
        "| 3 | 3 | 1 |",
        "| plain decoding of the whole split | 64 |",
        "| fine-tuning, everything |",
    ):
        assert row in page
    gigabytes = re.findall(r"^\| (?:features|heads|fine-tuning).* ([\d.]+) \|$", page, re.MULTILINE)
    assert len(gigabytes) == 4
    assert all(0.2 < float(peak) < 30 for peak in gigabytes), "neither kilobytes nor bytes"
    assert not (tmp_path / "docs").exists(), "a try writes nothing"


def test_the_published_page_is_made_of_the_published_numbers():
    numbers = measurements.load(REPOSITORY / "docs" / "speed.json")
    assert (REPOSITORY / "docs" / "speed.md").read_text(encoding="utf-8") == speed.page(numbers)
    assert numbers.keys() == speed.PARTS.keys()
