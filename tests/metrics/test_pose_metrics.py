"""PCK, PCP, mean joint error, joint losses and the mean pose, against loops that anyone can read."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from clsloc_utils import baselines, joints, losses, metrics

SETTINGS = settings(max_examples=40)
# In lengths of a torso or limb: so far beyond a threshold the metrics, in float32, may still call a joint right, which
# the loops, in float64, call wrong. What happens exactly at a threshold has tests of its own.
EDGE = 2e-5


def people(count=6, seed=0, labelled=0.8, noise=0.1):
    """True joints, predictions near them, weights; NaN and far-off numbers where there is no label."""
    rng = np.random.default_rng(seed)
    y_true = rng.uniform(0, 1, (count, 14, 2)).astype("float32")
    y_pred = (y_true + rng.normal(0, noise, y_true.shape)).astype("float32")
    weights = (rng.uniform(size=(count, 14)) < labelled).astype("float32")
    junk = np.where(rng.uniform(size=y_true.shape) < 0.5, np.nan, -1e30)
    return np.where(weights[..., None] > 0, y_true, junk).astype("float32"), y_pred, weights


@st.composite
def any_people(draw):
    """`people` of all kinds, some with a torso that is no measure."""
    y_true, y_pred, weights = people(
        draw(st.integers(1, 9)),
        draw(st.integers(0, 10_000)),
        draw(st.sampled_from([0.0, 0.3, 0.9, 1.0])),
        draw(st.sampled_from([0.01, 0.1, 0.5])),
    )
    if draw(st.booleans()):
        y_true[0, 2], y_true[0, 9] = 0.4, 0.4 + 0.7 * metrics.MIN_TORSO  # along both axes: hardly shorter
        weights[0, [2, 9]] = 1
    return y_true, y_pred, weights


def distance(first, second):
    return math.dist([float(value) for value in first], [float(value) for value in second])


def pck_by_hand(y_true, y_pred, weights, threshold, min_torso=metrics.MIN_TORSO):
    """Correct and counted per joint, and people left out."""
    correct, counted, skipped = [0] * 14, [0] * 14, 0
    for person in range(len(y_true)):
        torso = distance(y_true[person][2], y_true[person][9])
        if weights[person][2] == 0 or weights[person][9] == 0 or torso < min_torso:
            skipped += 1
            continue
        for joint in range(14):
            if weights[person][joint] > 0:
                counted[joint] += 1
                correct[joint] += distance(y_true[person][joint], y_pred[person][joint]) <= threshold * torso
    return correct, counted, skipped


def pcp_by_hand(y_true, y_pred, weights, strict, part=0.5):
    """Name of the limb -> correct and counted."""
    result = {}
    for name, ends in joints.LIMBS.items():
        pairs = [[end] if isinstance(end, int) else list(end) for end in ends]
        correct = counted = 0
        for person in range(len(y_true)):
            if any(weights[person][joint] == 0 for pair in pairs for joint in pair):
                continue
            true_ends = [y_true[person][pair].astype("float64").mean(axis=0) for pair in pairs]
            found_ends = [y_pred[person][pair].astype("float64").mean(axis=0) for pair in pairs]
            errors = [distance(*each) for each in zip(true_ends, found_ends, strict=True)]
            allowed = part * distance(*true_ends)
            counted += 1
            correct += all(error <= allowed for error in errors) if strict else sum(errors) / 2 <= allowed
        result[name] = (correct, counted)
    return result


def shares(correct, counted):
    return [
        right / all_of_them if all_of_them else math.nan for right, all_of_them in zip(correct, counted, strict=True)
    ]


# --- against loops


@SETTINGS
@given(any_people(), st.sampled_from([0.05, 0.2, 0.5]))
def test_pck_agrees_with_a_loop(data, threshold):
    correct, counted, skipped = pck_by_hand(*data, threshold)
    assume(correct == pck_by_hand(*data, threshold + EDGE)[0])
    metric = metrics.PCK(threshold)
    value = metric(*data)
    assert float(value) == pytest.approx(sum(correct) / max(sum(counted), 1), abs=1e-6)
    np.testing.assert_allclose(metric.per_joint(), shares(correct, counted), atol=1e-6)
    np.testing.assert_allclose(metrics.pck_per_joint(*data, threshold), shares(correct, counted), atol=1e-6)
    assert metric.num_skipped == skipped
    metric.reset_state()
    assert (metric.num_skipped, float(metric.result())) == (0, 0.0)
    assert np.isnan(metric.per_joint()).all()


@SETTINGS
@given(any_people(), st.booleans())
def test_pcp_agrees_with_a_loop(data, strict):
    expected = pcp_by_hand(*data, strict)
    assume(expected == pcp_by_hand(*data, strict, 0.5 + EDGE))
    metric = metrics.PCP(strict)
    value = metric(*data)
    correct, counted = (sum(each) for each in zip(*expected.values(), strict=True))
    assert float(value) == pytest.approx(correct / max(counted, 1), abs=1e-6)
    assert list(metric.per_limb()) == list(joints.LIMBS)
    for found in (metric.per_limb(), metrics.pcp_per_limb(*data, strict)):
        np.testing.assert_allclose(list(found.values()), shares(*zip(*expected.values(), strict=True)), atol=1e-6)
    assert metric.num_skipped == 10 * len(data[0]) - counted


@SETTINGS
@given(any_people())
def test_mean_error_and_errors_in_torsos_agree_with_a_loop(data):
    y_true, y_pred, weights = data
    labelled = [(person, joint) for person, joint in np.ndindex(weights.shape) if weights[person, joint] > 0]
    errors = {each: distance(y_true[each], y_pred[each]) for each in labelled}
    expected = 224 * sum(errors.values()) / max(len(errors), 1)
    assert float(metrics.MeanJointError(224)(*data)) == pytest.approx(expected, rel=1e-4, abs=1e-6)
    for person, found in enumerate(metrics.errors_in_torsos(*data)):
        torso = distance(y_true[person, 2], y_true[person, 9])
        own = [error for (index, _), error in errors.items() if index == person]
        if weights[person, 2] == 0 or weights[person, 9] == 0 or torso < metrics.MIN_TORSO:
            assert math.isnan(found)
        else:
            assert found == pytest.approx(sum(own) / len(own) / torso, rel=1e-4)


@SETTINGS
@given(any_people(), st.integers(1, 4))
def test_neither_batches_nor_what_stands_for_unlabelled_joints_matter(data, size):
    y_true, y_pred, weights = data
    other_true, other_pred = y_true.copy(), y_pred.copy()
    other_true[weights == 0], other_pred[weights == 0] = 0.5, np.nan
    for whole in (metrics.PCK(), metrics.PCP(), metrics.PCP(strict=False), metrics.MeanJointError()):
        parts = type(whole).from_config(whole.get_config())
        whole.update_state(*data)
        for start in range(0, len(y_true), size):
            parts.update_state(*(each[start : start + size] for each in (other_true, other_pred, weights)))
        assert float(parts.result()) == pytest.approx(float(whole.result()), rel=1e-5)
        assert math.isfinite(float(whole.result()))
        if not isinstance(whole, metrics.MeanJointError):
            assert parts.num_skipped == whole.num_skipped


def test_a_curve_is_pck_at_each_threshold():
    data = people()
    thresholds = [0.0, 0.1, 0.2, 0.4, 1e6]
    expected = [float(metrics.PCK(threshold)(*data)) for threshold in thresholds]
    np.testing.assert_allclose(metrics.pck_curve(*data, thresholds), expected)
    assert expected[0] < expected[2] < expected[-1] == 1


# --- by hand


def upright(**moved):
    """One person whose torso is 0.5 long, and a prediction with some joints moved by (dx, dy)."""
    y_true = np.full((1, 14, 2), 0.5, "float32")
    y_true[0, 2], y_true[0, 9] = (0.2, 0.5), (0.5, 0.9)
    y_true[0, 12], y_true[0, 13] = (0.5, 0.3), (0.5, 0.1)
    y_true[0, 3] = (0.4, 0.5)
    y_pred = y_true.copy()
    for joint, move in moved.items():
        y_pred[0, joints.JOINT_NAMES.index(joint.replace("_", " "))] += np.asarray(move, "float32")
    return y_true, y_pred


@pytest.mark.parametrize(("move", "right"), [((0.06, 0.08), True), ((0.0601, 0.0801), False), ((np.nan, 0), False)])
def test_the_torso_is_the_diagonal_and_its_edge_counts(move, right):
    y_true, y_pred = upright(left_wrist=move)
    correct = metrics.pck_per_joint(y_true, y_pred)
    assert correct[joints.JOINT_NAMES.index("left wrist")] == right
    assert correct.sum() == 13 + right


def test_weights_count_as_they_are():
    y_true, y_pred = upright(left_knee=(0.3, 0))
    weights = np.ones((1, 14), "float32")
    weights[0, 4] = 3
    assert float(metrics.PCK()(y_true, y_pred, weights)) == pytest.approx(13 / 16)
    assert float(metrics.MeanJointError()(y_true, y_pred, weights)) == pytest.approx(3 * 0.3 / 16)
    one_each = np.full(1, 0.5, "float32")
    assert float(metrics.PCK()(y_true, y_pred, one_each)) == pytest.approx(13 / 14)


def test_names_and_configs():
    made = [metrics.PCK(), metrics.PCK(0.1, 0.02), metrics.PCK(0.05), metrics.PCP(), metrics.PCP(False)]
    made.append(metrics.MeanJointError(224, name="pixels"))
    names = ["pck_20", "pck_10", "pck_05", "pcp_strict", "pcp_loose", "pixels"]
    assert [each.name for each in made] == names
    data = people(noise=0.01)
    for metric in made:
        copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(metric))
        assert copy.get_config() == metric.get_config()
        assert float(copy(*data)) == float(metric(*data)) > 0


def test_scores_of_a_pose_come_with_their_counts():
    data = people(7, labelled=0.7)
    scores = metrics.pose_scores([tuple(each[:4] for each in data), tuple(each[4:] for each in data)])
    assert list(scores) == ["pck_20", "pck_10", "pcp_strict", "pcp_loose", "mean_error", "num_examples", "num_skipped"]
    assert scores["pck_10"] == pytest.approx(float(metrics.PCK(0.1)(*data)))
    assert scores["mean_error"] == pytest.approx(float(metrics.MeanJointError()(*data)))
    assert scores["num_examples"] == 7
    assert scores["num_skipped"] == pck_by_hand(*data, 0.2)[2] > 0
    with pytest.raises(ValueError, match="no examples"):
        metrics.pose_scores([])


def test_scores_without_anything_to_count_are_no_numbers():
    truth, predicted, _ = people(3, labelled=1)
    weight = np.zeros((3, 14), "float32")
    weight[:, 0] = 1  # One ankle each: no torso, no limb.
    scores = metrics.pose_scores([(truth, predicted, weight)])
    assert [name for name, value in scores.items() if np.isnan(value)] == [
        "pck_20",
        "pck_10",
        "pcp_strict",
        "pcp_loose",
    ]
    assert scores["num_skipped"] == 3
    weight[0] = 1
    assert not np.isnan(list(metrics.pose_scores([(truth, predicted, weight)]).values())).any()


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((2, 14, 2), (2, 14, 3), (2, 14)), "shape"),
        (((2, 14, 2), (3, 14, 2), (2, 14)), "shape"),
        (((2, 28), (2, 28), (2, 14)), r"\[B, J, 2\]"),
        (((2, 14, 2), (2, 14, 2), (2, 13)), r"weights of 14 joints .* \(2, 13\)"),
        (((2, 13, 2), (2, 13, 2), (2, 13)), "14 joints"),
    ],
)
def test_wrong_shapes_are_refused(shapes, message):
    for metric in (metrics.PCK(), metrics.PCP(), metrics.MeanJointError()):
        with pytest.raises(ValueError, match=message):
            metric.update_state(*(np.ones(shape, "float32") for shape in shapes))
    with pytest.raises(ValueError, match=r"got -0\.1"):
        metrics.PCK(-0.1)


# --- losses


def loss_by_hand(name, error):
    error = abs(float(error))
    if name == "smooth_l1":
        delta = losses.SMOOTH_L1_DELTA
        return error**2 / 2 if error <= delta else delta * (error - delta / 2)
    return {"l1": error, "l2": error**2}[name]


@pytest.mark.parametrize("name", losses.JOINT_LOSSES)
@SETTINGS
@given(data=any_people())
def test_joint_losses_agree_with_a_loop(name, data):
    y_true, y_pred, weights = data
    numbers = [
        loss_by_hand(name, y_true[person, joint, axis] - y_pred[person, joint, axis])
        for person, joint, axis in np.ndindex(y_true.shape)
        if weights[person, joint] > 0
    ]
    expected = sum(numbers) / max(len(numbers), 1)
    assert float(losses.get_joint_loss(name)(*data)) == pytest.approx(expected, rel=1e-4, abs=1e-7)


@pytest.mark.parametrize("name", losses.JOINT_LOSSES)
@pytest.mark.parametrize("junk", [np.nan, np.inf, -1e38])
def test_no_gradient_comes_from_unlabelled_joints(name, junk):
    y_true, y_pred, weights = people()
    y_true[weights == 0] = junk

    def gradient(targets):
        points = tf.Variable(y_pred)
        with tf.GradientTape() as tape:
            loss = losses.get_joint_loss(name)(targets, points, weights)
        return float(loss), tape.gradient(loss, points).numpy()

    loss, slope = gradient(y_true)
    assert math.isfinite(loss)
    assert (slope[weights == 0] == 0).all()
    assert (slope[weights > 0] != 0).all()
    harmless = np.where(weights[..., None] > 0, y_true, 0.5).astype("float32")
    np.testing.assert_array_equal(slope, gradient(harmless)[1])


@pytest.mark.parametrize("name", losses.JOINT_LOSSES)
def test_few_labels_weigh_as_much_as_many_also_after_a_config(name):
    y_true, y_pred, _ = people(labelled=1.0)
    y_pred = y_true + np.float32(0.2)
    weights = np.zeros((6, 14), "float32")
    weights[0, 0] = 1
    original = losses.get_joint_loss(name)
    loss = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(original))
    assert (type(loss), loss.name, loss.reduction) == (losses.JointLoss, name, "mean_with_sample_weight")
    assert float(loss(y_true, y_pred)) == float(original(y_true, y_pred))
    assert float(loss(y_true, y_pred, weights)) == pytest.approx(float(loss(y_true, y_pred)), rel=1e-5)
    assert float(loss(y_true, y_pred, 0 * weights)) == 0
    assert float(loss(y_true, y_pred, np.ones(6))) == pytest.approx(float(loss(y_true, y_pred)), rel=1e-5)


def test_any_keras_loss_becomes_a_joint_loss():
    data = people()
    wrapped = losses.get_joint_loss(keras.losses.LogCosh())
    assert isinstance(wrapped, losses.JointLoss)
    assert math.isfinite(float(wrapped(*data)))
    each = losses.JointLoss(keras.losses.MeanAbsoluteError(), reduction=None)(*data)
    assert each.shape == (6, 14)
    assert (each.numpy()[data[2] == 0] == 0).all()
    assert losses.get_joint_loss(wrapped) is wrapped
    for unknown in ("l3", 5):
        with pytest.raises(ValueError, match="use one of l2, l1, smooth_l1"):
            losses.get_joint_loss(unknown)


# --- the mean pose


def test_mean_pose_is_the_mean_of_labelled_joints():
    y_true, _, weights = people(20)
    weights[:, 7] = 0
    pose = baselines.mean_pose(y_true, weights)
    for joint in set(range(14)) - {7}:
        labelled = [y_true[person, joint].astype("float64") for person in range(20) if weights[person, joint] > 0]
        np.testing.assert_allclose(pose[joint], np.mean(labelled, axis=0), rtol=1e-6)
    np.testing.assert_allclose(pose[7], y_true[weights > 0].astype("float64").mean(axis=0), rtol=1e-6)
    assert (pose.dtype, pose.shape) == ("float32", (14, 2))
    np.testing.assert_allclose(baselines.mean_pose(np.ones((3, 14, 2))), 1)


def test_baseline_scores_are_those_of_the_mean_pose():
    train, test = people(20, seed=1), people(5, seed=2)
    scores = baselines.pose_baseline_metrics(
        {"joints": train[0], "weight": train[2]}, {"joints": test[0], "weight": test[2]}
    )
    pose = np.tile(baselines.mean_pose(train[0], train[2]), (5, 1, 1))
    correct, counted, skipped = pck_by_hand(test[0], pose, test[2], 0.2)
    assert scores["pck_20"] == pytest.approx(sum(correct) / sum(counted))
    assert (scores["num_examples"], scores["num_skipped"]) == (5, skipped)


def test_a_mean_of_nothing_is_refused():
    for weights in (np.zeros((2, 14)), np.ones((2, 13))):
        with pytest.raises(ValueError, match="one above 0 at least"):
            baselines.mean_pose(np.ones((2, 14, 2)), weights)
    with pytest.raises(ValueError, match=r"test_targets needs .* missing: weight"):
        baselines.pose_baseline_metrics({"joints": [], "weight": []}, {"joints": []})
