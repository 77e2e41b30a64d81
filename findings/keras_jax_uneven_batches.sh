#!/usr/bin/env bash
# keras.distribution, two processes, data that do not divide evenly: two wrong losses and another model, or an endless wait.
#
# Expected: the loss and the weights of one process, or an error.
# Happens:  21 examples in batches of 8 are cut into 8, 8, 5, and the 5 into 4 and 1: each process takes its own size for
#           half of the batch's. Both end well, with two losses, neither of them the right one, and with other weights
#           than those of one process. Of 20 examples the first process gets three parts and the second one two: neither
#           ever ends. 24 examples give what one process gives.
# Version:  keras 3.15.1, jax 0.10.2, tensorflow 2.21.0
# Source:   keras/src/distribution/distribution_lib.py, `distribute_tf_dataset`: `dataset.rebatch(...).shard(...)`;
#           keras/src/backend/jax/distribution_lib.py, `distribute_data_input`
set -euo pipefail
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check keras==3.15.1 "jax[cpu]==0.10.2" tensorflow==2.21.0
cat > "$place/train.py" <<'PYTHON'
import sys

import keras
import numpy as np
import tensorflow as tf

processes, index, port, count = (int(word) for word in sys.argv[1:])
if processes > 1:
    keras.distribution.initialize(f"127.0.0.1:{port}", processes, index)
    keras.distribution.set_distribution(keras.distribution.DataParallel())
keras.utils.set_random_seed(0)
values = np.arange(count, dtype="float32")[:, np.newaxis] / count
model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, kernel_initializer="zeros")])
model.compile("sgd", "mse")
history = model.fit(tf.data.Dataset.from_tensor_slices((values, values)).batch(8), epochs=2, verbose=0)
print(f"loss {history.history['loss'][-1]:.6f}, weight {float(model.get_weights()[0][0, 0]):.6f}", flush=True)
PYTHON
export KERAS_BACKEND=jax JAX_PLATFORMS=cpu TF_CPP_MIN_LOG_LEVEL=3
train() { timeout --signal KILL 90 "$place/venv/bin/python" "$place/train.py" "$@" 2> /dev/null | grep "^loss" || echo "never ends"; }
result=()
for count in 24 21 20; do
    port=$((20000 + RANDOM % 20000))
    one=$(train 1 0 0 "$count")
    train 2 0 "$port" "$count" > "$place/0" &
    train 2 1 "$port" "$count" > "$place/1"
    wait
    printf '%s examples\n  one process: %s\n  first of 2:  %s\n  second of 2: %s\n' "$count" "$one" "$(< "$place/0")" "$(< "$place/1")"
    if grep -q "never" "$place/0" "$place/1"; then result+=(hangs)
    elif [ "$one" = "$(< "$place/0")" ] && [ "$one" = "$(< "$place/1")" ]; then result+=(same)
    else result+=(differs); fi
done
[ "${result[*]}" = "same differs hangs" ]
