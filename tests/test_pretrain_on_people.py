"""The pretraining on people: that the backbone's weights reach the file."""

import numpy as np
import pretrain_on_people as tool
from pretrain_tiny_resnet import saving

from clsloc_utils import backbones
from clsloc_utils.losses import get_joint_loss


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
    assert targets["joints"].shape == (4, 14, 2)

    model = tool.joint_finder(48)
    before = backbones.load_backbone("tiny_resnet").get_weights()
    model.compile(optimizer="sgd", loss={"joints": get_joint_loss("l1")})
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
