"""TensorFlow's start-up notes."""

import subprocess
import sys

import pytest

from clsloc_utils.quiet import silent_standard_error


def standard_error_of(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stderr


def test_tensorflow_starts_without_notes():
    code = "from clsloc_utils import quiet; quiet.start_tensorflow(); import keras; print(keras.ops.ones(2))"
    assert standard_error_of(code) == ""


def test_standard_error_is_back_afterwards_also_after_an_error(capfd):
    with pytest.raises(ZeroDivisionError), silent_standard_error():
        _ = 1 / subprocess.run([sys.executable, "-c", "import os; os.write(2, b'lost')"], check=True).returncode
    subprocess.run([sys.executable, "-c", "import os; os.write(2, b'kept')"], check=True)
    assert capfd.readouterr().err == "kept"


@pytest.mark.parametrize(("before", "after"), [(None, "1"), ("0", "0")])
def test_fast_kernels_are_asked_for_unless_the_user_has_decided(before, after, monkeypatch):
    monkeypatch.delenv("TF_ENABLE_ONEDNN_OPTS", raising=False)
    if before is not None:
        monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", before)
    code = "import os, clsloc_utils; print(os.environ['TF_ENABLE_ONEDNN_OPTS'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == after
