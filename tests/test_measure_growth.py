"""The growth of time and memory: the tool measures what it says, and the published page is made of its numbers."""

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("resource", reason="Windows does not tell the peak of a process's memory")

import measure_growth

from clsloc_utils import training
from clsloc_utils.datasets import toy_voc

REPOSITORY = Path(__file__).resolve().parents[1]


def row(stage, images, seconds, megabytes=500.0):
    return {"stage": stage, "images": images, "examples": images // 3, "seconds": seconds, "megabytes": megabytes}


def test_growth_tells_linear_from_quadratic():
    linear = measure_growth.growth([row("heads", 10, 7.0), row("heads", 100, 10.0), row("heads", 400, 40.0, 550.0)])
    assert linear == pytest.approx(
        {"times_images": 40, "times_seconds": 40 / 7, "times_megabytes": 1.1, "exponent": 1.0}
    )
    assert measure_growth.growth([row("heads", 100, 1.0), row("heads", 400, 16.0)])["exponent"] == pytest.approx(2)


def test_a_piece_replaces_what_was_measured_before():
    rows = measure_growth.merged([row("heads", 10, 1.0), row("heads", 40, 4.0)], [row("heads", 10, 2.0)])
    rows = measure_growth.merged(rows, [row("prepare", 10, 3.0)])
    assert [(each["stage"], each["images"], each["seconds"]) for each in rows] == [
        ("prepare", 10, 3.0),
        ("heads", 10, 2.0),
        ("heads", 40, 4.0),
    ]


@pytest.mark.slow
def test_stages_are_measured_on_as_many_drawings_as_asked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("CLSLOC_DATA_DIR", "to be put back")
    splits = dict(toy_voc.SPLITS)
    rows = [measure_growth.measure(stage, 60, tmp_path) for stage in measure_growth.STAGES]
    assert splits == toy_voc.SPLITS
    prepared, cached, trained = rows
    assert prepared["examples"] == 60
    assert 10 < cached["examples"] == trained["examples"] < 60
    for each in rows:
        assert 0 < each["seconds"] < 120
        assert 50 < each["megabytes"] < 50_000, "neither kilobytes nor bytes"


def test_the_published_page_and_picture_are_made_of_the_published_numbers(tmp_path):
    rows = json.loads((REPOSITORY / "docs" / "growth.json").read_text(encoding="utf-8"))
    assert {(each["stage"], each["images"]) for each in rows} == {
        (stage, images) for stage in measure_growth.STAGES for images in measure_growth.IMAGES
    }
    page = (REPOSITORY / "docs" / "growth.md").read_text(encoding="utf-8")
    cores = page[page.index("Measured on") :]  # those of the machine that measured
    assert page.removesuffix(cores) == measure_growth.report(rows).partition("Measured on")[0]
    picture = tmp_path / "growth.svg"
    measure_growth.draw(rows, picture)
    drawn, published = (file.read_text(encoding="utf-8") for file in (picture, REPOSITORY / "images" / "growth.svg"))
    for text in ("images drawn", "peak memory, MB", *measure_growth.TITLES.values()):
        assert text in drawn
        assert text in published


def resident_megabytes():
    """What of this process's memory maps is in memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the system does not tell what is in memory")
def test_reading_features_leaves_nothing_of_them_in_memory(tmp_path):
    count, values = 2000, np.ones((8, 8, 512), np.float16)
    arrays = {"coarse": (values.shape, "float16"), "label": ((), "int32"), "box": ((4,), "float32")}
    maps = {}
    for name, (shape, dtype) in arrays.items():
        file = tmp_path / f"{name}.npy"
        np.lib.format.open_memmap(file, "w+", dtype, (count, *shape)).fill(1)
        maps[name] = np.load(file, mmap_mode="r")
    batches = training.FeatureCache(tmp_path, {}, maps, copies=1).batches(32, seed=0)
    before = resident_megabytes()
    for _ in range(2):
        for features, _ in batches:
            assert features["coarse"].dtype == np.float16
    assert maps["coarse"].nbytes > 100 * 2**20
    assert resident_megabytes() - before < 40
