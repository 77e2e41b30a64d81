"""Finished runs of boxes and of poses, for reading only, and the command as a function."""

import shutil

import keras
import pytest
from helpers.folders import LspWriter
from helpers.models import small_backbone
from helpers.runs import OPTIONS, POSE_OPTIONS

from clsloc_utils import cli


@pytest.fixture(scope="session")
def backbone_file(tmp_path_factory):
    file = tmp_path_factory.mktemp("backbones") / "small.keras"
    keras.utils.set_random_seed(0)
    small_backbone(64).save(file)
    return file


@pytest.fixture(scope="session")
def environment(data_dir, backbone_file):
    """Commands keep their data with the tests', and begin with a small backbone."""
    return {"CLSLOC_DATA_DIR": data_dir, "CLSLOC_BACKBONE": backbone_file, "CLSLOC_PROFILE": "", "CLSLOC_DATA": ""}


@pytest.fixture(autouse=True)
def _of_this_test(environment, monkeypatch):
    for name, value in environment.items():
        monkeypatch.setenv(name, str(value))


@pytest.fixture
def clsloc(capsys):
    """A function that runs the command and returns what it wrote to standard output (`out`) and error (`err`)."""

    def run(*arguments, code=0):
        assert cli.main([str(each) for each in arguments]) == code
        return capsys.readouterr()

    return run


@pytest.fixture
def refused(clsloc):
    """A function that runs a command which must end with one line, and returns that."""

    def run(*arguments):
        written = clsloc(*arguments, code=2)
        assert written.out == ""
        (line,) = written.err.splitlines()
        assert line.startswith("clsloc: ")
        return line

    return run


@pytest.fixture(scope="session")
def trained(environment):
    """A function that trains an unbroken run into the folder that is taken when none is named, and returns it."""

    def train(source, options, here):
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(here)
            for name, value in environment.items():
                patch.setenv(name, str(value))
            assert cli.main(["train", str(source), *options]) == 0
        return here / "runs" / source.name

    return train


@pytest.fixture(scope="session")
def finished(trained, voc_folder, tmp_path_factory):
    """An unbroken run of boxes."""
    return trained(voc_folder, OPTIONS, tmp_path_factory.mktemp("boxes"))


@pytest.fixture(scope="session")
def people(tmp_path_factory):
    """A folder in LSP layout, for reading only."""
    writer = LspWriter(tmp_path_factory.mktemp("lsp") / "people", extended=False)
    writer.write(12)
    return writer


@pytest.fixture(scope="session")
def finished_pose(trained, people, tmp_path_factory):
    """An unbroken run of poses."""
    return trained(people.folder, POSE_OPTIONS, tmp_path_factory.mktemp("poses"))


@pytest.fixture
def changed_run(finished, tmp_path_factory):
    """A function that copies the run of boxes, with one file changed by a function of its bytes, and returns it."""

    def change(name, function):
        run = tmp_path_factory.mktemp("copies") / "run"
        shutil.copytree(finished, run)
        (run / name).write_bytes(function((run / name).read_bytes()))
        return run

    return change


@pytest.fixture(scope="session")
def photos(voc_folder):
    """Photos that a run of boxes can be asked about."""
    return [str(file) for file in sorted((voc_folder / "JPEGImages").iterdir())]
