"""Boxes: against pycocotools, a raster count and the papers' formulas written out in plain Python."""

import math
from pathlib import Path
from xml.etree import ElementTree

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from clsloc_utils import boxes

PROPERTY = settings(max_examples=60, derandomize=True)
GRID = 24
IOU_DRAWING = Path(__file__).parent.parent / "images" / "iou.svg"
GIOU_DRAWING = IOU_DRAWING.with_name("giou.svg")


@st.composite
def grid_boxes(draw, count=8, low=0, high=GRID):
    """Valid boxes with integer corners, `[count, 4]`."""
    corner = st.integers(low, high - 1)
    rows = []
    for _ in range(count):
        xmin, ymin = draw(corner), draw(corner)
        rows.append([xmin, ymin, draw(st.integers(xmin + 1, high)), draw(st.integers(ymin + 1, high))])
    return np.array(rows, "float64")


def random_boxes(count, seed=0):
    corners = np.sort(np.random.default_rng(seed).uniform(size=(count, 2, 2)), axis=1)
    corners[:, 1] += 0.01
    return corners.reshape(count, 4)


def overlapping_boxes(count, seed=0):
    """Pairs that overlap in every degree, from hardly to almost entirely."""
    generator = np.random.default_rng(seed)
    first = np.concatenate([generator.uniform(0, 0.3, (count, 2)), generator.uniform(0.7, 1, (count, 2))], axis=1)
    return first, first + generator.uniform(-0.19, 0.19, (count, 4)) * generator.uniform(0, 1, (count, 1))


def raster(box):
    """The grid cells that a box covers, as a boolean picture."""
    picture = np.zeros((GRID, GRID), bool)
    xmin, ymin, xmax, ymax = box.astype(int)
    picture[ymin:ymax, xmin:xmax] = True
    return picture


def reference_iou(a, b):
    width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    intersection = width * height
    union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - intersection
    return intersection / union, union


def reference_giou(a, b):
    """Rezatofighi et al. 2019, algorithm 1."""
    overlap, union = reference_iou(a, b)
    enclosing = (max(a[2], b[2]) - min(a[0], b[0])) * (max(a[3], b[3]) - min(a[1], b[1]))
    return overlap - (enclosing - union) / enclosing


def reference_ciou(a, b):
    """Zheng et al. 2020: DIoU's penalty, then v and alpha."""
    overlap, _ = reference_iou(a, b)
    center_a, center_b = ((a[0] + a[2]) / 2, (a[1] + a[3]) / 2), ((b[0] + b[2]) / 2, (b[1] + b[3]) / 2)
    distance = math.dist(center_a, center_b) ** 2
    diagonal = (max(a[2], b[2]) - min(a[0], b[0])) ** 2 + (max(a[3], b[3]) - min(a[1], b[1])) ** 2
    angle_a, angle_b = math.atan((a[2] - a[0]) / (a[3] - a[1])), math.atan((b[2] - b[0]) / (b[3] - b[1]))
    v = 4 / math.pi**2 * (angle_a - angle_b) ** 2
    alpha = v / ((1 - overlap) + v) if v else 0.0
    return overlap - distance / diagonal - alpha * v


# IoU against independent oracles


def test_worked_example():
    first, second = [0.0, 0.0, 2.0, 2.0], [1.0, 1.0, 3.0, 3.0]
    assert float(boxes.iou(first, second)) == pytest.approx(1 / 7)
    assert float(boxes.giou(first, second)) == pytest.approx(1 / 7 - 2 / 9)
    assert float(boxes.ciou(first, second)) == pytest.approx(1 / 7 - 2 / 18)
    assert float(boxes.area(second)) == 4.0


@PROPERTY
@given(grid_boxes(), grid_boxes())
def test_iou_counts_what_a_raster_counts(first, second):
    expected = [
        np.logical_and(raster(a), raster(b)).sum() / np.logical_or(raster(a), raster(b)).sum()
        for a, b in zip(first, second, strict=True)
    ]
    np.testing.assert_allclose(boxes.iou(first, second), expected, rtol=1e-6)
    np.testing.assert_array_equal(boxes.area(first), [raster(a).sum() for a in first])


@PROPERTY
@given(grid_boxes(), grid_boxes(count=5))
def test_pairwise_iou_agrees_with_pycocotools(first, second):
    as_xywh = [np.concatenate([b[:, :2], b[:, 2:] - b[:, :2]], axis=1) for b in (first, second)]
    expected = coco_mask.iou(as_xywh[0], as_xywh[1], [0] * len(second))
    assert expected.shape == (8, 5)
    np.testing.assert_allclose(boxes.pairwise_iou(first, second), expected, rtol=1e-6)


@pytest.mark.parametrize("make_pairs", [overlapping_boxes, lambda n: (random_boxes(n, 1), random_boxes(n, 2))])
@pytest.mark.parametrize(("ours", "reference"), [(boxes.giou, reference_giou), (boxes.ciou, reference_ciou)])
def test_giou_and_ciou_follow_their_papers(ours, reference, make_pairs):
    first, second = make_pairs(300)
    expected = [reference(a, b) for a, b in zip(first.tolist(), second.tolist(), strict=True)]
    np.testing.assert_allclose(ours(first, second), expected, atol=1e-5)


# Properties


@PROPERTY
@given(grid_boxes(), grid_boxes())
def test_bounds_symmetry_and_identity(first, second):
    overlap, generalized, complete = boxes.iou(first, second), boxes.giou(first, second), boxes.ciou(first, second)
    assert np.all((overlap >= 0) & (overlap <= 1))
    assert np.all((generalized >= -1) & (generalized <= overlap + 1e-6))
    assert np.all((complete > -2) & (complete <= overlap + 1e-6))
    for function in (boxes.iou, boxes.giou, boxes.ciou):
        np.testing.assert_allclose(function(first, second), function(second, first), atol=1e-6)
        np.testing.assert_allclose(function(first, first), 1.0, atol=1e-6)


@PROPERTY
@given(grid_boxes(), grid_boxes(), st.floats(1e-3, 1e3), st.floats(-2, 2), st.floats(-2, 2))
def test_scale_and_translation_change_nothing(first, second, scale, shift_x, shift_y):
    # The shift is in units of the grid, so that float32 keeps enough digits of the box beside it.
    shift = np.tile([shift_x, shift_y], 2) * GRID
    moved_first, moved_second = (first + shift) * scale, (second + shift) * scale
    for function in (boxes.iou, boxes.giou, boxes.ciou):
        np.testing.assert_allclose(function(moved_first, moved_second), function(first, second), atol=3e-4)


def test_tiny_relative_boxes_overlap_themselves_entirely_where_keras_says_less():
    box = np.array([[0.5, 0.5, 0.501, 0.501]], "float32")
    keras_iou = keras.utils.bounding_boxes.compute_iou(box, box, "xyxy")
    assert float(keras_iou[0, 0]) == pytest.approx(0.91, abs=0.01)
    for function in (boxes.iou, boxes.giou, boxes.ciou):
        assert float(function(box, box)[0]) == pytest.approx(1.0, abs=1e-6)


# Degenerate boxes

POINT, LINE, EMPTY_FAR = [0.2, 0.2, 0.2, 0.2], [0.2, 0.2, 0.2, 0.6], [0.9, 0.9, 0.9, 0.9]
SQUARE, INVERTED, INFINITESIMAL = [0.1, 0.1, 0.5, 0.5], [0.5, 0.5, 0.1, 0.1], [0.3, 0.3, 0.3 + 1e-7, 0.3 + 1e-7]
DEGENERATE = [POINT, LINE, EMPTY_FAR, SQUARE, INVERTED, INFINITESIMAL, [0.0, 0.0, 0.0, 0.0]]


@pytest.mark.parametrize("function", [boxes.iou, boxes.giou, boxes.ciou])
@pytest.mark.parametrize("units", [1.0, 500.0])
def test_degenerate_pairs_are_defined_with_bounded_gradients(function, units):
    first = tf.repeat(tf.constant(DEGENERATE) * units, len(DEGENERATE), axis=0)
    second = tf.tile(tf.constant(DEGENERATE) * units, [len(DEGENERATE), 1])
    with tf.GradientTape() as tape:
        tape.watch([first, second])
        value = function(first, second)
    assert np.all(np.isfinite(value))
    assert np.all(np.abs(value) <= 2)
    for gradient in tape.gradient(value, [first, second]):
        assert np.all(np.isfinite(gradient))
        assert np.max(np.abs(gradient)) < 1e8


def test_empty_boxes_share_nothing_even_in_one_place():
    for box in (POINT, LINE):
        assert float(boxes.iou(box, box)) == 0.0
        assert float(boxes.giou(box, box)) == 0.0
        assert float(boxes.ciou(box, box)) == pytest.approx(0.0, abs=0.01)
    assert float(boxes.giou(POINT, EMPTY_FAR)) == pytest.approx(-1.0)


def test_an_inverted_box_is_empty():
    assert float(boxes.area(INVERTED)) == 0.0
    assert float(boxes.iou(INVERTED, SQUARE)) == 0.0
    assert float(boxes.giou(INVERTED, SQUARE)) <= 0.0
    assert float(boxes.ciou(INVERTED, SQUARE)) <= 0.0


def test_ciou_of_a_point_does_not_blow_up_its_gradient():
    # The angle of an empty box's diagonal has a gradient of about 1e10 in Keras's function: one such box would end a
    # training.
    point = tf.constant([POINT])
    with tf.GradientTape() as tape:
        tape.watch(point)
        value = boxes.ciou(point, tf.constant([[0.2, 0.2, 0.4, 0.3]]))
    assert 0 < np.max(np.abs(tape.gradient(value, point))) < 1e3


def test_iou_of_disjoint_boxes_has_no_gradient_but_giou_and_ciou_do():
    gradients = {}
    for function in (boxes.iou, boxes.giou, boxes.ciou):
        box = tf.constant([[0.1, 0.1, 0.2, 0.2]])
        with tf.GradientTape() as tape:
            tape.watch(box)
            value = function(box, tf.constant([[0.6, 0.6, 0.9, 0.9]]))
        gradients[function.__name__] = tape.gradient(value, box).numpy()[0]
    assert np.all(gradients["iou"] == 0)
    # Growing towards the other box (xmax, ymax up) raises both.
    assert np.all(gradients["giou"][2:] > 0.1)
    assert np.all(gradients["ciou"][2:] > 0.1)


# Shapes, dtypes, graphs


@pytest.mark.parametrize("function", [boxes.iou, boxes.giou, boxes.ciou])
def test_leading_dimensions_broadcast(function):
    first, second = random_boxes(6, 3).reshape(2, 3, 4), random_boxes(3, 4)
    result = function(first, second).numpy()
    assert result.shape == (2, 3)
    assert result[1, 2] == pytest.approx(float(function(first[1, 2], second[2])), abs=1e-6)
    assert function(first[0, 0], second[0]).shape == ()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64", "int32"])
def test_any_dtype_is_computed_in_float32(dtype):
    first, second = tf.cast([[0, 0, 200, 100]], dtype), tf.cast([[100, 50, 300, 200]], dtype)
    # 100 x 50 pixels shared of 45,000: the union is beyond float16's integers, an area of 300 x 300 beyond its range.
    for function, expected in ((boxes.iou, 5000 / 45000), (boxes.giou, 5000 / 45000 - 15000 / 60000)):
        value = function(first, second)
        assert value.dtype == tf.float32
        assert float(value[0]) == pytest.approx(expected, rel=1e-6)
    assert boxes.ciou(first, second).dtype == tf.float32
    assert float(boxes.area(tf.cast([0, 0, 300, 300], dtype))) == pytest.approx(90000, rel=1e-2)


@pytest.mark.parametrize("function", [boxes.iou, boxes.giou, boxes.ciou])
def test_same_in_a_graph_with_unknown_batch_size(function):
    graph = tf.function(function, input_signature=[tf.TensorSpec([None, 4])] * 2)
    first, second = (pair.astype("float32") for pair in overlapping_boxes(7))
    np.testing.assert_allclose(graph(first, second), function(first, second), atol=1e-6)
    compiled = tf.function(function, jit_compile=True)
    np.testing.assert_allclose(compiled(first, second), function(first, second), atol=1e-5)


@pytest.mark.parametrize("call", [boxes.area, boxes.is_valid, boxes.clip, lambda b: boxes.iou(b, b)])
@pytest.mark.parametrize("shape", [(), (3,), (4, 2), (4, 5)])
def test_wrong_last_dimension_names_the_shape(call, shape):
    with pytest.raises(
        ValueError, match=r"\[\.\.\., 4\].*got shape " + str(shape).replace("(", r"\(").replace(")", r"\)")
    ):
        call(np.zeros(shape, "float32"))


def test_paired_boxes_refuses_what_would_broadcast():
    with pytest.raises(ValueError, match=r"y_true \(3, 4\) and y_pred \(3, 1, 4\)"):
        boxes.paired_boxes(np.zeros((3, 4)), np.zeros((3, 1, 4)))
    with pytest.raises(ValueError, match=r"y_true \(1, 4\) and y_pred \(3, 4\)"):
        boxes.paired_boxes(np.zeros((1, 4)), np.zeros((3, 4)))
    y_true, y_pred = boxes.paired_boxes(np.zeros((3, 4)), np.ones((3, 4)))
    assert y_true.dtype == y_pred.dtype == tf.float32


# Formats

# One box of an image 200 pixels wide and 100 high, by hand in every format.
IMAGE_SHAPE = (100, 200, 3)
SAME_BOX = {
    "xyxy": [20, 10, 100, 60],
    "yxyx": [10, 20, 60, 100],
    "xywh": [20, 10, 80, 50],
    "center_xywh": [60, 35, 80, 50],
    "center_yxhw": [35, 60, 50, 80],
    "rel_xyxy": [0.1, 0.1, 0.5, 0.6],
    "rel_yxyx": [0.1, 0.1, 0.6, 0.5],
    "rel_xywh": [0.1, 0.1, 0.4, 0.5],
    "rel_center_xywh": [0.3, 0.35, 0.4, 0.5],
}


@pytest.mark.parametrize("source", boxes.BOX_FORMATS)
@pytest.mark.parametrize("target", boxes.BOX_FORMATS)
def test_every_format_into_every_other(source, target):
    converted = boxes.convert([SAME_BOX[source]], source, target, image_shape=IMAGE_SHAPE)
    np.testing.assert_allclose(converted, [SAME_BOX[target]], rtol=1e-5)
    if source.startswith("rel_") and target.startswith("rel_"):
        np.testing.assert_allclose(boxes.convert([SAME_BOX[source]], source, target.upper()), converted, rtol=1e-6)


@settings(PROPERTY, max_examples=25)
@given(grid_boxes(), st.sampled_from(boxes.BOX_FORMATS), st.sampled_from(boxes.BOX_FORMATS), st.integers(1, 900))
def test_round_trips(first, source, target, width):
    shape = (GRID, width)
    there = boxes.convert(first, source, target, shape)
    np.testing.assert_allclose(boxes.convert(there, target, source, shape), first, rtol=1e-4, atol=1e-3)


def test_convert_errors_say_what_to_do():
    with pytest.raises(ValueError, match=r"'rel_xyxy' to 'xyxy' needs the size.*image_shape"):
        boxes.convert([SAME_BOX["rel_xyxy"]], "rel_xyxy", "xyxy")
    with pytest.raises(ValueError, match=r"'xyhw'.*center_yxhw"):
        boxes.convert([SAME_BOX["xyxy"]], "xyhw", "xyxy")
    with pytest.raises(ValueError, match=r"'pascal'"):
        boxes.convert([SAME_BOX["xyxy"]], "xyxy", "pascal")


def test_convert_and_clip_inside_a_tf_data_pipeline():
    dataset = tf.data.Dataset.from_tensor_slices(tf.constant([SAME_BOX["rel_yxyx"], [-0.2, 0.5, 0.5, 1.5]]))
    result = list(dataset.map(lambda box: boxes.clip(boxes.convert(box, "rel_yxyx", "rel_xyxy"))).as_numpy_iterator())
    np.testing.assert_allclose(result, [SAME_BOX["rel_xyxy"], [0.5, 0.0, 1.0, 0.5]], rtol=1e-6)


def test_clip_in_relative_and_in_pixel_coordinates():
    np.testing.assert_allclose(boxes.clip([-0.1, 0.2, 0.3, 1.5]), [0.0, 0.2, 0.3, 1.0], rtol=1e-6)
    np.testing.assert_allclose(boxes.clip([[-5, 2, 300, 150]], IMAGE_SHAPE), [[0, 2, 200, 100]])


def test_is_valid():
    candidates = [SQUARE, POINT, LINE, INVERTED, [0.1, 0.5, 0.5, 0.1], [0.0, 0.0, np.nan, 1.0], [0.0, 0.0, np.inf, 1.0]]
    assert boxes.is_valid(candidates).numpy().tolist() == [True] + [False] * 6
    outside = boxes.clip([1.2, 0.1, 1.5, 0.4])
    assert not bool(boxes.is_valid(outside))


# The drawing in images/iou.svg states three IoUs: they are those of the rectangles it shows.


def corners_of(rectangle):
    """`[xmin, ymin, xmax, ymax]` of a rectangle of a drawing."""
    x, y, width, height = (float(rectangle.get(key)) for key in ("x", "y", "width", "height"))
    return [x, y, x + width, y + height]


@pytest.mark.parametrize("panel", ["poor", "half", "good"])
def test_the_iou_drawing_tells_the_truth(panel):
    root = ElementTree.parse(IOU_DRAWING).getroot()
    element = {found.get("class"): found for found in root.iter() if found.get("class")}
    corners = {role: corners_of(element[f"{panel} {role}"]) for role in ("truth", "prediction")}
    overlap = float(boxes.iou(corners["truth"], corners["prediction"]))
    assert element[f"{panel} value"].text == f"{overlap:.2f}"


# So does images/giou.svg, for GIoU and its two parts.


@pytest.mark.parametrize("panel", ["overlap", "near", "far"])
def test_the_giou_drawing_tells_the_truth(panel):
    root = ElementTree.parse(GIOU_DRAWING).getroot()
    element = {found.get("class"): found for found in root.iter() if found.get("class")}
    corners = {role: corners_of(element[f"{panel} {role}"]) for role in ("truth", "prediction")}
    overlap, giou = (float(measure(*corners.values())) for measure in (boxes.iou, boxes.giou))
    value = element[f"{panel} value"]
    assert value.text.replace("\N{MINUS SIGN}", "-") == f"{giou:.2f}"
    (line,) = [found for found in root.iter() if value in list(found)]
    assert line.text == f"{overlap:.2f} \N{MINUS SIGN} {overlap - giou:.2f} = "
