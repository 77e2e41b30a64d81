"""What a step costs on a GPU: each step learns what its name says, whatever Keras's backend."""

import argparse
import sys

import measure_gpu as tool
import pytest

ARGUMENTS = argparse.Namespace(backbone="tiny_resnet", image_size=32, images=4, batch_size=2)


def test_each_step_learns_what_its_name_says():
    learning = {}
    for step in tool.STEPS:
        with tool._prepared(step, "mixed_float16", ARGUMENTS) as (run, count):
            run(1)
            learning[step] = count
    assert 0 == learning["features"] < learning["heads"] < learning["last"] < learning["all"]


def test_a_loss_that_is_no_number_is_not_timed(monkeypatch):
    with tool._prepared("heads", "float32", ARGUMENTS) as (run, _):
        monkeypatch.setattr(tool.math, "isfinite", lambda value: False)
        with pytest.raises(FloatingPointError, match="no training"):
            run(1)


def test_another_backend_is_refused(monkeypatch, capsys):
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    monkeypatch.setattr(sys, "argv", ["measure_gpu.py"])
    with pytest.raises(SystemExit, match="2"):
        tool.main()
    assert "set KERAS_BACKEND=jax" in capsys.readouterr().err
