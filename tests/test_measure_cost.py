"""The cost of ResNet-50: what is counted, projected and written."""

import argparse

import pytest

pytest.importorskip("resource", reason="Windows does not tell the peak of a process's memory")
import measure_cost as tool

ARGUMENTS = argparse.Namespace(backbone="resnet50", image_size=64, images=2, batch_size=2)


def test_multiply_adds_are_those_of_resnet50():
    """He et al. 2015, table 1, give 3.8 billion for 224 pixels; 64 pixels have (64 / 224) ** 2 of the places."""
    amounts = tool._work(ARGUMENTS)
    assert amounts["backbone"] == pytest.approx(3.86e9 * (64 / 224) ** 2, rel=0.01)
    assert 0.15 < amounts["last"] / amounts["backbone"] < 0.25
    assert 0 < amounts["heads"] < amounts["last"]


def test_projection_counts_forward_passes():
    seconds = tool.projected_seconds({"backbone": 4.0, "last": 1.0, "heads": 0.0}, 905.0, 100.0)
    assert seconds == {"features": 1.0, "heads": 0.0, "last": 1.5, "all": 3.0}
    heads = tool.projected_seconds({"backbone": 4.0, "last": 1.0, "heads": 4.0}, 905.0, 90.5)["heads"]
    assert heads == pytest.approx(30.0), "heads compute in float32"


def test_page_tells_measured_from_projected(monkeypatch):
    seconds = {"features": 81.0, "heads": 0.4, "last": 250.0, "all": 450.0}
    measured = {
        "float32": {step: {"seconds": each, "gigabytes": 5.5} for step, each in seconds.items()},
        "mixed_bfloat16": {step: {"seconds": each * 1.5, "gigabytes": 4.0} for step, each in seconds.items()},
    }
    measured["mixed_bfloat16"]["all"]["seconds"] = 300.0
    gpu = {"device": "TestCard", "versions": "keras 3", "backbone": "resnet50", "image_size": 64, "batch_size": 2}
    gpu["measured"] = {
        "float32": {each: {"seconds": 0.7, "gigabytes": 2.0} for each in tool.STEPS},
        "mixed_float16": {each: {"seconds": 0.3, "gigabytes": 1.0} for each in tool.STEPS},
    }
    amounts = {"backbone": 4e9, "last": 1e9, "heads": 3e7}
    text = tool.page(measured, amounts, {"TestCard": gpu}, "2 cores", ARGUMENTS)
    before, after = text.split("## Projected onto other GPUs, not measured")
    monkeypatch.setattr(tool.os, "cpu_count", lambda: 2)
    lines = tool.table(measured, amounts, {"TestCard": gpu}).splitlines()
    assert lines[0].startswith("| step | 2 CPU cores | its memory, GiB | TestCard, measured | T4, projected |")
    assert lines[-1].startswith("| fine-tuning, everything | 5.0 min | 4.0 | 0.3 s | 3 s |"), "the faster precision"
    assert lines[-2].startswith("| fine-tuning, last stage | 4.2 min | 5.5 | 0.3 s |")
    marked = "a\n<!-- cost: begin -->\nold\n<!-- cost: end -->\nb\n"
    assert tool.marked_blocks.replaced(marked, "cost", "new\n") == marked.replace("old", "new")
    with pytest.raises(ValueError, match="cost: begin"):
        tool.marked_blocks.replaced("a\n<!-- cost: end -->\n", "cost", "new\n")
    assert "| fine-tuning, everything | 0.7 s | 0.3 s | 2.0 |" in before.split("## Measured on a GPU: TestCard")[1]
    assert "| step | time for an epoch, float32 | time for an epoch, mixed_bfloat16 | peak memory" in before
    assert "| fine-tuning, everything | 7.5 min | 5.0 min | 5.5 |" in before
    assert "| heads, from cached features | 0.4 s | 0.6 s | 5.5 |" in before
    assert "T4" not in before
    assert f"| features of the frozen backbone, once | {905 / 972:.2g} s |" in after
    assert max(len(line) for line in before.splitlines()) <= 120


def test_a_step_is_measured(monkeypatch):
    """The smallest real run: ResNet-50 on two images, its features only. Only the clock is ours: a second a pass."""
    runs = []

    def seconds(run, passes):
        run(passes)
        runs.append(passes)
        return float(passes)

    monkeypatch.setattr(tool, "_seconds", seconds)
    measured = tool._measured("features", "float32", ARGUMENTS)
    assert runs == [1, 3]
    assert measured["seconds"] == tool.EPOCH_IMAGES / ARGUMENTS.images
    assert 0.2 < measured["gigabytes"] < 20
