"""The pretraining on people: its loss, and that the backbone's weights reach the file."""

import keras
import numpy as np
import pretrain_on_people as tool
import pytest
from pretrain_tiny_resnet import saving

from clsloc_utils import backbones


def test_cross_entropy_agrees_with_a_loop():
    random = np.random.default_rng(0)
    joints = random.uniform(0, 1, (2, 3, 2)).astype("float32")
    logits = random.normal(size=(2, 5, 7, 3)).astype("float32")  # 3 rows and 5 columns lie inside the image
    losses = np.asarray(tool.HeatmapCrossEntropy(spread=0.8).call(joints, logits))
    for person in range(2):
        for joint in range(3):
            x, y = joints[person, joint] * (5, 3)
            bell = np.array(
                [
                    [np.exp(-((column - 0.5 - x) ** 2 + (row - 0.5 - y) ** 2) / (2 * 0.8**2)) for column in range(7)]
                    for row in range(5)
                ]
            )
            scores = np.exp(logits[person, ..., joint])
            expected = -(bell / bell.sum() * np.log(scores / scores.sum())).sum()
            assert losses[person, joint] == pytest.approx(expected, rel=1e-4)


def test_the_trained_backbone_is_what_is_saved(tmp_path):
    random = np.random.default_rng(1)
    arrays = (
        random.integers(0, 255, (8, 64, 64, 3), np.uint8),
        random.uniform(0.3, 0.7, (8, 14, 2)).astype("float32"),
        np.ones((8, 14), "float32"),
    )
    batches = tool.batched(arrays, 48, 4, seed=0)
    images, targets, _ = next(iter(batches))
    assert images.shape == (4, 48, 48, 3)
    np.testing.assert_array_equal(targets["heatmaps"], targets["joints"])

    model = tool.joint_finder(48)
    before = backbones.load_backbone("tiny_resnet").get_weights()
    model.compile(
        optimizer="sgd", loss={"joints": keras.losses.MeanAbsoluteError(), "heatmaps": tool.HeatmapCrossEntropy()}
    )
    model.fit(batches, verbose=0)
    saving(model.get_layer("features"), tmp_path / "people.npz").on_epoch_end(0)
    saved = backbones.load_backbone("tiny_resnet", weights=tmp_path / "people.npz")
    learned = {layer.name: layer.get_weights() for layer in model.get_layer("features").layers}
    for layer in saved.layers:
        for weight, expected in zip(layer.get_weights(), learned[layer.name], strict=True):
            np.testing.assert_allclose(weight, expected, rtol=1e-3, atol=1e-6)
    changed = [not np.allclose(old, new, rtol=1e-2) for old, new in zip(before, saved.get_weights(), strict=True)]
    assert sum(changed) > 10


def test_resizing_keeps_what_is_seen():
    images = np.zeros((300, 8, 8, 3), np.uint8)
    images[:, :, 4:] = 200
    smaller = tool.resized(images, 4)
    assert smaller.shape == (300, 4, 4, 3)
    assert (smaller[:, :, :2] == 0).all()
    assert (smaller[:, :, 2:] == 200).all()
