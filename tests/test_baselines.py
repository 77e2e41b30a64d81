"""The two baselines, and the reader of targets."""

import numpy as np
import pytest
import tensorflow as tf

from clsloc_utils.baselines import baseline_metrics, collect_targets, majority_class, mean_box

TRAIN = {
    "label": np.array([1, 2, 2]),
    "box": np.array([[0.0, 0.0, 0.4, 0.4], [0.0, 0.0, 0.4, 0.6], [0.0, 0.3, 0.7, 0.8]], "float32"),
}
# Mean box [0, 0.1, 0.5, 0.6]. Its IoU: 1, then 0.125 / 0.25 = 0.5, then 0, then 0.25 / 1.
TEST = {
    "label": np.array([2, 0, 2, 2]),
    "box": np.array([[0, 0.1, 0.5, 0.6], [0, 0.1, 0.25, 0.6], [0.6, 0.7, 1, 1], [0, 0, 1, 1]], "float32"),
}


def test_majority_class():
    assert majority_class([3, 1, 3]) == 3
    assert majority_class(np.array([5, 2, 5, 2])) == 2
    assert isinstance(majority_class([0]), int)


def test_mean_box():
    box = mean_box(TRAIN["box"])
    assert box.dtype == np.float32
    np.testing.assert_allclose(box, [0.0, 0.1, 0.5, 0.6], atol=1e-7)
    # It stays in the image.
    np.testing.assert_allclose(mean_box([[-0.2, 0.1, 0.5, 1.0], [0.1, 0.1, 0.7, 1.4]]), [0.0, 0.1, 0.6, 1.0], atol=1e-7)


def test_mean_box_keeps_its_digits_over_many_boxes():
    # A float32 sum of ten million times 0.1 is off in the second digit; pairwise summation hides it along one axis
    # only.
    many = np.broadcast_to(np.array([0.1, 0.1, 0.7, 0.7], "float32"), (2_000_000, 4))
    np.testing.assert_allclose(mean_box(many), [0.1, 0.1, 0.7, 0.7], rtol=1e-6)


@pytest.mark.parametrize(
    ("baseline", "wrong", "words"),
    [(majority_class, labels, "non-negative integers") for labels in ([], [0.5, 1.0], [[1], [2]], [-1, 2])]
    + [(mean_box, boxes, r"\[N, 4\]") for boxes in ([], np.zeros((0, 4)), np.zeros(4), np.zeros((3, 5)))],
)
def test_what_is_no_label_and_no_box_is_refused(baseline, wrong, words):
    with pytest.raises(ValueError, match=words):
        baseline(wrong)


def test_baseline_metrics_by_hand():
    scores = baseline_metrics(TRAIN, TEST)
    expected = {"accuracy": 0.75, "mean_iou": 1.75 / 4, "box_accuracy_50": 0.5, "clsloc_accuracy_50": 0.25}
    assert {key: scores[key] for key in expected} == pytest.approx(expected, abs=1e-6)
    assert scores["num_examples"] == 4
    assert list(scores) == [*expected, "num_examples"]
    assert [type(value) for value in scores.values()] == [float] * 4 + [int]


def test_the_baseline_learns_from_the_training_set_alone():
    assert baseline_metrics(TEST, TEST)["mean_iou"] != baseline_metrics(TRAIN, TEST)["mean_iou"]
    unseen = {"label": np.array([7, 7]), "box": TEST["box"][:2]}
    assert baseline_metrics(TRAIN, unseen)["accuracy"] == 0.0


def test_baseline_metrics_errors():
    with pytest.raises(ValueError, match=r"test_targets.*missing: box"):
        baseline_metrics(TRAIN, {"label": TEST["label"]})
    with pytest.raises(ValueError, match=r"train_targets.*3 labels and 2 boxes"):
        baseline_metrics({"label": TRAIN["label"], "box": TRAIN["box"][:2]}, TEST)
    with pytest.raises(ValueError, match=r"test_targets.*0 labels"):
        baseline_metrics(TRAIN, {"label": [], "box": np.zeros((0, 4))})


def image_dataset(size):
    targets = {"label": np.arange(size, dtype="int32") % 3, "box": np.tile(TEST["box"], (size // 4 + 1, 1))[:size]}
    images = tf.data.Dataset.range(size).map(lambda _: tf.zeros((8, 8, 3)))
    return tf.data.Dataset.zip((images, tf.data.Dataset.from_tensor_slices(targets))), targets


@pytest.mark.parametrize("batch_size", [None, 1, 7])
def test_collect_targets(batch_size):
    dataset, targets = image_dataset(1100)
    collected = collect_targets(dataset if batch_size is None else dataset.batch(batch_size))
    assert collected["label"].dtype == np.int32
    assert collected["box"].dtype == np.float32
    np.testing.assert_array_equal(collected["label"], targets["label"])
    np.testing.assert_array_equal(collected["box"], targets["box"])


def test_collect_targets_leaves_sample_weights_out_and_takes_an_empty_data_set():
    dataset, _ = image_dataset(5)
    weighted = dataset.map(lambda image, targets: (image, targets, 1.0))
    assert collect_targets(weighted)["label"].shape == (5,)
    empty = collect_targets(dataset.take(0))
    assert empty["label"].shape == (0,)
    assert empty["label"].dtype == np.int32
    assert empty["box"].shape == (0, 4)


def test_collect_targets_errors():
    dataset, _ = image_dataset(5)
    with pytest.raises(ValueError, match="repeats for ever"):
        collect_targets(dataset.repeat())
    with pytest.raises(ValueError, match="missing: box"):
        collect_targets(dataset.map(lambda image, targets: (image, {"label": targets["label"]})))
