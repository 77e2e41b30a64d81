"""The command `clsloc` and `python -m clsloc_utils`."""

import errno
import os
import subprocess
import sys

import pytest

from clsloc_utils import __version__, cli


def test_without_arguments_it_says_where_the_course_is(clsloc):
    assert "make course" in clsloc().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["fly"], "invalid choice: 'fly'"),
        (["train"], "SOURCE"),
        (["train", "toy_voc", "--epochs", "0"], "'0' is no integer of 1 or more"),
        (["train", "toy_voc", "--seed", "4294967296"], "from 0 to 4294967295"),
        (["train", "toy_voc", "--box-weight", "nan"], "'nan' is no number of 0 or more"),
        (["train", "toy_voc", "--fine-tune", "some"], "'some'"),
        (["predict", "run"], "IMAGE"),
    ],
)
def test_wrong_usage_is_said_in_one_line(arguments, words, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments)
    assert stop.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert len(captured.err.splitlines()) == 1
    assert words in captured.err
    assert "--help" in captured.err


def test_the_bounds_themselves_are_allowed():
    arguments = ["train", "toy_voc", "--epochs", "1", "--seed", "4294967295", "--box-weight", "0"]
    parsed = cli.parser().parse_args(arguments)
    assert (parsed.epochs, parsed.seed, parsed.box_weight) == (1, 2**32 - 1, 0.0)


@pytest.mark.parametrize("command", ["doctor", "prepare", "train", "evaluate", "predict", "sweep", "curve", "progress"])
def test_every_command_has_help(command, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main([command, "--help"])
    assert stop.value.code == 0
    assert f"usage: clsloc {command}" in capsys.readouterr().out


def test_doctor_says_what_is_there_and_what_to_mend(monkeypatch, clsloc, tmp_path):
    monkeypatch.setenv("CLSLOC_DATA_DIR", str(tmp_path))
    monkeypatch.delenv("CLSLOC_BACKBONE")
    (tmp_path / "toy_voc" / "1.2.3").mkdir(parents=True)
    (tmp_path / "toy_voc" / "1.2.3" / "dataset_info.json").touch()
    (tmp_path / "photos" / "lsp").mkdir(parents=True)
    printed = clsloc("doctor").out
    assert "data toy_voc: prepared, version 1.2.3: ok" in printed
    assert f"data lsp: photos in {tmp_path / 'photos' / 'lsp'}: ok" in printed
    assert "data voc/2007: not prepared yet: ok (clsloc prepare voc/2007)" in printed
    for subject in ("Python", "tensorflow", "GPU", "memory", "disk", "weights of tiny_resnet", "weights of resnet50"):
        assert f"\n{subject}: " in f"\n{printed}"
    monkeypatch.setenv("CLSLOC_BACKBONE", str(tmp_path / "gone.keras"))
    written = clsloc("doctor", code=2)
    assert "gone.keras does not exist: correct CLSLOC_BACKBONE or unset it" in written.out
    assert written.err.startswith("clsloc: 1 of ")


def test_prepare_names_splits_and_classes(voc_folder, clsloc):
    line = clsloc("prepare", voc_folder).out
    assert line == f"{voc_folder}: boxes; images: train 16, validation 8; 3 classes: disc, square, triangle\n"


def test_a_fault_of_ours_is_not_hidden(monkeypatch):
    monkeypatch.setattr(cli.checkup, "check_machine", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        cli.main(["doctor"])
    monkeypatch.setattr(cli.checkup, "check_machine", lambda: os.close(-1))
    with pytest.raises(OSError, match="Bad file descriptor"):
        cli.main(["doctor"])


def test_what_the_machine_refuses_is_said_in_one_line(monkeypatch, refused):
    def no_room():
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "somewhere")

    monkeypatch.setattr(cli.checkup, "check_machine", no_room)
    assert refused("doctor").startswith("clsloc: somewhere: No space left on device; make room")


def test_a_reader_that_has_seen_enough_is_no_fault():
    code = "import sys; from clsloc_utils import checkup, cli; "
    code += "checkup.check_machine = lambda: [checkup.Finding('a', 'b')] * 99_999; sys.exit(cli.main(['doctor']))"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        process.stdout.close()
        _, errors = process.communicate(timeout=600)
    assert (process.returncode, errors) == (0, "")


def test_module_is_the_same_command_and_needs_no_tensorflow():
    code = "import runpy, sys; sys.argv = ['clsloc', '--version']\n"
    code += "try:\n    runpy.run_module('clsloc_utils', run_name='__main__')\n"
    code += "finally:\n    assert 'tensorflow' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=600)
    assert done.stdout == f"clsloc {__version__}\n"


def test_progress_shows_what_is_solved(monkeypatch, clsloc, refused, tmp_path):
    monkeypatch.setenv("CLSLOC_PROGRESS_DIR", str(tmp_path))
    (tmp_path / "progress.json").write_text('{"solved": ["01.iou"]}', encoding="utf-8")
    shown = clsloc("progress", "01").out
    assert "[x] 01.iou" in shown
    assert "[ ] 01.convert" in shown
    assert "02." not in shown
    assert str(tmp_path / "progress.json") in shown
    assert "10" in refused("progress", "10")
