"""The pretraining of `tiny_resnet` goes from smaller to larger images as if nothing else had changed."""

import keras
import numpy as np
import pytest
from pretrain_tiny_resnet import go_on_from, optimizer


def classifier_of(size):
    """Any image size has the same weights, as in `tiny_resnet`."""
    inputs = keras.Input((size, size, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3, activation="relu")(inputs))
    model = keras.Model(inputs, keras.layers.Dense(5)(pooled))
    model.compile(optimizer(0.01, 40), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


def test_larger_images_go_on_where_smaller_ones_stopped():
    keras.utils.set_random_seed(0)
    images, labels = np.random.default_rng(0).uniform(0, 1, (8, 8, 8, 3)).astype("float32"), np.arange(8) % 5
    unbroken, larger = classifier_of(8), classifier_of(16)
    for _ in range(10):
        unbroken.train_on_batch(images, labels)
    go_on_from(unbroken, larger)
    # Images of one grey each, so that both sizes see the same.
    flat = np.linspace(0, 1, 8, dtype="float32").reshape(8, 1, 1, 1)
    for _ in range(10):
        losses = [
            model.train_on_batch(np.broadcast_to(flat, (8, size, size, 3)), labels)
            for model, size in ((unbroken, 8), (larger, 16))
        ]
        assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    for ours, theirs in zip(larger.get_weights(), unbroken.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)
