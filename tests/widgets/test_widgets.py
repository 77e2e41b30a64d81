"""Whatever is moved gives the right numbers, and a figure stands in where nothing can move."""

import base64
import datetime
import html
import importlib.util
import io
import itertools
import re
import sys
import types
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import tensorflow as tf
from matplotlib.figure import Figure

from clsloc_utils import plotting, sweeps, widgets
from clsloc_utils.joints import BONES, JOINT_NAMES
from clsloc_utils.widgets.live import Touchable
from clsloc_utils.widgets.upload import photo_in

CLASS_NAMES = ("cat", "dog", "bird")
SETTINGS = (*sweeps.weight_grid(3), sweeps.Setting(learned=True))


@pytest.fixture
def result():
    """A finished sweep of six settings and two seeds on three images, without training one."""
    rng = np.random.default_rng(0)
    truth = {"true_label": np.array([0, 1, 2]), "true_box": np.tile([0.1, 0.1, 0.9, 0.9], (3, 1))}
    outputs = {}
    for key in itertools.product(SETTINGS, (0, 1)):
        box = np.sort(rng.uniform(size=(3, 4)), axis=-1).astype("float32")
        outputs[key] = truth | {"label": rng.integers(0, 3, 3), "score": np.ones(3), "box": box}
    rows = [
        {"setting": setting.name, "box_loss": "giou+l1", "optimizer": "adam", "seed": seed}
        | {"label_weight": setting.label_weight, "box_weight": setting.box_weight}
        | dict.fromkeys(sweeps.MEASURES, 0.9 if setting.name == "ratio 1" else 0.5)
        for setting in SETTINGS
        for seed in (0, 1)
    ]
    return sweeps.SweepResult(rows, SETTINGS, (0, 1), outputs, None, {}, None)


@pytest.fixture
def images():
    return np.full((3, 32, 32, 3), 120, "uint8")


def picture_of(widget):
    _, picture = widget.children
    return re.search(r'alt="([^"]+)" width="\d+" src="data:image/png;base64,([^"]+)"', picture.value).groups()


def slider_of(widget):
    controls, _ = widget.children
    return controls.children[1]


def test_slider_begins_at_the_best_setting_and_follows(result, images):
    widget = widgets.sweep_slider(result, images, CLASS_NAMES, still=False).widget
    slider = slider_of(widget)
    assert [name for name, _ in slider.options] == [setting.name for setting in SETTINGS]
    assert slider.value.name == "ratio 1"
    alt, first = picture_of(widget)
    assert alt.endswith("weights: ratio 1.")
    assert base64.b64decode(first).startswith(b"\x89PNG")
    slider.value = SETTINGS[0]
    alt, second = picture_of(widget)
    assert alt.endswith("weights: class only.")
    assert '<img style="max-width: 100%; height: auto" ' in widget.children[1].value
    assert second != first


def test_buttons_go_one_setting_back_and_forward_and_stop_at_the_ends(result, images):
    widget = widgets.sweep_slider(result, images, CLASS_NAMES, still=False).widget
    back, slider, forward = widget.children[0].children
    slider.value = SETTINGS[1]
    back.click()
    assert slider.value == SETTINGS[0]
    assert (back.disabled, forward.disabled) == (True, False)
    for _ in SETTINGS:
        forward.click()
    assert slider.value == SETTINGS[-1]
    assert (back.disabled, forward.disabled) == (False, True)
    assert picture_of(widget)[0].endswith("weights: learned.")


def test_without_a_notebook_it_is_a_picture_of_some_settings(result, images, monkeypatch):
    """The ends and two between, and no need of ipywidgets."""
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    assert not widgets.can_show_widgets()
    shown = widgets.sweep_slider(result, images, CLASS_NAMES)
    assert shown.widget is None
    assert repr(shown).endswith("weights: class only, ratio 0.01, ratio 1, box only.")
    assert f'<img alt="{shown}" width="960" src="data:image/png;base64,' in shown.page


@pytest.mark.parametrize(("kernel", "installed", "expected"), [(1, 1, True), (0, 1, False), (1, 0, False)])
def test_widgets_need_a_kernel_and_their_package(monkeypatch, kernel, installed, expected):
    shell = types.SimpleNamespace(kernel="a kernel") if kernel else types.SimpleNamespace()
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    if not installed:
        real = importlib.util.find_spec
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "ipywidgets" else real(name))
    assert widgets.can_show_widgets() is expected


@pytest.mark.parametrize("count", [0, 4])
def test_images_must_be_those_of_the_sweep(result, count):
    with pytest.raises(ValueError, match=f"{count} images.*1 to 3"):
        widgets.sweep_slider(result, np.zeros((count, 8, 8, 3)), CLASS_NAMES)


# --- two boxes --------------------------------------------------------------------------------------------------------

TRUE_BOX, PREDICTED_BOX = [0.2, 0.2, 0.6, 0.6], [0.3, 0.2, 0.7, 0.6]


def numbers(handles):
    """Name -> number beside the picture."""
    return {name: float(value) for name, value, _ in handles.readout}


@pytest.fixture
def pair():
    image = np.full((30, 60, 3), [0.0, 128.4, 300.0])
    return widgets.two_boxes(image, TRUE_BOX, [PREDICTED_BOX], still=False).widget


def test_boxes_begin_where_they_were_put(pair):
    assert pair.positions == pair.start == [TRUE_BOX, PREDICTED_BOX]
    # Shared 0.3 x 0.4, together 0.5 x 0.4, which is also the box around both; two of four sides are 0.1 off.
    assert numbers(pair) == {"IoU": 0.6, "GIoU": 0.6, "L2 loss": 0.005}
    assert pair.aspect == 0.5
    png = base64.b64decode(pair.picture.removeprefix("data:image/png;base64,"))
    assert png.startswith(b"\x89PNG")
    assert [*PIL.Image.open(io.BytesIO(png)).getpixel((59, 29))] == [0, 128, 255]


@pytest.mark.parametrize(
    ("moved", "expected"),
    [
        (TRUE_BOX, {"IoU": 1, "GIoU": 1, "L2 loss": 0}),
        ([0.2, 0.2, 0.4, 0.6], {"IoU": 0.5, "GIoU": 0.5, "L2 loss": 0.01}),
        # Apart: 2 x 0.16 of the 0.8 x 0.4 around both is filled; then of 0.8 x 0.8.
        ([0.6, 0.2, 1.0, 0.6], {"IoU": 0, "GIoU": 0, "L2 loss": 0.08}),
        ([0.6, 0.6, 1.0, 1.0], {"IoU": 0, "GIoU": -0.5, "L2 loss": 0.16}),
    ],
)
def test_moving_a_box_changes_the_numbers(pair, moved, expected):
    pair.positions = [TRUE_BOX, moved]
    assert numbers(pair) == expected
    pair.positions = [moved, TRUE_BOX]
    assert numbers(pair) == expected


def test_what_iou_and_giou_are_made_of_is_drawn(pair):
    def drawn():
        return {shape["style"]: np.round(shape["at"], 6).tolist() for shape in pair.behind}

    assert drawn() == {"enclosing": [0.2, 0.2, 0.7, 0.6], "shared": [0.3, 0.2, 0.6, 0.6]}
    pair.positions = [TRUE_BOX, [0.7, 0.1, 0.9, 0.5]]
    assert drawn() == {"enclosing": [0.2, 0.1, 0.9, 0.6]}


def test_boxes_stand_still_as_one_picture_for_each_guess():
    guesses = [PREDICTED_BOX, [0.6, 0.6, 1.0, 1.0]]
    still = widgets.two_boxes(np.zeros((8, 8, 3)), TRUE_BOX, guesses, still=True)
    assert still.widget is None
    bundle, _ = still._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"}
    assert bundle["text/plain"] == (
        "A true box and, dashed, a predicted one: IoU 0.600, GIoU 0.600, L2 loss 0.0050; "
        "IoU 0.000, GIoU -0.500, L2 loss 0.1600."
    )
    assert bundle["text/html"].startswith(f'<img alt="{bundle["text/plain"]}" width="960" src="data:image/png;base64,')


def test_a_widget_and_its_still_picture_go_into_the_same_output():
    both = widgets.two_boxes(np.zeros((8, 8, 3)), TRUE_BOX, [PREDICTED_BOX], still=False)
    bundle, _ = both._repr_mimebundle_()
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == both.widget.model_id
    still, _ = widgets.two_boxes(np.zeros((8, 8, 3)), TRUE_BOX, [PREDICTED_BOX])._repr_mimebundle_()
    assert {kind: bundle[kind] for kind in still} == still
    assert repr(both) == still["text/plain"]


@pytest.mark.parametrize("guesses", [[], [[0.5, 0.1, 0.4, 0.9]]])
def test_boxes_must_be_boxes(guesses):
    with pytest.raises(ValueError, match=r"two_boxes.*xmin < xmax"):
        widgets.two_boxes(np.zeros((8, 8, 3)), TRUE_BOX, guesses)


def test_only_one_module_needs_anywidget():
    sources = {file.stem: file.read_text(encoding="utf-8") for file in Path(widgets.__file__).parent.glob("*.py")}
    needs = re.compile("^(import|from) (anywidget|ipywidgets)", flags=re.MULTILINE)
    assert [name for name, source in sources.items() if needs.search(source)] == ["handles"]


# --- a person's joints ------------------------------------------------------------------------------------------------

WRIST, ANKLE = JOINT_NAMES.index("right wrist"), JOINT_NAMES.index("left ankle")


@pytest.fixture
def true_joints():
    """Somebody whose torso is 0.5 long: 0.3 across, 0.4 up."""
    joints = np.random.default_rng(0).uniform(0.1, 0.9, (14, 2)).round(2)
    joints[[2, 9]] = [[0.3, 0.7], [0.6, 0.3]]
    joints[WRIST], joints[ANKLE] = [0.2, 0.5], [0.5, 0.9]
    return joints


@pytest.fixture
def square():
    return np.full((32, 32, 3), 90, "uint8")


def with_joint(joints, index, dx, dy):
    moved = np.array(joints)
    moved[index] += (dx, dy)
    return moved


def test_moving_a_joint_changes_pck(true_joints, square):
    wrong = with_joint(true_joints, WRIST, 0.0, 0.2)  # 0.4 torsos
    person = widgets.movable_joints(square, true_joints, wrong, still=False).widget
    error = "error of the right wrist"
    assert person.items[person.selected]["name"] == "right wrist"
    assert numbers(person) == {"PCK@0.1": 0.93, "PCK@0.2": 0.93, error: 0.4}
    for dy, at_10, at_20, expected in ((0.09, 0.93, 1, 0.18), (0.04, 1, 1, 0.08), (0.11, 0.93, 0.93, 0.22)):
        person.positions = with_joint(true_joints, WRIST, 0.0, dy).tolist()
        assert numbers(person) == {"PCK@0.1": at_10, "PCK@0.2": at_20, error: expected}
    assert [note for *_, note in person.readout] == ["13 of 14 joints are found"] * 2 + ["torsos"]


def test_the_circles_are_around_the_true_place_of_the_joint_touched_last(true_joints, square):
    person = widgets.movable_joints(square, true_joints, with_joint(true_joints, WRIST, 0.1, 0.0), still=False).widget

    def circles():
        return [np.round(shape["at"], 5).tolist() for shape in person.behind if shape["kind"] == "circle"]

    assert circles() == [[0.2, 0.5, 0.05], [0.2, 0.5, 0.1]]
    person.selected = ANKLE
    assert circles() == [[0.5, 0.9, 0.05], [0.5, 0.9, 0.1]]
    assert "error of the left ankle" in numbers(person)


def test_a_joint_without_a_label_is_neither_shown_nor_counted(true_joints, square):
    weights = np.ones(14)
    weights[[0, ANKLE]] = 0
    junk = with_joint(true_joints, ANKLE, 5.0, 5.0)
    person = widgets.movable_joints(square, true_joints, with_joint(junk, WRIST, 0.2, 0.0), weights, still=False).widget
    names = [item["name"] for item in person.items]
    assert names == [name for name in JOINT_NAMES if name not in ("right ankle", "left ankle")]
    assert names[person.selected] == "right wrist"
    assert numbers(person)["PCK@0.2"] == 0.92
    assert person.readout[0][2] == "11 of 12 joints are found"
    drawn = [shape["at"] for shape in person.behind if shape["kind"] == "line"]
    assert len(drawn) == len(person.links) == len(BONES) - 2
    elbow, wrist = (names.index(f"right {joint}") for joint in ("elbow", "wrist"))
    assert [wrist, elbow, "right"] in person.links


def test_a_person_stands_still_as_predicted_and_mended(true_joints, square):
    still = widgets.movable_joints(square, true_joints, with_joint(true_joints, WRIST, 0.0, 0.2), still=True)
    mended = "as predicted: PCK@0.1 0.93, PCK@0.2 0.93; right wrist mended: PCK@0.1 1.00, PCK@0.2 1.00."
    assert "circles of 0.1 and 0.2 torsos around the true right wrist" in str(still)
    assert str(still).endswith(mended)
    assert still.page.startswith(f'<img alt="{html.escape(str(still))}"')


def test_a_person_needs_a_torso_and_a_square(true_joints, square):
    weights = np.ones(14)
    weights[2] = 0
    with pytest.raises(ValueError, match="right hip and left shoulder must have labels"):
        widgets.movable_joints(square, true_joints, true_joints, weights)
    with pytest.raises(ValueError, match="32 x 16 pixels"):
        widgets.movable_joints(square[:16], true_joints, true_joints)


# --- step by step -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def steps():
    """The steps of real drawings: the first holds three objects, the second one."""

    def example(number, boxes):
        picture = np.full((24, 48, 3), 40 * number, "uint8")
        objects = {
            "bbox": np.array(boxes, "float32"),
            "label": np.arange(len(boxes)),
            "is_truncated": [False] * len(boxes),
        }
        objects["is_difficult"] = [number == 1] * len(boxes)
        return {"image": tf.io.encode_jpeg(picture), "image/filename": f"{number}.jpg", "objects": objects}

    one = [[0.25, 0.5, 0.75, 1.0]]
    made = [example(0, one * 3), example(1, one), example(2, one)]
    spec = tf.data.Dataset.from_tensors(example(2, one)).element_spec
    spec["objects"] = {
        name: tf.TensorSpec([None, *each.shape[1:]], each.dtype) for name, each in spec["objects"].items()
    }
    examples = tf.data.Dataset.from_generator(lambda: iter(made), output_signature=spec)
    return widgets.pipeline_steps(examples, CLASS_NAMES, image_size=16, batch_size=2, seed=1)


def test_each_step_says_what_there_is(steps):
    annotation, filtered, decoded, resized, augmented, batched = (step.text for step in steps)
    assert "label         ['cat']" in annotation
    assert "[0.250, 0.500, 0.750, 1.000]  ymin, xmin, ymax, xmax" in annotation
    assert "is_difficult  [True]" in annotation
    assert filtered == "3 objects  left out, its JPEG unread\n1 object   kept"
    assert decoded == "image  uint8 (24, 48, 3)"
    assert resized.splitlines() == [
        "image  float32 (16, 16, 3)",
        "box    [0.500, 0.250, 1.000, 0.750]  xmin, ymin, xmax, ymax",
    ]
    assert augmented.splitlines()[0] == "image  float32 (16, 16, 3)"
    assert "[0.500, 0.250, 1.000, 0.750]" not in augmented
    assert batched.splitlines() == ["image  float32 (2, 16, 16, 3)", "label  int32 (2,)", "box    float32 (2, 4)"]


def test_each_picture_has_the_box_of_its_step(steps):
    def drawn(axes):
        (box,) = axes.patches
        height, width = axes.images[0].get_array().shape[:2]
        low, size = np.array(box.get_xy()), np.array([box.get_width(), box.get_height()])
        return np.concatenate([low, low + size]) / (width, height, width, height)

    decoded, resized, before, after, first_of_batch, _ = (axes for step in steps[2:] for axes in step.figure.axes)
    for axes in (decoded, resized, before):
        np.testing.assert_allclose(drawn(axes), [0.5, 0.25, 1.0, 0.75], atol=1e-6)
    np.testing.assert_allclose(drawn(after), drawn(first_of_batch), atol=1e-6)
    assert f"[{', '.join(f'{side:.3f}' for side in drawn(after))}]" in steps[4].text
    for step in steps[2:5]:  # as large as in a gallery
        assert step.figure.get_figwidth() == pytest.approx(len(step.figure.axes) * plotting.FIGURE_WIDTH / 4)
        assert step.figure.get_figheight() == pytest.approx(plotting.FIGURE_WIDTH / 4)


def test_steps_are_gone_through_one_at_a_time(steps):
    controls, shown = widgets.walk_through(steps, still=False).widget.children
    back, _, forward = controls.children
    for step in steps:
        assert re.findall(r"<strong>\d\. ([^<]+)</strong>", shown.value) == [step.title]
        forward.click()
    back.click()
    assert steps[-2].title in shown.value


def test_steps_stand_still_below_each_other(steps):
    still = widgets.walk_through(steps, still=True)
    page = still.page
    assert re.findall(r"<strong>(\d)\. ([^<]+)</strong>", page) == [
        (str(number), step.title) for number, step in enumerate(steps, 1)
    ]
    assert re.findall(r'<img alt="([^"]+)"', page) == [step.alt for step in steps if step.figure is not None]
    assert all(step.text in str(still) for step in steps)


def test_a_png_is_called_one():
    picture = tf.io.encode_png(np.zeros((8, 8, 3), "uint8"))
    objects = {"bbox": [[0.0, 0, 1, 1]], "label": [0], "is_truncated": [False], "is_difficult": [False]}
    examples = tf.data.Dataset.from_tensors({"image": picture, "image/filename": "a.png", "objects": objects})
    annotation, *_ = widgets.pipeline_steps(examples, CLASS_NAMES, image_size=16, batch_size=1)
    assert annotation.text.splitlines()[0].endswith(": a PNG, not decoded")


def test_a_walk_needs_an_example(steps):
    with pytest.raises(ValueError, match="no step"):
        widgets.walk_through([])
    crowds = tf.data.Dataset.from_tensors({"objects": {"label": [0, 1]}, "image": b""})
    with pytest.raises(ValueError, match="exactly one object"):
        widgets.pipeline_steps(crowds, CLASS_NAMES, image_size=16)


# --- upload -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def drawn():
    """What was drawn: name and content of each file."""
    return []


@pytest.fixture
def upload(drawn, tmp_path):
    """Makes the widget, which begins with an example."""

    def draw(file):
        content = file.read_bytes()
        if content == b"broken":
            raise ValueError(f"{file}: not an image that can be read; save it as JPEG or PNG.")
        drawn.append((file.name, content))
        return Figure()

    (tmp_path / "example.jpg").write_bytes(b"example")
    return lambda still: widgets.photo_upload(draw, tmp_path / "example.jpg", still=still)


def choose(button, name, content):
    now = datetime.datetime.now(datetime.UTC)
    photo = {"name": name, "type": "image/jpeg", "size": len(content), "content": content, "last_modified": now}
    button.value = (photo,)


def test_an_uploaded_photo_is_answered_and_a_file_that_is_none_in_words(upload, drawn):
    button, picture = upload(still=False).widget.children
    assert 'alt="example.jpg, with the class and the box that the model gives it."' in picture.value
    choose(button, "../<b>.txt", b"broken")
    assert picture.value == (
        '<p role="alert">&lt;b&gt;.txt: not an image that can be read; save it as JPEG or PNG.</p>'
    )
    choose(button, "mine & yours.jpg", b"mine")
    assert drawn == [("example.jpg", b"example"), ("mine & yours.jpg", b"mine")]
    assert 'alt="mine &amp; yours.jpg, with the class and the box that the model gives it."' in picture.value


def test_a_photo_arrives_from_ipywidgets_7_too():
    photo = {"metadata": {"name": "folder/mine.jpg", "type": "image/jpeg", "size": 4}, "content": b"mine"}
    assert photo_in({"folder/mine.jpg": photo}) == ("mine.jpg", b"mine")


def test_a_widget_of_ipywidgets_7_is_shown_with_its_picture():
    """As on Colab: such a widget displays itself and has no bundle of its own."""
    shown = Touchable(lambda: types.SimpleNamespace(model_id="abc"), "ipywidgets", "<p>still</p>", "still", False)
    data, _ = shown._repr_mimebundle_()
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == "abc"
    assert data["text/html"] == "<p>still</p>"


def test_without_a_listener_the_example_is_drawn(upload, drawn):
    shown = upload(still=None)
    assert shown.widget is None
    assert shown.page.startswith('<img alt="example.jpg, with the class and the box')
    assert repr(shown) == "example.jpg, with the class and the box that the model gives it."
    assert drawn == [("example.jpg", b"example")]
