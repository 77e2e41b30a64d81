"""The pose model: soft-argmax in two dimensions, the joint heads, two looks, saving, precision."""

import keras
import numpy as np
import pytest
from helpers.models import assert_heads_compute_in_float32, half_precision, noise, noise_for, plain_backbone
from hypothesis import given, settings
from hypothesis import strategies as st

from clsloc_utils import losses, models, pipelines, training

HEADS = tuple(models.JOINT_HEADS)


@pytest.fixture(autouse=True)
def seed():
    keras.utils.set_random_seed(0)


# --- soft-argmax


@settings(max_examples=20)
@given(st.integers(0, 1000), st.integers(0, 2), st.integers(5, 9), st.integers(5, 7))
def test_soft_argmax_against_a_loop(seed, outside, height, width):
    heatmaps = np.random.default_rng(seed).normal(0, 3, (2, height, width, 3)).astype("float32")
    found = np.asarray(models.SoftArgmax2D(outside)(heatmaps))
    assert found.shape == (2, 3, 2)
    for image, joint in np.ndindex(2, 3):
        shares = np.exp(heatmaps[image, :, :, joint].astype("float64"))
        shares /= shares.sum()
        x = y = 0.0
        for row, column in np.ndindex(height, width):
            x += shares[row, column] * (column - outside + 0.5) / (width - 2 * outside)
            y += shares[row, column] * (row - outside + 0.5) / (height - 2 * outside)
        np.testing.assert_allclose(found[image, joint], [x, y], atol=1e-5)


def test_a_cell_stands_for_its_centre_and_what_lies_outside_is_in_reach():
    def hot(row, column, cells, outside):
        heatmaps = np.zeros((1, cells, cells, 1), "float32")
        heatmaps[0, row, column] = 60
        return np.asarray(models.SoftArgmax2D(outside)(heatmaps))[0, 0]

    np.testing.assert_allclose(hot(0, 3, cells=4, outside=0), [7 / 8, 1 / 8], atol=1e-6)
    np.testing.assert_allclose(hot(1, 4, cells=6, outside=1), [7 / 8, 1 / 8], atol=1e-6)
    np.testing.assert_allclose(hot(0, 15, cells=16, outside=1), [1 + 1 / 28, -1 / 28], atol=1e-6)


def test_soft_argmax_keeps_its_config():
    layer = models.SoftArgmax2D(2, 3, name="points")
    again = models.SoftArgmax2D.from_config(layer.get_config())
    assert (again.outside, again.window) == (2, 3)
    assert layer.compute_output_shape((None, 9, 9, 14)) == (None, 14, 2)
    with pytest.raises(ValueError, match="outside is -1"):
        models.SoftArgmax2D(-1)
    with pytest.raises(ValueError, match="window is -2"):
        models.SoftArgmax2D(0, -2)


@settings(max_examples=20)
@given(st.integers(0, 1000), st.integers(0, 3), st.integers(5, 9), st.integers(5, 7))
def test_a_window_leaves_out_what_is_far_from_the_hottest_cell(seed, window, height, width):
    heatmaps = np.random.default_rng(seed).normal(0, 3, (2, height, width, 3)).astype("float32")
    layer = models.SoftArgmax2D(1, window)
    found = np.asarray(layer(heatmaps))
    for image, joint in np.ndindex(2, 3):
        logits = heatmaps[image, :, :, joint].astype("float64")
        row, column = np.unravel_index(np.argmax(logits), logits.shape)
        near = np.full(logits.shape, -np.inf)
        part = np.s_[max(row - window, 0) : row + window + 1, max(column - window, 0) : column + window + 1]
        near[part] = logits[part]
        expected = models.SoftArgmax2D(1)(np.maximum(near, -1e4)[None, :, :, None].astype("float32"))
        np.testing.assert_allclose(found[image, joint], np.asarray(expected)[0, 0], atol=1e-5)
    everything = np.asarray(models.SoftArgmax2D(1)(heatmaps))
    np.testing.assert_array_equal(layer(heatmaps, training=True), everything)  # All cells learn.


# --- the model


@pytest.mark.parametrize("head", HEADS)
def test_parts_outputs_and_names(head):
    model = models.pose_model(plain_backbone(), joint_head=head)
    outputs = model.predict_on_batch(noise())
    heatmaps = {"heatmaps": (8, 6, 6, 14)} if head == "heatmap" else {}
    assert {name: each.shape for name, each in outputs.items()} == {"joints": (8, 14, 2), **heatmaps}
    assert "joints" in model.output_names
    heads, features = model.get_layer("heads"), model.get_layer("features")
    maps = features.predict_on_batch(noise())
    from_heads = heads.predict_on_batch({level: maps[level] for level in heads.input})
    np.testing.assert_allclose(from_heads["joints"], outputs["joints"], rtol=1e-5, atol=1e-6)
    assert set(heads.input) == ({"coarse"} if head == "direct" else {"coarse", "fine"})
    assert not features.trainable_weights
    if head != "heatmap":  # That one reads around the hottest cell, wherever it is.
        assert abs(outputs["joints"].mean() - 0.5) < 0.1, "an untrained model points to the middle"


def test_arguments():
    with pytest.raises(ValueError, match="joint_head is 'magic'; take one of direct, soft_argmax, heatmap"):
        models.pose_model(plain_backbone(), joint_head="magic")
    with pytest.raises(ValueError, match="no layer gives one of 4 x 4"):
        models.pose_model(plain_backbone(strides=(16,)))
    direct = models.pose_model(plain_backbone(strides=(16,)), joint_head="direct")
    assert direct.predict_on_batch(noise())["joints"].shape == (8, 14, 2)
    free = models.pose_model(plain_backbone(), heatmap_channels=8, freeze_backbone=False)
    assert len(free.get_layer("features").trainable_weights) == 8
    assert free.get_layer("heads").get_layer("joint_conv1").filters == 8


def test_heatmaps_follow_what_is_seen():
    """Far from the borders, features moved by a cell move the heatmaps and so the joints by a cell."""
    backbone = plain_backbone(size=128)
    heads = models.pose_model(backbone).get_layer("heads")
    rng = np.random.default_rng(0)
    maps = {"coarse": np.zeros((2, 8, 8, 16), "float32"), "fine": np.zeros((2, 16, 16, 16), "float32")}
    seen = rng.normal(0, 3, (4, 4, 16))
    maps["fine"][0, 5:9, 5:9], maps["fine"][1, 6:10, 7:11] = seen, seen
    inside = keras.Model(heads.input, heads.get_layer("joint_heatmaps").output)
    heatmaps = inside.predict_on_batch(maps)
    assert heatmaps.shape == (2, 18, 18, 14)
    np.testing.assert_allclose(heatmaps[0, 3:12, 3:12], heatmaps[1, 4:13, 5:14], atol=1e-5)
    assert np.ptp(heatmaps[0, 3:12, 3:12]) > 0.1


@pytest.mark.parametrize("head", HEADS)
def test_sixteen_people_can_be_learned_by_heart(head):
    rng = np.random.default_rng(0)
    targets = {"joints": rng.uniform(0.0, 1.0, (16, 14, 2)).astype("float32")}
    weights = {"joints": (rng.uniform(size=(16, 14)) < 0.9).astype("float32")}
    targets["joints"][weights["joints"] == 0] = np.nan
    heads = models.pose_model(plain_backbone(64, filters=32), joint_head=head).get_layer("heads")
    inputs = noise_for(heads, 16)
    training.compile_pose_model(heads, optimizer=keras.optimizers.Adam(5e-3))
    heads.fit(inputs, targets, sample_weight=weights, epochs=60, batch_size=16, verbose=0)
    result = heads.evaluate(inputs, targets, sample_weight=weights, verbose=0, return_dict=True)
    assert result["mean_error"] < 0.08
    assert result["pck_20"] > 0.6, "the middle of the image is right for 1 joint in 30"


# --- saving and precision


@pytest.mark.parametrize("head", HEADS)
def test_a_saved_model_answers_the_same(head, tmp_path):
    model = models.pose_model(plain_backbone(), joint_head=head)
    training.compile_pose_model(model, joint_loss="smooth_l1")
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    expected = {"joints": model.predict_on_batch(noise())["joints"]}
    np.testing.assert_array_equal(loaded.predict_on_batch(noise())["joints"], expected["joints"])
    weights = {"joints": np.ones((8, 14), "float32")}
    result = loaded.evaluate(noise(), expected, sample_weight=weights, verbose=0, return_dict=True)
    if head == "heatmap":
        before = model.evaluate(noise(), expected, sample_weight=weights, verbose=0, return_dict=True)
        assert result["loss"] == pytest.approx(before["loss"], rel=1e-6)
        assert result["loss"] > 0.01, "the loss of the heatmaps is in it"
    else:
        assert result["loss"] == pytest.approx(0, abs=1e-6)
    assert {"pck_20", "mean_error"} <= set(result)


@pytest.mark.parametrize("head", HEADS)
def test_heads_stay_in_single_precision(head):
    with half_precision():
        model = models.pose_model(plain_backbone(), joint_head=head)
        assert_heads_compute_in_float32(model)
        assert model.predict_on_batch(noise())["joints"].dtype == "float32"


# --- the loss of the heatmaps


def test_heatmaps_add_their_loss_to_that_of_the_joints():
    rng = np.random.default_rng(3)
    targets = {"joints": rng.uniform(0, 1, (8, 14, 2)).astype("float32")}
    weights = {"joints": (rng.uniform(size=(8, 14)) < 0.7).astype("float32")}
    targets["joints"][weights["joints"] == 0] = np.nan
    model = models.pose_model(plain_backbone())
    training.compile_pose_model(model, joint_loss="l2")
    result = model.evaluate(noise(), targets, sample_weight=weights, verbose=0, return_dict=True)
    outputs = model.predict_on_batch(noise())
    of_joints = losses.get_joint_loss("l2")(targets["joints"], outputs["joints"], weights["joints"])
    of_heatmaps = losses.HeatmapLoss(outside=1)(targets["joints"], outputs["heatmaps"], weights["joints"])
    assert float(of_heatmaps) > 0.5
    expected = float(of_joints) + models.HEATMAP_LOSS_WEIGHT * float(of_heatmaps)
    assert result["loss"] == pytest.approx(expected, rel=1e-5)


# --- two looks


@pytest.mark.parametrize("head", HEADS)
def test_a_mirror_image_gets_the_mirrored_answer(head, tmp_path):
    """Whatever the model has learned: of two looks that are averaged, none comes first."""
    twice = models.flip_averaged(models.pose_model(plain_backbone(), joint_head=head))
    seen = np.asarray(twice.predict_on_batch(noise())["joints"])
    mirrored = np.asarray(twice.predict_on_batch(noise()[:, :, ::-1])["joints"])
    np.testing.assert_allclose(pipelines.flip_joints(mirrored), seen, atol=1e-5)
    twice.save(tmp_path / "twice.keras")
    loaded = keras.models.load_model(tmp_path / "twice.keras")
    np.testing.assert_allclose(loaded.predict_on_batch(noise())["joints"], seen, atol=1e-6)


def test_two_looks_are_averaged():
    model = models.pose_model(plain_backbone(), joint_head="direct")
    seen = model.predict_on_batch(noise())["joints"]
    mirrored = pipelines.flip_joints(model.predict_on_batch(noise()[:, :, ::-1])["joints"])
    assert np.abs(seen - mirrored).max() > 1e-3
    found = models.flip_averaged(model).predict_on_batch(noise())["joints"]
    np.testing.assert_allclose(found, (seen + np.asarray(mirrored)) / 2, atol=1e-6)
