"""Exported models answer as the original does, in every format, and nothing half written stays."""

import subprocess
import sys
import types

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.models import small_backbone

from clsloc_utils import exporting, models

SIZE = 32


@pytest.fixture(scope="module")
def model():
    """A two-head model of three classes."""
    keras.utils.set_random_seed(0)
    return models.two_head_model(small_backbone(SIZE), 3)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).uniform(0, 255, (5, SIZE, SIZE, 3)).astype("float32")


@pytest.fixture(scope="module")
def reference(model, images):
    return {name: np.asarray(value) for name, value in model.predict_on_batch(images).items()}


@pytest.fixture(scope="module")
def exported(model, tmp_path_factory):
    """Paths by format."""
    folder = tmp_path_factory.mktemp("exported")
    model.save(folder / "model.keras")
    return {
        "keras": folder / "model.keras",
        "saved_model": exporting.export_saved_model(model, folder / "saved_model"),
        "lite": exporting.export_lite(model, folder / "model.tflite"),
        "quantized": exporting.export_lite(model, folder / "quantized.tflite", quantized=True),
    }


@pytest.mark.parametrize("name", ["keras", "saved_model", "lite"])
def test_answers_as_the_original_does(exported, images, reference, name):
    answer = exporting.load_exported(exported[name])
    for count in (5, 1):  # any number of images, also a smaller one after a larger one
        outputs = answer(images[:count])
        expected = {key: value[:count] for key, value in reference.items()}
        differences = exporting.largest_differences(outputs, expected)
        assert list(differences) == ["box", "label"]
        assert max(differences.values()) < 1e-4


def test_quantized_is_smaller_and_close(exported, images, reference):
    differences = exporting.largest_differences(exporting.load_exported(exported["quantized"])(images), reference)
    assert 0 < differences["box"] < 0.05
    sizes = {name: exporting.size_in_bytes(path) for name, path in exported.items()}
    assert sizes["quantized"] < 0.5 * sizes["lite"]


def test_nothing_unfinished_is_left_and_no_folder_replaced(model, exported):
    folder = exported["saved_model"]
    names = [path.name for path in folder.parent.iterdir()]
    assert sorted(names) == ["model.keras", "model.tflite", "quantized.tflite", "saved_model"]
    files = [path for path in folder.rglob("*") if path.is_file()]
    before = exporting.size_in_bytes(folder)
    assert before == sum(path.stat().st_size for path in files) > 0
    with pytest.raises(ValueError, match="exists already; remove it"):
        exporting.export_saved_model(model, folder)
    assert exporting.size_in_bytes(folder) == before


def test_a_failed_conversion_keeps_the_old_file(model, tmp_path, monkeypatch):
    file = tmp_path / "model.tflite"
    file.write_bytes(b"old")

    def fail():
        raise RuntimeError("an operation is unknown")

    converter = types.SimpleNamespace(convert=fail)
    monkeypatch.setattr(tf.lite.TFLiteConverter, "from_concrete_functions", lambda *_: converter)
    with pytest.raises(RuntimeError, match="unknown"):
        exporting.export_lite(model, file)
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]


def test_wrong_names_say_what_to_do(model, tmp_path):
    with pytest.raises(ValueError, match=r"model\.bin: a LiteRT file ends in \.tflite"):
        exporting.export_lite(model, tmp_path / "model.bin")
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "empty", tmp_path / "missing.keras", tmp_path):
        with pytest.raises(ValueError, match=r"no \.keras file, no \.tflite file"):
            exporting.load_exported(path)


OPEN_ALL = """
import sys
from clsloc_utils import quiet
quiet.start_tensorflow()
import numpy as np
from clsloc_utils import exporting
for path in sys.argv[1:]:
    print(sorted(exporting.load_exported(path)(np.zeros((1, 32, 32, 3), "float32"))))
"""


def test_another_process_opens_them_and_says_nothing(exported):
    # In this process the interpreter's note, which comes once, is long out.
    command = [sys.executable, "-c", OPEN_ALL, *map(str, exported.values())]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout == "['box', 'label']\n" * 4
    assert done.stderr == ""


def test_what_litert_lacks_is_said_and_what_differs_is_found(model, exported, images, tmp_path):
    image = keras.Input((SIZE, SIZE, 3))
    shrunk = keras.layers.Resizing(SIZE // 4, SIZE // 4, antialias=True)(image)
    coarse = keras.layers.Conv2D(8, 2, strides=2, name="coarse")(shrunk)
    other = models.two_head_model(keras.Model(image, coarse), 3, "pooled")
    with pytest.raises(exporting.LiteError, match="lacks operations of this model"):
        exporting.export_lite(other, tmp_path / "model.tflite")
    assert list(tmp_path.iterdir()) == []
    exporting.check_same_answer(exported["lite"], model, images[:1])
    with pytest.raises(exporting.LiteError, match=r"its label is .* where Keras has"):
        exporting.check_same_answer(exported["lite"], other, images[:1])
    (tmp_path / "model.tflite").write_bytes(b"no model")
    with pytest.raises(exporting.LiteError, match="cannot be run here"):
        exporting.check_same_answer(tmp_path / "model.tflite", model, images[:1])


@pytest.mark.parametrize("head", list(models.JOINT_HEADS))
def test_joints_are_exported_too(head, images, tmp_path):
    model = models.pose_model(small_backbone(SIZE), joint_head=head)
    reference = model.predict_on_batch(images)
    for exported in (
        exporting.export_lite(model, tmp_path / "pose.tflite"),
        exporting.export_saved_model(model, tmp_path / "pose"),
    ):
        outputs = exporting.load_exported(exported)(images)
        assert outputs["joints"].shape == (5, 14, 2)
        assert max(exporting.largest_differences(outputs, reference).values()) < 1e-3


def test_differences_are_the_largest_and_need_the_same_shapes():
    reference = {"label": np.zeros((2, 3)), "box": np.zeros((2, 4))}
    outputs = {"box": np.full((2, 4), 0.25), "label": np.array([[0, -3, 1], [0, 0, 2]])}
    assert exporting.largest_differences(outputs, reference) == {"box": 0.25, "label": 3.0}
    for other in ({"label": np.zeros((1, 3)), "box": np.zeros((2, 4))}, {"label": np.zeros((2, 3))}):
        with pytest.raises(ValueError, match="compare answers to the same images"):
            exporting.largest_differences(other, reference)


def test_seconds_are_the_median_without_the_first_call(monkeypatch):
    clock = iter([0.0, 1.0, 10.0, 12.0, 20.0, 29.0])
    monkeypatch.setattr(exporting.time, "perf_counter", lambda: next(clock))
    calls = []
    assert exporting.seconds_per_call(calls.append, "images", calls=3) == 2.0
    assert calls == ["images"] * 4
