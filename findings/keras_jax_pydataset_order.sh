#!/usr/bin/env bash
# Keras on JAX: a `PyDataset` read by several threads is a batch ahead, so that an epoch has batches of two passes.
#
# Expected: each epoch has the batches of one pass, in order, as with one thread, and with TensorFlow's backend.
# Happens:  the first batch is read before training, to build the model, and left out; the first batch of each later pass
#           ends the epoch before. Where `on_epoch_end` draws a new order, as Keras's documentation suggests, an epoch
#           sees some examples twice and others not at all.
# Version:  keras 3.15.1, jax 0.10.2
# Source:   keras/src/trainers/data_adapters/py_dataset_adapter.py: `_finite_enqueuer_generator` is left unfinished by
#           `_symbolic_build`
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check keras==3.15.1 "jax[cpu]==0.10.2"
KERAS_BACKEND=jax "$place/venv/bin/python" - <<'PYTHON'
import sys

import keras
import numpy as np


class Batches(keras.utils.PyDataset):
    """Three batches a pass; the tens of a value are the number of the pass, its units that of the batch."""

    passes = 0

    def __len__(self):
        return 3

    def __getitem__(self, index):
        values = np.full((1, 1), 10 * self.passes + index, "float32")
        return values, values

    def on_epoch_end(self):
        self.passes += 1


class Model(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense, self.seen = keras.layers.Dense(1), []

    def call(self, inputs):
        return self.dense(inputs)

    def train_step(self, state, data):
        self.seen.append(int(data[0][0, 0]))
        return super().train_step(state, data)


seen = {}
for workers in (1, 2):
    model = Model()
    model.compile("sgd", "mse", run_eagerly=True)
    model.fit(Batches(workers=workers), epochs=3, shuffle=False, verbose=0)
    seen[workers] = model.seen
    print(f"workers={workers}: {[model.seen[start : start + 3] for start in (0, 3, 6)]}")
sys.exit(seen != {1: [10, 11, 12, 20, 21, 22, 30, 31, 32], 2: [1, 2, 10, 11, 12, 20, 21, 22, 30]})
PYTHON
