"""Which pictures stand in a set more than once, from their hashes alone."""

import numpy as np

from aivsreal.data import copies


def test_hashes_that_differ_in_four_bits_are_near_and_in_five_are_not() -> None:
    looks = [0, 0b1111, 0b1111 << 60, 0b11111 << 20]
    assert sorted(map(tuple, copies.near_pairs(np.array(looks, np.uint64)).tolist())) == [(0, 1), (0, 2)]


def test_every_near_pair_is_found_wherever_its_bits_lie() -> None:
    rng = np.random.default_rng(0)
    one = int(rng.integers(0, 2**63))
    others = [one ^ sum(1 << int(bit) for bit in rng.choice(64, 4, replace=False)) for _ in range(200)]
    found = copies.near_pairs(np.array([one, *others], np.uint64))
    assert {int(other) for first, other in found if first == 0} == set(range(1, 201))


def test_a_leak_counts_the_pictures_of_the_later_split() -> None:
    splits = ["train", "test", "test", "val"]
    found = copies.leaks([[0, 1, 2, 3]], splits.__getitem__, ("train", "val", "test"))
    assert found == {("train", "test"): 2, ("val", "test"): 2, ("train", "val"): 1}


def test_second_copies_leave_out_the_first_of_each_cluster() -> None:
    assert copies.second_copies([[0, 1, 2], [3, 4]], lambda at: "train" if at < 4 else "test") == {"train": 2}
