"""Feedback is reviewed before anything is learned of it, and what is suspicious is set apart."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from aivsreal.bundle import current_model
from aivsreal.detector import Detector
from aivsreal.errors import BadData, UsageError
from aivsreal.living import feedback, journal, registry
from aivsreal.living.feedback import (
    Mark,
    accepted_set,
    export,
    ids_in,
    mark_learned,
    review,
    reviewed,
    rights,
    set_apart,
)
from aivsreal.living.record import Recorder
from aivsreal.web.store import Examination, open_store
from tests.cli.runner import run
from tests.living import killing
from tests.living.towers import drawn_set

WHEN = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _own_data_folder(data):
    return data


def mark(
    id: str, said: str = "ai", *, client: str | None = None, picture: Path | None = None, **more
) -> Mark:
    content = picture.read_bytes() if picture else id.encode()
    facts = {"verdict": "real", "probability_ai": 0.2, "model": "tower 1.0.0", "remark": ""} | more
    digest = hashlib.sha256(content).hexdigest()
    return Mark(id, WHEN, said, sha256=facts.pop("sha256", digest), client=client, picture=picture, **facts)


@pytest.fixture
def pictures(tmp_path):
    return [Path(s.path) for s in drawn_set(tmp_path / "uploads", {"blue": 6}, seed=9)]


def test_marks_wait_until_somebody_decides(pictures):
    marks = [mark("a", picture=pictures[0]), mark("b", "not_sure")]

    review(marks, "a", "accept", by="eva")

    assert [(one.mark.id, one.decision) for one in reviewed(marks)] == [("a", "accept"), ("b", None)]
    (line,) = journal.read(feedback.data_folder() / "feedback" / "reviews.jsonl").entries
    assert line["who"] == "eva"


def test_only_what_was_accepted_is_learned_and_the_last_decision_counts(pictures):
    marks = [mark(name, picture=path) for name, path in zip("abc", pictures, strict=False)]
    for id, decision in (("a", "accept"), ("b", "reject"), ("c", "accept"), ("c", "unsure")):
        review(marks, id, decision)

    (sample,) = accepted_set(marks)
    assert (sample.columns["feedback"], sample.label) == ("a", 1)
    assert sample.columns["said_of"] == "real by tower 1.0.0"


def test_an_answer_that_is_changed_after_its_review_waits_for_another(pictures):
    review([mark("a", "ai", picture=pictures[0])], "a", "accept")
    changed = [mark("a", "real", picture=pictures[0])]

    assert reviewed(changed)[0].decision is None
    assert len(accepted_set(changed)) == 0
    review(changed, "a", "accept")
    assert [sample.label for sample in accepted_set(changed)] == [0]


def test_a_review_that_does_not_tell_of_which_answer_is_none(pictures):
    line = {"id": "a", "decision": "accept", "when": WHEN.isoformat(), "who": "eva"}
    journal.append(feedback.data_folder() / "feedback" / "reviews.jsonl", line)

    assert reviewed([mark("a", picture=pictures[0])])[0].decision is None


def test_an_answer_that_is_changed_while_somebody_decides_is_not_decided_on(pictures):
    changed = [mark("a", "real", picture=pictures[0])]

    with pytest.raises(UsageError, match="'it is real' by now"):
        review(changed, "a", "accept", said="ai")
    assert reviewed(changed)[0].decision is None


def test_an_accepted_picture_outlives_the_upload(pictures):
    marks = [mark("a", picture=pictures[0])]
    review(marks, "a", "accept")
    content = pictures[0].read_bytes()
    pictures[0].unlink()

    assert next(iter(accepted_set(marks))).read() == content


def test_a_kept_file_that_is_not_the_judged_picture_is_refused(pictures):
    marks = [mark("a", picture=pictures[0], sha256="0" * 64)]

    with pytest.raises(BadData, match="not the one that was judged"):
        review(marks, "a", "accept")
    assert reviewed(marks)[0].decision is None


def test_a_mark_without_a_picture_counts_but_teaches_nothing():
    marks = [mark("a"), mark("b", "real")]
    for one in marks:
        review(marks, one.id, "accept")

    assert len(accepted_set(marks)) == 0
    assert sorted(rights(marks, "tower 1.0.0")) == [False, True]
    assert rights(marks, "other 1.0.0") == []


@pytest.mark.parametrize(("id", "decision"), [("z", "accept"), ("b", "accept")])
def test_what_cannot_be_decided_is_wrong_usage(id, decision):
    with pytest.raises(UsageError):
        review([mark("b", "not_sure")], id, decision)


def test_contradicting_marks_are_set_apart():
    marks = [mark("a", "ai", sha256="1" * 64), mark("b", "real", sha256="1" * 64), mark("c")]

    assert set(set_apart(marks)) == {"a", "b"}
    assert [one.mark.id for one in reviewed(marks)] == ["c", "a", "b"]


def test_one_client_with_many_marks_is_set_apart():
    many = [mark(f"m{n}", client="eager", verdict="ai") for n in range(21)]
    few = [mark(f"f{n}", client="usual", verdict="ai") for n in range(20)]

    assert set(set_apart([*many, *few])) == {one.id for one in many}


def test_one_client_who_never_agrees_is_set_apart_sooner():
    never = [mark(f"n{n}", "ai", client="hostile") for n in range(9)]
    sometimes = [*(mark(f"s{n}", "ai", client="fair") for n in range(8)), mark("s8", "real", client="fair")]

    assert set(set_apart([*never, *sometimes])) == {one.id for one in never}


def test_pictures_accepted_under_two_labels_are_not_learned(pictures):
    marks = [mark("a", "ai", picture=pictures[0]), mark("b", "real", picture=pictures[0])]
    for one in marks:
        review(marks, one.id, "accept")

    assert len(accepted_set(marks)) == 0


def test_a_picture_that_was_learned_by_one_mark_is_not_learned_by_another(pictures):
    marks = [mark("a", picture=pictures[0]), mark("b", picture=pictures[0])]
    for one in marks:
        review(marks, one.id, "accept")

    mark_learned(ids_in(accepted_set(marks)), "tower-1.1.0")

    assert len(accepted_set(marks)) == 0
    assert len(accepted_set(marks, again=True)) == 1


def test_what_is_known_to_be_learned_is_not_written_down_again(pictures):
    marks = [mark("a", picture=pictures[0])]
    for _ in range(2):
        mark_learned(["a"], "tower-1.1.0")

    assert reviewed(marks)[0].learned
    assert len(journal.read(feedback.data_folder() / "feedback" / "reviews.jsonl").entries) == 1


def test_the_accepted_set_is_exported_by_label(pictures, tmp_path):
    marks = [mark("a", "ai", picture=pictures[0]), mark("b", "real", picture=pictures[1])]
    for one in marks:
        review(marks, one.id, "accept")

    export(marks, tmp_path / "out")

    found = sorted(path.relative_to(tmp_path / "out") for path in (tmp_path / "out").rglob("*.png"))
    assert [path.parts[0] for path in found] == ["ai", "real"]
    with pytest.raises(BadData, match="no accepted feedback"):
        export([mark("z")], tmp_path / "none")


def test_a_client_is_told_by_a_number_only():
    row = reviewed([mark("a", client="session 1234")])[0].as_json()

    assert "1234" not in json.dumps(row)


def test_a_damaged_review_is_no_review(pictures):
    marks = [mark("a", picture=pictures[0])]
    review(marks, "a", "accept")
    path = feedback.data_folder() / "feedback" / "reviews.jsonl"
    path.write_text(path.read_text().replace("accept", "reject"))

    assert reviewed(marks)[0].decision is None


def mark_id(place):
    return f"mark{place:028}"


@pytest.fixture
def server(data, tower, tmp_path):
    """A data folder as a server leaves it: 40 kept blue pictures that the model called real, all marked as AI."""
    registry.add(tower.folder, "tower")
    registry.promote("tower", forced=True)
    detector, store = Detector(tower, threads=1), open_store(f"sqlite:///{data / 'web.sqlite'}")
    later = datetime.now(UTC) + timedelta(days=1)
    for place, sample in enumerate(drawn_set(tmp_path / "in", {"blue": 40}, seed=21)):
        verdict = detector.predict(sample.path)
        Recorder().add(verdict, tower)
        (data / "uploads").mkdir(exist_ok=True)
        (data / "uploads" / f"kept{place}").write_bytes(sample.read())
        store.add(
            Examination(
                id=mark_id(place),
                created=datetime.now(UTC),
                expires=later,
                name="secret.png",
                verdict={**verdict.as_json(), "path": None},
                owner=f"session {place}",
                kept=f"kept{place}",
            ),
            None,
            later,
        )
        store.give_feedback(mark_id(place), f"session {place}", "ai", "looks painted")
    store.close()
    return data


@pytest.mark.usefixtures("server")
def test_feedback_of_the_server_is_listed_reviewed_and_taught():
    listed = json.loads(run("feedback", "list", "--json").stdout)
    assert len(listed) == 40
    assert {row["said"] for row in listed} == {"ai"}

    assert run("feedback", "review", mark_id(0), mark_id(1), "--accept").exit_code == 0
    assert len(json.loads(run("feedback", "list", "--json").stdout)) == 38
    few = run("retrain", "--feedback")
    assert few.exit_code == 4
    assert "2 new pictures" in few.stderr


@pytest.mark.usefixtures("server")
def test_reviewing_one_after_the_other_asks_until_one_quits():
    result = run("feedback", "review", stdin="a\nr\ns\nq\n")

    rows = {
        row["id"]: row["decision"] for row in json.loads(run("feedback", "list", "--all", "--json").stdout)
    }
    assert result.exit_code == 0
    assert sorted(decision for decision in rows.values() if decision) == ["accept", "reject"]
    assert "remark: looks painted" in result.stdout


@pytest.mark.usefixtures("server")
def test_of_two_decisions_none_is_taken():
    result = run("feedback", "review", mark_id(0), "--accept", "--reject")

    assert (result.exit_code, "--accept and --reject" in result.stderr) == (2, True)
    assert len(json.loads(run("feedback", "list", "--json").stdout)) == 40


def test_without_a_server_there_is_no_feedback():
    assert "nothing waits" in run("feedback", "list").stdout
    assert "nothing waits" in run("feedback", "review").stdout
    assert run("feedback", "review", "x").exit_code == 2
    assert "`aivsreal feedback list --all`" in run("feedback", "review", "x", "--accept").stderr
    assert run("retrain").exit_code == 2


@pytest.mark.parametrize("url", ["nonsense", "postgresql://user@host:port/name"])
def test_a_database_that_is_no_url_is_told(monkeypatch, url):
    monkeypatch.setenv("AIVSREAL_DATABASE", url)

    result = run("feedback", "list")

    assert result.exit_code == 10
    assert "URL cannot be understood" in result.stderr


@pytest.mark.usefixtures("server")
def test_unattended_nothing_is_learned_that_nobody_reviewed():
    result = run("keep-up", "--json")

    report = json.loads(result.stdout)
    assert report["reviewed_pictures"] == 0
    assert report["promoted"] is None
    assert current_model() == "tower"


def accept_all():
    ids = [row["id"] for row in json.loads(run("feedback", "list", "--json").stdout)]
    run("feedback", "review", *ids, "--accept")


@pytest.mark.usefixtures("server")
def test_unattended_it_learns_what_was_reviewed_and_promotes_what_passes(data):
    accept_all()

    report = json.loads(run("keep-up", "--json").stdout)

    assert report["promoted"] is True
    assert current_model() == "tower-1.1.0"
    assert registry.history().entries[-1]["figures"]["passed"] is True
    assert json.loads((data / "keep-up" / "last.json").read_text())["promoted"] is True
    again = json.loads(run("keep-up", "--json").stdout)
    assert (again["reviewed_pictures"], again["promoted"]) == (0, None)


@pytest.mark.usefixtures("server")
def test_unattended_a_refusal_needs_people_and_is_not_tried_again_each_night(monkeypatch):
    accept_all()
    monkeypatch.setattr("aivsreal.living.gate._gain", refused_gain)

    first = run("keep-up", "--json")
    second = run("keep-up", "--json")

    assert first.exit_code == 1
    assert json.loads(first.stdout)["promoted"] is False
    assert json.loads(second.stdout)["promoted"] is None
    assert current_model() == "tower"
    assert registry.history().entries[-1]["what"] == "refuse"


def refused_gain(rows):
    from aivsreal.living.gate import _slice

    one = _slice("new", 1, rows, 0.01)
    return one.__class__(**{**one.__dict__, "fails": True})


def accept_one(picture):
    review([mark("a", picture=picture)], "a", "accept")


def test_a_review_killed_at_any_step_was_made_or_was_not(data, pictures):
    content = pictures[0].read_bytes()
    for _ in killing.killed_at_every_step(accept_one, data, pictures[0]):
        marks = [mark("a", picture=pictures[0])]
        assert reviewed(marks)[0].decision in (None, "accept")
        assert [sample.read() for sample in accepted_set(marks)] in ([], [content])

    assert len(accepted_set([mark("a", picture=pictures[0])])) == 1
