"""What is done to a photo before a model sees it, and drawings of photos of any size."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from clsloc_utils import joints, pipelines, predicting

NO_ANNOTATION = {
    "objects": {"bbox": np.zeros((1, 4), "float32"), "label": np.zeros(1, "int64")},
    "joints": np.zeros((joints.NUM_JOINTS, 2), "float32"),
    "labelled": np.zeros(joints.NUM_JOINTS, "bool"),
}


@pytest.mark.parametrize("size", [(500, 333), (33, 20), (64, 64), (65, 63), (1, 300), (301, 1), (1000, 97), (7, 11)])
@pytest.mark.parametrize("task", ["boxes", "pose"])
def test_input_is_that_of_training(size, task):
    photo = np.random.default_rng(0).integers(0, 256, (*size[::-1], 3), dtype="uint8")
    example = {"image": tf.io.encode_png(photo), **NO_ANNOTATION}
    parse = pipelines.parse_pose(64, margin=0.0) if task == "pose" else pipelines.parse(64)
    np.testing.assert_allclose(predicting.as_input(photo, 64, task), parse(example)[0], atol=1e-2)


def test_resizing_is_that_of_tensorflow():
    photo = np.random.default_rng(1).integers(0, 256, (131, 77, 3), dtype="uint8")
    for side in (224, 129, 31, 1):
        expected = tf.image.resize(photo, (side, side), antialias=True)
        # TensorFlow's rounding of the places makes 0.003 of 255 grey levels here.
        np.testing.assert_allclose(predicting.as_input(photo, side, "boxes"), expected, atol=1e-2)


def test_joints_come_back_to_the_photo(tmp_path):
    Image.new("RGB", (90, 50)).save(tmp_path / "photo.png")
    corners = np.zeros((1, joints.NUM_JOINTS, 2))
    corners[0, 1] = 1
    model = predicting.Predictor("pose", [], 32, lambda images: {"joints": corners})
    found = model.predict(tmp_path / "photo.png")["joints"]
    assert found[:2] == [[0, -20], [90, 70]]


@pytest.mark.parametrize(
    ("size", "expected"),
    [((320, 240), (960, 720)), ((1, 40_000), (96, 1920)), ((40_000, 2), (960, 96)), ((3000, 4000), (960, 1280))],
)
def test_a_drawing_has_bounds_whatever_the_photo(size, expected, tmp_path):
    file = tmp_path / "photo.png"
    Image.new("RGB", size, (0, 90, 200)).save(file)
    box = [0, 0, *size]
    drawn = predicting.draw_prediction({"file": str(file), "label": "sea", "probability": 0.9, "box": box})
    assert tuple(np.round(drawn.get_size_inches() * 100)) == expected
    (shown,) = drawn.axes[0].images
    assert np.prod(shown.get_array().shape) <= 3 * 960 * 1920
    rectangle = drawn.axes[0].patches[0]
    assert (rectangle.get_width(), rectangle.get_height()) == pytest.approx(shown.get_array().shape[1::-1])
