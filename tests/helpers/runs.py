"""What the tests of runs share."""

import keras
import numpy as np

from clsloc_utils import predicting, runs

OPTIONS = ["--image-size", "64", "--batch-size", "8", "--epochs", "3", "--seed", "5"]
OPTIONS += ["--fine-tune", "last", "--fine-tune-epochs", "3"]
OPTIONS += ["--train-split", "train[:85%]"]  # which leaves images to choose the best epoch on
POSE_OPTIONS = ["--image-size", "64", "--batch-size", "4", "--epochs", "3", "--seed", "5"]
POSE_OPTIONS += ["--fine-tune", "all", "--fine-tune-epochs", "2"]


def weights_of(run):
    return keras.saving.load_model(run / predicting.MODEL, compile=False).get_weights()


def assert_same_run(first, second):
    """Same measures, same history, same weights, bit for bit."""
    for name in (runs.METRICS, runs.HISTORY):
        assert (first / name).read_text() == (second / name).read_text(), name
    for one, other in zip(weights_of(first), weights_of(second), strict=True):
        np.testing.assert_array_equal(one, other)


def visible_files(folder):
    return {file.name for file in folder.iterdir() if not file.name.startswith(".")}


def with_one_other_byte(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1 :]
