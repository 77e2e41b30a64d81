"""What tests and notebooks share when pytest runs them."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Keeps nbval from measuring coverage in the kernels of the notebooks: coverage is that of the unit tests.

    nbval looks at the option that pytest-cov has read by now, and a notebook would run twice as long.
    """
    config.option.cov_source = None
