"""Box losses: values, gradients, Keras's reductions and weights, serialization."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from clsloc_utils import boxes, losses

TRUE = np.array([[0.1, 0.1, 0.5, 0.5], [0.2, 0.3, 0.8, 0.9], [0.0, 0.0, 0.3, 0.2]], "float32")
PREDICTED = np.array([[0.1, 0.1, 0.5, 0.5], [0.3, 0.3, 0.9, 0.8], [0.6, 0.6, 0.9, 0.9]], "float32")

# By hand. Second pair: 0.5 x 0.5 shared of 0.36 + 0.30 - 0.25, in an enclosing 0.7 x 0.6. Third: disjoint, 0.06 + 0.09
# in 0.9 x 0.9.
GIOU = [0.0, 1 - (0.25 / 0.41 - (0.42 - 0.41) / 0.42), 1 + (0.81 - 0.15) / 0.81]
L1 = [0.0, 0.3 / 4, 2.5 / 4]
L2 = [0.0, 0.03 / 4, (0.36 + 0.36 + 0.36 + 0.49) / 4]
# Smooth L1 with delta 0.1: half the square up to 0.1, then 0.1 * |error| - 0.005.
SMOOTH_L1 = [0.0, 3 * 0.005 / 4, (0.1 * 2.5 - 4 * 0.005) / 4]

EXPECTED = {
    "l2": L2,
    "l1": L1,
    "smooth_l1": SMOOTH_L1,
    "giou": GIOU,
    "giou+l1": [giou + 2 * l1 for giou, l1 in zip(GIOU, L1, strict=True)],
}


@pytest.fixture(params=sorted(losses.BOX_LOSSES))
def loss(request):
    return losses.get_box_loss(request.param)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_values_by_hand(name):
    loss = losses.get_box_loss(name)
    np.testing.assert_allclose(loss.call(tf.constant(TRUE), tf.constant(PREDICTED)), EXPECTED[name], atol=1e-6)
    assert float(loss(TRUE, PREDICTED)) == pytest.approx(np.mean(EXPECTED[name]), abs=1e-6)


def test_ciou_loss_is_one_minus_ciou():
    # Two equal squares, corner to corner: no overlap, centers a diagonal apart of an enclosing box of two diagonals.
    value = losses.get_box_loss("ciou")([[0.0, 0.0, 0.2, 0.2]], [[0.2, 0.2, 0.4, 0.4]])
    assert float(value) == pytest.approx(1 + 1 / 4, abs=1e-5)
    np.testing.assert_allclose(
        losses.CIoULoss().call(tf.constant(TRUE), tf.constant(PREDICTED)), 1 - boxes.ciou(TRUE, PREDICTED), atol=1e-6
    )


def test_smooth_l1_is_not_just_half_of_l2_on_relative_boxes():
    y_true, y_pred = np.zeros((1, 4), "float32"), np.full((1, 4), 0.5, "float32")
    assert float(losses.get_box_loss("smooth_l1")(y_true, y_pred)) == pytest.approx(0.045)
    assert float(keras.losses.Huber()(y_true, y_pred)) == pytest.approx(0.125)


def test_a_perfect_box_costs_nothing(loss):
    assert float(loss(TRUE, TRUE)) == pytest.approx(0.0, abs=1e-6)


def test_reductions_and_sample_weights(loss):
    values = np.asarray(loss.call(tf.constant(TRUE), tf.constant(PREDICTED)))
    weights = np.array([1.0, 0.5, 2.0], "float32")
    assert values.shape == (3,)
    for reduction, expected in (
        ("sum_over_batch_size", np.mean(values * weights)),
        ("sum", np.sum(values * weights)),
        ("mean_with_sample_weight", np.average(values, weights=weights)),
        (None, values * weights),
    ):
        copy = type(loss).from_config({**loss.get_config(), "reduction": reduction})
        np.testing.assert_allclose(copy(TRUE, PREDICTED, sample_weight=weights), expected, rtol=1e-5)


def through_a_config(thing):
    return keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(thing))


@pytest.mark.parametrize(
    "loss", [*map(losses.get_box_loss, losses.BOX_LOSSES), losses.SmoothL1Loss(delta=0.3)], ids=lambda loss: loss.name
)
def test_round_trip_through_a_config(loss):
    copy = through_a_config(loss)
    assert (type(copy), copy.get_config()) == (type(loss), loss.get_config())
    assert float(copy(TRUE, PREDICTED)) == float(loss(TRUE, PREDICTED))


def test_float16_predictions(loss):
    assert float(loss(TRUE, PREDICTED.astype("float16"))) == pytest.approx(float(loss(TRUE, PREDICTED)), abs=2e-3)


def gradient_of(function, box, target):
    box = tf.constant([box])
    with tf.GradientTape() as tape:
        tape.watch(box)
        value = function(tf.constant([target]), box)
    return tape.gradient(value, box).numpy()[0]


@pytest.mark.parametrize("name", ["giou", "ciou", "giou+l1"])
def test_disjoint_boxes_are_pulled_together(name):
    gradient = gradient_of(losses.get_box_loss(name), [0.1, 0.1, 0.2, 0.2], [0.6, 0.6, 0.9, 0.9])
    assert np.all(np.isfinite(gradient))
    # Descent moves against the gradient: xmax and ymax must grow towards the target.
    assert np.all(gradient[2:] < -0.1)


def test_pitfall_giou_is_blind_to_where_an_inner_box_lies_and_l1_is_not():
    inner, target = [0.15, 0.2, 0.35, 0.4], [0.1, 0.1, 0.9, 0.9]
    shift = np.array([0.1, 0.1, 0.1, 0.1], "float32")
    giou, both = losses.get_box_loss("giou"), losses.get_box_loss("giou+l1")
    assert float(giou([target], [inner])) == pytest.approx(float(giou([target], [inner + shift])), abs=1e-6)
    np.testing.assert_allclose(
        gradient_of(both, inner, target) - gradient_of(giou, inner, target), [0.5, 0.5, -0.5, -0.5], atol=1e-5
    )


@pytest.mark.parametrize("name", ["giou", "ciou", "giou+l1"])
def test_gradient_descent_finds_a_disjoint_box(name):
    target = tf.constant([[0.55, 0.6, 0.85, 0.95]])
    box = tf.Variable([[0.05, 0.1, 0.25, 0.2]])
    optimizer, loss = keras.optimizers.Adam(0.01), losses.get_box_loss(name)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            value = loss(target, tf.convert_to_tensor(box))
        optimizer.apply([tape.gradient(value, box)], [box])

    optimizer.build([box])
    for _ in range(300):
        step()
    assert float(boxes.iou(target, box)[0]) > 0.9


@pytest.mark.parametrize("name", ["giou", "ciou", "giou+l1"])
def test_shapes_that_would_broadcast_are_refused(name):
    with pytest.raises(ValueError, match="same shape"):
        losses.get_box_loss(name)(TRUE, PREDICTED[:, None])


def test_get_box_loss_takes_keras_classes_where_there_are_some_and_names_the_choices():
    own = keras.losses.LogCosh()
    assert losses.get_box_loss(own) is own
    assert type(losses.get_box_loss("l2")) is keras.losses.MeanSquaredError
    assert type(losses.get_box_loss("l1")) is keras.losses.MeanAbsoluteError
    assert losses.get_box_loss("l1") is not losses.get_box_loss("l1")
    with pytest.raises(ValueError, match=r"'iou'.*l2, l1, smooth_l1, giou, ciou, giou\+l1"):
        losses.get_box_loss("iou")
    with pytest.raises(ValueError, match="None"):
        losses.get_box_loss(None)


def test_weighted_sum_wants_a_weight_each():
    weighted = losses.WeightedSumLoss([keras.losses.MeanSquaredError(), losses.GIoULoss()], [10, 0.5])
    expected = 10 * np.mean(L2) + 0.5 * np.mean(GIOU)
    assert float(weighted(TRUE, PREDICTED)) == pytest.approx(expected, abs=1e-5)
    with pytest.raises(ValueError, match="2 losses and 1 weights"):
        losses.WeightedSumLoss([losses.GIoULoss(), losses.CIoULoss()], [1.0])
    with pytest.raises(ValueError, match="0 losses"):
        losses.WeightedSumLoss([], [])


def test_a_compiled_model_keeps_its_loss_when_saved(tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, activation="sigmoid")])
    model.compile("sgd", loss=losses.get_box_loss("giou+l1"))
    before = model.evaluate(np.ones((3, 3)), TRUE, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert isinstance(loaded.loss, losses.WeightedSumLoss)
    assert loaded.evaluate(np.ones((3, 3)), TRUE, verbose=0) == pytest.approx(before)


# --- learned weighting ------------------------------------------------------------------------------------------------

TASKS = {"label": "classification", "box": "regression"}


def constants(**values):
    return {name: tf.constant(value) for name, value in values.items()}


def test_learned_weighting_is_the_formula_of_the_paper():
    weighting = losses.LearnedWeighting(TASKS)
    assert float(weighting(constants(label=2.0, box=0.4))) == pytest.approx(2.0 + 0.4 / 2)
    weighting.log_variances["label"].assign(np.log(4.0))
    weighting.log_variances["box"].assign(np.log(0.25))
    expected = 2.0 / 4 + np.log(4) / 2 + 0.4 / (2 * 0.25) + np.log(0.25) / 2
    assert float(weighting(constants(box=0.4, label=2.0))) == pytest.approx(expected, abs=1e-6)
    assert {name: float(each) for name, each in weighting.task_weights().items()} == pytest.approx(
        {"label": 0.25, "box": 2.0}
    )


def descend(weighting, task_losses, steps=600):
    optimizer = keras.optimizers.Adam(0.02)
    optimizer.build(weighting.trainable_variables)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(weighting(task_losses))
        optimizer.apply(tape.gradient(total, weighting.trainable_variables), weighting.trainable_variables)

    for _ in range(steps):
        step()


def test_learned_weights_move_to_half_the_inverse_of_a_constant_loss():
    weighting = losses.LearnedWeighting(TASKS)
    descend(weighting, constants(label=2.0, box=0.1))
    weights = weighting.task_weights()
    assert float(weights["label"]) == pytest.approx(1 / (2 * 2.0), rel=1e-2)
    assert float(weights["box"]) == pytest.approx(1 / (2 * 0.1), rel=1e-2)


def test_each_element_of_a_shaped_loss_learns_for_itself():
    weighting = losses.LearnedWeighting({"label": "classification"}, shape=(3,))
    descend(weighting, constants(label=[0.1, 0.5, 2.0]))
    np.testing.assert_allclose(weighting.task_weights()["label"], [5.0, 1.0, 0.25], rtol=0.02)


def test_learned_weighting_comes_back_from_its_config_and_refuses_what_it_does_not_know():
    copy = through_a_config(losses.LearnedWeighting(TASKS, shape=(2,)))
    assert (copy.tasks, copy.shape, len(copy.trainable_variables)) == (TASKS, (2,), 2)
    with pytest.raises(ValueError, match="'sorting'"):
        losses.LearnedWeighting({"label": "sorting"})
    with pytest.raises(ValueError, match=r"\['box', 'label'\].*\['label'\]"):
        losses.LearnedWeighting(TASKS)(constants(label=1.0))


# --- heatmaps


def bells(joints, height, width, outside, spread):
    """Gaussians around joints `[B, J, 2]`, as shares of the cells, `[B, J, H, W]`: a loop."""
    answer = np.empty((*joints.shape[:2], height, width))
    for person, joint in np.ndindex(*joints.shape[:2]):
        x, y = joints[person, joint] * (width - 2 * outside, height - 2 * outside)
        for row, column in np.ndindex(height, width):
            squared = (column - outside + 0.5 - x) ** 2 + (row - outside + 0.5 - y) ** 2
            answer[person, joint, row, column] = np.exp(-squared / (2 * spread**2))
    return answer / answer.sum(axis=(2, 3), keepdims=True)


def heatmap_example(seed=0):
    random = np.random.default_rng(seed)
    joints = random.uniform(0, 1, (2, 3, 2)).astype("float32")
    return joints, random.normal(size=(2, 5, 7, 3)).astype("float32")


@pytest.mark.parametrize(("outside", "spread"), [(0, 0.8), (1, 0.8), (1, 1.5)])
def test_heatmap_loss_agrees_with_a_loop(outside, spread):
    joints, logits = heatmap_example()
    found = losses.HeatmapLoss(outside=outside, spread=spread, reduction=None)(joints, logits)
    wanted = bells(joints, 5, 7, outside, spread)
    shares = np.exp(logits) / np.exp(logits).sum(axis=(1, 2), keepdims=True)
    expected = (wanted * np.log(wanted / shares.transpose(0, 3, 1, 2))).sum(axis=(2, 3))
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_heatmap_loss_is_zero_for_the_wanted_heatmap():
    joints, _ = heatmap_example()
    logits = np.log(bells(joints, 9, 9, 1, 0.8)).transpose(0, 2, 3, 1).astype("float32") + 7  # shares mind no constant
    assert float(losses.HeatmapLoss(outside=1)(joints, logits)) == pytest.approx(0, abs=1e-5)


def test_heatmap_loss_never_sees_joints_without_a_label():
    joints, logits = heatmap_example()
    loss = losses.HeatmapLoss(outside=1)
    weights = np.array([[1, 0, 1], [0, 1, 0]], "float32")
    each = np.asarray(losses.HeatmapLoss(outside=1, reduction=None)(joints, logits))
    joints[weights == 0] = np.nan
    assert float(loss(joints, logits, weights)) == pytest.approx(each[weights > 0].mean(), rel=1e-5)
    with tf.GradientTape() as tape:
        watched = tf.Variable(logits)
        value = loss(joints, watched, weights)
    gradient = tape.gradient(value, watched).numpy()
    assert np.isfinite(gradient).all()
    assert not gradient[0, :, :, 1].any()
    assert float(loss(joints, logits, np.zeros((2, 3), "float32"))) == 0


def test_heatmap_loss_refuses_what_does_not_fit_and_keeps_its_config():
    joints, logits = heatmap_example()
    with pytest.raises(ValueError, match=r"need heatmaps \[B, H, W, 3\], not \(2, 5, 7, 2\)"):
        losses.HeatmapLoss()(joints, logits[..., :2])
    with pytest.raises(ValueError, match="spread is 0"):
        losses.HeatmapLoss(spread=0)
    loss = losses.HeatmapLoss(outside=2, spread=1.25)
    again = through_a_config(loss)
    assert (again.outside, again.spread) == (2, 1.25)
