"""The command `clsloc` and `python -m clsloc_utils`."""

import subprocess
import sys

import pytest

from clsloc_utils import __version__, cli


def test_version_is_printed(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"clsloc {__version__}\n"


def test_without_arguments_it_says_where_the_course_is(capsys):
    assert cli.main([]) == 0
    assert "make course" in capsys.readouterr().out


def test_unknown_argument_is_refused(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["train"])
    assert stop.value.code == 2
    assert "train" in capsys.readouterr().err


def test_module_is_the_same_command_and_needs_no_tensorflow():
    code = "import runpy, sys; sys.argv = ['clsloc', '--version']\n"
    code += "try:\n    runpy.run_module('clsloc_utils', run_name='__main__')\n"
    code += "finally:\n    assert 'tensorflow' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == f"clsloc {__version__}\n"
