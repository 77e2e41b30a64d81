"""What a notebook does on a host that has TensorFlow but not the course."""

import importlib.metadata
import json
import subprocess
import sys

import pytest
from packaging.requirements import Requirement

from clsloc_utils import checkup, host

FROM_GIT = {"url": "https://example.org/course", "vcs_info": {"vcs": "git", "commit_id": "0" * 40}}
FROM_FOLDER = {"url": "file:///course", "dir_info": {"editable": True}}


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """A folder of packages that consist of metadata only, and are all that is installed; returns how to add one."""

    def add(name, version="1.0", origin=None, requires=()):
        folder = tmp_path / "site" / f"{name}-{version}.dist-info"
        folder.mkdir(parents=True)
        lines = ["Metadata-Version: 2.1", f"Name: {name}", *([f"Version: {version}"] if version else [])]
        text = "\n".join([*lines, *(f"Requires-Dist: {each}" for each in requires)])
        (folder / "METADATA").write_text(text, encoding="utf-8")
        if origin:
            (folder / "direct_url.json").write_text(json.dumps(origin), encoding="utf-8")

    monkeypatch.setattr(sys, "path", [str(tmp_path / "site")])
    return add


@pytest.fixture
def pip(monkeypatch):
    """Records what would be installed; its `returncode` says how pip ends."""

    class Pip:
        returncode = 0
        calls = ()

        def run(self, command, **_):
            *options, path = command[: command.index("--constraint") + 2]
            with open(path, encoding="utf-8") as stream:
                self.constraints = stream.read().splitlines()
            self.calls = (*self.calls, command[len(options) + 1 :])
            return subprocess.CompletedProcess(command, self.returncode, "", "no matching distribution\n")

    recorder = Pip()
    monkeypatch.setattr(host.subprocess, "run", recorder.run)
    return recorder


@pytest.mark.parametrize(
    ("name", "origin", "expected"),
    [
        ("clsloc_utils", FROM_GIT, True),
        ("clsloc_utils", {"url": "file:///clsloc_utils-1.0-py3-none-any.whl", "archive_info": {}}, True),
        ("clsloc_utils", FROM_FOLDER, False),
        ("clsloc_utils", {"url": "file:///course", "dir_info": {}}, False),
        ("clsloc_utils", None, False),
        ("another", FROM_GIT, False),
    ],
    ids=["git", "archive", "editable", "folder", "index", "not installed"],
)
def test_only_a_package_that_came_from_an_address_makes_a_host(packages, name, origin, expected):
    packages(name, origin=origin)
    assert host.came_from_an_address() is expected


def test_where_the_course_was_installed_by_hand_nothing_happens(packages, pip, monkeypatch, capsys):
    packages("clsloc_utils", origin=FROM_FOLDER, requires=["missing>=2"])
    monkeypatch.setattr(host, "has_gpu", lambda: pytest.fail("not asked"))
    environment = {}
    host.prepare(environment)
    assert (environment, pip.calls, capsys.readouterr()) == ({}, (), ("", ""))


def test_only_what_is_missing_is_installed_and_all_that_is_there_is_held(packages, pip):
    extras = ['pytest; extra == "tests"', 'jupyterlab; extra == "notebooks"', 'anywidget>=0.9; extra == "notebooks"']
    packages("clsloc_utils", "0.1", origin=FROM_GIT, requires=["Keras_CV>=3", "missing>=2", *extras])
    packages("keras-cv", "1.0")
    packages("tensorflow", "2.19.0+cuda12")
    packages("from-debian", "1.0-ubuntu~really2")
    packages("left_behind", "")
    host.install_missing()
    assert pip.calls == (["missing>=2", "anywidget>=0.9"],)
    assert sorted(pip.constraints) == ["clsloc-utils==0.1", "keras-cv==1.0", "tensorflow==2.19.0+cuda12"]


def test_a_left_behind_folder_is_skipped_whoever_answers_for_the_metadata(monkeypatch):
    """The backport importlib_metadata, once imported, answers in place of the standard library, and raises KeyError."""

    class LeftBehind:
        @property
        def version(self):
            raise KeyError("Metadata field Version not present")

    monkeypatch.setattr(host.importlib.metadata, "distributions", lambda: [LeftBehind()])
    assert host.installed_versions() == {}


def test_pips_own_words_are_kept_and_where_nothing_is_missing_it_is_not_called(packages, pip):
    packages("clsloc_utils", origin=FROM_GIT, requires=["needed>=2"])
    pip.returncode = 1
    with pytest.raises(RuntimeError, match=r"needs needed>=2, .*: no matching distribution"):
        host.install_missing()
    packages("needed", "1.0")
    host.install_missing()
    assert len(pip.calls) == 1


@pytest.fixture
def bare_host(monkeypatch):
    """A host whose packages are all there, one of them too old."""
    monkeypatch.setattr(host, "came_from_an_address", lambda: True)
    monkeypatch.setattr(host, "install_missing", lambda: None)
    old = checkup.check_package(Requirement("numpy>=99"))
    monkeypatch.setattr(checkup, "check_environment", lambda: [checkup.Finding("Python", "3.12.1"), old])


@pytest.mark.parametrize(
    ("has_gpu", "before", "after"),
    [
        (True, {}, "full"),
        (True, {"CLSLOC_PROFILE": ""}, "full"),
        (True, {"CLSLOC_PROFILE": "fast"}, "fast"),
        (False, {}, None),
    ],
)
def test_full_profile_where_there_is_a_gpu_and_nobody_chose_and_what_is_too_old_is_named(
    bare_host, monkeypatch, capsys, has_gpu, before, after
):
    monkeypatch.setattr(host, "has_gpu", lambda: has_gpu)
    host.prepare(before)
    assert before.get("CLSLOC_PROFILE") == after
    printed = capsys.readouterr().out
    assert printed.startswith(f'numpy: {importlib.metadata.version("numpy")}: run  pip install "numpy>=99"\n')
    assert ("There is a GPU" in printed) == (after == "full")


def test_gpu_is_what_tensorflow_sees(monkeypatch):
    import tensorflow as tf

    for devices, expected in (([], False), (["GPU:0"], True)):
        monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None, found=devices: found)
        assert host.has_gpu() is expected
