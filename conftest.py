"""What tests and notebooks share when pytest runs them."""

import importlib
import os
import tempfile

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Keeps nbval from measuring coverage in the kernels of the notebooks, and whoever tests from solving exercises.

    Coverage is that of the unit tests: nbval looks at the option that pytest-cov has read by now, and a notebook would
    run twice as long. What is solved is shown in the notebooks, and in a test that is nothing, on every machine.
    """
    importlib.import_module("clsloc_utils")  # before a test imports TensorFlow, whose kernels the package chooses
    config.option.cov_source = None
    record = tempfile.TemporaryDirectory()
    config.add_cleanup(record.cleanup)
    os.environ["CLSLOC_PROGRESS_DIR"] = record.name
