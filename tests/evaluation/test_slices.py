"""Slices: AI pictures against every photograph, files by kind, format and size against their own."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from aivsreal.data.sources import load_set
from aivsreal.detector import Detector
from aivsreal.evaluation.answers import Answers
from aivsreal.evaluation.measure import CHAINS, measure
from aivsreal.evaluation.slices import slices
from tests.data.bundles import tiny_bundle
from tests.data.draw import flat, write
from tests.evaluation.drawn import draw_set


def answers_on(folder: Path, bundle: Path, tags: Path | None = None) -> Answers:
    detector = Detector(tiny_bundle(bundle))
    data = load_set(folder, tags=tags)
    return Answers.of({chain: measure(detector, data, chain=chain) for chain in CHAINS})


# What one class alone defines, whichever it is.
OF_ANY = {"accuracy", "uncertain_share", "answered_share", "answered_accuracy"}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("slices")
    return slices(answers_on(draw_set(folder / "data", n=24), folder / "tiny"))


def test_a_generator_is_measured_against_all_photographs(found: dict[str, Any]) -> None:
    bright = found["generator=bright"]
    assert (bright["n"], bright["n_ai"], bright["n_real"]) == (12, 12, 24)
    assert bright["compared"] == "all_real"
    assert bright["as_is"]["recall"]["value"] == 1.0
    assert bright["as_is"]["roc_auc"]["value"] == 1.0


def test_generators_csv_gives_families_and_years(found: dict[str, Any]) -> None:
    assert found["family=gan"]["n"] == found["year=2019"]["n"] == found["generator=dim"]["n"] == 12
    assert found["year=2019"]["as_is"] == found["generator=dim"]["as_is"]


def test_a_source_of_photographs_gives_what_photographs_define(found: dict[str, Any]) -> None:
    home = found["source=home"]
    assert home["compared"] == "one_class"
    assert set(home["as_is"]) == {*OF_ANY, "false_positive_rate"}
    assert home["as_is"]["false_positive_rate"]["value"] == 0.0


def test_formats_and_sizes_take_both_classes_from_the_slice(found: dict[str, Any]) -> None:
    assert found["format=PNG"]["compared"] == "within"
    assert (found["format=PNG"]["n_ai"], found["format=PNG"]["n_real"]) == (12, 12)
    assert found["size=0-63"]["n"] == 48


def test_both_classes_stand_alone(found: dict[str, Any]) -> None:
    assert set(found["label=ai"]["as_is"]) == {*OF_ANY, "recall"}
    assert set(found["label=real"]["as_is"]) == {*OF_ANY, "false_positive_rate"}


def test_the_share_without_an_answer_is_the_slices_own(found: dict[str, Any]) -> None:
    assert found["generator=bright"]["as_is"]["uncertain_share"]["value"] == 0.0
    assert found["generator=dim"]["as_is"]["uncertain_share"]["value"] > 0.3
    answered = found["generator=dim"]["as_is"]["answered_share"]["value"]
    assert answered == pytest.approx(
        1 - found["generator=dim"]["as_is"]["uncertain_share"]["value"], abs=1e-4
    )


def test_slices_leave_calibration_out(found: dict[str, Any]) -> None:
    assert all("calibration_error" not in entry["as_is"] for entry in found.values())


def test_sizes_are_told_by_the_short_side(tmp_path: Path) -> None:
    for number, side in enumerate((63, 64, 255, 256, 1024)):
        write(tmp_path / f"data/real/{number}.png", flat(2000, side, (20, 20, 20)))
    write(tmp_path / "data/fake/a.png", flat(64, 64, (230, 230, 230)))
    sizes = [n for n in slices(answers_on(tmp_path / "data", tmp_path / "tiny")) if n.startswith("size=")]
    assert sizes == ["size=0-63", "size=64-127", "size=128-255", "size=256-511", "size=1024+"]


def test_sources_of_a_handful_of_pictures_are_no_slice(tmp_path: Path) -> None:
    for number in range(4):
        write(tmp_path / f"data/real/attic/{number}.png", flat(40, 40, (20, 20, 20)))
    write(tmp_path / "data/fake/odd/a.png", flat(40, 40, (230, 230, 230)))
    found = slices(answers_on(tmp_path / "data", tmp_path / "tiny"))
    assert "source=attic" not in found
    assert found["generator=odd"]["n"] == 1


def test_each_tag_of_thirty_photographs_has_its_own_rate(tmp_path: Path) -> None:
    lines = ["sha256,tags"]
    for number in range(30):
        grey = 200 + number if number < 10 else 20 + number  # the tiny bundle calls bright ones AI
        path = write(tmp_path / f"data/real/{number}.png", flat(40, 40, (grey, grey, grey)))
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        lines.append(f"{sha256},night few" if number else f"{sha256},night")
    write(tmp_path / "data/fake/a.png", flat(40, 40, (230, 230, 230)))
    (tmp_path / "tags.csv").write_text("\n".join(lines))
    found = slices(answers_on(tmp_path / "data", tmp_path / "tiny", tmp_path / "tags.csv"))
    assert [name for name in found if name.startswith("tag=")] == ["tag=night"]
    assert (found["tag=night"]["n_real"], found["tag=night"]["compared"]) == (30, "one_class")
    assert found["tag=night"]["as_is"]["false_positive_rate"]["value"] == pytest.approx(1 / 3, abs=1e-4)
