"""A challenger learns what is new, keeps what was known, and is whole or not there."""

import dataclasses
import json
from dataclasses import replace

import numpy as np
import pytest

from aivsreal.bundle import CARD, current_model, load_bundle, verify_bundle
from aivsreal.detector import Detector
from aivsreal.errors import BadBundle, BadData, UsageError
from aivsreal.living import registry, teach
from aivsreal.living.gate import compare
from aivsreal.living.gate_set import init_gate
from aivsreal.living.memory import require_memory
from aivsreal.living.retrain import HELD_OUT, _height, next_version, replayed, retrain
from aivsreal.living.teach import Pictures, Teaching, taught
from aivsreal.training.tower_graph import Head
from tests.cli.runner import run
from tests.data.bundles import tiny_bundle
from tests.living import killing
from tests.living.towers import drawn_set


def called_ai(bundle, labelled):
    detector = Detector(bundle, threads=1)
    return np.mean([detector.predict(sample.path).verdict == "ai" for sample in labelled])


@pytest.fixture
def blue(tmp_path):
    return drawn_set(tmp_path / "blue", {"blue": 30}, seed=11)


@pytest.fixture(autouse=True)
def _own_data_folder(data):
    return data


@pytest.fixture
def challenger(tower, blue, tmp_path):
    return retrain(tower.folder, blue, tmp_path / "challenger", say=lambda _: None)


def test_what_is_new_is_learned_and_what_was_known_is_kept(tower, challenger, tmp_path):
    fresh = {kind: drawn_set(tmp_path / "fresh", {kind: 25}, seed=12) for kind in ("grey", "red", "blue")}

    assert called_ai(tower, fresh["blue"]) == 0
    assert called_ai(challenger, fresh["blue"]) > 0.6
    assert called_ai(challenger, fresh["red"]) >= called_ai(tower, fresh["red"]) - 0.05
    assert called_ai(challenger, fresh["grey"]) <= called_ai(tower, fresh["grey"])


def test_the_challengers_card_says_where_it_comes_from(tower, challenger):
    card = verify_bundle(challenger.folder).card

    assert (card.name, card.version) == ("tower", "1.1.0")
    assert "blue" in card.training.generators
    entry = card.training.counts["taught as 1.1.0"]
    assert (entry["base"], entry["data"], entry["ai"] + entry["held out"]) == (tower.title, "drawn", 30)
    assert f"Was taught {entry['ai']} pictures" in card.limits[-1]
    assert "its promises are those measured for tower 1.0.0" in card.limits[-1]
    assert card.figures == {}
    assert load_bundle(tower.folder).card == tower.card


def test_the_challenger_remembers_what_it_was_taught(tower, challenger):
    before, after = require_memory(tower), require_memory(challenger)
    new = after.at(after.new)

    assert len(after) == len(before) + 30
    assert set(new.sources) == {"generator=blue"}
    assert 0 < new.held.sum() < 15
    assert np.isnan(new.left_out[new.held]).all()
    assert np.isfinite(new.left_out[~new.held]).all()


def test_a_replayed_photograph_is_left_out_with_its_whole_collection(tower):
    memory = require_memory(tower)
    memory = replace(memory, origins=np.where(memory.labels == 0, "source=album", "generator=red"))

    known = replayed(memory)

    assert set(known.groups[known.labels == 0].tolist()) == {"source=album"}
    assert (
        known.groups[known.labels == 1].tolist()
        == memory.at((memory.labels == 1) & ~memory.held).groups.tolist()
    )


def test_the_gate_lets_it_pass_and_a_second_one_builds_on_it(tower, challenger, blue, tmp_path):
    decision = compare(tower, challenger)
    again = retrain(challenger.folder, blue, tmp_path / "again", say=lambda _: None)

    assert decision.passed
    assert again.title == "tower 1.2.0"
    assert {"taught as 1.1.0", "taught as 1.2.0"} <= set(again.card.training.counts)


def test_the_gate_refuses_what_was_taught_what_it_knew(tower, tmp_path):
    red = drawn_set(tmp_path / "more", {"red": 30}, seed=13)
    said = []

    same = retrain(tower.folder, red, tmp_path / "same", say=said.append)

    assert "it learned nothing" in said[-1]
    decision = compare(tower, same)
    assert not decision.passed
    assert "no gain is shown" in decision.words


def test_from_new_pictures_to_use_by_the_command_line(tower, tmp_path):
    registry.add(tower.folder, "tower")
    registry.promote("tower")
    drawn_set(tmp_path / "new", {"blue": 30}, seed=11)

    made = run("retrain", "--new", tmp_path / "new", "--out", tmp_path / "c")
    run("models", "add", tmp_path / "c")
    checked = run("gate", "check", "tower-1.1.0", "--json")
    promoted = run("models", "promote", "tower-1.1.0")

    assert made.exit_code == 0
    assert json.loads(checked.stdout)["passed"] is True
    assert promoted.exit_code == 0, promoted.stderr
    assert current_model() == "tower-1.1.0"
    assert registry.history().entries[-1]["figures"]["passed"] is True


def test_pictures_of_the_gate_are_not_learned_from(tower, tmp_path):
    drawn = drawn_set(tmp_path / "gate", {"grey": 20, "blue": 20}, seed=5)
    init_gate(tmp_path / "gate" / "real", tmp_path / "gate" / "ai")
    said = []

    with pytest.raises(BadData, match="0 new pictures"):
        retrain(tower.folder, drawn.at(range(20, 40)), tmp_path / "c", say=said.append)
    assert said == ["20 of the new pictures stand in the gate set and are not learned from"]


def test_an_album_that_chance_would_hold_out_as_a_whole_is_learned(tower, tmp_path):
    album = "album 3"
    assert _height(f"group {album}") < HELD_OUT
    drawn = drawn_set(tmp_path / "blue", {"blue": 20}, seed=11)
    one_group = [dataclasses.replace(s, columns={**s.columns, "group": album}) for s in drawn]

    challenger = retrain(tower.folder, drawn.with_samples(one_group), tmp_path / "c", say=lambda _: None)

    assert not require_memory(challenger).held[-20:].any()
    assert called_ai(challenger, drawn) > called_ai(tower, drawn)


def test_a_challenger_killed_in_the_making_is_whole_or_not_there(data, tower, tmp_path):
    few = drawn_set(tmp_path / "few", {"blue": 5}, seed=11)

    for _ in killing.killed_at_every_step(retrain, data, tower.folder, few, tmp_path / "c"):
        assert not (tmp_path / "c" / CARD).exists() or verify_bundle(tmp_path / "c")

    assert verify_bundle(tmp_path / "c").title == "tower 1.1.0"


def test_a_full_disk_leaves_no_challenger(data, tower, tmp_path):
    few = drawn_set(tmp_path / "few", {"blue": 5}, seed=11)

    error = killing.without_space(retrain, data, tower.folder, few, tmp_path / "c", largest=500)

    assert error.startswith("CannotWrite")
    assert not (tmp_path / "c").exists()


def test_what_cannot_be_taught_is_told(tower, tmp_path, blue):
    with pytest.raises(BadBundle, match="no head"):
        retrain(tiny_bundle(tmp_path / "tiny").folder, blue, tmp_path / "c")
    with pytest.raises(BadData, match="2 new pictures"):
        retrain(tower.folder, blue.at([0, 1]), tmp_path / "c")
    with pytest.raises(UsageError, match="no version"):
        retrain(tower.folder, blue, tmp_path / "c", version="new")
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize(
    ("before", "after"), [("1.0.3", "1.1.0"), ("2.9.0-rc1", "2.10.0"), ("0.1.0+b", "0.2.0")]
)
def test_versions_go_up(before, after):
    assert next_version(before) == after


def two_classes(rng, count, centre, sources=("here",)):
    x = rng.normal(0, 1, (count, 8)).astype(np.float32)
    labels = (np.arange(count) % 2).astype(np.int8)
    x[labels == 1] += np.asarray(centre, np.float32)
    return pictures(x, labels, sources=np.resize(sources, count))


def pictures(x, labels, groups=None, sources=None):
    nothing = np.array([""] * len(x))
    return Pictures(x, labels, nothing if groups is None else groups, nothing if sources is None else sources)


def shown_once(new):
    return np.arange(len(new.labels))


OLD = Head(np.array([2.0, 0, 0, 0, 0, 0, 0, 0]), -6.0)
KNOWN = two_classes(np.random.default_rng(0), 2000, [6, 0, 0, 0, 0, 0, 0, 0])
# One photograph in twenty lies above it.
ABOVE = float(np.quantile((KNOWN.embeddings @ OLD.weight + OLD.bias)[KNOWN.labels == 0], 0.95))


def called(head, x):
    return (x @ head.weight + head.bias > ABOVE).mean()


def a_new_kind(seed, count=40):
    """AI pictures that lie where the old head sees nothing."""
    x = np.random.default_rng(seed).normal(0, 1, (count, 8)).astype(np.float32)
    x[:, 1] += 5
    return pictures(x, np.ones(count, np.int8))


def test_a_new_kind_is_found_and_no_more_photographs_are_called_ai_than_before():
    fresh = np.random.default_rng(2).normal(0, 1, (4000, 8))
    found, accused = [], []
    for seed in range(10):
        new = a_new_kind(seed)
        lesson = taught(OLD, KNOWN, new, shown_once(new), ABOVE, Teaching(new=3, freedom=100))
        found.append(called(lesson.head, a_new_kind(100 + seed).embeddings))
        accused.append(called(lesson.head, fresh))

    assert called(OLD, a_new_kind(100).embeddings) < 0.2
    assert np.mean(found) > 0.6
    assert np.mean(accused) < called(OLD, fresh) + 0.01


def test_photographs_of_a_collection_never_met_are_not_sacrificed():
    """Fakes look like faces; the one collection of faces that is known has a mark of its own, which others lack."""
    rng = np.random.default_rng(5)
    faces = rng.normal(0, 1, (60, 8)).astype(np.float32) + np.float32([0, 0, 4, 4, 0, 0, 0, 0])
    known = pictures(
        np.concatenate([KNOWN.embeddings, faces]),
        np.concatenate([KNOWN.labels, np.zeros(60, np.int8)]),
        groups=np.array([""] * 2000 + ["source=faces"] * 60),
        sources=np.array(["here"] * 2000 + ["faces"] * 60),
    )
    fakes = rng.normal(0, 1, (40, 8)).astype(np.float32) + np.float32([0, 1, 4, 0, 0, 0, 0, 0])
    new = pictures(fakes, np.ones(40, np.int8))
    others = rng.normal(0, 1, (4000, 8)).astype(np.float32) + np.float32([0, 0, 4, 0, 0, 0, 0, 0])

    def accused(collection):
        parts = replace(known, groups=collection)
        lesson = taught(OLD, parts, new, shown_once(new), ABOVE, Teaching(new=3, freedom=100))
        return called(lesson.head, others), lesson.part

    alone, far = accused(np.array([""] * 2060))
    together, less_far = accused(known.groups)

    assert called(OLD, others) < 0.07
    assert together < 0.1
    assert alone > 0.2
    assert less_far < far


def test_no_more_of_a_source_are_called_ai_although_fewer_are_of_all():
    """Scores are lowered until the source that rose most lies where it lay."""
    before = np.linspace(-4, 4, 100)
    known = pictures(
        np.zeros((100, 1), np.float32), np.zeros(100, np.int8), sources=np.repeat(["a", "b"], 50)
    )
    after = before + np.where(known.sources == "a", 3.0, -3.0)

    lowered = teach._lowered(before, after, known, 0.5)

    assert (after[:50] - lowered > 0.5).sum() == (before[:50] > 0.5).sum() == 0
    assert lowered == pytest.approx(after[:50].max() - 0.5)


def ten_photographs_and_ten_ai_pictures(after_of_ai):
    """What is known, far from the threshold of 0 but for what AI pictures come to."""
    labels = np.repeat([0, 1], 10).astype(np.int8)
    known = pictures(np.zeros((20, 1), np.float32), labels, sources=np.repeat(["here", "red"], 10))
    before = np.repeat([-5.0, 1.0], 10)
    return teach._Way(before, np.concatenate([np.full(10, -5.0), after_of_ai])), known


# One after the other is found, each a tenth of the way later.
NEW = teach._Way(np.full(10, -1.0), -1 + 1 / np.linspace(0.1, 1, 10))


def test_no_more_of_the_way_is_gone_than_most_of_the_gain_needs():
    of_known, known = ten_photographs_and_ten_ai_pictures(np.full(10, 1.0))

    part, lowered = teach._how_far(of_known, known, NEW, np.ones(10, bool), 0.0)

    # Eight can be found with the margin, of which seven tenths are six.
    assert part == pytest.approx(0.75)
    assert lowered == pytest.approx(0.2)


def test_no_farther_than_known_ai_pictures_are_found():
    of_known, known = ten_photographs_and_ten_ai_pictures(np.where(np.arange(10) == 3, -1.0, 1.0))

    part, _ = teach._how_far(of_known, known, NEW, np.ones(10, bool), 0.0)

    assert 0 < part <= 0.4


def test_where_new_pictures_are_right_already_nothing_moves():
    x = np.random.default_rng(6).normal(0, 1, (40, 8)).astype(np.float32)
    x[:, 0] += 9
    new = pictures(x, np.ones(40, np.int8))

    lesson = taught(OLD, KNOWN, new, shown_once(new), ABOVE)

    assert (lesson.part, lesson.lowered) == (0, 0)
    assert lesson.head.weight == pytest.approx(OLD.weight)


def test_less_freedom_keeps_the_head_nearer():
    new = two_classes(np.random.default_rng(1), 60, [0, 3, 0, 0, 0, 0, 0, 0])

    moved = [
        np.linalg.norm(teach._learned(OLD, KNOWN, new, Teaching(freedom=freedom)).weight - OLD.weight)
        for freedom in (0.01, 1, 100)
    ]

    assert moved[0] < moved[1] < moved[2]


def test_left_out_scores_know_nothing_of_the_picture():
    """Labels drawn by lot can be learned by heart, but not foretold."""
    rng = np.random.default_rng(3)
    x = rng.normal(0, 1, (40, 8)).astype(np.float32)
    labels = rng.integers(0, 2, 40).astype(np.int8)
    new = pictures(x, labels, groups=np.array([f"g{n}" for n in range(40)]))

    logits = taught(OLD, KNOWN, new, shown_once(new), ABOVE, Teaching(new=5, freedom=1000)).left_out

    apart = logits[new.labels == 1].mean() - logits[new.labels == 0].mean()
    assert apart < 1.0


def test_views_of_one_group_are_left_out_together():
    new = two_classes(np.random.default_rng(4), 20, [0, 3, 0, 0, 0, 0, 0, 0])
    one = replace(new, groups=np.array(["prompt"] * 20))

    lesson = taught(OLD, KNOWN, one, shown_once(one), ABOVE)

    assert lesson.left_out == pytest.approx(one.embeddings @ OLD.weight + OLD.bias - lesson.lowered)
