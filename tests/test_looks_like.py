"""Naming generators: who is told by a trace of its own, and who has none of a known one."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from aivsreal.data.labelled import Sample
from tests.test_docs import ROOT, script

# A family's pictures share one trace, a generator's another.
FAMILIES = {
    "ada": "gan",
    "bob": "gan",
    "cy": "diffusion",
    "dee": "diffusion",
    "eve": "masked",
    "fay": "masked",
}


@pytest.fixture(scope="module")
def module() -> ModuleType:
    return script(ROOT / "docs" / "looks_like.py")


def drawn(each: int, seed: int, trace: float) -> tuple[list[Sample], np.ndarray]:
    """Return pictures of six generators of three families, and embeddings that hold their traces so strongly."""
    rng, samples, rows = np.random.default_rng(seed), [], []
    for number, (name, family) in enumerate(FAMILIES.items()):
        for at in range(each):
            columns = {"generator": name, "family": family, "group": f"{seed}-{name}-{at}"}
            samples.append(Sample(f"{seed}-{name}-{at}", 1, "train", columns, ""))
            row = rng.normal(0, 1, 12)
            row[number] += trace
            row[6 + ("gan", "diffusion", "masked").index(family)] += trace
            rows.append(row)
    return samples, np.array(rows)


def test_a_strong_trace_is_named_and_a_generator_never_met_gets_another_name(module: ModuleType) -> None:
    found = module.told("generator", *drawn(30, 0, 8.0), *drawn(10, 1, 8.0))
    assert found["names"] == 6
    assert found["right"]["value"] > 0.95
    assert found["right_where_named"]["value"] > 0.95
    assert found["commonest"]["value"] == pytest.approx(1 / 6, abs=1e-3)
    assert found["strangers_named"]["value"] > 0.1


def test_a_family_is_told_of_generators_that_were_never_met(module: ModuleType) -> None:
    found = module.told("family", *drawn(30, 0, 8.0), *drawn(10, 1, 8.0))
    assert found["names"] == 3
    assert found["family_right_of_generators_never_met"]["value"] > 0.9
    assert found["confusion"]["gan"]["gan"] > 15
    assert all(family not in called for family, called in found["strangers_called"].items())


def test_without_any_trace_hardly_anybody_is_named(module: ModuleType) -> None:
    found = module.told("generator", *drawn(30, 0, 0.0), *drawn(10, 1, 0.0))
    assert found["right"]["value"] < 0.4
    assert found["named"]["value"] < 0.1
