"""Which model is in use, and a history that tells the truth, whatever happens meanwhile."""

import json
import os
import shutil
import time
from itertools import pairwise

import pytest

from aivsreal.bundle import current_model, list_bundles, load_bundle
from aivsreal.detector import Detector
from aivsreal.errors import BadBundle, CannotWrite, UsageError
from aivsreal.living import registry
from aivsreal.living.serving import LiveDetector
from tests.data.bundles import tiny_bundle
from tests.data.draw import as_bytes, flat
from tests.living import killing


@pytest.fixture
def data(tmp_path, monkeypatch):
    folder = tmp_path / "data"
    monkeypatch.setenv("AIVSREAL_DATA_DIR", str(folder))
    return folder


@pytest.fixture
def models(data, tmp_path):
    """a, b and c are added, a is in use."""
    for name in "abc":
        registry.add(tiny_bundle(tmp_path / name, name=name).folder, name)
    registry.promote("a")
    return data


def told():
    return [(line["what"], line["model"]) for line in registry.history().entries]


@pytest.mark.usefixtures("data")
def test_without_a_promotion_the_shipped_model_is_in_use():
    assert current_model() == "photos"
    assert registry.history().entries == ()


@pytest.mark.usefixtures("data")
def test_an_added_model_is_called_by_name_and_version_and_not_in_use(tmp_path):
    entry = registry.add(tiny_bundle(tmp_path / "mine", name="mine", version="1.2.0").folder)

    assert entry.name == "mine-1.2.0"
    assert load_bundle("mine-1.2.0").title == "mine 1.2.0"
    assert current_model() == "photos"
    assert told() == [("add", "mine-1.2.0")]


@pytest.mark.usefixtures("models")
def test_a_promoted_model_gives_the_verdicts():
    registry.promote("b", why="brighter", figures={"gain": 0.2})

    assert Detector.load().predict(as_bytes(flat(60, 40), "PNG")).model == "b 1.0.0"
    line = registry.history().entries[-1]
    assert (line["what"], line["from"], line["model"]) == ("promote", "a", "b")
    assert (line["why"], line["figures"], line["forced"]) == ("brighter", {"gain": 0.2}, False)
    assert "@" in line["who"]


@pytest.mark.usefixtures("models")
def test_rollback_goes_back_step_by_step():
    registry.promote("b")
    registry.promote("c")

    assert [registry.rollback()["model"] for _ in range(3)] == ["b", "a", "photos"]
    with pytest.raises(UsageError, match="no model to go back to"):
        registry.rollback()


def test_rollback_passes_over_a_damaged_model_and_says_so(models):
    registry.promote("b")
    registry.promote("c")
    (models / "models" / "b" / "model.onnx").write_bytes(b"rotten")

    line = registry.rollback()

    assert line["model"] == "a"
    assert [skipped["model"] for skipped in line["passed_over"]] == ["b"]


def test_a_damaged_model_is_not_promoted(models):
    (models / "models" / "b" / "model.onnx").write_bytes(b"rotten")

    with pytest.raises(BadBundle):
        registry.promote("b")

    assert current_model() == "a"


@pytest.mark.usefixtures("models")
def test_a_model_that_computes_otherwise_here_is_not_added(tmp_path):
    elsewhere = tiny_bundle(tmp_path / "d", name="d", reference={"self_test_logit": 99.0})

    with pytest.raises(BadBundle, match="otherwise on this machine"):
        registry.add(elsewhere.folder, "d")


@pytest.mark.usefixtures("models")
def test_another_model_of_the_same_title_is_refused(tmp_path):
    with pytest.raises(BadBundle, match="which of them spoke"):
        registry.add(tiny_bundle(tmp_path / "other", name="a", gain=7).folder, "a2")


@pytest.mark.usefixtures("models")
def test_the_very_same_model_may_have_a_second_name(tmp_path):
    assert registry.add(tiny_bundle(tmp_path / "again", name="a").folder, "a2").name == "a2"


def test_what_is_being_written_today_stays_and_what_was_left_yesterday_goes(models):
    today, yesterday = models / "models" / ".x.1.part", models / "models" / ".y.2.part"
    for folder in (today, yesterday):
        folder.mkdir()
    long_ago = time.time() - 2 * registry.A_DAY
    os.utime(yesterday, (long_ago, long_ago))

    registry.promote("b")

    assert (today.exists(), yesterday.exists()) == (True, False)


@pytest.mark.usefixtures("models")
def test_rollback_goes_back_as_far_as_is_remembered_and_no_further(monkeypatch):
    monkeypatch.setattr(registry, "REMEMBERED", 2)
    for name in ("b", "c", "a"):
        registry.promote(name)

    assert [registry.rollback()["model"] for _ in range(2)] == ["c", "b"]
    with pytest.raises(UsageError, match="no model to go back to"):
        registry.rollback()


@pytest.mark.usefixtures("models")
@pytest.mark.parametrize("name", ["photos", "a", "../a", ".a", "a/b"])
def test_names_that_are_taken_or_none_are_refused(tmp_path, name):
    with pytest.raises(UsageError):
        registry.add(tiny_bundle(tmp_path / "e", name="e").folder, name)


@pytest.mark.usefixtures("models")
def test_the_model_in_use_the_way_back_and_shipped_ones_stay():
    registry.promote("b")

    for name in ("b", "a", "photos"):
        with pytest.raises(UsageError):
            registry.remove(name)
    registry.remove("c")

    assert [entry.name for entry in list_bundles() if entry.origin == "registered"] == ["a", "b"]


@pytest.mark.usefixtures("models")
def test_a_promotion_that_another_one_overtook_is_refused():
    registry.promote("b")

    with pytest.raises(UsageError, match="was promoted while"):
        registry.promote("c", expected="a")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'{"model": "b"}',
        b"\xff\xfe",
        b'{"model": "b", "before": [], "entry": []}',
        b'{"model": "b", "before": [], "entry": {"id": 1}}',
    ],
)
def test_a_damaged_pointer_is_told_and_mended_by_force(models, content):
    (models / "current.json").write_bytes(content)

    assert told()[-1] == ("promote", "a")
    with pytest.raises(BadBundle):
        registry.promote("c")
    with pytest.raises(BadBundle):
        registry.rollback()
    registry.promote("c", forced=True, forgiving=True)

    assert current_model() == "c"
    assert registry.history().entries[-1]["forced"] is True


def test_a_model_in_use_that_is_gone_is_told_and_rolled_back(models):
    registry.promote("b")
    shutil.rmtree(models / "models" / "b")

    with pytest.raises(BadBundle, match="not there any more"):
        Detector.load()

    assert registry.rollback()["model"] == "a"
    assert ("gone", "b") in told()


def test_a_damaged_line_of_the_history_hides_no_other(models):
    registry.promote("b")
    lines = (models / "history.jsonl").read_bytes().splitlines(keepends=True)
    (models / "history.jsonl").write_bytes(b"".join([*lines[:-1], lines[-1][:30]]))

    assert registry.history().damaged == 1
    assert told()[-1] == ("promote", "b")  # the pointer still carries it
    registry.promote("c")
    assert told()[-2:] == [("promote", "b"), ("promote", "c")]


def assert_history_tells_the_truth():
    promoted = [line for line in registry.history().entries if line["what"] in ("promote", "rollback")]
    assert promoted[-1]["model"] == current_model()
    for before, after in pairwise(promoted):
        assert after["from"] == before["model"]


def test_a_promotion_killed_at_any_step_happened_or_did_not(models):
    steps = 0
    for _ in killing.killed_at_every_step(registry.promote, models, "b"):
        steps += 1
        assert_history_tells_the_truth()
        assert load_bundle().title == f"{current_model()} 1.0.0"
        if current_model() == "b":  # as before, for the next one to be killed
            registry.rollback()

    assert steps >= 4  # the new pointer's file, its name, and twice the history
    assert current_model() == "b"
    assert_history_tells_the_truth()


def test_a_rollback_killed_at_any_step_happened_or_did_not(models):
    registry.promote("b")

    for _ in killing.killed_at_every_step(registry.rollback, models):
        assert_history_tells_the_truth()
        if current_model() == "a":
            registry.promote("b")

    assert current_model() == "a"
    assert_history_tells_the_truth()


def test_an_addition_killed_at_any_step_leaves_a_whole_model_or_none(models, tmp_path):
    new = tiny_bundle(tmp_path / "d", name="d").folder

    for _ in killing.killed_at_every_step(registry.add, models, new, "d"):
        if "d" in [entry.name for entry in list_bundles()]:
            assert load_bundle("d").title == "d 1.0.0"
            registry.remove("d")
            assert told()[-2:] in ([("found", "d"), ("remove", "d")], [("add", "d"), ("remove", "d")])

    assert load_bundle("d").title == "d 1.0.0"


def test_a_removal_killed_at_any_step_leaves_a_whole_model_or_none(models, tmp_path):
    new = tiny_bundle(tmp_path / "d", name="d").folder
    registry.add(new, "d")

    for _ in killing.killed_at_every_step(registry.remove, models, "d"):
        if "d" in [entry.name for entry in list_bundles()]:
            assert load_bundle("d").title == "d 1.0.0"
        else:
            registry.add(new, "d")
            assert ("gone", "d") in told() or ("remove", "d") in told()


def test_of_two_promotions_at_once_that_expect_the_same_one_wins(models):
    codes = killing.together([(promote_after, "b", "a"), (promote_after, "c", "a")], models)

    assert sorted(codes) == [0, 1]
    assert current_model() == ("b" if codes[0] == 0 else "c")
    assert_history_tells_the_truth()


def promote_after(name, expected):
    registry.promote(name, expected=expected)


@pytest.mark.usefixtures("models")
def test_a_model_that_is_removed_while_its_promotion_waits_is_not_put_to_use(monkeypatch):
    changing = registry._changing

    def after_a_removal():
        monkeypatch.setattr(registry, "_changing", changing)
        registry.remove("b")
        return changing()

    monkeypatch.setattr(registry, "_changing", after_a_removal)

    with pytest.raises(BadBundle, match="no model named 'b'"):
        registry.promote("b")
    assert current_model() == "a"


def test_many_promotions_at_once_make_one_chain(models):
    codes = killing.together([(registry.promote, name) for name in ("b", "c", "photos")], models)

    assert codes == [0, 0, 0]
    assert len(told()) == 3 + 1 + 3
    assert_history_tells_the_truth()


@pytest.mark.parametrize("largest", [0, 200])
def test_a_full_disk_changes_nothing(models, largest):
    before = (models / "current.json").read_bytes(), told()

    error = killing.without_space(registry.promote, models, "b", largest=largest)

    assert error.startswith(CannotWrite.__name__)
    assert ((models / "current.json").read_bytes(), told()) == before
    assert not list(models.glob("*.part"))


def test_a_disk_that_fills_up_between_pointer_and_history_loses_no_line(models):
    room = len((models / "history.jsonl").read_bytes()) + 10
    killing.without_space(registry.promote, models, "b", largest=room)

    assert told()[-1] == ("promote", current_model())
    registry.promote("c")
    assert_history_tells_the_truth()


@pytest.mark.usefixtures("models")
def test_a_server_takes_over_a_promoted_model_and_finishes_with_the_old_one():
    live = LiveDetector(threads=1)
    old = live.get()

    registry.promote("b")
    live.get()
    live.wait()

    assert live.get().bundle.title == "b 1.0.0"
    assert old.predict(as_bytes(flat(60, 40), "PNG")).model == "a 1.0.0"


def test_a_server_keeps_its_model_where_the_promoted_one_cannot_be_loaded(models):
    live = LiveDetector(threads=1)
    registry.promote("b")
    (models / "models" / "b" / "model.onnx").write_bytes(b"rotten")

    live.get()
    live.wait()

    assert live.get().bundle.title == "a 1.0.0"
    assert "b" in (live.problem or "")
    registry.rollback()
    live.get()
    live.wait()
    assert live.problem is None


def test_pointer_and_history_are_readable_by_people(models):
    assert json.loads((models / "current.json").read_text())["model"] == "a"
