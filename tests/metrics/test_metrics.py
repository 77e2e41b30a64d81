"""Streaming metrics: any split of the data gives the same number, and each head's metric looks at its own head."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from clsloc_utils.metrics import BoxAccuracy, ClsLocAccuracy, MeanBoxIoU

TARGET = [0.0, 0.0, 1.0, 1.0]
# IoU with TARGET: 1, 0.5 exactly, 0.49, 0.
TRUE = np.array([TARGET] * 4, "float32")
PREDICTED = np.array([TARGET, [0, 0, 1, 0.5], [0, 0, 1, 0.49], [2, 2, 3, 3]], "float32")
LABELS = np.array([0, 1, 2, 2])
LOGITS = np.array([[5, 1, 0], [0, 9, 3], [0, 0, 1], [9, 0, 1]], "float32")  # right, right, right, wrong


def example(metric):
    """Arguments of `update_state` for a metric of this module."""
    if isinstance(metric, ClsLocAccuracy):
        return {"label": LABELS, "box": TRUE}, {"label": LOGITS, "box": PREDICTED}
    return TRUE, PREDICTED


EXPECTED = {MeanBoxIoU: [1.0, 0.5, 0.49, 0.0], BoxAccuracy: [1, 1, 0, 0], ClsLocAccuracy: [1, 1, 0, 0]}


@pytest.fixture(params=sorted(EXPECTED, key=lambda metric: metric.__name__))
def metric(request):
    return request.param()


def test_values_by_hand(metric):
    assert float(metric.result()) == 0.0
    for _ in range(2):
        assert float(metric(*example(metric))) == pytest.approx(np.mean(EXPECTED[type(metric)]), abs=1e-6)
        metric.reset_state()
        assert float(metric.result()) == 0.0


@pytest.mark.parametrize("weight_shape", [(4,), (4, 1)])
def test_sample_weights(metric, weight_shape):
    weights = np.array([1.0, 0.5, 2.0, 0.25], "float32")
    value = metric(*example(metric), sample_weight=weights.reshape(weight_shape))
    assert float(value) == pytest.approx(np.average(EXPECTED[type(metric)], weights=weights), abs=1e-6)


def test_name_and_round_trip_through_a_config(metric):
    names = {MeanBoxIoU: "mean_iou", BoxAccuracy: "box_accuracy_50", ClsLocAccuracy: "clsloc_accuracy_50"}
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(metric))
    assert type(copy) is type(metric)
    assert copy.name == metric.name == names[type(metric)]
    assert copy.get_config() == metric.get_config()


@pytest.mark.parametrize("metric_class", [BoxAccuracy, ClsLocAccuracy])
def test_the_threshold_survives_a_config(metric_class):
    metric = metric_class(threshold=0.49, name="at_49")
    copy = metric_class.from_config(metric.get_config())
    assert (copy.threshold, copy.name) == (0.49, "at_49")
    assert float(copy(*example(copy))) == 0.75


def test_dtype_is_that_of_the_result_and_never_spoils_the_iou(metric):
    double = type(metric)(dtype="float64")
    value = double(*example(double))
    assert value.dtype == tf.float64
    assert metric(*example(metric)).dtype == tf.float32
    # In float16, 2000 x 2000 pixels would be infinite.
    scaled = [tf.cast(box * 2000, "float16") for box in (TRUE[:2], PREDICTED[:2])]
    assert float(MeanBoxIoU()(*scaled)) == pytest.approx(0.75)


@pytest.mark.parametrize("scale", [1.0, 0.1, 0.3, 1 / 7, 500.0])
@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7, 0.75, 1.0])
def test_a_box_exactly_at_the_threshold_counts(scale, threshold):
    y_true = np.array([[0.1, 0.2, 1.1, 1.2]]) * scale
    y_pred = np.array([[0.1, 0.2, 0.1 + threshold, 1.2]]) * scale
    assert float(BoxAccuracy(threshold)(y_true, y_pred)) == 1.0
    below = np.array([[0.1, 0.2, 0.1 + threshold - 0.001, 1.2]]) * scale
    assert float(BoxAccuracy(threshold)(y_true, below)) == 0.0


@st.composite
def evaluation(draw):
    """A whole evaluation, weights, and where to cut it into batches (empty ones too)."""
    size = draw(st.integers(1, 40))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    y_true = np.concatenate([generator.uniform(0, 0.5, (size, 2)), generator.uniform(0.6, 1, (size, 2))], axis=1)
    y_pred = y_true + generator.uniform(-0.15, 0.15, (size, 4))
    labels = generator.integers(0, 3, size)
    logits = generator.normal(size=(size, 3)) + 1.5 * np.eye(3)[labels]
    cuts = sorted(draw(st.lists(st.integers(0, size), max_size=6)))
    return y_true, y_pred, labels, logits, generator.uniform(0, 2, size), cuts


@settings(max_examples=40, derandomize=True)
@given(evaluation(), st.booleans())
def test_any_split_into_batches_gives_what_the_whole_gives(data, weighted):
    y_true, y_pred, labels, logits, weights, cuts = data
    shared = np.prod(np.clip(np.minimum(y_true, y_pred)[:, 2:] - np.maximum(y_true, y_pred)[:, :2], 0, None), axis=1)
    union = np.prod(y_true[:, 2:] - y_true[:, :2], axis=1) + np.prod(y_pred[:, 2:] - y_pred[:, :2], axis=1) - shared
    overlap = shared / union
    box_right, class_right = overlap >= 0.5, logits.argmax(axis=1) == labels
    average_weights = weights if weighted else None
    metrics = {
        MeanBoxIoU(): np.average(overlap, weights=average_weights),
        BoxAccuracy(): np.average(box_right, weights=average_weights),
        ClsLocAccuracy(): np.average(box_right & class_right, weights=average_weights),
    }
    for metric, expected in metrics.items():
        for batch in np.split(np.arange(len(labels)), cuts):
            batch_weights = weights[batch] if weighted else None
            if isinstance(metric, ClsLocAccuracy):
                truth = {"label": labels[batch], "box": y_true[batch]}
                metric.update_state(truth, {"label": logits[batch], "box": y_pred[batch]}, batch_weights)
            else:
                metric.update_state(y_true[batch], y_pred[batch], batch_weights)
        assert float(metric.result()) == pytest.approx(expected, abs=1e-5)


def test_labels_may_come_as_a_column():
    truth = {"label": LABELS[:, None], "box": TRUE}
    assert float(ClsLocAccuracy()(truth, {"label": LOGITS, "box": PREDICTED})) == 0.5


def test_both_heads_must_be_right_on_the_same_image():
    # Every head right on half of the images, never on the same ones.
    logits = np.array([[1, 0], [1, 0], [0, 1], [0, 1]], "float32")
    y_true = {"label": np.zeros(4, int), "box": TRUE}
    y_pred = {"label": logits, "box": PREDICTED[[3, 3, 0, 0]]}
    assert float(ClsLocAccuracy()(y_true, y_pred)) == 0.0
    y_pred["box"] = PREDICTED[[0, 0, 3, 3]]
    assert float(ClsLocAccuracy()(y_true, y_pred)) == 0.5


def test_errors_say_what_is_wrong():
    good_true, good_pred = example(ClsLocAccuracy())
    with pytest.raises(ValueError, match=r"y_pred must be a dict.*got \['label'\]"):
        ClsLocAccuracy()(good_true, {"label": LOGITS})
    with pytest.raises(ValueError, match=r"y_true must be a dict.*ndarray"):
        ClsLocAccuracy()(TRUE, good_pred)
    with pytest.raises(ValueError, match=r"labels \(4, 3\) and logits \(4, 3\).*argmax"):
        ClsLocAccuracy()({"label": np.eye(4, 3), "box": TRUE}, good_pred)
    with pytest.raises(TypeError, match=r"one weight per example.*\['box', 'label'\]"):
        ClsLocAccuracy()(good_true, good_pred, sample_weight={"label": np.ones(4), "box": np.ones(4)})
    with pytest.raises(ValueError, match="same shape"):
        MeanBoxIoU()(TRUE, PREDICTED[:, None])
    with pytest.raises(ValueError, match=r"0\.\.1; got 50"):
        BoxAccuracy(threshold=50)
    with pytest.raises(ValueError, match=r"0\.\.1; got -0\.1"):
        ClsLocAccuracy(threshold=-0.1)


def test_works_inside_a_graph(metric):
    update = tf.function(lambda y_true, y_pred: metric.update_state(y_true, y_pred))
    update(*example(metric))
    update(*example(metric))
    assert float(metric.result()) == pytest.approx(np.mean(EXPECTED[type(metric)]), abs=1e-6)
