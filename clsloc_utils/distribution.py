"""One device, several, or several machines: which of them train a model together.

A `tf.distribute.Strategy` is chosen once, first thing in the program; models are made, loaded and compiled within its
`scope()`. Each of its replicas, one a device, works on a part of every batch.
"""

import json
import os
from collections.abc import Mapping

import tensorflow as tf

STRATEGIES = ("auto", "one", "mirrored", "multiworker")


def choose(name: str) -> tf.distribute.Strategy:
    """The strategy of a name.

    Args:
        name: `"auto"`: all GPUs of this machine when it has several, or else its one device. `"one"`: one device.
            `"mirrored"`: all GPUs of this machine or, without any, all its logical CPUs. `"multiworker"`: the machines
            that the environment variable `TF_CONFIG` lists; choose it before TensorFlow does anything else.

    Returns:
        The strategy. `"multiworker"` returns when all machines of the list have started.

    Raises:
        ValueError: The name is unknown, there is only one device to mirror on, or `TF_CONFIG` is missing or wrong.
        RuntimeError: `"multiworker"` after TensorFlow has started its devices.
    """
    if name not in STRATEGIES:
        raise ValueError(f"strategy is {name!r}; take one of {', '.join(STRATEGIES)}.")
    if name == "multiworker":
        check_cluster(os.environ)
        return tf.distribute.MultiWorkerMirroredStrategy()
    devices = tf.config.list_logical_devices("GPU")
    if name == "mirrored":
        devices = devices or tf.config.list_logical_devices("CPU")
        if len(devices) < 2:
            raise ValueError(
                f"strategy is 'mirrored', but the only device is {devices[0].name}; take 'auto' or 'one', or make "
                "more GPUs visible to this program."
            )
    if name == "mirrored" or (name == "auto" and len(devices) > 1):
        return tf.distribute.MirroredStrategy([device.name for device in devices])
    return tf.distribute.get_strategy()


def check_cluster(environment: Mapping[str, str]) -> None:
    """Looks for what TensorFlow would misunderstand, or wait for without a word, in `TF_CONFIG`.

    Args:
        environment: Where to read the variable.

    Raises:
        ValueError: It is missing, not JSON, lists no workers, or the task is not one of them.
    """
    example = '{"cluster": {"worker": ["machine-0:12345", "machine-1:12345"]}, "task": {"type": "worker", "index": 0}}'
    text = environment.get("TF_CONFIG")
    if not text:
        raise ValueError(
            f"strategy is 'multiworker', but TF_CONFIG is not set; on the first machine, set it to {example}."
        )
    try:
        config = json.loads(text)
        workers, task = config["cluster"]["worker"], config["task"]
        kind, index = task["type"], int(task["index"])
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"TF_CONFIG is {text!r}: {error!r}; it should look like {example}.") from error
    if set(config["cluster"]) != {"worker"} or kind != "worker":
        raise ValueError(f"TF_CONFIG is {text!r}: all tasks must be of the type 'worker', as in {example}.")
    if not workers or len(set(workers)) != len(workers) or not all(":" in str(worker) for worker in workers):
        raise ValueError(f"TF_CONFIG is {text!r}: cluster.worker must list different addresses host:port.")
    if not 0 <= index < len(workers):
        raise ValueError(f"TF_CONFIG: task.index is {index}, but {len(workers)} workers are numbered from 0.")
