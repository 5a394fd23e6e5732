"""The unattended round, whatever befalls it: killed, starved of disk, run twice at once."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from filelock import FileLock

from aivsreal.bundle import current_model, list_bundles, load_bundle
from aivsreal.errors import UsageError
from aivsreal.living import promotion, registry
from aivsreal.living.feedback import Mark, accepted_set, review, reviewed
from aivsreal.living.keep_up import TRIED, keep_up
from aivsreal.living.retrain import retrain
from aivsreal.living.state import latest_round
from tests.living import killing
from tests.living.test_feedback import mark, refused_gain
from tests.living.test_registry import assert_history_tells_the_truth
from tests.living.towers import drawn_set, red_tower

ENOUGH = 7


def marks_of(pictures: Sequence[Path]) -> list[Mark]:
    return [mark(f"mark{place}", picture=path) for place, path in enumerate(pictures)]


def night(pictures: Sequence[Path]) -> None:
    keep_up(marks_of(pictures), enough=ENOUGH, say=quiet)


def quiet(_: str) -> None:
    return


@pytest.fixture
def pictures(data, tower, tmp_path):  # noqa: ARG001 - its models lie in the test's own folder
    """As many pictures of a new generator as are worth a teaching, accepted; the tower that misses them is in use."""
    registry.add(tower.folder, "tower")
    registry.promote("tower", forced=True)
    paths = [Path(sample.path) for sample in drawn_set(tmp_path / "new", {"blue": ENOUGH}, seed=21)]
    for one in marks_of(paths):
        review(marks_of(paths), one.id, "accept")
    return paths


def assert_all_is_well_in_the_morning():
    """The model in use gives verdicts, and the history says how it came to be that."""
    assert load_bundle().title in ("tower 1.0.0", "tower 1.1.0")
    assert_history_tells_the_truth()


def assert_taught_once(pictures):
    """What a night without trouble comes to."""
    registered = {entry.name for entry in list_bundles() if entry.origin == "registered"}
    assert current_model() in (
        "tower-1.1.0",
        "tower-1.2.0",
    )  # the former may have been added and never judged
    assert registered == {"tower", current_model()}
    assert_history_tells_the_truth()
    assert [one.learned for one in reviewed(marks_of(pictures))] == [True] * ENOUGH
    assert len(accepted_set(marks_of(pictures))) == 0


def test_a_night_killed_at_any_step_is_made_up_for_by_the_next(data, pictures, tmp_path):
    shutil.copytree(data, tmp_path / "evening")
    steps = 0
    for _ in killing.killed_at_every_step(night, data, pictures):
        steps += 1
        assert_all_is_well_in_the_morning()
        night(pictures)
        assert_taught_once(pictures)
        shutil.rmtree(data)
        shutil.copytree(tmp_path / "evening", data)

    assert steps > 30
    assert_taught_once(pictures)


def test_a_night_killed_while_it_makes_up_for_another_is_made_up_for(data, pictures, monkeypatch):
    """Killed just after the promotion, and then again at each step of writing down what was learned."""
    monkeypatch.setattr("aivsreal.living.promotion.mark_learned", power_cut)
    with pytest.raises(PowerCut):
        night(pictures)
    monkeypatch.undo()
    monkeypatch.setenv("AIVSREAL_DATA_DIR", str(data))
    assert current_model() == "tower-1.1.0"

    for _ in killing.killed_at_every_step(night, data, pictures):
        assert_all_is_well_in_the_morning()

    assert_taught_once(pictures)


@pytest.mark.usefixtures("data")
def test_a_version_that_was_in_use_once_is_never_borne_by_another(pictures, tmp_path):
    """Else what is told of the one would be taken for what became of the other."""
    registry.add(red_tower(tmp_path / "earlier", version="1.1.0").folder)
    registry.promote("tower-1.1.0", forced=True)
    registry.rollback()
    registry.remove("tower-1.1.0")

    night(pictures)

    assert current_model() == "tower-1.2.0"


def test_what_was_refused_and_then_promoted_by_force_is_not_learned_again(data, pictures, monkeypatch):
    monkeypatch.setattr("aivsreal.living.gate._gain", refused_gain)
    night(pictures)
    assert current_model() == "tower"

    promotion.promote("tower-1.1.0", force=True)

    assert_taught_once(pictures)
    night(pictures)
    assert_taught_once(pictures)
    assert not (data / "keep-up" / TRIED).exists()


@pytest.mark.usefixtures("data")
def test_what_was_taught_and_promoted_by_hand_is_not_learned_again(pictures, tmp_path):
    taught = retrain(None, accepted_set(marks_of(pictures)), tmp_path / "challenger", say=quiet)
    registry.add(taught.folder)

    assert promotion.promote("tower-1.1.0").promoted

    assert taught.card.training.feedback == [one.id for one in marks_of(pictures)]
    assert_taught_once(pictures)


def test_a_promotion_by_hand_that_was_killed_before_it_marked_is_made_up_for_by_the_next_night(
    data, pictures, tmp_path, monkeypatch
):
    taught = retrain(None, accepted_set(marks_of(pictures)), tmp_path / "challenger", say=quiet)
    registry.add(taught.folder)
    monkeypatch.setattr("aivsreal.living.promotion.mark_learned", power_cut)
    with pytest.raises(PowerCut):
        promotion.promote("tower-1.1.0")
    monkeypatch.undo()
    monkeypatch.setenv("AIVSREAL_DATA_DIR", str(data))

    night(pictures)

    assert_taught_once(pictures)


class PowerCut(Exception):
    pass


def power_cut(*_: object) -> None:
    raise PowerCut


def test_a_note_that_is_damaged_costs_another_try_and_no_more(data, pictures):
    (data / "keep-up").mkdir()
    (data / "keep-up" / TRIED).write_text('{"model": "tower-1.1.0", "ids"')

    night(pictures)

    assert_taught_once(pictures)


@pytest.mark.parametrize("room", [0, 300, 3000, 8000])
def test_on_a_full_disk_nothing_changes_and_the_next_night_makes_up_for_it(data, pictures, room):
    said = killing.without_space(night, data, pictures, largest=room)

    assert said == "" or said.startswith("CannotWrite")
    assert_all_is_well_in_the_morning()
    night(pictures)
    assert_taught_once(pictures)


def test_of_two_rounds_at_once_one_is_refused_and_one_teaches(data, pictures):
    codes = killing.together([(night, pictures), (night, pictures)], data)

    assert sorted(codes) in ([0, 0], [0, 1])  # the second may begin when the first has ended
    assert_taught_once(pictures)


def test_a_promotion_by_hand_while_a_challenger_is_compared_stays(data, pictures, tower, monkeypatch):
    shutil.copytree(tower.folder, data / "models" / "another")
    compare = promotion.compare

    def meanwhile(*args, **more):
        registry.promote("another", forced=True)
        return compare(*args, **more)

    monkeypatch.setattr(promotion, "compare", meanwhile)
    night(pictures)

    assert current_model() == "another"
    assert_history_tells_the_truth()
    assert "another was promoted while" in (latest_round() or {})["error"]
    assert [one.learned for one in reviewed(marks_of(pictures))] == [False] * ENOUGH


def test_another_round_under_way_is_wrong_usage(data, pictures):
    (data / "keep-up").mkdir()
    with FileLock(data / "keep-up" / ".lock"), pytest.raises(UsageError, match="under way"):
        night(pictures)


def test_a_damaged_pointer_is_in_the_report(data, pictures):
    (data / "current.json").write_bytes(b"{")

    night(pictures)

    report = latest_round()
    assert report is not None
    assert "does not say which model is in use" in report["error"]
    assert report["needs_people"] is True


def test_reviews_that_cannot_be_read_are_in_the_report(data, pictures):
    (data / "feedback" / "reviews.jsonl").unlink()
    (data / "feedback" / "reviews.jsonl").mkdir()

    night(pictures)

    assert "retrain: cannot read" in (latest_round() or {})["error"]


def test_a_full_disk_is_in_the_report_where_there_is_room_for_it(data, pictures):
    killing.without_space(night, data, pictures, largest=3000)

    report = latest_round()
    assert report is not None
    assert "cannot write" in report["error"]
    assert report["needs_people"] is True
    assert json.loads((data / "keep-up" / "last.json").read_text()) == report
