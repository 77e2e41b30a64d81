"""The command `clsloc`: for now it says its version and where the course is."""

import argparse
from collections.abc import Sequence

from clsloc_utils import __version__


def parser() -> argparse.ArgumentParser:
    """The command line that `clsloc` understands.

    Returns:
        An `argparse.ArgumentParser`.
    """
    command_line = argparse.ArgumentParser(
        prog="clsloc",
        description="Companion of the course on image classification and localization with Keras.",
        epilog="The course itself lives in its notebooks: `make course` runs them all, `make lab` opens them.",
    )
    command_line.add_argument("--version", action="version", version=f"clsloc {__version__}")
    return command_line


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command.

    Args:
        arguments: What follows `clsloc` on the command line; `None` takes it from there.

    Returns:
        The exit status, 0.

    Raises:
        SystemExit: After `--version` and `--help` (status 0), and for arguments it does not know (status 2).
    """
    command_line = parser()
    command_line.parse_args(arguments)
    command_line.print_help()
    return 0
