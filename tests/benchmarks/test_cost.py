"""The cost of ResNet-50: what is counted, projected and written."""

import argparse
from pathlib import Path

import cost
import measurements
import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_multiply_adds_are_those_of_resnet50():
    """He et al. 2015, table 1, give 3.8 billion for 224 pixels; 64 pixels have (64 / 224) ** 2 of the places."""
    amounts = cost.work(argparse.Namespace(backbone="resnet50", image_size=64))
    assert amounts["backbone"] == pytest.approx(3.86e9 * (64 / 224) ** 2, rel=0.01)
    assert 0.15 < amounts["last"] / amounts["backbone"] < 0.25
    assert 0 < amounts["heads"] < amounts["last"]


def test_projection_counts_forward_passes():
    seconds = cost.projected_seconds({"backbone": 4.0, "last": 1.0, "heads": 0.0}, 905.0, 100.0)
    assert seconds == {"features": 1.0, "heads": 0.0, "last": 1.5, "all": 3.0}
    heads = cost.projected_seconds({"backbone": 4.0, "last": 1.0, "heads": 4.0}, 905.0, 90.5)["heads"]
    assert heads == pytest.approx(30.0), "heads compute in float32"


def test_start_up_is_not_counted():
    """A clock that only runs goes on: a run takes 7 s to start, and 2 s a pass."""
    clock = [0.0]

    def run(passes):
        clock[0] += 7 + 2 * passes

    assert cost.seconds_per_pass(run, 5, clock=lambda: clock[0]) == 2


def test_table_shows_each_precision_and_the_largest_memory():
    measured = {
        "float32": {"heads": {"seconds": 0.4, "gigabytes": 2.0}, "all": {"seconds": 450.0, "gigabytes": 4.0}},
        "mixed_bfloat16": {"heads": {"seconds": 119.4, "gigabytes": 5.5}, "all": {"seconds": 300.0, "gigabytes": 3.0}},
    }
    assert cost.measured_table(measured).splitlines()[2:] == [
        "| heads, from cached features | 0.4 s | 119 s | 5.5 |",
        "| fine-tuning, everything | 7.5 min | 5.0 min | 4.0 |",
    ]


@pytest.mark.slow
def test_steps_are_measured_on_two_images(tmp_path, monkeypatch, capsys):
    pytest.importorskip("resource", reason="Windows does not tell the peak of a process's memory")
    monkeypatch.setattr(measurements, "in_new_process", lambda function, *arguments: function(*arguments))
    monkeypatch.setattr(measurements, "precisions", lambda: ["float32"])
    measured = {}
    monkeypatch.setattr(cost, "measured_table", lambda numbers: measured.update(numbers) or "")
    cost.main(["--quick", "--steps", "features", "heads", "--out", str(tmp_path)])
    assert measured["float32"].keys() == {"features", "heads"}
    assert all(0.2 < each["gigabytes"] < 30 for each in measured["float32"].values()), "neither kilobytes nor bytes"
    assert "with `tiny_resnet`, images of 64 pixels" in capsys.readouterr().out
    assert not list(tmp_path.iterdir()), "a try writes nothing"


def test_the_published_page_is_made_of_the_published_numbers(tmp_path):
    (tmp_path / "cost.json").write_bytes((DOCS / "cost.json").read_bytes())
    cost.main(["--steps", "--out", str(tmp_path)])
    for name in ("cost.md", "cost.json"):
        assert (tmp_path / name).read_text(encoding="utf-8") == (DOCS / name).read_text(encoding="utf-8")
