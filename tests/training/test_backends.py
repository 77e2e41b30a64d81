"""With JAX as Keras's backend the same models learn, on the same `tf.data`, as with TensorFlow."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.models import examples, small_backbone

from clsloc_utils import models, training

# Batches of one size: of others TensorFlow's backend takes the mean of the batches' means for the loss of one output.
COUNT, BATCH_SIZE, EPOCHS = 24, 8, 2
REPOSITORY = Path(__file__).resolve().parents[2]


def trained(folder: Path, backend: str) -> dict:
    """Histories and measures of the models in a folder, trained with the backend that Keras runs on."""
    assert keras.backend.backend() == backend
    images, boxes = examples(COUNT)
    rng = np.random.default_rng(0)
    joints = {"joints": rng.uniform(0.2, 0.8, (COUNT, 14, 2)).astype("float32")}
    weights = {"joints": (rng.uniform(size=(COUNT, 14)) < 0.7).astype("float32")}
    results = {}
    for task, data in (("boxes", (images, boxes)), ("poses", (images, joints, weights))):
        batches = tf.data.Dataset.from_tensor_slices(data).batch(BATCH_SIZE)
        model = keras.saving.load_model(folder / f"{task}.keras")
        cache = training.cache_features(model, batches, {"source": task}, directory=folder / backend)
        # The second call goes on where the first one ended.
        options = {"batch_size": BATCH_SIZE, "checkpoint": folder / backend / f"{task}.npz", "verbose": False}
        training.train_heads(model, cache, cache, epochs=EPOCHS, **options)
        heads = training.train_heads(model, cache, cache, epochs=EPOCHS, **options)
        fine = training.fine_tune(model, batches, batches, epochs=EPOCHS, layers="all", verbose=False)
        measures = {name: [value] for name, value in training.evaluate(model, batches).items()}
        results[task] = {"heads": heads.history, "fine": fine.history, "measures": measures}
    return results


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed")
def test_jax_trains_as_tensorflow_does(tmp_path):
    training.set_seed(0)
    models.two_head_model(small_backbone(), 3, dropout=0.0).save(tmp_path / "boxes.keras")
    models.pose_model(small_backbone()).save(tmp_path / "poses.keras")
    expected = trained(tmp_path, "tensorflow")
    paths = os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "tests")])
    environment = {**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": paths}
    command = [sys.executable, __file__, str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "jax.json").read_text())
    for task, phases in expected.items():
        for phase, history in phases.items():
            assert set(found[task][phase]) == set(history)
            for name, values in history.items():
                where = f"{task} {phase} {name}"
                np.testing.assert_allclose(found[task][phase][name], values, rtol=2e-3, atol=2e-4, err_msg=where)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    (folder / "jax.json").write_text(json.dumps(trained(folder, "jax")), encoding="utf-8")
