from collections import Counter
from pathlib import Path

from aivsreal.data.sources import load_set
from aivsreal.data.toy import draw_toy_set


def test_the_toy_set_is_balanced_and_the_same_each_time(tmp_path: Path) -> None:
    one, again, other = (
        load_set(draw_toy_set(tmp_path / name, n=16, seed=seed))
        for name, seed in (("a", 0), ("b", 0), ("c", 1))
    )
    assert Counter((s.split, s.label) for s in one) == {
        ("train", 0): 8, ("train", 1): 8, ("test", 0): 4, ("test", 1): 4,
    }  # fmt: skip
    assert one.fingerprint() == again.fingerprint() != other.fingerprint()
