"""Import this first and TensorFlow starts without its notes on this machine's processor and missing GPU.

They are written to the process's standard error before Python's logging or TensorFlow's own settings can stop them, and
in a notebook they look like errors. Errors of the import itself are still raised.
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


with silent_standard_error():
    import tensorflow as tf

    # Looking for GPUs writes notes as well; whoever has one sees it in the result.
    tf.config.list_physical_devices()
