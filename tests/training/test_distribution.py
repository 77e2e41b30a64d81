"""Two devices of one machine fine-tune as one does, and a machine may fail in the middle."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.folders import needs_sigkill
from helpers.models import examples, small_backbone

from clsloc_utils import distribution, models, training

REPOSITORY = Path(__file__).resolve().parents[2]
SECONDS = 600
"""After this long a process that waits in vain is ended."""


def test_one_device_needs_no_strategy():
    assert distribution.choose("one") is tf.distribute.get_strategy()
    if len(tf.config.list_physical_devices("GPU")) < 2:
        assert distribution.choose("auto") is tf.distribute.get_strategy()


def test_unknown_strategy_is_refused():
    with pytest.raises(ValueError, match="'two'; take one of auto, one, mirrored"):
        distribution.choose("two")


@pytest.mark.skipif(len(tf.config.list_physical_devices("GPU")) > 1, reason="this machine can mirror")
def test_one_device_cannot_be_mirrored():
    with pytest.raises(ValueError, match=r"only device is .*take 'auto' or 'one'"):
        distribution.choose("mirrored")


class TwoDevices:
    """All that is asked of a strategy before anything is trained."""

    num_replicas_in_sync = 2


@pytest.mark.parametrize(("size", "drop", "words"), [(8, False, "no fixed size"), (5, True, "got 5")])
def test_batches_that_two_devices_cannot_share_are_refused(size, drop, words):
    batches = tf.data.Dataset.from_tensor_slices(examples()).batch(size, drop_remainder=drop)
    model = models.two_head_model(small_backbone(), 3)
    with pytest.raises(ValueError, match=rf"2 devices need batches of one size .*{words}.*that 2 divides"):
        training.fine_tune(model, batches, epochs=1, strategy=TwoDevices())
    distribution.check_even(batches, None)
    with pytest.raises(ValueError, match=r"from a tf.data.Dataset"):
        distribution.check_even([examples()], TwoDevices())


def run(*arguments, **options):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "tests")])}
    command = [sys.executable, str(Path(__file__).with_name("replicas.py")), *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=SECONDS, **options)


def fine_tuned(strategy, folder, *options):
    """Losses and metrics of each epoch, and the weights in the end."""
    done = run(strategy, folder, *options)
    assert done.returncode == 0, done.stderr
    with np.load(folder / f"{strategy}.npz") as found:
        assert len(found["loss"]) == 3
        return dict(found)


@pytest.mark.slow
def test_two_devices_fine_tune_as_one_does(tmp_path):
    one, two = (fine_tuned(strategy, tmp_path) for strategy in ("one", "mirrored"))
    assert set(one) == set(two)
    for name, values in one.items():
        # Sums of two halves round otherwise than one sum, and Adam divides by small numbers.
        np.testing.assert_allclose(two[name], values, rtol=5e-3, atol=1e-3, err_msg=name)


@pytest.mark.slow
@needs_sigkill
def test_killed_on_two_devices_a_training_ends_as_an_unbroken_one(tmp_path):
    """Shuffled, so that a pass that is skipped or seen twice shows."""
    for name in ("unbroken", "killed"):
        (tmp_path / name).mkdir()
    unbroken = fine_tuned("mirrored", tmp_path / "unbroken", "--shuffled")
    killed = run("mirrored", tmp_path / "killed", "--shuffled", "--die-in-epoch", 2)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert training.Checkpoint(tmp_path / "killed" / "mirrored.checkpoint.npz").epochs_done == 1
    for name, values in fine_tuned("mirrored", tmp_path / "killed", "--shuffled").items():
        np.testing.assert_allclose(values, unbroken[name], rtol=1e-4, atol=1e-5, err_msg=name)


@pytest.mark.slow
def test_the_command_trains_on_two_devices(voc_folder, tmp_path):
    done = run("mirrored", tmp_path, "--source", voc_folder)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["num_examples"] > 0
    answers = keras.saving.load_model(tmp_path / "run" / "model.keras").predict(
        examples(2)[0].repeat(2, 1).repeat(2, 2)
    )
    assert np.isfinite(answers["box"]).all()
