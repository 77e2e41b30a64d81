"""The commands that measure speed: what they compare, and the page that is made of their numbers."""

import inspect
import json
from pathlib import Path

import bench
import bench_pipeline
import keras
import measurements
import nbformat
import numpy as np
import pytest
from naive_recipe import as_two_head_model, combined_loss, naive_model, naive_targets

from clsloc_utils import datasets

REPOSITORY = Path(__file__).resolve().parents[1]
RECIPE = {
    "backbone": "resnet50",
    "image_size": 224,
    "epochs": 30,
    "cached": [
        {"head": "flatten", "precision": "float32", "seconds": 50.0, "feature_seconds": 40.0, "head_seconds": 10.0},
        {
            "head": "spatial",
            "precision": "mixed_bfloat16",
            "seconds": 75.0,
            "feature_seconds": 25.0,
            "head_seconds": 50,
        },
    ],
    "naive_epoch_seconds": {"float32": 100.0, "mixed_bfloat16": 80.0},
    "images": 259,
    "machine": "a machine",
}
PHOTOS = {
    "train_photos": 400,
    "test_photos": 94,
    "ours": [{"seconds": 20.0, "mean_iou": 0.5}, {"seconds": 25.0, "mean_iou": 0.8}],
    "naive": [{"seconds": 60.0, "mean_iou": 0.2}, {"seconds": 120.0, "mean_iou": 0.3}],
    "plain": [
        {"seconds": 100.0, "mean_iou": 0.5},
        {"seconds": 200.0, "mean_iou": 0.55},
        {"seconds": 300.0, "mean_iou": 0.5},
    ],
    "ours_seconds_to_naive": 20.0,
    "naive_seconds_to_ours": None,
    "plain_best": {"seconds": 200.0, "mean_iou": 0.55},
    "ours_seconds_to_plain_best": 25.0,
    "machine": "a machine",
}


def stages(**seconds):
    """Rows of the pipeline, of 100 images, 40 of them with one object."""
    rows = [
        {"stage": stage, "images": 40, "seconds": 1.0, "memory_once": 10.0, "memory_often": 11.0}
        for stage in bench_pipeline.STAGES
    ]
    rows[0]["images"] = 100
    return [row | {"seconds": seconds.get(row["stage"].split()[0].rstrip(":"), 1.0)} for row in rows]


SWEEP = {
    "rows": [
        {"models": 1, "settings": 1, "seeds": 1, "seconds": 5.0, "cpu_seconds": 8.0},
        {"models": 33, "settings": 11, "seeds": 3, "seconds": 21.0, "cpu_seconds": 36.0},
    ],
    "machine": "a machine",
}


def test_a_sweep_says_what_each_further_model_costs():
    words = bench.sweep_words(SWEEP)
    assert "| 33 | 11 | 3 | 21.0 | 36.0 | 0.64 |" in words
    assert "The first model costs 5.0 s, 4.5 s of which for what all share; each further one 0.50 s." in words
    assert "33 trainings one after the other would take 7.9 times as long." in words


# --- the naive recipe -------------------------------------------------------------------------------------------------


def test_the_loss_of_the_recipe_is_the_one_of_notebook_03():
    (path,) = (REPOSITORY / "notebooks").glob("03_*.ipynb")
    cells = nbformat.read(path, as_version=4).cells
    assert any(inspect.getsource(combined_loss) in f"{cell.source}\n" for cell in cells)


def test_the_recipe_trains_all_weights_and_is_judged_by_the_same_ones():
    inputs = keras.Input((16, 16, 3))
    backbone = keras.Model(inputs, keras.layers.Conv2D(4, 3)(inputs))
    # Frozen through another model, as `two_head_model` does it.
    keras.Model(inputs, keras.layers.Flatten()(backbone.output)).trainable = False
    assert not backbone.trainable_variables
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


def test_curves_are_compared_at_each_others_ends():
    assert bench.compared(PHOTOS["ours"], PHOTOS["naive"]) == {
        "ours_seconds_to_naive": 20.0,
        "naive_seconds_to_ours": None,
    }
    assert bench.compared(PHOTOS["naive"], PHOTOS["ours"])["naive_seconds_to_ours"] == 20.0
    assert bench.best_of_plain(PHOTOS["ours"], PHOTOS["plain"]) == {
        name: PHOTOS[name] for name in ("plain_best", "ours_seconds_to_plain_best")
    }


# --- the pipeline -----------------------------------------------------------------------------------------------------


def test_every_stage_counts_what_it_got_ready(voc_folder, data_dir):
    """Sixteen photos, fourteen of them with one object, gone through twice."""
    options = bench_pipeline.parse_arguments([str(voc_folder), "train", "--image-size", "32"])
    examples = datasets.load(voc_folder, "train", data_dir=data_dir)
    counts = {stage: sum(run(examples, options, 2)) for stage, run in bench_pipeline.STAGES.items()}
    assert counts.pop(bench_pipeline.WHOLE_SPLIT) == 32
    assert set(counts.values()) == {28}


def test_words_compare_seconds_of_a_pass_and_rates_of_the_same_images():
    options = bench_pipeline.parse_arguments(["drawings", "train", "--times", "5"])
    words = bench_pipeline.words(stages(plain=2.0, pipeline=2.5, the=1.6, naive=10.0), options)
    assert "100 images as TFDS keeps them on disk, 40 of them with one object" in words
    assert "needs 2.50 s where that needs 2.00 s, so it runs at 80% of its speed" in words
    assert "16 images/s where that has 20, 80% of its speed" in words
    assert "one by one, before it looks at the annotations: 4.0 times faster" in words
    assert "skipping pixels, it is 6.2 times faster" in words
    assert "| plain decoding of the whole split | 100 | 2.00 | 50 | 10 MB | 11 MB |" in words
    assert "mean of 5 passes" in words


# --- the page ---------------------------------------------------------------------------------------------------------


def test_what_was_not_measured_is_not_made_up():
    page = bench.page({})
    assert page.count("Not measured yet: `python tools/bench.py --parts") == len(bench.PARTS) == page.count("\n## ")
    assert "![" not in page


def test_the_page_tells_what_was_measured():
    page = bench.page({"recipe": RECIPE, "photos": PHOTOS})
    assert "was measured (100 s in float32 and 80 s in mixed_bfloat16)" in page
    assert "| naive recipe | float32 | in every epoch | in every epoch | 3,000 s | 1 |" in page
    assert "| naive recipe | mixed_bfloat16 | in every epoch | in every epoch | 2,400 s | 1.25 |" in page
    assert "| cached features, flatten head | float32 | 40.0 s | 10.0 s | 50.0 s | 60 |" in page
    assert "| cached features, spatial head | mixed_bfloat16 | 25.0 s | 50.0 s | 75.0 s | 40 |" in page
    assert "would make it 120 times less" in page
    assert "is at or past that point after 20 s" in page
    assert "The naive recipe never reaches ours." in page
    assert "Its best mean IoU is 0.550, after 200 s (`--plain-epochs 3`)" in page
    assert "the spatial head is there after 25 s, 0.12 of that time." in page
    assert page.count("Measured on a machine, by `python tools/bench.py --parts") == 2
    assert page.count("Not measured yet") == 2


def test_a_part_keeps_the_numbers_of_the_others(tmp_path, monkeypatch):
    (tmp_path / "docs").mkdir()
    measurements.save(tmp_path / "docs" / "speed.json", {"recipe": RECIPE, "pipeline": {"times": 1}})
    monkeypatch.setitem(bench.PARTS, "pipeline", lambda options: {"times": 3, "stages": stages(naive=8.0)})
    bench.main(["--parts", "pipeline", "--out", str(tmp_path)])
    numbers = json.loads((tmp_path / "docs" / "speed.json").read_text(encoding="utf-8"))
    assert numbers["recipe"] == RECIPE
    assert numbers["pipeline"]["times"] == 3
    assert "cores of a" in numbers["pipeline"]["machine"]
    page = (tmp_path / "docs" / "speed.md").read_text(encoding="utf-8")
    assert "8.0 times faster" in page
    assert "75.0 s" in page
    drawn = (tmp_path / "images" / bench.PICTURES["recipe"]).read_text(encoding="utf-8")
    for text in ("naive recipe", "3,000 s", "75 s", "seconds for 30 epochs of 259 images, resnet50"):
        assert text in drawn
    assert sorted(path.name for path in (tmp_path / "docs").iterdir()) == ["speed.json", "speed.md"]


def test_an_interrupted_replacement_leaves_the_old_numbers(tmp_path, monkeypatch):
    file = tmp_path / "numbers.json"
    measurements.save(file, {"a": 1})
    monkeypatch.setattr(measurements.os, "replace", lambda *paths: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        measurements.save(file, {"a": 2})
    assert measurements.load(file) == {"a": 1}


def test_the_published_page_is_made_of_the_published_numbers(tmp_path):
    numbers = measurements.load(REPOSITORY / "docs" / "speed.json")
    for folder in ("docs", "images"):
        (tmp_path / folder).mkdir()
    bench.write_page(numbers, tmp_path)
    made = (tmp_path / "docs" / "speed.md").read_text(encoding="utf-8")
    assert (REPOSITORY / "docs" / "speed.md").read_text(encoding="utf-8") == made
    for part, picture in bench.PICTURES.items():
        assert (REPOSITORY / "images" / picture).exists() == (part in numbers)
