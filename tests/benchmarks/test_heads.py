"""The results of the course: tables, an interrupted measurement that goes on, the published page."""

import json
import re
from pathlib import Path

import heads
import measurements
import pytest

from clsloc_utils.datasets import toy_pose, toy_voc

DOCS = Path(__file__).resolve().parents[2] / "docs"
PART, SETTINGS = "toy_voc", heads.PARTS["toy_voc"][2]


def test_median_and_worst_know_which_way_is_up():
    """Two heads, measured in turns, and a baseline that has no time."""
    rows = [{"head": "mean pose", "seed": "", "pck_20": 0.25, "mean_error": 0.5, "num_examples": 7}]
    for seed, (pck, error) in enumerate([(0.75, 0.125), (0.5, 0.25), (0.625, 0.0625)]):
        row = {"head": "direct", "seed": seed, "pck_20": pck, "mean_error": error, "seconds": 10.4 + seed}
        rows += [row, row | {"head": "heatmap"}] if seed == 0 else [row]
    assert heads.table(rows).splitlines() == [
        "| head | seed | PCK@0.2 | mean error | training s |",
        "| --- | --- | ---: | ---: | ---: |",
        "| mean pose |  | 0.2500 | 0.5000 |  |",
        "| direct | 0 | 0.7500 | 0.1250 | 10 |",
        "| direct | 1 | 0.5000 | 0.2500 | 11 |",
        "| direct | 2 | 0.6250 | 0.0625 | 12 |",
        "| direct | median | 0.6250 | 0.1250 | 11 |",
        "| direct | worst | 0.5000 | 0.2500 | 12 |",
        "| heatmap | 0 | 0.7500 | 0.1250 | 10 |",
    ]
    assert len(heads.table(rows[:1]).splitlines()) == 3, "a single row has no median"


class Trainings:
    """In place of `heads.measure`: `done` is what needed no measurement, `stop_after` interrupts."""

    done, stop_after = None, 100

    def measure(self, settings, done=()):
        self.done = set(done)
        expected = sorted(heads.expected_rows(settings), key=lambda pair: (pair[0] != settings["baseline"], pair))
        for number, (head, seed) in enumerate(pair for pair in expected if pair not in done):
            if number == self.stop_after:
                raise KeyboardInterrupt
            yield {"head": head, "seed": seed, "accuracy": 0.5, "feature_seconds": 9.0, "num_examples": 7}


@pytest.fixture
def trainings(monkeypatch):
    replaced = Trainings()
    monkeypatch.setattr(heads, "measure", replaced.measure)
    return replaced


def run(folder, *options):
    heads.main(["--parts", PART, "--out", str(folder), *options])
    return json.loads((folder / "results.json").read_text(encoding="utf-8"))[PART]


def test_an_interrupted_measurement_goes_on_where_it_stopped(tmp_path, trainings):
    measurements.save(tmp_path / "results.json", {"older": "of another run"})
    trainings.stop_after = 4
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path)
    page = heads.page(measurements.load(tmp_path / "results.json"))
    assert "| flatten | 2 | 0.5000 |" in page
    assert "The other rows are not measured yet." in page
    trainings.stop_after = 100
    found = run(tmp_path)
    assert trainings.done == {(SETTINGS["baseline"], ""), ("flatten", 0), ("flatten", 1), ("flatten", 2)}
    assert {(row["head"], row["seed"]) for row in found["rows"]} == heads.expected_rows(SETTINGS)
    assert len(found["rows"]) == 10
    trainings.done = None
    assert run(tmp_path) == found
    assert trainings.done is None, "all was measured already"
    assert json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))["older"] == "of another run"
    assert "The other rows" not in (tmp_path / "results.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("change", ["settings", "machine", "again"])
def test_rows_of_other_conditions_are_measured_again(tmp_path, trainings, monkeypatch, change):
    run(tmp_path)
    trainings.done = None
    if change == "settings":
        monkeypatch.setitem(heads.PARTS, PART, ("T", "t", SETTINGS | {"seeds": 2}))
        assert heads.page(measurements.load(tmp_path / "results.json")).count("Not measured yet.") == len(heads.PARTS)
    if change == "machine":
        monkeypatch.setattr(measurements, "machine", lambda: "another machine")
    found = run(tmp_path, *(["--again"] if change == "again" else []))
    assert trainings.done == set()
    assert len(found["rows"]) == (7 if change == "settings" else 10)
    assert found["machine"] == measurements.machine()


def test_a_part_needs_its_photos_and_backbone(tmp_path, trainings, monkeypatch, capsys):
    with pytest.raises(SystemExit):
        heads.main(["--parts", "wildlife", "--backbone", "b.keras", "--out", str(tmp_path)])
    assert "the part wildlife needs --photos" in capsys.readouterr().err
    measured = []
    monkeypatch.setattr(heads, "measure", lambda settings, done: measured.append(settings) or [])
    heads.main(["--photos", "some photos", "--backbone", "b.keras", "--out", str(tmp_path)])
    assert [each["data"] for each in measured] == ["toy_voc", "some photos", "toy_pose"]
    assert [each["backbone"] for each in measured] == ["tiny_resnet", "b.keras", "tiny_resnet_people"]


def test_settings_are_changed_for_a_try(capsys):
    changed = heads.changed("lspet", "heads=direct,heatmap", "rotation=7.5", "train_split=train[:8]", "data=people")
    assert sum(changed[name] != value for name, value in heads.PARTS["lspet"][2].items()) == 4
    assert (changed["heads"], changed["rotation"], changed["train_split"]) == (["direct", "heatmap"], 7.5, "train[:8]")
    for wrong, message in (
        (["toy"], "no part toy"),
        (["voc", "rotation=1"], "no setting rotation"),
        (["lspet", "data=people", "epochs=1"], "the part lspet needs --backbone"),
    ):
        with pytest.raises(SystemExit):
            heads.main(["--try", *wrong])
        assert message in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("part", "names"),
    [
        ("toy_voc", ["pooled", "pooled, fine-tuned"]),
        ("toy_pose", ["direct", "direct, flip-averaged", "direct, fine-tuned"]),
    ],
)
def test_a_try_trains_and_writes_nothing(part, names, tmp_path, monkeypatch, capsys):
    """All of it on a few drawings: caches, baseline, head, and what follows."""
    monkeypatch.setenv("CLSLOC_DATA_DIR", str(tmp_path))
    for source in (toy_voc, toy_pose):
        monkeypatch.setattr(source, "SPLITS", {"train": 24, "validation": 8, "test": 12})
    monkeypatch.setattr(measurements, "save", None)
    changes = [f"heads={names[0]}", "seeds=1", "epochs=1", "copies=1", "fine_tune=1", "image_size=64"]
    heads.main(["--try", part, *changes])
    printed = capsys.readouterr().out
    shown = re.findall(r"^\| ([^|]+) \| (\d?) \| ([\d.]+) ", printed, re.MULTILINE)
    assert [row[:2] for row in shown] == [(heads.PARTS[part][2]["baseline"], ""), *((name, "0") for name in names)]
    assert all(0 <= float(row[2]) <= 1 for row in shown)
    settings = heads.changed(part, *changes)
    assert list(heads.measure(settings, done=heads.expected_rows(settings))) == []


def test_the_published_page_is_made_of_the_published_numbers():
    published = (DOCS / "results.md").read_text(encoding="utf-8")
    assert published == heads.page(measurements.load(DOCS / "results.json"))
