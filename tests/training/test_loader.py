from collections import Counter

import numpy as np
import pytest
import torch

from aivsreal.data.labelled import LabelledSet, Sample
from aivsreal.data.sources import load_set
from aivsreal.data.toy import draw_toy_set
from aivsreal.training.loader import epoch_order, limited, training_batches
from aivsreal.training.recipe import Recipe, load_recipe


def recipe(*overrides: str) -> Recipe:
    return load_recipe("toy", overrides=overrides)


def samples(real: int, generators: dict[str, int]) -> list[Sample]:
    made = [Sample(f"r{n}", 0, "train", {"source": "camera"}, "") for n in range(real)]
    for generator, count in generators.items():
        made += [Sample(f"{generator}{n}", 1, "train", {"generator": generator}, "") for n in range(count)]
    return made


def test_balanced_batches_hold_as_many_real_as_ai_pictures() -> None:
    unequal = samples(100, {"a": 20})
    order = epoch_order(unequal, recipe("data.balance=class", "optimise.batch_size=10"), epoch=0)
    labels = np.array([unequal[index].label for index in order]).reshape(-1, 10)
    assert (labels.sum(axis=1) == 5).all()


def test_an_epoch_without_balance_shows_each_picture_at_most_once() -> None:
    order = epoch_order(samples(30, {"a": 34}), recipe("data.balance=none"), epoch=0)
    assert len(order) == 64
    assert len(set(order.tolist())) == 64


def test_source_balance_shows_small_generators_more_often_than_their_share() -> None:
    mixed = samples(100, {"big": 90, "small": 10})
    wanted = recipe("data.balance=source", "data.source_power=0", "optimise.steps_per_epoch=100")
    shown = Counter(mixed[index].columns.get("generator") for index in epoch_order(mixed, wanted, epoch=0))
    assert shown["small"] == pytest.approx(shown["big"], rel=0.2)


def test_epochs_differ_and_the_same_epoch_is_the_same() -> None:
    mixed, wanted = samples(40, {"a": 40}), recipe()
    first, again, second = (epoch_order(mixed, wanted, epoch) for epoch in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, second)


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> LabelledSet:
    return load_set(draw_toy_set(tmp_path_factory.mktemp("toy") / "set", n=48)).of_split("train")


def batches(toy: LabelledSet, **options: int) -> list[tuple[torch.Tensor, ...]]:
    return [tuple(batch) for batch in training_batches(toy.samples, recipe(), 0, **options)]


def test_a_resumed_epoch_shows_the_very_pictures_that_were_left(toy: LabelledSet) -> None:
    whole, rest = batches(toy), batches(toy, skip=2)
    assert len(rest) == len(whole) - 2
    assert all(torch.equal(a[0], b[0]) for a, b in zip(whole[2:], rest, strict=True))


def test_worker_processes_change_nothing(toy: LabelledSet) -> None:
    assert all(torch.equal(a[0], b[0]) for a, b in zip(batches(toy), batches(toy, processes=2), strict=True))


def test_two_processes_share_the_batches_of_one(toy: LabelledSet) -> None:
    one = batches(toy)
    halves = [batches(toy, rank=rank, world=2) for rank in (0, 1)]
    for whole, first, second in zip(one, *halves, strict=True):
        assert torch.equal(whole[0][0::2], first[0])
        assert torch.equal(whole[0][1::2], second[0])


def test_a_limit_takes_half_of_each_class(toy: LabelledSet) -> None:
    assert Counter(limited(toy, 10).labels().tolist()) == {0: 5, 1: 5}


def test_no_limit_takes_all(toy: LabelledSet) -> None:
    assert limited(toy, None) is toy
