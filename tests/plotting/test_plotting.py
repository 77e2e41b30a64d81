"""What the figures show, not only that they are drawn."""

import base64
import io
import itertools
import re
import types
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from clsloc_utils import pictures, plotting

CLASS_NAMES = ("cat", "dog", "bird")


@pytest.fixture
def image():
    """A dark image, 40 pixels high and 80 wide, with a light quarter at the top left."""
    pixels = np.full((40, 80, 3), 20.0, dtype="float32")
    pixels[:20, :40] = 200.0
    return pixels


@pytest.fixture
def axes():
    figure, axes = plt.subplots()
    yield axes
    plt.close(figure)


def rectangles(axes):
    """(xmin, ymin, xmax, ymax) of every rectangle in the axes, rounded."""
    found = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
    corners = [
        (*patch.get_xy(), patch.get_x() + patch.get_width(), patch.get_y() + patch.get_height()) for patch in found
    ]
    return [tuple(round(float(value), 3) for value in box) for box in corners]


def texts(axes):
    return [text.get_text() for text in axes.texts]


# --- draw_boxes -------------------------------------------------------------------------------------------------------


def test_box_is_drawn_in_pixels_of_the_image(axes, image):
    assert plotting.draw_boxes(axes, image, [0.25, 0.1, 0.5, 0.9], ["cat"]) is axes
    assert rectangles(axes) == [(20, 4, 40, 36)]
    assert texts(axes) == ["cat"]
    assert axes.get_xlim() == (0, 80)
    assert axes.get_ylim() == (40, 0), "the first row of the image is on top"


@pytest.mark.parametrize(
    ("values", "shown"),
    [([[300.0, -5.0]], [255, 0]), ([[9.6, 7.4]], [10, 7]), (np.full((2, 2, 1), 7, "uint8"), [7, 7])],
    ids=["clipped", "rounded", "one channel"],
)
def test_any_image_is_drawn_in_bytes(axes, values, shown):
    plotting.draw_boxes(axes, np.array(values))
    drawn = axes.images[0].get_array()
    assert drawn.dtype == np.uint8
    assert drawn.shape[-1] == 3
    assert drawn[0, :, 0].tolist() == shown


def test_predicted_box_is_dashed_and_of_another_colour(axes, image):
    plotting.draw_boxes(axes, image, [[0.0, 0.0, 0.5, 0.5]])
    plotting.draw_boxes(axes, None, [[0.5, 0.5, 1.0, 1.0]], predicted=True)
    assert rectangles(axes) == [(0, 0, 40, 20), (40, 20, 80, 40)]
    true, predicted = axes.patches
    assert true.get_linestyle() == "solid"
    assert predicted.get_linestyle() != "solid"
    assert to_hex(true.get_edgecolor()).upper() == plotting.TRUE_COLOUR.upper()
    assert to_hex(predicted.get_edgecolor()).upper() == plotting.PREDICTED_COLOUR.upper()
    plotting.draw_boxes(axes, image, [0, 0, 0.5, 0.5], colours=["#112233"])
    assert to_hex(axes.patches[-1].get_edgecolor()) == "#112233"


@pytest.mark.parametrize("box", [[0, 0, 0.3, 0.3], [0.8, 0.8, 1, 1], [0, 0, 1, 1], [0.7, 0, 1, 0.1]])
@pytest.mark.parametrize("predicted", [False, True])
def test_label_lies_on_the_image(axes, image, box, predicted):
    plotting.draw_boxes(axes, image, box, ["dog"], predicted=predicted)
    axes.figure.canvas.draw()
    label, frame = axes.texts[0].get_window_extent(), axes.get_window_extent()
    assert label.x0 >= frame.x0 - 1
    assert label.x1 <= frame.x1 + 1
    assert label.y0 >= frame.y0 - 1
    assert label.y1 <= frame.y1 + 1


def test_labels_of_true_and_predicted_box_do_not_overlap(axes, image):
    plotting.draw_boxes(axes, image, [0.2, 0.3, 0.6, 0.7], ["cat"])
    plotting.draw_boxes(axes, None, [0.2, 0.3, 0.6, 0.7], ["dog"], predicted=True)
    axes.figure.canvas.draw()
    first, second = (text.get_window_extent() for text in axes.texts)
    assert not first.overlaps(second)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((None, [0, 0, 1, 1]), {"predicted": True}, "no image yet"),
        ((np.zeros((4, 4, 3)), [0, 0, 1, 1], ["cat", "dog"]), {}, "2 labels for 1 boxes"),
        ((np.zeros((4, 4, 3)), [[0, 0, 1, 1]] * 2), {"colours": ["red"]}, "1 colours for 2 boxes"),
        ((np.zeros((4, 4, 2)),), {}, r"\(4, 4, 2\)"),
    ],
)
def test_what_cannot_be_drawn_is_refused(axes, arguments, options, message):
    with pytest.raises(ValueError, match=message):
        plotting.draw_boxes(axes, *arguments, **options)


# --- Galleries --------------------------------------------------------------------------------------------------------


def test_gallery_puts_titles_and_boxes_where_they_belong(image):
    boxes = [[0, 0, 0.5, 0.5], [[0, 0, 0.25, 1], [0.5, 0, 1, 1]], []]
    figure = plotting.gallery(
        [image] * 3,
        titles=["one", "two", "none"],
        boxes=boxes,
        predicted_boxes=[[0.5, 0.5, 1, 1]] * 3,
        columns=2,
    )
    assert [axes.get_title() for axes in figure.axes] == ["one", "two", "none"]
    assert figure.get_figwidth() == plotting.gallery([image]).get_figwidth() == plotting.FIGURE_WIDTH
    assert rectangles(figure.axes[0]) == [(0, 0, 40, 20), (40, 20, 80, 40)]
    assert rectangles(figure.axes[1]) == [(0, 0, 20, 40), (40, 0, 80, 40), (40, 20, 80, 40)]
    assert rectangles(figure.axes[2]) == [(40, 20, 80, 40)]
    assert [patch.get_linestyle() == "solid" for patch in figure.axes[1].patches] == [True, True, False]


def test_gallery_names_its_two_kinds_of_boxes(image):
    boxes = [[0, 0, 0.5, 0.5]] * 2
    shown = {"boxes": boxes, "predicted_boxes": boxes}
    assert not plotting.gallery([image] * 2, **shown).legends
    figure = plotting.gallery([image] * 2, **shown, legend=("the truth", "a guess"))
    solid, dashed = figure.legends[0].get_lines()
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["the truth", "a guess"]
    assert (solid.get_color(), dashed.get_color()) == (plotting.TRUE_COLOUR, plotting.PREDICTED_COLOUR)
    assert (solid.is_dashed(), dashed.is_dashed()) == (False, True)


def test_gallery_refuses_lists_of_other_length(image):
    with pytest.raises(ValueError, match="titles has 1 elements for 2 images"):
        plotting.gallery([image] * 2, titles=["one"])
    with pytest.raises(ValueError, match="images is empty"):
        plotting.gallery([])


@pytest.fixture
def predictions(image):
    """Three images: IoU 0.5 and right, IoU 1 and wrong, IoU 0 and right."""
    predictions = {
        "label": np.array([0, 2, 2]),
        "box": np.array([[0, 0, 1, 0.5], [0, 0, 1, 1], [0.5, 0.5, 1, 1]], dtype="float32"),
        "true_label": np.array([0, 1, 2]),
        "true_box": np.array([[0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 0.5, 0.5]], dtype="float32"),
    }
    return [image] * 3, predictions, CLASS_NAMES


def test_predictions_in_order_of_iou(predictions):
    for which, titles in (
        ("worst", ["bird\nIoU 0.00", "cat\nIoU 0.50", "bird, not dog\nIoU 1.00"]),
        ("best", ["bird, not dog\nIoU 1.00", "cat\nIoU 0.50", "bird\nIoU 0.00"]),
        ("first", ["cat\nIoU 0.50", "bird, not dog\nIoU 1.00", "bird\nIoU 0.00"]),
    ):
        for count in (1, 8):
            figure = plotting.prediction_gallery(*predictions, which=which, count=count)
            assert [axes.get_title() for axes in figure.axes] == titles[:count]


def test_predictions_show_both_boxes_and_what_is_wrong(predictions):
    figure = plotting.prediction_gallery(*predictions, which="first")
    right, wrong, _ = figure.axes
    assert rectangles(right) == [(0, 0, 80, 40), (0, 0, 80, 20)]
    assert [patch.get_linestyle() == "solid" for patch in right.patches] == [True, False]
    assert to_hex(right.title.get_color()) == "#000000"
    assert to_hex(wrong.title.get_color()).upper() == plotting.WRONG_COLOUR
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["true box", "predicted box"]


def test_long_titles_do_not_touch(image):
    names = ("motorbike", "diningtable")
    predictions = {
        "label": [0] * 8,
        "true_label": [1] * 8,
        "box": [[0.0, 0, 1, 1]] * 8,
        "true_box": [[0.0, 0, 1, 1]] * 8,
    }
    for columns in (4, 8):
        figure = plotting.prediction_gallery([image] * 8, predictions, names, columns=columns)
        figure.draw_without_rendering()
        extents = [axes.title.get_window_extent() for axes in figure.axes[:columns]]
        assert all(left.x1 < right.x0 for left, right in itertools.pairwise(extents))


def test_predictions_refuse_an_unknown_order_and_counts_that_differ(predictions):
    with pytest.raises(ValueError, match="'random'; choose worst, best or first"):
        plotting.prediction_gallery(*predictions, which="random")
    images, *rest = predictions
    with pytest.raises(ValueError, match="label has 3 elements for 2 images"):
        plotting.prediction_gallery(images[:2], *rest)


def test_side_heatmaps_show_each_side_of_the_box(image):
    heatmaps = np.zeros((4, 8, 4), dtype="float32")
    for side, (row, column) in enumerate([(1, 0), (0, 3), (2, 7), (3, 5)]):
        heatmaps[row, column, side] = 5.0
    figure = plotting.side_heatmaps(image, heatmaps, [0.1, 0.2, 0.8, 0.9])
    assert [axes.get_title() for axes in figure.axes] == ["left side", "top side", "right side", "bottom side"]
    peaks = [np.unravel_index(np.argmax(axes.images[1].get_array()), (4, 8)) for axes in figure.axes]
    assert [tuple(int(value) for value in peak) for peak in peaks] == [(1, 0), (0, 3), (2, 7), (3, 5)]
    left, top, right, bottom = (axes.lines[0] for axes in figure.axes)
    np.testing.assert_allclose([left.get_xdata(), right.get_xdata()], [[8, 8], [64, 64]], rtol=1e-6)
    np.testing.assert_allclose([top.get_ydata(), bottom.get_ydata()], [[8, 8], [36, 36]], rtol=1e-6)
    assert all(axes.images[1].get_extent() == [0, 80, 40, 0] for axes in figure.axes)


def test_side_heatmaps_show_the_weights_of_the_soft_argmax(image):
    heatmaps = np.log([[2.0, 1.0], [0.5, 4.0]])[..., np.newaxis].repeat(4, axis=-1)
    figure = plotting.side_heatmaps(image, heatmaps)
    for axes in figure.axes:
        np.testing.assert_allclose(axes.images[1].get_array(), [[0.5, 0.25], [0.125, 1.0]], rtol=1e-5)
    with pytest.raises(ValueError, match=r"\(4, 4, 3\)"):
        plotting.side_heatmaps(image, np.zeros((4, 4, 3)))


# --- Numbers ----------------------------------------------------------------------------------------------------------


def test_loss_curves_draw_training_and_validation():
    history = {"loss": [3.0, 2.0], "val_loss": [4.0, 3.5], "box_loss": [1.0, 0.5], "learning_rate": [0.1, 0.1]}
    figure = plotting.loss_curves(history)
    assert [axes.get_title() for axes in figure.axes] == ["loss", "box loss"]
    curves = {line.get_label(): (list(line.get_xdata()), list(line.get_ydata())) for line in figure.axes[0].lines}
    assert curves == {"training": ([1, 2], [3.0, 2.0]), "validation": ([1, 2], [4.0, 3.5])}
    assert [line.get_label() for line in figure.axes[1].lines] == ["training"]
    assert len({line.get_linestyle() for line in figure.axes[0].lines}) == 2, "told apart without colour"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["training", "validation"]


def test_loss_curves_are_named_in_words():
    names = ["box_box_accuracy_50", "box_mean_iou", "label_accuracy", "label_loss", "clsloc_accuracy_50", "pck_20"]
    returned = types.SimpleNamespace(history={name: [0.5] for name in [*names, "loss"]})
    figure = plotting.loss_curves(returned, names)
    words = ["box accuracy at IoU 0.5", "mean IoU", "class accuracy", "class loss", "cls-loc accuracy", "pck 20"]
    assert [axes.get_title() for axes in figure.axes] == words


def test_loss_curves_refuse_a_name_that_is_not_there():
    with pytest.raises(ValueError, match=r"\['loss'\]; asked for \['iou'\]"):
        plotting.loss_curves({"loss": [1.0]}, ["iou"])
    with pytest.raises(ValueError, match="holds"):
        plotting.loss_curves({})


def test_confusion_matrix_counts_rows_of_true_classes():
    figure = plotting.confusion_matrix([0, 0, 0, 0, 1], [0, 0, 0, 2, 1], CLASS_NAMES)
    (axes,) = figure.axes
    np.testing.assert_allclose(axes.images[0].get_array(), [[0.75, 0, 0.25], [0, 1, 0], [0, 0, 0]])
    cells = {text.get_position(): text.get_text() for text in axes.texts}
    assert cells == {(0, 0): "75", (2, 0): "25", (1, 1): "100"}, "x is the predicted class, y the true one"
    assert [label.get_text() for label in axes.get_yticklabels()] == ["cat (4)", "dog (1)", "bird (0)"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["cat", "dog", "bird"]


def test_confusion_matrix_of_twenty_classes_is_readable():
    names = [f"diningtable{number}" for number in range(20)]
    figure = plotting.confusion_matrix(np.arange(20), np.roll(np.arange(20), 1), names)
    figure.draw_without_rendering()
    (axes,) = figure.axes
    for labels in (axes.get_xticklabels(), axes.get_yticklabels(), axes.texts):
        assert all(label.get_fontsize() >= 8 for label in labels)
    rows = [label.get_window_extent() for label in axes.get_yticklabels()]
    assert all(above.y0 >= below.y1 for above, below in itertools.pairwise(rows))


def test_confusion_matrix_refuses_labels_that_are_no_class():
    with pytest.raises(ValueError, match="y_pred holds 3, but there are 3 class names"):
        plotting.confusion_matrix([0, 1], [0, 3], CLASS_NAMES)
    with pytest.raises(ValueError, match="y_true holds -1"):
        plotting.confusion_matrix([-1], [0], CLASS_NAMES)
    with pytest.raises(ValueError, match="shape"):
        plotting.confusion_matrix([0, 1], [0], CLASS_NAMES)


def test_iou_histogram_splits_at_the_threshold():
    figure = plotting.iou_histogram([0.1, 0.49, 0.5, 0.9, 1.0])
    (axes,) = figure.axes
    right, wrong = ([patch.get_height() for patch in container] for container in axes.containers)
    assert (sum(right), sum(wrong)) == (3, 2)
    assert right[10] == 1, "0.5 counts as right, in the bar from 0.5 to 0.55"
    assert wrong[9] == 1
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        "IoU of 0.5 or more: 60.0 % of 5",
        "less: 40.0 % of 5",
        "mean IoU: 0.598",
    ]


@pytest.mark.parametrize("ious", [[], [1.2], [-0.1], [float("nan")]])
def test_iou_histogram_refuses_what_is_no_iou(ious):
    with pytest.raises(ValueError, match="ious"):
        plotting.iou_histogram(ious)


def test_box_statistics():
    boxes = [[0, 0, 0.5, 0.25], [0, 0, 1.0, 0.75]]
    figure = plotting.box_statistics(boxes)
    where, shape, size = figure.axes[:3]
    coverage = [[1, 1, 0.5, 0.5], [0.5] * 4, [0.5] * 4, [0] * 4]
    np.testing.assert_allclose(where.images[0].get_array()[8::16, 8::16], coverage)
    assert rectangles(where) == [(0, 0, 0.75, 0.5)]
    np.testing.assert_allclose(shape.collections[0].get_offsets(), [[0.5, 0.25], [1.0, 0.75]])
    heights = [patch.get_height() for patch in size.patches]
    assert [index for index, height in enumerate(heights) if height] == [2, 15], "areas 0.125 and 0.75"
    with pytest.raises(ValueError, match="boxes is empty"):
        plotting.box_statistics([])


# --- show -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def shown(monkeypatch):
    """What a notebook would receive, as a list of MIME bundles."""
    bundles = []

    def display(bundle, raw):
        assert raw
        bundles.append(bundle)

    monkeypatch.setattr("IPython.display.display", display)
    return bundles


def test_show_gives_a_picture_with_its_alternative_text(shown, image):
    plotting.show(plotting.gallery([image]), alt='A dark image with a "light" quarter')
    (bundle,) = shown
    assert bundle["text/plain"] == 'A dark image with a "light" quarter'
    assert 'alt="A dark image with a &quot;light&quot; quarter"' in bundle["text/html"]
    png = base64.b64decode(re.search(r'src="data:image/png;base64,([^"]+)"', bundle["text/html"]).group(1))
    assert Image.open(io.BytesIO(png)).width == plotting.FIGURE_WIDTH * plotting.DOTS_PER_INCH


def test_figures_appear_once_and_none_stays_with_pyplot(shown, image):
    before = plt.get_fignums()
    plotting.gallery([image])
    plotting.iou_histogram([0.5])
    _, axes = plt.subplots()
    plotting.show(axes, alt="An empty figure")
    assert len(shown) == 1
    assert plt.get_fignums() == before


def test_show_needs_an_alternative_text(shown):
    with pytest.raises(ValueError, match="alt is empty"):
        plotting.show(plotting.iou_histogram([0.5]), alt=" ")
    assert shown == []


def test_same_data_same_bytes(shown, image):
    for _ in range(2):
        plotting.show(plotting.gallery([image], titles=["one"], boxes=[[0, 0, 0.5, 0.5]]), alt="One image")
    assert shown[0] == shown[1]


# --- loss-weight sweeps -----------------------------------------------------------------------------------------------


def sweep_rows(box_loss="l1", learned=True, seeds=(0, 1)):
    """Rows as of a sweep: both ends, three ratios, learned weights; the second seed is a little better."""
    weights = [("class only", 1.0, 0.0), ("box only", 0.0, 1.0)]
    weights += [(f"ratio {ratio:g}", 1 / (1 + ratio), 0.99999 * ratio / (1 + ratio)) for ratio in (0.1, 1.0, 10.0)]
    weights += [("learned", 0.4, 0.8)] if learned else []
    scores = {"class only": (0.9, 0.1), "box only": (0.1, 0.8), "ratio 0.1": (0.88, 0.5), "ratio 1": (0.86, 0.7)}
    scores |= {"ratio 10": (0.7, 0.75), "learned": (0.8, 0.6)}
    rows = []
    for name, label_weight, box_weight in weights:
        for seed in seeds:
            accuracy, mean_iou = (value + 0.04 * seed for value in scores[name])
            row = {"setting": name, "box_loss": box_loss, "optimizer": "adam", "seed": seed}
            row |= {"label_weight": label_weight, "box_weight": box_weight, "accuracy": accuracy, "mean_iou": mean_iou}
            rows.append(row | {"box_accuracy_50": mean_iou, "clsloc_accuracy_50": accuracy * mean_iou})
    return rows


def test_weight_sweep_draws_means_over_the_ratio_and_ends_apart():
    close, axes = plotting.weight_sweep(sweep_rows(), ["accuracy"]).axes
    assert close.get_ylim() == pytest.approx((0.68, 1.0)), "what lies between the ends, the worst seed at 0.7"
    line = axes.lines[0]
    np.testing.assert_allclose(line.get_xdata(), [-1, 0, 1], atol=1e-4)
    np.testing.assert_allclose(line.get_ydata(), [0.90, 0.88, 0.72], atol=1e-6)
    words = {label.get_text(): label.get_position()[0] for label in axes.get_xticklabels()}
    assert set(words) == {"0.1", "1", "10", "class\nonly", "box\nonly"}
    assert words["class\nonly"] < words["0.1"] < words["10"] < words["box\nonly"]
    ends = axes.containers[0].lines[0]
    np.testing.assert_allclose(ends.get_xdata(), [words["class\nonly"], words["box\nonly"]])
    np.testing.assert_allclose(ends.get_ydata(), [0.92, 0.12], atol=1e-6)
    learned = axes.containers[1].lines[0]
    assert learned.get_xdata()[0] == pytest.approx(np.log10(2))
    assert learned.get_ydata()[0] == pytest.approx(0.82)
    band = axes.collections[0].get_paths()[0].vertices
    assert (band[:, 1].min(), band[:, 1].max()) == pytest.approx((0.7, 0.92)), "from the worst to the best seed"


def test_figures_of_one_loss_refuse_several():
    rows = sweep_rows("l1") + sweep_rows("giou")
    for draw in (plotting.weight_sweep, plotting.pareto_front):
        with pytest.raises(ValueError, match="l1, giou"):
            draw(rows)
    with pytest.raises(ValueError, match="no weight ratio"):
        plotting.weight_sweep([row for row in sweep_rows(learned=False) if "only" in row["setting"]])


def test_front_has_a_point_for_each_setting_and_rings_the_best():
    whole, close, bar = plotting.pareto_front(sweep_rows()).axes
    assert bar.get_ylim() == pytest.approx((0.1, 10), rel=1e-3)
    assert len(whole.containers) == 6
    assert len(close.containers) == 4
    colours = [tuple(container.lines[0].get_color()) for container in close.containers[:3]]
    assert len(set(colours)) == 3
    across, upright = close.containers[0].lines[2]
    np.testing.assert_allclose(across.get_segments()[0][:, 0], [0.88, 0.92], atol=1e-6)
    np.testing.assert_allclose(upright.get_segments()[0][:, 1], [0.50, 0.54], atol=1e-6)
    assert sorted(text.get_text() for text in whole.texts) == ["box only", "class only"]
    for axes in (whole, close):
        rings = [line for line in axes.lines if line.get_markersize() == 15]
        assert len(rings) == 1
        assert rings[0].get_xdata()[0] == pytest.approx(0.88)
        assert rings[0].get_ydata()[0] == pytest.approx(0.72)
    # Learned weights (0.82, 0.62) are beaten in both by ratio 1 (0.88, 0.72); all others are on the front.
    np.testing.assert_allclose(whole.lines[0].get_xdata(), sorted(whole.lines[0].get_xdata()))
    assert len(whole.lines[0].get_xdata()) == 5


def test_loss_comparison_takes_each_loss_at_its_best_and_shades_the_leader():
    better = [row | {"mean_iou": row["mean_iou"] + 0.1} for row in sweep_rows("giou", learned=False)]
    figure = plotting.loss_comparison(sweep_rows("l1", learned=False) + better, ["mean_iou"])
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["l1 (1)", "giou (1)"]
    np.testing.assert_allclose(axes.containers[0].lines[0].get_xdata(), [0.72, 0.82], atol=1e-6)
    bars = axes.containers[0].lines[2][0].get_segments()
    np.testing.assert_allclose([bar[:, 0] for bar in bars], [[0.70, 0.74], [0.80, 0.84]], atol=1e-6)
    band = axes.patches[0]
    assert (band.get_x(), band.get_x() + band.get_width()) == pytest.approx((0.80, 0.84))


def test_scale_comparison_has_a_line_for_each_optimizer():
    rows = [
        {"optimizer": name, "scale": scale, "accuracy": accuracy + 0.1 * seed}
        for name, accuracy in (("adam", 0.8), ("sgd", 0.5))
        for scale in (100.0, 1.0)
        for seed in (0, 1)
    ]
    (axes,) = plotting.scale_comparison(rows, "accuracy").axes
    assert axes.get_xscale() == "log"
    assert [line.get_label() for line in axes.lines] == ["Adam", "SGD"]
    assert axes.lines[1].get_xdata().tolist() == [1.0, 100.0]
    np.testing.assert_allclose(axes.lines[1].get_ydata(), [0.55, 0.55])


def test_predictions_by_setting_draws_a_row_for_each(image):
    box = np.array([[0.0, 0.0, 0.5, 0.5]] * 3)
    found = {"label": np.array([0, 1, 2]), "box": box, "true_label": np.array([0, 0, 2]), "true_box": box}
    other = found | {"box": np.array([[0.5, 0.5, 1.0, 1.0]] * 3)}
    figure = plotting.predictions_by_setting([image, image], {"first": found, "second": other}, CLASS_NAMES)
    assert len(figure.axes) == 4
    assert [axes.get_ylabel() for axes in figure.axes] == ["first", "", "second", ""]
    assert figure.axes[1].get_title() == "dog, not cat"
    assert rectangles(figure.axes[2]) == [(0, 0, 40, 20), (40, 20, 80, 40)]
    with pytest.raises(ValueError, match="0 settings"):
        plotting.predictions_by_setting([image], {}, CLASS_NAMES)


def test_letters_that_the_font_lacks_come_from_another_one_or_are_told_once(monkeypatch):
    def picture(label):
        figure = Figure()
        plotting.draw_boxes(figure.subplots(), np.zeros((20, 20, 3)), [0.2, 0.2, 0.8, 0.8], [label])
        return plotting.png(figure)

    with pytest.warns(UserWarning, match=".") as caught:
        without = picture("\u1d81 \u732b")
    assert [str(warning.message).split(":")[0] for warning in caught] == ["No font here has \u1d81\u732b"]
    monkeypatch.setattr(pictures, "_MORE_FONTS", ("no such font", "STIXGeneral"))  # which Matplotlib brings
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert picture("\u1d81 cat") != picture("\u1d8d cat")
        picture("caf\u00e9\n\u00d7")
    with pytest.warns(UserWarning, match="No font here has \u732b:"):
        assert picture("\u1d81 \u732b") != without
