"""A comparison that gets SIGKILL at many of its writes ends as one that was let be: nothing lost, nothing twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aivsreal.data.sources import load_set
from aivsreal.data.toy import draw_toy_set
from aivsreal.evaluation.compare.catalogue import read_catalogue
from aivsreal.evaluation.compare.comparison import compare
from aivsreal.training.recipe import load_recipe
from tests.living.killing import killed_at_every_step

FILE = """
[entries.majority]
[entries.ours]
[entries.contrastive]
[scales.smoke]
pictures = 24
seen = 40
measured = 16
"""
# optimise.checkpoint_minutes=0 writes a checkpoint after every step: more places to be killed at.
SETS = [
    "views.size=32",
    "optimise.batch_size=8",
    "data.validation_fraction=0.2",
    "optimise.checkpoint_minutes=0",
]
TIMES = {"seconds", "processor_seconds", "milliseconds"}


def compared(toy: Path, entries: Path, out: Path) -> None:
    catalogue, names = read_catalogue(str(entries))
    recipe = load_recipe("toy", overrides=SETS)
    compare(load_set(toy), catalogue, names, recipe, out, scale="smoke", against="ours", say=lambda _: None)


def told(out: Path) -> dict[str, Any]:
    """Return what the comparison says, without the times that it took."""
    found: dict[str, Any] = json.loads((out / "comparison.json").read_text())
    for entry in found["entries"].values():
        entry["cost"] = {key: value for key, value in entry["cost"].items() if key not in TIMES}
    return found


def test_a_comparison_killed_at_its_writes_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    toy = draw_toy_set(tmp_path / "toy", n=60, size=40)
    entries = tmp_path / "mine.toml"
    entries.write_text(FILE)
    compared(toy, entries, tmp_path / "whole")
    whole = told(tmp_path / "whole")

    kills = list(killed_at_every_step(compared, tmp_path / "data", toy, entries, tmp_path / "out", every=15))

    assert len(kills) >= 3
    killed = told(tmp_path / "out")
    assert list(killed["entries"]) == ["majority", "ours", "contrastive"]
    for name, entry in killed["entries"].items():
        assert entry["cost"] == whole["entries"][name]["cost"], name
        scores = [np.load(tmp_path / run / "entries" / name / "scores.npz") for run in ("whole", "out")]
        for chain in scores[0].files:
            assert scores[1][chain] == pytest.approx(scores[0][chain], abs=1e-3), (name, chain)
    assert not list((tmp_path / "out").rglob(".*.part"))
