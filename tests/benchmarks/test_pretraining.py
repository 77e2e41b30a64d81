"""The pretraining of the course's own backbones: what is learned reaches the file."""

import subprocess
import sys

import keras
import numpy as np
import people
import pytest
import tiny_resnet

from clsloc_utils import backbones


def test_larger_images_go_on_where_smaller_ones_stopped():
    """Weights and the state of the optimizer, which both sizes have alike."""
    keras.utils.set_random_seed(0)
    smaller, larger = (tiny_resnet.classifier(size, steps=40) for size in (32, 48))
    smaller.train_on_batch(np.random.default_rng(0).uniform(0, 255, (4, 32, 32, 3)).astype("float32"), np.arange(4))
    tiny_resnet.go_on_from(smaller, larger)
    for ours, theirs in ((larger.weights, smaller.weights), (larger.optimizer.variables, smaller.optimizer.variables)):
        assert all(np.array_equal(one, other) for one, other in zip(ours, theirs, strict=True))
    assert larger.optimizer.iterations == 1


def test_resizing_keeps_what_is_seen():
    images = np.zeros((300, 8, 8, 3), np.uint8)
    images[:, :, 4:] = [[100], [200], [200], [200]]
    smaller = people.resized(images, 4)
    assert smaller.shape == (300, 4, 4, 3)
    assert (smaller == np.array([0, 0, 150, 200])[:, np.newaxis]).all()


SIZES = ["--images", "8", "--batch-size", "4", "--epochs", "1", "--full-size-epochs", "1", "--out"]


@pytest.mark.slow
def test_drawings_are_named_and_what_is_learned_is_saved(tmp_path):
    """In a process of its own: tests have told this one to be deterministic, and the augmentation is not."""
    file = tmp_path / "weights.npz"
    subprocess.run([sys.executable, tiny_resnet.__file__, *SIZES, str(file)], check=True, capture_output=True)
    saved = backbones.load_backbone("tiny_resnet", weights=file)
    means = [layer.moving_mean for layer in saved.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert len(means) > 10
    assert all(np.abs(mean).max() > 0 for mean in means), "as it began"


@pytest.mark.slow
def test_joints_are_found_and_what_is_learned_is_saved(tmp_path, monkeypatch):
    models = []
    monkeypatch.setattr(people, "saving", lambda model, file: models.append(model) or tiny_resnet.saving(model, file))
    people.main([*SIZES, str(tmp_path / "weights.npz"), "--image-size", "64"])
    saved = backbones.load_backbone("tiny_resnet", weights=tmp_path / "weights.npz")
    before = backbones.load_backbone("tiny_resnet").get_weights()
    for layer in saved.layers:
        for ours, learned in zip(layer.get_weights(), models[0].get_layer(layer.name).get_weights(), strict=True):
            np.testing.assert_allclose(ours, learned, rtol=1e-3, atol=1e-6)
    changed = [not np.allclose(old, new, rtol=1e-2) for old, new in zip(before, saved.get_weights(), strict=True)]
    assert sum(changed) > 10
