"""What the figures of people show."""

import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex

from clsloc_utils import metrics, plotting
from clsloc_utils.joints import BONES, FLIP_ORDER, JOINT_NAMES, LIMBS, side_of


@pytest.fixture
def axes():
    figure, axes = plt.subplots()
    yield axes
    plt.close(figure)


IMAGE = np.full((40, 80, 3), 90.0, "float32")


def people(count=5, noise=(0.0, 0.02, 0.3, 0.1, 0.05)):
    """People and predictions, each a little worse than said by `noise`."""
    rng = np.random.default_rng(0)
    joints = rng.uniform(0.1, 0.9, (count, 14, 2)).astype("float32")
    joints[:, 2], joints[:, 9] = (0.3, 0.7), (0.6, 0.3)
    return joints, joints + np.array(noise, "float32")[:, None, None]


def bones(axes):
    """((x, y), (x, y)) of each line with two ends -> its line."""
    return {tuple(map(tuple, line.get_xydata().round(2))): line for line in axes.lines if len(line.get_xydata()) == 2}


def points(axes):
    return [line for line in axes.lines if len(line.get_xydata()) == 1]


def style(line):
    return to_hex(line.get_color()).upper(), line.get_linestyle(), line.get_marker()


# --- skeleton


def test_joints_are_drawn_in_pixels_of_the_image(axes):
    (joints,), _ = people(1, (0.0,))
    assert plotting.skeleton(axes, IMAGE, joints) is axes
    expected = {tuple(map(tuple, (joints[list(bone)] * [80, 40]).round(2))) for bone in BONES}
    assert set(bones(axes)) == expected
    np.testing.assert_allclose(np.concatenate([line.get_xydata() for line in points(axes)]), joints * [80, 40])
    assert (axes.get_xlim(), axes.get_ylim()) == ((0, 80), (40, 0))


def test_left_and_right_differ_in_colour_line_and_marker(axes):
    styles = list(plotting.SIDE_STYLES.values())
    assert all(len(set(each)) == len(styles) for each in zip(*styles, strict=True))
    assert {colour for colour, _, _ in styles} <= set(plotting.PALETTE)
    (joints,), _ = people(1, (0.0,))
    plotting.skeleton(axes, IMAGE, joints)
    for joint, line in enumerate(points(axes)):
        colour, _, marker = plotting.SIDE_STYLES[side_of(joint)]
        assert (to_hex(line.get_color()).upper(), line.get_marker()) == (colour, marker)
    left, right = (bones(axes)[tuple(map(tuple, (joints[pair] * [80, 40]).round(2)))] for pair in ([4, 3], [1, 2]))
    assert style(left)[0] == plotting.SIDE_STYLES["left"][0]
    assert style(right)[0] == plotting.SIDE_STYLES["right"][0]
    assert left.get_linestyle() != right.get_linestyle()


def test_a_mirrored_person_keeps_the_sides(axes):
    """The left arm in the mirror is the right one: its bone is where the other was, in the other colour."""
    (joints,), _ = people(1, (0.0,))
    plotting.skeleton(axes, IMAGE, joints)
    before = {ends: style(line)[0] for ends, line in bones(axes).items()}
    axes.clear()
    plotting.skeleton(axes, IMAGE, joints[list(FLIP_ORDER)])
    after = {ends: style(line)[0] for ends, line in bones(axes).items()}
    swapped = {
        plotting.SIDE_STYLES[a][0]: plotting.SIDE_STYLES[b][0] for a, b in (("left", "right"), ("right", "left"))
    }
    for ends, colour in before.items():
        found = after.get(ends) or after[ends[::-1]]
        assert found == swapped.get(colour, colour)


def test_unlabelled_joints_are_not_drawn(axes):
    (joints,), _ = people(1, (0.0,))
    weights = np.ones(14)
    weights[JOINT_NAMES.index("left knee")] = 0
    joints[4] = np.nan
    plotting.skeleton(axes, IMAGE, joints, weights)
    assert len(points(axes)) == 13
    assert len(bones(axes)) == len(BONES) - 2


def test_another_pose_lies_below_thin_and_black(axes):
    (joints,), (predicted,) = people(1, (0.1,))
    weights = np.ones(14)
    weights[12] = 0
    plotting.skeleton(axes, IMAGE, predicted, other=joints, other_weights=weights)
    thin = [line for line in axes.lines if line.get_linewidth() < 2 and len(line.get_xydata()) == 2]
    assert len(thin) == len(BONES) - 1
    assert {to_hex(line.get_color()) for line in thin} == {"#000000"}
    assert axes.lines[: len(thin)] == thin
    assert len(points(axes)) == 14, "a prediction has all joints"


def test_a_skeleton_needs_an_image_and_14_joints(axes):
    with pytest.raises(ValueError, match="image is None"):
        plotting.skeleton(axes, None, np.zeros((14, 2)))
    with pytest.raises(ValueError, match=r"joints of a person .* got \(28,\)"):
        plotting.skeleton(axes, IMAGE, np.zeros(28))
    with pytest.raises(ValueError, match=r"weights .* got \(13,\)"):
        plotting.skeleton(axes, IMAGE, np.zeros((14, 2)), np.ones(13))


# --- gallery


def titles(figure):
    return [axes.get_title() for axes in figure.axes]


def test_best_and_worst_people():
    joints, predicted = people()
    errors = metrics.errors_in_torsos(joints, predicted)
    expected = [f"off by {error:.2f} torsos" for error in errors]
    images = [IMAGE] * 5
    worst = plotting.pose_gallery(images, joints, predicted_joints=predicted, which="worst", count=3)
    assert titles(worst) == [expected[index] for index in (2, 3, 4)]
    best = plotting.pose_gallery(images, joints, predicted_joints=predicted, which="best", count=2)
    assert titles(best) == [expected[0], expected[1]]
    assert titles(plotting.pose_gallery(images, joints, predicted_joints=predicted)) == expected
    weights = np.ones((5, 14))
    weights[2, 9] = 0
    for which in ("best", "worst"):
        figure = plotting.pose_gallery(images, joints, weights, predicted_joints=predicted, which=which)
        assert titles(figure)[-1] == "no torso to measure with"


def test_people_as_they_are_labelled():
    joints, _ = people()
    figure = plotting.pose_gallery([IMAGE] * 5, joints, titles=list("abcde"), count=2)
    assert titles(figure) == ["a", "b"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["left", "right", "middle"]
    assert len(points(figure.axes[0])) == 14


def test_a_gallery_refuses_what_it_cannot_show():
    joints, predicted = people()
    with pytest.raises(ValueError, match="no predicted_joints"):
        plotting.pose_gallery([IMAGE] * 5, joints, which="best")
    with pytest.raises(ValueError, match="choose worst, best or None"):
        plotting.pose_gallery([IMAGE] * 5, joints, predicted_joints=predicted, which="nicest")
    with pytest.raises(ValueError, match="joints has 5 elements for 4 images"):
        plotting.pose_gallery([IMAGE] * 4, joints)


# --- numbers


def test_pck_curve_draws_one_line_each():
    joints, predicted = people()
    figure = plotting.pck_curve(joints, {"first": predicted, "oracle": joints})
    (axes,) = figure.axes
    first, oracle = axes.lines[:2]
    np.testing.assert_allclose(first.get_ydata(), metrics.pck_curve(joints, predicted, None, first.get_xdata()))
    np.testing.assert_allclose(oracle.get_ydata(), 1)
    assert first.get_linestyle() != oracle.get_linestyle(), "told apart without colour"
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels[1] == "oracle: PCK@0.2 1.00"
    with pytest.raises(ValueError, match="predictions is empty"):
        plotting.pck_curve(joints, {})


def test_tables_hold_a_line_for_each_part():
    joints, predicted = people()
    weights = np.ones((5, 14))
    weights[:, 13] = 0
    table = plotting.joint_table(joints, {"a model": predicted, "oracle": joints}, weights)
    lines = table.splitlines()
    assert [re.split(r"  +", line)[0] for line in lines] == ["PCK@0.2 in %", *JOINT_NAMES, "all"]
    assert len({len(line) for line in lines}) == 1, "aligned"
    assert re.split(r"  +", lines[14]) == ["head top", "-", "-"]
    expected = metrics.pck_per_joint(joints, predicted, weights)
    assert re.split(r"  +", lines[1]) == ["right ankle", f"{100 * expected[0]:.0f}", "100"]
    assert lines[-1].endswith(" 100")

    limbs = plotting.limb_table(joints, {"oracle": joints, "a": predicted}, weights).splitlines()
    assert [re.split(r"  +", line)[0] for line in limbs] == ["strict PCP in %", *LIMBS, "all"]
    assert re.split(r"  +", limbs[2]) == ["head", "-", "-"]
    expected = metrics.pcp_per_limb(joints, predicted, weights)
    assert re.split(r"  +", limbs[1])[2] == f"{100 * expected['trunk']:.0f}"


# --- heatmaps


def test_joint_heatmaps_lie_where_the_joints_are():
    """A map of 4 x 6 cells, the outermost outside of an image of 40 x 80 pixels: a cell is 20 pixels wide and high."""
    heatmaps = np.full((4, 6, 14), -30.0)
    heatmaps[1, 3, 9] = 0.0  # The first row of the image, its third column: pixels 40 to 60.
    joints = np.full((14, 2), 0.9)
    joints[9] = (50 / 80, 10 / 40)
    weights = np.ones(14)
    weights[0] = 0
    figure = plotting.joint_heatmaps(IMAGE, heatmaps, joints, (9, 0), true_joints=joints, weights=weights)
    shown, without_label = figure.axes
    assert [each.get_title() for each in figure.axes] == ["left shoulder", "right ankle"]
    heat = shown.images[1]
    left, right, bottom, top = heat.get_extent()
    row, column = np.unravel_index(np.argmax(heat.get_array()), (4, 6))
    centre = (left + (column + 0.5) * (right - left) / 6, top + (row + 0.5) * (bottom - top) / 4)
    assert centre == pytest.approx((50, 10))
    assert (shown.get_xlim(), shown.get_ylim()) == ((0, 80), (40, 0))
    marks = {line.get_label(): tuple(line.get_xydata()[0]) for line in shown.lines}
    assert marks == {"found": pytest.approx((50, 10)), "truth": pytest.approx((50, 10))}
    assert [line.get_label() for line in without_label.lines] == ["found"]
    plt.close(figure)
    with pytest.raises(ValueError, match=r"\(4, 4, 13\); expected \[h, w, 14\]"):
        plotting.joint_heatmaps(IMAGE, np.zeros((4, 4, 13)), np.zeros((14, 2)))
