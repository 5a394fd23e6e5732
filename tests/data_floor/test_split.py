import dataclasses
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aivsreal.data.labelled import LabelledSet, Sample
from aivsreal.data.sources import load_set
from aivsreal.data.split import leaked_and_copies, with_validation
from aivsreal.errors import BadData
from tests.data.draw import as_bytes, photo


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("pictures")
    paths = [folder / f"{seed}.png" for seed in range(60)]
    for seed, path in enumerate(paths):
        path.write_bytes(as_bytes(photo(24, 24, seed), "PNG"))
    return [str(path) for path in paths]


def labelled(paths: list[str], split: str = "train", groups: dict[int, str] | None = None) -> LabelledSet:
    made = [
        Sample(f"{at}", at % 2, split, {"group": (groups or {}).get(at)}, path)
        for at, path in enumerate(paths)
    ]
    return LabelledSet("drawn", Path(), tuple(made))


def places(found: LabelledSet) -> dict[str, str]:
    return {sample.path: sample.split for sample in found}


def test_validation_holds_its_share_of_both_classes(pictures: list[str]) -> None:
    found = with_validation(labelled(pictures), fraction=0.2)
    counts = Counter((s.split, s.label) for s in found)
    assert set(found.splits) == {"train", "val"}
    assert all(2 <= counts["val", label] <= 12 for label in (0, 1))


def test_the_cut_is_the_same_each_time_and_in_any_order(pictures: list[str]) -> None:
    whole = labelled(pictures)
    turned = whole.with_samples(tuple(reversed(whole.samples)))
    assert places(with_validation(whole)) == places(with_validation(turned))


def test_adding_pictures_moves_none_from_its_split(pictures: list[str]) -> None:
    before = places(with_validation(labelled(pictures[:40]), fraction=0.45))
    after = places(with_validation(labelled(pictures), fraction=0.45))
    assert all(after[path] == split for path, split in before.items())


@settings(max_examples=20, deadline=None)
@given(members=st.sets(st.integers(0, 59), min_size=2, max_size=8))
def test_a_group_never_straddles(pictures: list[str], members: set[int]) -> None:
    found = with_validation(labelled(pictures, groups=dict.fromkeys(members, "album")), fraction=0.3)
    assert len({s.split for s in found if s.columns["group"] == "album"}) == 1


def test_second_copies_are_left_out_and_copies_stay_together(pictures: list[str]) -> None:
    doubled = labelled(pictures + pictures)
    assert len(with_validation(doubled)) == len(pictures)
    kept = with_validation(doubled, drop_copies=False)
    by_path: dict[str, set[str]] = {}
    for sample in kept:
        by_path.setdefault(sample.path, set()).add(sample.split)
    assert all(len(splits) == 1 for splits in by_path.values())


def test_copies_join_the_groups_that_they_stand_in(pictures: list[str]) -> None:
    groups = {at: f"album {at}" for at in range(120)}
    kept = with_validation(labelled(pictures + pictures, groups=groups), fraction=0.3, drop_copies=False)
    by_path: dict[str, set[str]] = {}
    for sample in kept:
        by_path.setdefault(sample.path, set()).add(sample.split)
    assert all(len(splits) == 1 for splits in by_path.values())


def test_a_set_that_has_validation_stays_as_it_is(pictures: list[str]) -> None:
    whole = labelled(pictures)
    named = whole.with_samples([dataclasses.replace(s, split="val") for s in whole.samples[:9]])
    assert with_validation(named) is named


def test_a_set_without_splits_gets_three(pictures: list[str]) -> None:
    assert with_validation(labelled(pictures, split="")).splits == ("train", "val", "test")


def test_too_few_groups_to_cut_are_refused(pictures: list[str]) -> None:
    with pytest.raises(BadData, match="too few groups"):
        with_validation(labelled(pictures[:2]))


def test_leaks_and_second_copies_are_found_by_their_pixels(pictures: list[str], tmp_path: Path) -> None:
    again = tmp_path / "again.bmp"
    again.write_bytes(as_bytes(photo(24, 24, 0), "BMP"))
    train = labelled(pictures[:10]).samples
    test = [Sample("leak", 0, "test", {}, str(again)), Sample("new", 1, "test", {}, pictures[20])]
    whole = LabelledSet("drawn", Path(), (*train, *test, dataclasses.replace(test[1], key="copy")))
    assert leaked_and_copies(whole) == ([10], [12])


def test_a_picture_of_validation_is_a_leak_too_and_an_unreadable_one_is_none(
    pictures: list[str], tmp_path: Path
) -> None:
    broken = [tmp_path / name for name in ("a.png", "b.png")]
    for path in broken:
        path.write_bytes(b"no picture")
    learned = [Sample("seen", 0, "val", {}, pictures[0]), Sample("a", 0, "train", {}, str(broken[0]))]
    test = [Sample("again", 0, "test", {}, pictures[0]), Sample("b", 0, "test", {}, str(broken[1]))]
    assert leaked_and_copies(LabelledSet("drawn", Path(), (*learned, *test))) == ([2], [])


def test_another_seed_text_cuts_otherwise(pictures: list[str]) -> None:
    whole = labelled(pictures)
    cuts = [places(with_validation(whole, fraction=0.4, seed_text=text)) for text in ("", "again")]
    assert cuts[0] != cuts[1]


def test_no_class_of_a_small_set_is_starved_of_validation(pictures: list[str]) -> None:
    small = labelled(pictures[:16])
    for text in map(str, range(20)):
        counts = Counter((s.split, s.label) for s in with_validation(small, fraction=0.4, seed_text=text))
        assert min(counts["val", label] for label in (0, 1)) >= 2, text


def test_the_known_leaks_and_copies_of_cifake_are_found(shared: Path) -> None:
    cifake = load_set(shared / "data" / "cifake")
    leaked, copies = leaked_and_copies(cifake)
    assert (len(leaked), len(copies)) == (378, 38)
