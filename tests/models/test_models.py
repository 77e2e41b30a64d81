"""The two-head model: valid boxes, borders in reach, each loss to its own head, saving, precision."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.models import assert_heads_compute_in_float32, half_precision, noise, noise_for, plain_backbone
from hypothesis import given, settings
from hypothesis import strategies as st

from clsloc_utils import models, training
from clsloc_utils.backbones import load_backbone

HEADS = tuple(models.BOX_HEADS)


@pytest.fixture(autouse=True)
def seed():
    keras.utils.set_random_seed(0)


def random_targets(count, classes=3):
    """Labels and boxes without a pattern."""
    rng = np.random.default_rng(0)
    low = rng.uniform(0, 0.4, (count, 2))
    box = np.concatenate([low, low + rng.uniform(0.3, 0.6, (count, 2))], axis=-1).astype("float32")
    return {"label": rng.integers(0, classes, count).astype("int32"), "box": box}


def assert_valid(boxes):
    assert np.isfinite(boxes).all()
    assert (boxes >= 0).all()
    assert (boxes <= 1).all()
    assert (boxes[:, :2] <= boxes[:, 2:]).all()


# --- shape of the model


def test_box_dropout_hides_whole_channels_from_the_box_head_alone_and_only_while_it_learns():
    backbone = plain_backbone()
    model = models.two_head_model(backbone, 5, "flatten", dropout=0.0, box_dropout=0.5)
    heads = model.get_layer("heads")
    maps = model.get_layer("features").predict_on_batch(noise())
    asked = {level: maps[level] for level in heads.input}
    plain, learning = heads(asked, training=False), heads(asked, training=True)
    np.testing.assert_allclose(learning["label"], plain["label"], rtol=1e-5, atol=1e-6)
    assert np.abs(learning["box"] - plain["box"]).max() > 1e-3
    seen = np.asarray(heads.get_layer("box_coarse_dropout")(np.ones((8, 2, 2, 16), "float32"), training=True))
    assert ((seen == 0).all(axis=(1, 2)) | (seen == 2).all(axis=(1, 2))).all()
    assert 0 < (seen == 0).mean() < 1


@pytest.mark.parametrize("head", HEADS)
def test_parts_outputs_and_names(head):
    model = models.two_head_model(plain_backbone(), 5, head)
    outputs = model.predict_on_batch(noise())
    assert {name: each.shape for name, each in outputs.items()} == {"label": (8, 5), "box": (8, 4)}
    assert [layer.name for layer in model.layers][-2:] in (["label", "box"], ["box", "label"])
    heads, features = model.get_layer("heads"), model.get_layer("features")
    maps = features.predict_on_batch(noise())
    from_heads = heads.predict_on_batch({level: maps[level] for level in heads.input})
    np.testing.assert_allclose(from_heads["box"], outputs["box"], rtol=1e-5, atol=1e-6)
    assert set(heads.input) == ({"coarse", "fine"} if head == "spatial" else {"coarse"})


def test_the_backbone_is_frozen_unless_asked():
    model = models.two_head_model("tiny_resnet", 3)
    expected = load_backbone("tiny_resnet").get_weights()
    assert all(np.array_equal(a, b) for a, b in zip(model.get_layer("features").get_weights(), expected, strict=True))
    assert not model.get_layer("features").trainable_weights
    assert model.trainable_weights, "the heads learn"
    free = models.two_head_model(plain_backbone(), 3, freeze_backbone=False)
    assert len(free.get_layer("features").trainable_weights) == 8


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"box_head": "magic"}, "pooled, flatten, spatial"),
        ({"label_head": "box"}, "label_head is 'box'; take one of pooled, in_box"),
        ({"num_classes": 0}, "num_classes is 0"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        models.two_head_model(plain_backbone(), **({"num_classes": 3} | arguments))


def test_only_the_spatial_head_needs_a_fine_map():
    backbone = plain_backbone(strides=(16,))
    with pytest.raises(ValueError, match="no layer gives one of 4 x 4"):
        models.two_head_model(backbone, 3, "spatial")
    assert models.two_head_model(backbone, 3, "flatten").predict_on_batch(noise())["box"].shape == (8, 4)


# --- boxes


@pytest.fixture(scope="module", params=HEADS)
def any_heads(request):
    """The heads of a model, built once for all examples of hypothesis."""
    return models.two_head_model(plain_backbone(), 3, request.param).get_layer("heads")


@settings(max_examples=10)
@given(scale=st.sampled_from([0.0, 1.0, 30.0, 1e4]), seed=st.integers(0, 1000))
def test_boxes_are_valid_whatever_the_weights(any_heads, scale, seed):
    rng = np.random.default_rng(seed)
    variances = {id(layer.moving_variance) for layer in any_heads.layers if hasattr(layer, "moving_variance")}
    for weight in any_heads.weights:
        values = rng.normal(0, scale, weight.shape)
        weight.assign(np.abs(values) if id(weight) in variances else values)
    maps = {"coarse": rng.normal(0, 3, (4, 2, 2, 16)), "fine": rng.normal(0, 3, (4, 4, 4, 16))}
    outputs = any_heads.predict_on_batch({level: maps[level].astype("float32") for level in any_heads.input})
    assert_valid(outputs["box"])


def test_soft_argmax_against_a_loop():
    heatmaps = np.random.default_rng(0).normal(0, 3, (2, 5, 7, 4)).astype("float32")
    found = np.asarray(models.SoftArgmaxSides()(heatmaps))
    for image in range(2):
        for side, axis in enumerate((0, 1, 0, 1)):
            scores = np.exp(heatmaps[image, :, :, side].astype("float64"))
            shares = scores.sum(axis=axis) / scores.sum()
            position = sum(share * cell / (len(shares) - 1) for cell, share in enumerate(shares))
            assert found[image, side] == pytest.approx(position, abs=1e-5)


@pytest.mark.parametrize(("row", "column"), [(0, 0), (4, 6), (2, 3)])
def test_a_side_can_lie_anywhere_up_to_the_borders(row, column):
    heatmaps = np.zeros((1, 5, 7, 4), "float32")
    heatmaps[0, row, column] = 30
    found = np.asarray(models.SoftArgmaxSides()(heatmaps))[0]
    np.testing.assert_allclose(found, [column / 6, row / 4, column / 6, row / 4], atol=1e-6)


def test_sorting_swaps_the_sides_of_each_axis_alone():
    sides = np.array([[0.7, 0.2, 0.1, 0.9], [0.1, 0.9, 0.7, 0.2]], "float32")
    np.testing.assert_allclose(models.SortSides()(sides), [[0.1, 0.2, 0.7, 0.9]] * 2)


# --- learning


def learn(model, inputs, targets, epochs, learning_rate=5e-3, **keywords):
    training.compile_model(model, optimizer=keras.optimizers.Adam(learning_rate), **keywords)
    return model.fit(inputs, targets, epochs=epochs, batch_size=16, verbose=0)


@pytest.mark.parametrize("head", HEADS)
def test_sixteen_images_can_be_learned_by_heart(head):
    targets = random_targets(16, classes=4)
    heads = models.two_head_model(plain_backbone(64, filters=32), 4, head, dropout=0.0).get_layer("heads")
    inputs = noise_for(heads, 16)
    learn(heads, inputs, targets, epochs=60, learning_rate=1e-2)
    result = heads.evaluate(inputs, targets, verbose=0, return_dict=True)
    assert result["label_accuracy"] == 1
    assert result["box_mean_iou"] > 0.8
    assert result["clsloc_accuracy_50"] == 1


@pytest.mark.parametrize(("weights", "still"), [({"label_weight": 0.0}, "label_"), ({"box_weight": 0.0}, "box_")])
def test_a_loss_of_weight_zero_moves_nothing_of_its_head(weights, still):
    heads = models.two_head_model(plain_backbone(), 3, "spatial").get_layer("heads")
    before = {weight.path: keras.ops.convert_to_numpy(weight) for weight in heads.trainable_weights}
    learn(heads, noise_for(heads, 8), random_targets(8), epochs=1, **weights)
    moved = {weight.path for weight in heads.trainable_weights if not np.array_equal(weight, before[weight.path])}
    assert moved, "the other head learns, by its own loss"
    assert not [path for path in moved if path.split("/")[-2].startswith(still)]


# --- metrics


def test_fit_and_evaluate_show_cls_loc_accuracy():
    targets = random_targets(8)
    model = models.two_head_model(plain_backbone(), 3)
    history = learn(model, noise(), targets, epochs=1)
    assert {"label_accuracy", "box_mean_iou", "box_box_accuracy_50", "clsloc_accuracy_50"} <= set(history.history)
    outputs = model.predict_on_batch(noise())
    result = model.evaluate(noise(), targets, batch_size=3, verbose=0, return_dict=True)
    assert result["label_accuracy"] == pytest.approx((outputs["label"].argmax(-1) == targets["label"]).mean())
    # Own predictions as targets are all right: each metric must have looked at its own output.
    perfect = {"label": outputs["label"].argmax(-1), "box": outputs["box"]}
    result = model.evaluate(noise(), perfect, verbose=0, return_dict=True)
    assert result["label_accuracy"] == result["clsloc_accuracy_50"] == 1
    assert result["box_mean_iou"] == pytest.approx(1, abs=1e-3)
    wrong_labels = {"label": (perfect["label"] + 1) % 3, "box": perfect["box"]}
    result = model.evaluate(noise(), wrong_labels, verbose=0, return_dict=True)
    assert result["label_accuracy"] == result["clsloc_accuracy_50"] == result["box_loss"] == 0
    assert result["box_mean_iou"] == pytest.approx(1, abs=1e-3)


def test_sample_weights_count_in_cls_loc_accuracy():
    model = models.two_head_model(plain_backbone(), 3)
    training.compile_model(model)
    outputs = model.predict_on_batch(noise())
    label = outputs["label"].argmax(-1)
    label[:4] = (label[:4] + 1) % 3  # The first four are wrong.
    targets = {"label": label, "box": outputs["box"]}
    one_each = np.array([1, 1, 1, 1, 3, 3, 3, 3], "float32")
    # Without label or box, three of the right ones cannot have both right: 1 x 3 right of 4 x 1 + 1 x 3.
    per_output = {"label": one_each * [1, 1, 1, 1, 1, 1, 0, 1], "box": one_each * [1, 1, 1, 1, 0, 0, 1, 1]}
    for weight, expected in ((one_each, 0.75), (per_output, 3 / 7), (None, 0.5)):
        result = model.evaluate(noise(), targets, sample_weight=weight, verbose=0, return_dict=True)
        assert result["clsloc_accuracy_50"] == pytest.approx(expected)


# --- saving and precision


@pytest.mark.parametrize("head", HEADS)
def test_a_saved_model_answers_the_same(head, tmp_path):
    model = models.two_head_model(plain_backbone(), 3, head)
    training.compile_model(model)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    expected = model.predict_on_batch(noise())
    for name, values in loaded.predict_on_batch(noise()).items():
        np.testing.assert_array_equal(values, expected[name])
    assert isinstance(loaded, models.TwoHeadModel)
    targets = {"label": expected["label"].argmax(-1), "box": expected["box"]}
    assert loaded.evaluate(noise(), targets, verbose=0, return_dict=True)["clsloc_accuracy_50"] == 1


def test_heads_stay_in_single_precision():
    with half_precision():
        model = models.two_head_model(plain_backbone(), 3)
        assert_heads_compute_in_float32(model)
        outputs = model.predict_on_batch(noise())
        history = learn(model, noise(), random_targets(8), epochs=1)
    assert {each.dtype.name for each in outputs.values()} == {"float32"}
    assert_valid(outputs["box"])
    assert np.isfinite(history.history["loss"]).all()


# --- class heads


def test_box_pooling_averages_what_the_box_covers():
    features = np.arange(16, dtype="float32").reshape(1, 4, 4, 1)
    pooling = models.BoxPooling()

    def pooled(*box):
        return float(pooling(features, np.array([box], "float32"))[0, 0])

    assert pooled(0, 0, 1, 1) == pytest.approx(features.mean(), abs=1e-3)
    assert pooled(0.25, 0.5, 0.75, 0.75) == pytest.approx((9 + 10) / 2, abs=1e-3)
    assert pooled(0, 0, 0.375, 0.25) == pytest.approx((2 * 0 + 1 * 1) / 3, abs=1e-3), "half of the second column"
    assert pooled(0.3, 0.3, 0.3, 0.3) == pytest.approx(features.mean(), abs=1e-3), "a box without a size"


def test_a_class_head_that_looks_into_the_box_does_not_move_the_box(tmp_path):
    model = models.two_head_model(plain_backbone(), 3, label_head="in_box")
    heads = model.get_layer("heads")
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(heads(noise_for(heads, 2))["label"] ** 2)
    gradients = tape.gradient(loss, heads.trainable_variables)
    moved = [
        each.path for each, gradient in zip(heads.trainable_variables, gradients, strict=True) if gradient is not None
    ]
    assert {path.split("/")[0] for path in moved} == {"label_logits"}
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(
        again.predict_on_batch(noise())["label"], model.predict_on_batch(noise())["label"], rtol=1e-4, atol=1e-5
    )
