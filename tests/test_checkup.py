"""The check-up of a learner's machine."""

import errno
import importlib.metadata
import os
import types

import pytest
from packaging.requirements import Requirement

from clsloc_utils import backbones, checkup, paths


def test_this_machine_is_ready():
    findings = checkup.check_environment()
    assert [str(finding) for finding in findings if not finding.ok] == []
    subjects = [finding.subject for finding in findings]
    assert {"Python", "disk", "tensorflow", "keras", "numpy"} <= set(subjects)
    assert "pytest" not in subjects, "what only the tests need is not asked for"


def test_old_python_and_missing_and_old_packages_name_the_remedy():
    old_python = checkup.check_python((3, 9, 18))
    assert not old_python.ok
    assert str(old_python) == "Python: 3.9.18: install Python 3.11 or newer and set the course up again with it"
    assert checkup.check_python((3, 11, 0)).ok
    for requirement, found in (
        ("no-such-package-of-ours>=1.5", "not installed"),
        ("numpy>=99", importlib.metadata.version("numpy")),
    ):
        finding = checkup.check_package(Requirement(requirement))
        assert (finding.found, finding.remedy) == (found, f'run  pip install "{requirement}"')


def test_disk_is_looked_at_where_the_data_goes(monkeypatch, tmp_path):
    folder = tmp_path / "data" / "that" / "is not there yet"
    monkeypatch.setenv("CLSLOC_DATA_DIR", str(folder))
    monkeypatch.setattr(checkup.shutil, "disk_usage", lambda _: types.SimpleNamespace(free=10**9))
    for allowed, found in ((True, f"1.0 GB free for {folder}"), (False, f"{tmp_path} is a folder that you may not")):
        monkeypatch.setattr(checkup.os, "access", lambda *_, allowed=allowed: allowed)
        finding = checkup.check_disk()
        assert finding.found.startswith(found)
        assert "CLSLOC_DATA_DIR" in finding.remedy
    (tmp_path / "data").touch()
    assert checkup.check_disk().found == f"{tmp_path / 'data'} is no folder"


def test_variables_that_name_nothing_are_told(tmp_path):
    def to_mend(**environment):
        return [finding.subject for finding in checkup.check_variables(environment) if not finding.ok]

    weights = tmp_path / "weights.h5"
    weights.touch()
    good = {"CLSLOC_DATA": "voc/2007+2012", "CLSLOC_POSE_DATA": str(tmp_path), "CLSLOC_PROFILE": "full"}
    assert to_mend(**good, CLSLOC_BACKBONE=f"resnet50:{weights}") == []
    assert to_mend(CLSLOC_BACKBONE="alexnet", CLSLOC_DATA="") == []
    assert to_mend(CLSLOC_DATA="wildlife") == to_mend(CLSLOC_DATA="tfds:stanford_dogs") == []
    for variable, value in {
        "CLSLOC_PROFILE": "quick",
        "CLSLOC_DATA": "toy_vok",
        "CLSLOC_POSE_DATA": str(weights / "no"),
        "CLSLOC_BACKBONE": f"resnet50:{tmp_path / 'none.h5'}",
    }.items():
        assert to_mend(**{variable: value}) == [variable]


@pytest.mark.parametrize(
    ("number", "words"), [(errno.ENOSPC, "make room"), (errno.EACCES, "get the right"), (errno.EEXIST, "in the way")]
)
def test_what_the_machine_refuses_is_told_with_a_remedy(number, words):
    told = paths.refusal(OSError(number, os.strerror(number), "some/file"))
    assert told.startswith(f"some/file: {os.strerror(number)}; ")
    assert words in told
    assert paths.refusal(OSError(number, "Nothing more fits: buy a disk")) == "Nothing more fits: buy a disk"
    assert paths.refusal(OSError(errno.EBADF, os.strerror(errno.EBADF))) is None, "that would be our fault"


@pytest.mark.parametrize(
    ("of_driver", "of_tensorflow", "found", "remedy"),
    [
        (["Fast Card, 24576 MiB"], [], "Fast Card, 24576 MiB, which TensorFlow cannot use", "tensorflow[and-cuda]"),
        (["Fast Card, 24576 MiB"], ["GPU:0"], "Fast Card, 24576 MiB", ""),
        ([], [], "none", ""),
    ],
)
def test_a_gpu_that_only_the_driver_sees_is_told_what_to_do(of_driver, of_tensorflow, found, remedy, monkeypatch):
    monkeypatch.setattr(checkup, "_gpus_of_driver", lambda: of_driver)
    monkeypatch.setattr("tensorflow.config.list_physical_devices", lambda kind=None: of_tensorflow)
    finding = checkup.check_gpu()
    assert finding.found == found
    assert finding.ok == (not remedy)
    assert remedy in finding.remedy


def test_little_memory_and_missing_weights(monkeypatch, tmp_path):
    few = types.SimpleNamespace(available=10**9, total=4 * 10**9)
    monkeypatch.setattr(checkup.psutil, "virtual_memory", lambda: few)
    assert checkup.check_memory().found == "1.0 GB free of 4.0 GB"
    assert not checkup.check_memory().ok
    (tmp_path / "tiny_resnet.npz").touch()
    assert "tiny_resnet_people.npz is missing" in checkup.check_embedded_weights(tmp_path).found
    assert not checkup.check_embedded_weights(tmp_path).ok
    assert "first use" in checkup.check_imagenet_weights(tmp_path).advice
    (tmp_path / "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5").touch()
    assert checkup.check_imagenet_weights(tmp_path).found.endswith("notop.h5")


def test_embedded_weights_lie_where_the_backbone_looks_for_them():
    expected = [own.weights for own in backbones.OWN_NETWORKS.values() if own.pretrained_on == "drawings"]
    assert [checkup.WEIGHTS_FOLDER / name for name in checkup.EMBEDDED_WEIGHTS] == expected


@pytest.mark.parametrize(
    ("backbone", "name", "file"),
    [
        ("resnet50:w/x.h5", "resnet50", "w/x.h5"),
        ("tiny_resnet:a:b.npz", "tiny_resnet", "a:b.npz"),
        (r"C:\w\x.h5", "", r"C:\w\x.h5"),
        ("x.h5", "", "x.h5"),
        ("my:photos/backbone.keras", "", "my:photos/backbone.keras"),
        ("resnet50", "", "resnet50"),
    ],
)
def test_a_network_and_its_file_are_told_apart(backbone, name, file):
    assert paths.name_and_file(backbone) == (name, file)
