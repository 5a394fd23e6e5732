"""A challenger passes only if it gains on what is new and loses nowhere, photographs first."""

import json

import numpy as np
import pytest

from aivsreal.bundle import current_model
from aivsreal.errors import BadData, UsageError
from aivsreal.evaluation.paired import share_difference
from aivsreal.living import promotion, registry
from aivsreal.living.gate import Judged, compare, decide
from aivsreal.living.gate_set import gate_folder, init_gate, keep_held, load_gate, without_gate
from aivsreal.living.promotion import promote
from tests.cli.runner import run
from tests.data.bundles import tiny_bundle
from tests.living import killing
from tests.living.towers import drawn_set, red_tower


def rows(part, label, source, before, after, count):
    """So many pictures of which `before` and `after` are called AI, those after beginning with those before."""
    return [Judged(part, label, source, "", place < before, place < after) for place in range(count)]


HOLDS = [*rows("gate", 0, "phone", 3, 3, 100), *rows("gate", 1, "old", 80, 80, 100)]
GAINS = rows("new", 1, "novel", 5, 25, 30)


def test_a_challenger_that_gains_and_loses_nowhere_passes():
    decision = decide([*HOLDS, *GAINS], "a", "b")

    assert decision.passed
    assert "25 of 30 new pictures right, before 5" in decision.words


def test_one_more_false_accusation_is_one_too_many():
    decision = decide(
        [*GAINS, *rows("gate", 0, "phone", 3, 4, 400), *rows("gate", 1, "old", 8, 9, 10)], "a", "b"
    )

    assert not decision.passed
    assert [one.name for one in decision.slices if one.fails] == ["real photographs"]
    assert "real photographs: 4 of 400 called AI, before 3" in decision.words


def test_false_accusations_that_move_from_one_source_to_another_are_told():
    gate = [
        *rows("gate", 0, "phone", 12, 0, 100),
        *rows("gate", 0, "scan", 0, 12, 40),
        *rows("gate", 1, "o", 9, 9, 9),
    ]

    failed = [one.name for one in decide([*gate, *GAINS], "a", "b").slices if one.fails]

    assert failed == ["scan"]


def test_a_generator_that_is_lost_is_told_although_others_gain():
    gate = [
        *rows("gate", 0, "phone", 3, 3, 90),
        *rows("gate", 1, "old", 30, 20, 40),
        *rows("gate", 1, "other", 10, 40, 60),
    ]

    failed = [one.name for one in decide([*gate, *GAINS], "a", "b").slices if one.fails]

    assert failed == ["old"]


def test_a_loss_that_may_be_chance_or_is_small_is_let_pass():
    chance = [
        *rows("gate", 0, "phone", 3, 3, 90),
        *rows("gate", 1, "old", 5, 4, 6),
        *rows("gate", 1, "other", 30, 32, 40),
    ]
    small = [*rows("gate", 0, "phone", 3, 3, 90), *rows("gate", 1, "old", 1900, 1892, 2000)]

    assert decide([*chance, *GAINS], "a", "b").passed
    assert decide([*small, *GAINS], "a", "b").passed
    assert not decide([*small, *GAINS], "a", "b", tolerance=0.001).passed


def test_four_pictures_of_a_source_are_no_slice_of_their_own():
    gate = [
        *rows("gate", 0, "phone", 3, 3, 90),
        *rows("gate", 1, "old", 4, 0, 4),
        *rows("gate", 1, "other", 50, 54, 60),
    ]

    decision = decide([*gate, *GAINS], "a", "b")

    assert decision.passed
    assert "old" not in [one.name for one in decision.slices]


@pytest.mark.parametrize(("before", "after", "count"), [(5, 5, 30), (5, 7, 30), (0, 2, 3), (9, 4, 30)])
def test_without_a_gain_that_shows_on_the_new_data_it_is_refused(before, after, count):
    decision = decide([*HOLDS, *rows("new", 1, "novel", before, after, count)], "a", "b")

    assert [one.name for one in decision.slices if one.fails] == ["new"]
    assert "no gain is shown" in decision.words


def test_new_photographs_gain_by_being_called_ai_less():
    assert decide([*HOLDS, *rows("new", 0, "portraits", 20, 2, 30)], "a", "b").passed


def test_the_paired_interval_holds_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(600):
        before = rng.random(60) < 0.5
        after = np.where(rng.random(60) < 0.3, rng.random(60) < 0.9, before)
        figure = share_difference(before, after, np.arange(60))
        held += figure.low <= 0.3 * 0.4 <= figure.high
    assert 0.93 < held / 600 < 0.985


def test_pictures_of_one_group_count_as_one():
    before, after = np.zeros(40, bool), np.arange(40) < 20
    alone = share_difference(before, after, np.arange(40))
    grouped = share_difference(before, after, np.arange(40) // 20)

    assert grouped.high - grouped.low > 2 * (alone.high - alone.low)


@pytest.fixture
def folders(tmp_path):
    drawn_set(tmp_path / "mine", {"grey": 25, "red": 25}, seed=7)
    return tmp_path / "mine" / "real", tmp_path / "mine" / "ai"


@pytest.mark.usefixtures("data")
def test_a_gate_set_is_copied_once_and_then_fixed(folders):
    labelled = init_gate(*folders)

    assert (len(labelled), int(labelled.labels().sum())) == (50, 25)
    assert {sample.columns["source"] for sample in labelled} == {"grey", "red"}
    with pytest.raises(UsageError, match="already"):
        init_gate(*folders)
    assert len(init_gate(*folders, replace=True)) == 50


@pytest.mark.usefixtures("data")
def test_an_altered_picture_of_the_gate_is_told(folders):
    init_gate(*folders)
    picture = next(gate_folder().glob("*.png"))
    picture.write_bytes(picture.read_bytes() + b" ")

    with pytest.raises(BadData, match="not the picture that it was"):
        load_gate()


@pytest.mark.usefixtures("data")
def test_a_picture_under_two_labels_and_too_few_are_refused(folders):
    one = next(folders[0].rglob("*.png"))
    (folders[1] / "copy.png").write_bytes(one.read_bytes())
    with pytest.raises(BadData, match="under two labels"):
        init_gate(*folders)
    nothing = folders[0].with_name("nothing")
    nothing.mkdir()
    with pytest.raises(BadData, match="0 different pictures"):
        init_gate(folders[0], nothing)


@pytest.mark.usefixtures("data")
def test_pictures_of_the_gate_are_kept_out_of_training(folders, tmp_path):
    init_gate(*folders)
    labelled = drawn_set(tmp_path / "mine", {"grey": 25}, seed=7)
    more = drawn_set(tmp_path / "more", {"grey": 3}, seed=8)

    kept, barred = without_gate(labelled.with_samples([*labelled, *more]), red_tower(tmp_path / "tower"))

    assert (len(kept), barred) == (3, 25)


def test_a_gate_set_killed_in_the_making_is_whole_or_not_there(data, folders):
    for _ in killing.killed_at_every_step(init_gate, data, *folders, most=400, every=13):
        assert load_gate() is None or len(load_gate() or ()) == 50
    assert len(load_gate() or ()) == 50


def test_a_gate_set_whose_replacement_was_killed_between_its_renames_is_there_again(data, folders):
    init_gate(*folders)
    gate_folder().rename(data / ".gate.0a1b2c3d.old")

    assert len(load_gate() or ()) == 50
    gate_folder().rename(data / ".gate.0a1b2c3d.old")
    with pytest.raises(UsageError, match="already"):
        init_gate(*folders)


@pytest.mark.usefixtures("data")
def test_a_worse_model_is_refused_and_the_refusal_written_down(folders, tmp_path):
    registry.add(red_tower(tmp_path / "good").folder, "good")
    registry.promote("good")
    registry.add(tiny_bundle(tmp_path / "bad", name="bad", gain=-200).folder, "bad")
    init_gate(*folders)

    result = run("models", "promote", "bad")

    assert result.exit_code == 1
    assert "bad 1.0.0 is refused" in result.stdout
    assert current_model() == "good"
    line = registry.history().entries[-1]
    assert (line["what"], line["model"], line["from"]) == ("refuse", "bad", "good")
    assert line["figures"]["passed"] is False
    forced = run("models", "promote", "bad", "--force", "--json")
    assert forced.exit_code == 0
    assert json.loads(forced.stdout)["line"]["forced"] is True
    assert current_model() == "bad"


@pytest.mark.usefixtures("data")
def test_only_a_name_is_promoted_and_a_folder_is_to_be_added_first(tmp_path):
    folder = tiny_bundle(tmp_path / "tiny").folder

    unknown = run("models", "promote", "nope")
    in_a_folder = run("models", "promote", folder)

    assert (unknown.exit_code, in_a_folder.exit_code) == (5, 5)
    assert unknown.stderr.splitlines()[1] == "hint: there are: photos, cifake, photos-small"
    assert in_a_folder.stderr.splitlines()[1] == f"hint: aivsreal models add {folder}"


@pytest.mark.usefixtures("data")
@pytest.mark.parametrize("tolerance", ["nan", "-0.1", "2"])
def test_a_tolerance_that_no_slice_could_exceed_is_wrong_usage(tolerance):
    result = run("gate", "check", "photos", "--tolerance", tolerance)

    assert result.exit_code == 2
    assert "--tolerance" in result.stderr


@pytest.fixture
def alike(data, folders, tmp_path):
    """Two models that judge alike, the first of them in use, and a gate set."""
    for name in ("one", "two"):
        registry.add(red_tower(tmp_path / name, version=f"1.0.{len(name)}").folder, name)
    registry.promote("one")
    init_gate(*folders)
    return data


@pytest.mark.usefixtures("alike")
def test_what_passes_is_not_called_forced_although_force_was_given():
    assert promote("two", force=True).line["forced"] is False
    assert current_model() == "two"


@pytest.mark.parametrize("name", ["two", "photos"])
def test_a_damaged_pointer_is_mended_by_the_command_that_its_hint_names(alike, name):
    red_tower(alike / "models" / "photos", version="1.0.9")  # hides the one that ships, being quicker
    (alike / "current.json").write_bytes(b"{")

    refused = run("models", "promote", name)
    mended = run("models", "promote", name, "--force")

    assert (refused.exit_code, "aivsreal models promote NAME --force" in refused.stderr) == (5, True)
    assert mended.exit_code == 0, mended.stderr
    assert current_model() == name
    assert registry.history().entries[-1]["forced"] is False  # the gate lets it pass


@pytest.mark.usefixtures("alike")
def test_a_model_that_was_compared_with_one_no_longer_in_use_is_refused(monkeypatch):
    def slow(*models, **options):
        registry.promote("photos", forced=True)
        return compare(*models, **options)

    monkeypatch.setattr(promotion, "compare", slow)

    with pytest.raises(UsageError, match="was promoted while"):
        promote("two")
    assert current_model() == "photos"


@pytest.mark.usefixtures("data")
def test_without_anything_to_measure_on_a_promotion_is_refused(tmp_path):
    champion, other = red_tower(tmp_path / "one"), tiny_bundle(tmp_path / "two", name="two")

    with pytest.raises(UsageError, match="nothing to measure") as caught:
        compare(champion, other)
    assert "aivsreal gate init" in caught.value.hint


@pytest.mark.usefixtures("data")
def test_the_gate_is_made_and_shown_from_the_command_line(folders):
    made = run("gate", "init", "--real", folders[0], "--ai", folders[1])

    assert "the gate holds 25 photographs and 25 AI pictures" in made.stdout
    assert [row["slice"] for row in json.loads(run("gate", "show", "--json").stdout)] == ["grey", "red"]


def test_held_out_ai_pictures_alone_let_nothing_pass(tmp_path):
    champion = tiny_bundle(tmp_path / "a", training={"data_name": "a", "data_fingerprint": "a" * 64})
    challenger = tiny_bundle(tmp_path / "b", training={"data_name": "b", "data_fingerprint": "b" * 64})
    held = drawn_set(tmp_path / "held", {"red": 3, "grey": 3})
    keep_held("a" * 64, [sample for sample in held if sample.label])

    with pytest.raises(UsageError, match="nothing to measure"):
        compare(champion, challenger)

    keep_held("a" * 64, held.samples)
    assert compare(champion, challenger).champion == champion.title
