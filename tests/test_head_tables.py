"""The table of the commands that measure heads."""

import argparse
import json

import pytest
from head_tables import heads_table, save_beside, table_file

ROWS = [
    {"head": "mean pose", "seed": "", "pck": 0.25, "error": 0.5},
    *({"head": "direct", "seed": seed, "pck": pck, "error": error, "seconds": 10.4 + seed}
      for seed, (pck, error) in enumerate([(0.75, 0.125), (0.5, 0.25), (0.625, 0.0625)])),
]  # fmt: skip


def test_median_and_worst_know_which_way_is_up():
    table = heads_table(ROWS, {"pck": "PCK", "error": "error", "seconds": "s"}, shares=("pck",), errors=("error",))
    assert table.splitlines() == [
        "| head | seed | PCK | error | s |",
        "| --- | --- | --- | --- | --- |",
        "| mean pose |  | 0.2500 | 0.5000 |  |",
        "| direct | 0 | 0.7500 | 0.1250 | 10 |",
        "| direct | 1 | 0.5000 | 0.2500 | 11 |",
        "| direct | 2 | 0.6250 | 0.0625 | 12 |",
        "| direct | median | 0.6250 | 0.1250 | 11 |",
        "| direct | worst | 0.5000 | 0.2500 | 12 |",
    ]


def test_table_and_numbers_are_saved_side_by_side(tmp_path):
    save_beside(table_file(str(tmp_path / "heads.md")), "a table\n", ROWS)
    assert (tmp_path / "heads.md").read_text() == "a table\n"
    assert json.loads((tmp_path / "heads.json").read_text()) == ROWS


def test_a_table_does_not_take_the_place_of_its_numbers():
    with pytest.raises(argparse.ArgumentTypeError, match=r"heads\.json would be overwritten"):
        table_file("heads.json")
