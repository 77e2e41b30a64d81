"""The folder of drawn photos is what it says: the same every time, and its report names every fault."""

import hashlib

import pytest

from clsloc_utils import datasets, pipelines

COUNTS = {
    "unreadable photo": 2,
    "missing annotation": 1,
    "missing image": 1,
    "box outside the image": 1,
    "inverted box": 1,
    "empty box": 1,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return datasets.write_drawn_folder(tmp_path_factory.mktemp("drawn") / "photos", per_class=5, crowds=4)


def test_report_names_every_fault_and_nothing_else(folder):
    report = datasets.report(folder)
    assert report.counts == COUNTS
    assert all(problem.file.split("/")[1].startswith("trouble_") for problem in report.problems)
    assert sum(report.num_examples.values()) == 4 * 5 + 4
    assert report.class_names == ("bottle", "cat", "chair", "pottedplant")


def test_photos_are_of_the_classes_that_were_asked_for(folder, tmp_path):
    with pytest.warns(UserWarning, match="7 problems"):
        info = datasets.info(folder, data_dir=tmp_path)
    with pytest.warns(UserWarning, match="7 problems"):
        examples = datasets.load(folder, "+".join(info.splits), data_dir=tmp_path)
    labels = [info.class_names[int(each["objects"]["label"][0])] for each in pipelines.single_object(examples)]
    assert {name: labels.count(name) for name in sorted(set(labels))} == {
        "bottle": 6,  # photo_003, which shows a chair
        "cat": 5,
        "chair": 4,
        "pottedplant": 5,
    }


def test_written_again_it_is_the_same(folder, tmp_path):
    again = datasets.write_drawn_folder(tmp_path / "photos", per_class=5, crowds=4)

    def files_of(root):
        return {
            path.relative_to(root).as_posix(): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime)
            for path in root.rglob("*")
            if path.is_file()
        }

    assert files_of(again) == files_of(folder)


@pytest.mark.parametrize("few", [{"per_class": 1, "crowds": 0}, {"class_names": ["cat"]}, {"class_names": ["cat"] * 2}])
def test_too_few_photos_are_refused_before_anything_is_written(few, tmp_path):
    with pytest.raises(ValueError, match=r"it needs at least 2 and 17\. Raise per_class"):
        datasets.write_drawn_folder(tmp_path / "photos", **few)
    assert not (tmp_path / "photos").exists()


def test_files_are_not_written_among_others(folder):
    with pytest.raises(ValueError, match="holds files already"):
        datasets.write_drawn_folder(folder)


def test_a_drawn_folder_says_that_it_is_drawn_and_photos_do_not(voc_folder, tmp_path):
    folder = datasets.write_drawn_folder(tmp_path / "drawn", per_class=5, crowds=1)
    with pytest.warns(UserWarning, match="problems"):
        assert datasets.info(folder, data_dir=tmp_path / "data").drawn
    assert not datasets.info(voc_folder, data_dir=tmp_path / "data").drawn
