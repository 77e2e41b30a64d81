"""Learning curves: which images each training sees, what a curve says, and the command."""

import numpy as np
import pytest
from helpers.models import small_backbone

from clsloc_utils import learning_curves, models, plotting, training


@pytest.fixture(scope="module")
def caches(tmp_path_factory):
    """Features of 32 images with two copies each, and of 16 others."""
    chance = np.random.default_rng(0)

    def cache(count, copies, name):
        images = chance.uniform(0, 255, (count, 32, 32, 3)).astype("float32")
        targets = {"label": np.arange(count) % 3, "box": np.tile([0.2, 0.3, 0.7, 0.8], (count, 1)).astype("float32")}
        folder = tmp_path_factory.mktemp("features")
        return training.cache_features(
            small_backbone(), lambda copy: [(images + copy, targets)], {"name": name}, copies=copies, directory=folder
        )

    return cache(32, 2, "train"), cache(16, 1, "test")


def test_each_part_is_drawn_anew_and_holds_the_smaller_one(caches, monkeypatch):
    seen = []

    def fit(model, batches, *, epochs, **_):
        seen.append((set((batches.rows % 32).tolist()), epochs, model.get_weights()[0].sum()))

    monkeypatch.setattr(models.TwoHeadModel, "fit", fit)
    heads = models.two_head_model(small_backbone(), 3).get_layer("heads")
    rows = learning_curves.learning_curve(heads, *caches, parts=(1 / 16, 1 / 2, 1), draws=2, epochs=30, batch_size=16)
    assert [(row["num_images"], row["draw"]) for row in rows] == [(2, 0), (2, 1), (16, 0), (16, 1), (32, 0), (32, 1)]
    images, epochs, starts = zip(*seen, strict=True)
    assert images[0] < images[2] < images[4] == set(range(32))
    assert images[1] < images[3] < images[5]
    assert images[0] != images[1]
    assert epochs == (100, 100, 50, 50, 30, 30), "100 steps at least"
    assert starts[0] == starts[2] == starts[4] != starts[1] == starts[3] == starts[5]


def test_each_training_is_as_if_it_were_the_only_one(caches):
    heads = models.two_head_model(small_backbone(), 3, dropout=0.0).get_layer("heads")
    before = heads.get_weights()
    alone = learning_curves.learning_curve(heads, *caches, parts=(1,), draws=1, epochs=4)
    behind_others = learning_curves.learning_curve(heads, *caches, parts=(1 / 2, 1), draws=1, epochs=4)
    assert behind_others[-1]["mean_iou"] == pytest.approx(alone[0]["mean_iou"], abs=1e-3)
    assert alone[0]["mean_iou"] > 0.5, "one box for all: a hundred steps learn it"
    assert all(np.array_equal(*pair) for pair in zip(before, heads.get_weights(), strict=True))


def row(count, draw, value):
    return {"num_images": count, "draw": draw, "accuracy": value}


@pytest.mark.parametrize(
    ("half", "whole", "words"),
    [
        ((0.5, 0.51, 0.52), (0.6, 0.61, 0.62), "from 0.510 to 0.610; draws of 8 differ by 0.020. It still climbs"),
        ((0.5, 0.55, 0.6), (0.56, 0.56, 0.6), "The gain is no larger than chance"),
        ((0.6, 0.6, 0.6), (0.5, 0.6, 0.7), "It climbs no more"),
        ((0.9, 1.0, 1.0), (1.0, 1.0, 1.0), "to 1.000. Nothing is wrong that more photos could mend"),
        ((0.5,), (0.6,), "One draw of each size does not tell"),
    ],
)
def test_what_a_curve_says(half, whole, words):
    rows = [row(16, draw, value) for draw, value in enumerate(whole)]
    rows += [row(8, draw, value) for draw, value in enumerate(half)]
    summary = learning_curves.summarize(rows, ["accuracy"])
    assert [each["num_images"] for each in summary] == [8, 16]
    assert (summary[0]["accuracy_low"], summary[0]["accuracy_high"]) == (min(half), max(half))
    assert words in learning_curves.verdict(summary, "accuracy")
    figure = plotting.learning_curve(rows, {"accuracy": 0.3}, ["accuracy"])
    (axes,) = figure.axes
    assert [text.get_text() for text in axes.get_xticklabels()] == ["8", "16"]
    assert [line.get_ydata()[0] for line in axes.lines if line.get_label() == "without looking"] == [0.3]
