"""The way of the full profile, with random weights of the real ResNet-50 and small images."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.folders import write_official_weights

from clsloc_utils import models, profiles, recipes, training
from clsloc_utils.backbones import load_backbone


@pytest.fixture(scope="module")
def profile(voc_folder, tmp_path_factory):
    """The full profile with other data, small images and single epochs; the weights are a file that somebody has."""
    keras.utils.set_random_seed(0)
    network = load_backbone("resnet50", 64, weights=None)
    file = write_official_weights(network, tmp_path_factory.mktemp("weights") / "resnet50_notop.h5")
    return dataclasses.replace(
        profiles.FULL,
        data=str(voc_folder),
        backbone=f"resnet50:{file}",
        image_size=64,
        batch_size=8,
        copies=2,
        epochs=1,
        fine_tune_epochs=1,
    )


@pytest.fixture(scope="module")
def model(profile, tmp_path_factory):
    """The finished model: features cached, heads trained, last stage and then everything fine-tuned."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLSLOC_DATA_DIR", str(tmp_path_factory.mktemp("data")))
        return recipes.finished_model(profile)


def test_every_layer_has_learned_but_no_statistics(profile, model):
    before = load_backbone(profile.backbone, 64)
    moved = {}
    for layer in model.get_layer("features").layers:
        if layer.weights:
            old = before.get_layer(layer.name).get_weights()
            same = [np.array_equal(a, b) for a, b in zip(old, layer.get_weights(), strict=True)]
            moved[layer.name] = (
                not any(same) if not isinstance(layer, keras.layers.BatchNormalization) else not all(same)
            )
    learned = {name for name, has_moved in moved.items() if has_moved}
    assert {"conv1_conv", "conv3_block1_1_conv", "conv5_block3_3_conv"} <= learned
    assert not {name for name in learned if name.endswith("_bn")}
    assert not model.get_layer("features").trainable_weights


IMAGES = np.random.default_rng(0).uniform(0, 255, (4, 64, 64, 3)).astype("float32")


@pytest.mark.parametrize("half", ["float16", "bfloat16"])
def test_resnet50_computes_in_half_precision_for_a_while(model, half):
    features = model.get_layer("features")
    with models.computing_in(features, f"mixed_{half}"):
        assert {layer.compute_dtype for layer in features.layers[3:]} == {half}
        assert features.get_layer("preprocessing").compute_dtype == "float32"
        assert features(IMAGES)["coarse"].dtype == half
        assert {output.dtype.name for output in model(IMAGES).values()} == {"float32"}
    assert {layer.compute_dtype for layer in (*features.layers, *model.get_layer("heads").layers)} == {"float32"}


def test_half_precision_of_resnet50_trains_and_leaves_single_precision_behind(model):
    """float16, whose loss is scaled; where the machine is fast at bfloat16, the fixture's own training was in that."""
    targets = {"label": np.zeros(4, "int32"), "box": np.tile(np.float32([0.2, 0.2, 0.8, 0.8]), (4, 1))}
    layer = model.get_layer("features").get_layer("conv5_block3_3_conv")
    before = layer.get_weights()
    batches = tf.data.Dataset.from_tensors((IMAGES, targets))
    # The first step has a rate of 0, and a step whose scaled gradient overflows is left out: hence more than one.
    history = training.fine_tune(model, batches, epochs=8, layers="last", precision="mixed_float16", verbose=False)
    assert np.isfinite(history.history["loss"]).all()
    assert not np.array_equal(before[0], layer.get_weights()[0])
    assert {weight.dtype for weight in model.weights if "float" in weight.dtype} == {"float32"}


def test_stages_are_those_of_the_profile(model, monkeypatch):
    calls = []
    monkeypatch.setattr(recipes, "fine_tune", lambda *_, **options: calls.append(options))
    checkpoints = {"last": "one.npz", "all": "other.npz"}
    recipes.fine_tune_in_stages(model, None, profiles.FULL, seed=7, precision="mixed_float16", checkpoints=checkpoints)
    expected = [
        {
            "layers": layers,
            "learning_rate": rate,
            "checkpoint": checkpoints[layers],
            "epochs": profiles.FULL.fine_tune_epochs,
            "precision": "mixed_float16",
        }
        for layers, rate in profiles.FULL.fine_tune_stages
    ]
    assert [{name: call[name] for name in expected[0]} for call in calls] == expected
    assert len({call["seed"] for call in calls}) == 2
    assert recipes.fine_tune_in_stages(model, None, profiles.FAST) == {}, "the backbone stays frozen"
    inputs = keras.Input((32, 32, 3))
    backbone = keras.Model(inputs, keras.layers.Conv2D(8, 3, strides=16, padding="same")(inputs))
    without_fine_map = models.two_head_model(backbone, 3, "pooled")
    assert list(recipes.fine_tune_in_stages(without_fine_map, None, profiles.FULL)) == ["all"]


@pytest.mark.parametrize(
    ("gpus", "flags", "precision"),
    [
        (["GPU:0"], "fpu avx512_bf16", "mixed_float16"),
        ([], "fpu avx512f avx512_bf16 sse", "mixed_bfloat16"),
        ([], "amx_bf16", "mixed_bfloat16"),
        ([], "fpu avx512f avx512_bf16_not_quite", None),
        ([], None, None),
    ],
)
def test_half_precision_is_for_machines_that_are_fast_at_it(monkeypatch, tmp_path, gpus, flags, precision):
    processors = tmp_path / "cpuinfo"
    if flags is not None:
        processors.write_text(f"processor : 0\nmodel name\t: a bf16\nflags\t\t: {flags}\nbugs\t\t: none\n")
    has_instructions = recipes._has_bfloat16_instructions
    monkeypatch.setattr(recipes, "_has_bfloat16_instructions", lambda: has_instructions(processors))
    monkeypatch.setattr(recipes.tf.config, "list_physical_devices", lambda kind: gpus)
    assert recipes.precision_of(profiles.FULL) == precision
    assert recipes.precision_of(profiles.FAST) is None
