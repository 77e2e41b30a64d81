"""TensorFlow without its start-up notes on this machine's processor and missing GPU.

They are written to the process's standard error before Python's logging or TensorFlow's own settings can stop them, and
in a notebook they look like errors.
"""

import contextlib
import os
from collections.abc import Iterator


@contextlib.contextmanager
def silent_standard_error() -> Iterator[None]:
    """Discards what this process writes to standard error, compiled libraries included."""
    saved, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)


def start_tensorflow() -> None:
    """Imports TensorFlow and lets it look for GPUs, both without notes. Call it before anything else imports it.

    Raises:
        ImportError: TensorFlow cannot be imported; the message is TensorFlow's own.
    """
    with silent_standard_error():
        import tensorflow as tf

        tf.config.list_physical_devices()
    # Its hints on tracing are for who writes long-running programs; here every model is new.
    tf.get_logger().setLevel("ERROR")
