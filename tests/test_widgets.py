"""The slider moves what it should, and a figure stands in where nothing can move."""

import base64
import datetime
import re
import sys
import types

import numpy as np
import pytest
from matplotlib.figure import Figure

from clsloc_utils import sweeps, widgets

CLASS_NAMES = ("cat", "dog", "bird")
SETTINGS = (*sweeps.weight_grid(3), sweeps.Setting(learned=True))


@pytest.fixture
def result():
    """A finished sweep of six settings and two seeds on three images, without training one."""
    count, places = 3, (2, len(SETTINGS), 3)
    rng = np.random.default_rng(0)
    boxes = np.sort(rng.uniform(size=(*places, 4)), axis=-1).astype("float32")
    outputs = {"label": rng.integers(0, 3, places), "score": np.ones(places), "box": boxes}
    outputs |= {"true_label": np.array([0, 1, 2]), "true_box": np.tile([0.1, 0.1, 0.9, 0.9], (count, 1))}
    rows = [
        {"setting": setting.name, "box_loss": "giou+l1", "optimizer": "adam", "seed": seed}
        | {"label_weight": setting.label_weight, "box_weight": setting.box_weight}
        | dict.fromkeys(sweeps.MEASURES, 0.9 if setting.name == "ratio 1" else 0.5)
        for setting in SETTINGS
        for seed in (0, 1)
    ]
    return sweeps.SweepResult(rows, SETTINGS, (0, 1), outputs, None, None, 1.0)


@pytest.fixture
def images():
    return np.full((3, 32, 32, 3), 120, "uint8")


def picture_of(widget):
    _, picture = widget.children
    return re.search(r'alt="([^"]+)" src="data:image/png;base64,([^"]+)"', picture.value).groups()


def test_slider_begins_at_the_best_setting_and_follows(result, images):
    widget = widgets.sweep_slider(result, images, CLASS_NAMES, still=False)
    slider, _ = widget.children
    assert [name for name, _ in slider.options] == [setting.name for setting in SETTINGS]
    assert slider.value.name == "ratio 1"
    alt, first = picture_of(widget)
    assert alt.endswith("weights: ratio 1.")
    assert base64.b64decode(first).startswith(b"\x89PNG")
    slider.value = SETTINGS[0]
    alt, second = picture_of(widget)
    assert alt.endswith("weights: class only.")
    assert second != first


def test_the_seed_can_be_chosen(result, images):
    first, second = (
        picture_of(widgets.sweep_slider(result, images, CLASS_NAMES, seed=seed, still=False))[1] for seed in (0, 1)
    )
    assert first != second


def test_without_a_notebook_it_is_a_figure(result, images):
    assert not widgets.can_show_widgets()
    figure = widgets.sweep_slider(result, images, CLASS_NAMES)
    assert isinstance(figure, Figure)
    assert [axes.get_ylabel() for axes in figure.axes[::3]] == ["class only", "ratio 0.01", "ratio 1", "box only"]


@pytest.mark.parametrize(("kernel", "installed", "expected"), [(1, 1, True), (0, 1, False), (1, 0, False)])
def test_widgets_need_a_kernel_and_their_package(monkeypatch, kernel, installed, expected):
    shell = types.SimpleNamespace(kernel="a kernel") if kernel else types.SimpleNamespace()
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    if not installed:
        real = widgets.importlib.util.find_spec
        monkeypatch.setattr(
            widgets.importlib.util, "find_spec", lambda name: None if name == "ipywidgets" else real(name)
        )
    assert widgets.can_show_widgets() is expected


def test_the_figure_needs_no_ipywidgets(result, images, monkeypatch):
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    figure = widgets.sweep_slider(result, images, CLASS_NAMES, still=True)
    assert len(figure.axes) == 4 * 3


def test_own_choice_of_settings(result, images):
    figure = widgets.still_settings(result, images[:2], CLASS_NAMES, settings=SETTINGS[1:3], seed=1)
    assert [axes.get_ylabel() for axes in figure.axes[::2]] == ["ratio 0.01", "ratio 1"]
    drawn = figure.axes[3].patches[1]
    box = result.predictions(SETTINGS[2], 1)["box"][1] * 32
    np.testing.assert_allclose([*drawn.get_xy(), drawn.get_width()], [box[0], box[1], box[2] - box[0]], atol=1e-3)


@pytest.mark.parametrize("count", [0, 4])
def test_images_must_be_those_of_the_sweep(result, count):
    with pytest.raises(ValueError, match=f"{count} images.*1 to 3"):
        widgets.sweep_slider(result, np.zeros((count, 8, 8, 3)), CLASS_NAMES)


# --- upload -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def drawn():
    """What was drawn: name and content of each file."""
    return []


@pytest.fixture
def draw(drawn):
    def draw(file):
        content = file.read_bytes()
        if content == b"broken":
            raise ValueError(f"{file}: not an image that can be read; save it as JPEG or PNG.")
        drawn.append((file.name, content))
        return Figure()

    return draw


@pytest.fixture
def example(tmp_path):
    (tmp_path / "example.jpg").write_bytes(b"example")
    return tmp_path / "example.jpg"


def choose(button, name, content):
    now = datetime.datetime.now(datetime.UTC)
    photo = {"name": name, "type": "image/jpeg", "size": len(content), "content": content, "last_modified": now}
    button.value = (photo,)


def test_an_uploaded_photo_is_answered(draw, drawn, example):
    button, picture = widgets.photo_upload(draw, example, still=False).children
    assert 'alt="What the model says about example.jpg."' in picture.value
    choose(button, "mine & yours.jpg", b"mine")
    assert drawn == [("example.jpg", b"example"), ("mine & yours.jpg", b"mine")]
    assert 'alt="What the model says about mine &amp; yours.jpg."' in picture.value


def test_a_file_that_is_no_photo_is_answered_in_words_and_the_next_one_works(draw, drawn, example):
    button, picture = widgets.photo_upload(draw, example, still=False).children
    choose(button, "../<b>.txt", b"broken")
    assert picture.value == (
        '<p role="alert">&lt;b&gt;.txt: not an image that can be read; save it as JPEG or PNG.</p>'
    )
    choose(button, "mine.jpg", b"mine")
    assert drawn[-1] == ("mine.jpg", b"mine")
    assert picture.value.startswith("<img")


def test_without_a_listener_the_example_is_drawn(draw, drawn, example):
    assert isinstance(widgets.photo_upload(draw, example), Figure)
    assert drawn == [("example.jpg", b"example")]
