"""The results of the course: an interrupted measurement goes on, and the published page is made of the numbers."""

import json
from pathlib import Path

import measure_heads
import measure_pose
import measure_results
import measurements
import pytest

from clsloc_utils import profiles

DOCS = Path(__file__).resolve().parents[1] / "docs"
PART = "toy_voc"


def row(head, seed, value=0.5):
    """A row as `measure_heads.measure` yields it."""
    scores = dict.fromkeys(measure_heads.MEASURES, value)
    return {"head": head, "seed": seed, **scores, "num_examples": 7, "seconds": 3.0, "cpu_seconds": 4.0}


def baseline():
    return {name: value for name, value in row(measure_heads.BASELINE, "", 0.1).items() if "seconds" not in name} | {
        "feature_seconds": 9.0
    }


@pytest.fixture
def heads(monkeypatch):
    """Replaces the training: `heads.done` says what need not be measured, `heads.stop_after` interrupts."""

    class Heads:
        done = None
        stop_after = 100

        def measure(self, arguments, done=()):
            self.done = set(done)
            rows = [baseline(), *(row(*pair) for pair in measure_heads.expected_rows(arguments)[1:])]
            missing = [each for each in rows if (each["head"], each["seed"]) not in done]
            for number, each in enumerate(missing):
                if number == self.stop_after:
                    raise KeyboardInterrupt
                yield each

    replaced = Heads()
    monkeypatch.setattr(measure_heads, "measure", replaced.measure)
    return replaced


def run(folder, *options):
    measure_results.main(["--parts", PART, "--out", str(folder), *options])
    return json.loads((folder / "results.json").read_text(encoding="utf-8"))[PART]


def test_an_interrupted_measurement_goes_on_where_it_stopped(tmp_path, heads):
    measurements.save(tmp_path / "results.json", {"older": "of another run"})
    heads.stop_after = 4
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path)
    page = (tmp_path / "results.md").read_text(encoding="utf-8")
    assert page == measure_results.page(measurements.load(tmp_path / "results.json"))
    heads.stop_after = 100
    found = run(tmp_path)
    assert heads.done == {(measure_heads.BASELINE, ""), ("pooled", 0), ("pooled", 1), ("pooled", 2)}
    assert [(each["head"], each["seed"]) for each in found["rows"]] == measure_heads.expected_rows(
        measure_results.PARTS[PART].arguments()
    )
    heads.done = None
    assert run(tmp_path) == found
    assert heads.done is None, "all was measured already"
    assert json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))["older"] == "of another run"


@pytest.mark.parametrize("change", ["settings", "machine", "again"])
def test_rows_of_other_conditions_are_measured_again(tmp_path, heads, monkeypatch, change):
    run(tmp_path)
    if change == "settings":
        monkeypatch.setitem(
            measure_results.PARTS, PART, measure_results.Part("T", "t", measure_heads, "--copies 1 --seeds 2")
        )
    if change == "machine":
        monkeypatch.setattr(measurements, "machine", lambda: "another machine")
    found = run(tmp_path, *(["--again"] if change == "again" else []))
    assert heads.done == set()
    assert len(found["rows"]) == (7 if change == "settings" else 10)
    assert found["machine"] == measurements.machine()


def test_a_part_needs_its_photos_and_backbone(capsys):
    with pytest.raises(SystemExit) as error:
        measure_results.parse_arguments(["--parts", "wildlife", "--backbone", "b.keras"])
    assert error.value.code == 2
    assert "the part wildlife needs --photos" in capsys.readouterr().err
    assert measure_results.parse_arguments([]).parts == ["toy_voc", "toy_pose"]
    options = measure_results.parse_arguments(["--photos", "some photos", "--backbone", "b.keras"])
    assert options.parts == ["toy_voc", "wildlife", "toy_pose"]
    arguments = measure_results.PARTS["wildlife"].arguments(options.places)
    assert (arguments.data, arguments.backbone, arguments.train_split) == ("some photos", "b.keras", "train")


def test_settings_do_not_depend_on_the_environment(monkeypatch):
    before = {name: measure_results.settings_of(part) for name, part in measure_results.PARTS.items()}
    monkeypatch.setenv("CLSLOC_PROFILE", "full")
    monkeypatch.setenv("CLSLOC_DATA", "elsewhere")
    assert {name: measure_results.settings_of(part) for name, part in measure_results.PARTS.items()} == before
    assert before["voc"]["data"] == "voc/2007"
    assert before["voc"]["backbone"] == "resnet50"
    assert before["toy_voc"]["data"] == "toy_voc"
    assert before["toy_voc"]["learning_rate"] == 0.004


def test_the_page_says_what_is_not_measured_and_shows_no_rows_of_other_settings(tmp_path, heads):
    empty = measure_results.page({})
    assert empty.count("Not measured yet; `python tools/measure_results.py --parts") == len(measure_results.PARTS)
    assert "CLSLOC_PROFILE=full python tools/measure_heads.py\n" in empty
    heads.stop_after = 9
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path)
    found = measurements.load(tmp_path / "results.json")
    page = measure_results.page(found)
    assert "| spatial | 1 | 0.5000 |" in page
    assert "The other rows are not measured yet." in page
    assert f"Measured on {measurements.machine()}." in page
    heads.stop_after = 100
    found[PART] = run(tmp_path)
    assert "not measured yet" not in measure_results.page(found).split("## African")[0]
    found[PART]["settings"]["copies"] += 1
    assert measure_results.page(found) == empty


def test_a_fine_tuned_head_has_rows_of_its_own():
    arguments = measure_pose.options(profiles.FAST).parse_args(
        ["--fine-tune", "2", "--heads", "heatmap", "--seeds", "1"]
    )
    assert measure_pose.expected_rows(arguments) == [("mean pose", ""), ("heatmap", 0), ("heatmap, fine-tuned", 0)]
    arguments.flip_average = True
    assert measure_pose.names_of("heatmap", arguments) == ["heatmap", "heatmap, flip-averaged", "heatmap, fine-tuned"]


def test_the_published_page_is_made_of_the_published_numbers():
    published = (DOCS / "results.md").read_text(encoding="utf-8")
    assert published == measure_results.page(measurements.load(DOCS / "results.json"))
