"""The table of VOC 2007's annotations that ships with the package, and the script that makes it."""

import csv

import numpy as np
import pytest
import voc_table as script
from helpers.folders import Drawn

from clsloc_utils import baselines, datasets, pipelines
from clsloc_utils.datasets import VOC_CLASS_NAMES, voc_table

SPLITS = ("train", "validation")


@pytest.fixture(scope="module")
def objects():
    """The objects of both splits, by split."""
    return {split: datasets.voc2007_objects(split) for split in SPLITS}


def images_of(objects, *, difficult=True):
    """Numbers of the images, and how many objects each holds, difficult ones among them or not."""
    chosen = np.ones(len(objects["label"]), bool) if difficult else ~objects["is_difficult"]
    return np.unique(objects["image_id"][chosen], return_counts=True)


def single_labels(objects):
    """Labels of the images with exactly one object."""
    images, counts = images_of(objects)
    return objects["label"][np.isin(objects["image_id"], images[counts == 1])]


def test_it_holds_all_images_and_objects(objects):
    assert [len(images_of(objects[split])[0]) for split in SPLITS] == [2501, 2510]
    assert [len(objects[split]["label"]) for split in SPLITS] == [7844, 7818]
    assert not set(objects["train"]["image_id"]) & set(objects["validation"]["image_id"])


def test_images_with_one_object_are_as_many_as_published(objects):
    published = datasets.PUBLISHED_COUNTS["voc/2007"]
    for split in SPLITS:
        assert np.count_nonzero(images_of(objects[split])[1] == 1) == published[split]
    ordinary = [images_of(objects[split], difficult=False)[1] for split in SPLITS]
    assert [np.count_nonzero(counts == 1) for counts in ordinary] == [1065, 1117]


@pytest.mark.parametrize(
    ("name", "before", "after"), [("person", 2095, 167), ("diningtable", 263, 4), ("cat", 344, 211)]
)
def test_what_the_filter_leaves_of_a_class(objects, name, before, after):
    label = VOC_CLASS_NAMES.index(name)
    holding = [np.unique(each["image_id"][each["label"] == label]) for each in objects.values()]
    assert sum(map(len, holding)) == before
    assert sum(np.count_nonzero(single_labels(each) == label) for each in objects.values()) == after


def test_what_a_constant_answer_scores(objects):
    learned, judged = single_labels(objects["train"]), single_labels(objects["validation"])
    bird, dog = VOC_CLASS_NAMES.index("bird"), VOC_CLASS_NAMES.index("dog")
    assert baselines.majority_class(learned) == bird
    assert [np.count_nonzero(judged == label) for label in (bird, dog)] == [99, 115]
    assert np.bincount(judged).argmax() == dog


def test_boxes_are_pixels_from_one_on(objects):
    for each in objects.values():
        assert each["box"].min() == 1
        assert np.all(each["box"][:, 2:] > each["box"][:, :2])
        assert each["box"].max() == 500
    chairs = objects["validation"]["image_id"] == 5
    assert objects["validation"]["box"][chairs][0].tolist() == [263, 211, 324, 339]


@pytest.mark.parametrize("split", SPLITS)
def test_annotations_are_the_same_objects_image_by_image(objects, split):
    examples = list(datasets.voc2007_annotations(split).as_numpy_iterator())
    flat = {name: np.concatenate([each["objects"][name] for each in examples]) for name in examples[0]["objects"]}
    assert np.array_equal(flat["label"], objects[split]["label"])
    assert np.array_equal(flat["is_difficult"], objects[split]["is_difficult"])
    assert np.array_equal(flat["bbox_in_pixels"][:, [1, 0, 3, 2]], objects[split]["box"])
    numbers = [int(each["image/filename"].removesuffix(b".jpg")) for each in examples]
    assert np.array_equal(
        np.repeat(numbers, [len(each["objects"]["label"]) for each in examples]), objects[split]["image_id"]
    )


@pytest.mark.parametrize(
    ("difficult", "kept"), [("count", (905, 960)), ("exclude", (905, 960)), ("ignore", (1065, 1117))]
)
def test_the_filter_of_the_package_runs_on_them(difficult, kept):
    for split, count in zip(SPLITS, kept, strict=True):
        examples = pipelines.single_object(datasets.voc2007_annotations(split), difficult=difficult)
        assert sum(1 for _ in examples) == count


def test_a_split_that_is_not_in_the_table_is_refused():
    for function in (datasets.voc2007_objects, datasets.voc2007_annotations):
        with pytest.raises(ValueError, match="split is 'test'; the table of VOC 2007 holds train and validation"):
            function("test")


def test_the_file_is_small_and_names_the_classes():
    assert voc_table.FILE.stat().st_size < 200_000
    with np.load(voc_table.FILE) as table:
        assert tuple(table["class_names"]) == VOC_CLASS_NAMES


# --- The script that made it ------------------------------------------------------------------------------------------


def as_rows(objects):
    """The table as the lines that the script reads."""
    for split, each in objects.items():
        for index, box in enumerate(each["box"]):
            yield {
                "image_id": f"{each['image_id'][index]:06d}",
                "split": {"train": "train", "validation": "val"}[split],
                "class": VOC_CLASS_NAMES[each["label"][index]],
                **dict(zip(script.SIDES, map(str, box), strict=True)),
                "difficult": str(int(each["is_difficult"][index])),
            }


def test_the_script_makes_the_same_table_again(objects, tmp_path):
    rows = list(as_rows(objects))
    with (tmp_path / "boxes.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    script.write(script.rows_of_list(tmp_path / "boxes.csv"), tmp_path / "table.npz")
    with np.load(tmp_path / "table.npz") as made, np.load(voc_table.FILE) as shipped:
        assert set(made) == set(shipped)
        assert all(np.array_equal(made[name], shipped[name]) for name in shipped)


def test_a_folder_of_voc_is_read(voc_writer, tmp_path, monkeypatch):
    voc_writer.annotate("000007", [Drawn("dog", (3, 4, 50, 60))])
    voc_writer.annotate("000005", [Drawn("cat", (1, 2, 30, 40), is_difficult=True), Drawn("tvmonitor", (5, 6, 70, 61))])
    voc_writer.annotate("000009", [Drawn("person", (9, 9, 19, 29))])
    voc_writer.list("train.txt", ["000007", "000005"])
    voc_writer.list("val.txt", ["000009"])
    script.write(script.rows_of_folder(voc_writer.folder), tmp_path / "table.npz")
    monkeypatch.setattr(voc_table, "FILE", tmp_path / "table.npz")
    train, validation = (datasets.voc2007_objects(split) for split in SPLITS)
    assert train["image_id"].tolist() == [5, 5, 7]
    assert [VOC_CLASS_NAMES[label] for label in train["label"]] == ["cat", "tvmonitor", "dog"]
    assert train["box"].tolist() == [[1, 2, 30, 40], [5, 6, 70, 61], [3, 4, 50, 60]]
    assert train["is_difficult"].tolist() == [True, False, False]
    assert validation["image_id"].tolist() == [9]
    assert validation["box"].tolist() == [[9, 9, 19, 29]]
