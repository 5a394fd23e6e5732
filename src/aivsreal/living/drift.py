"""Whether two lots of verdicts come from the same kind of pictures: published tests, and how large a change is.

A test says whether a change is more than chance, a size whether it matters; an alarm needs both. Everything here
is a function of arrays: nothing is read, written or drawn by a clock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from scipy.stats import chi2_contingency, fisher_exact, ks_2samp

Floats = NDArray[np.float64]

# All tests of one look together raise a false alarm this often, where nothing has changed (Holm 1979).
LEVEL = 0.005
PERMUTATIONS = 4999
# What a test of embeddings looks at: enough to see, few enough to be quick.
MOST = 400
# From where on a change matters: PSI as is usual (Siddiqi 2006, "Credit risk scorecards"), shifts of the middle
# in deviations, shares in points.
PSI_MATTERS, SHIFT_MATTERS, SHARE_MATTERS = 0.2, 0.5, 0.05
PSI_BINS = 10


@dataclass(frozen=True)
class Finding:
    """One thing that was compared.

    p: chance of a difference like this where nothing changed; None where it is not tested
    size: how large the change is, in the unit that `words` says; matters: whether that is much
    alarm: p is below what all tests together allow, the change matters, and it bears on verdicts
    """

    name: str
    words: str
    p: float | None
    size: float
    matters: bool
    bears: bool = True
    changed: bool = False
    alarm: bool = False

    @property
    def standing(self) -> str:
        """Whether it is an alarm, a change that raises none, or as before."""
        return "ALARM" if self.alarm else "changed" if self.changed else "as before"

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "name": self.name,
            "words": self.words,
            "p": None if self.p is None else round(self.p, 6),
            "size": round(self.size, 4),
            "changed": self.changed,
            "matters": self.matters,
            "alarm": self.alarm,
        }


def judged(findings: Sequence[Finding], level: float = LEVEL) -> list[Finding]:
    """Return the findings with `changed` and `alarm` set: tests that bear on verdicts share the level by Holm.

    Holm 1979, "A simple sequentially rejective multiple test procedure". Other tests are judged alike, by
    themselves, and raise no alarm.
    """
    changed: set[str] = set()
    for bears in (True, False):
        tested = sorted((f for f in findings if f.p is not None and f.bears == bears), key=lambda f: f.p or 0)
        for place, finding in enumerate(tested):
            if (finding.p or 0) >= level / (len(tested) - place):
                break
            changed.add(finding.name)
    return [
        replace(f, changed=f.name in changed, alarm=f.name in changed and f.bears and f.matters)
        for f in findings
    ]


def scores(before: Floats, after: Floats) -> Finding:
    """Compare logits [n] and [m]: Kolmogorov's and Smirnov's test, and the population stability index."""
    p = float(ks_2samp(before, after).pvalue)
    index = stability_index(before, after)
    rise = float(np.median(after) - np.median(before))
    words = f"scores: PSI {index:.2f}, their middle is {abs(rise):.2f} {'higher' if rise > 0 else 'lower'}"
    return Finding("scores", words, p, index, index >= PSI_MATTERS)


def stability_index(before: Floats, after: Floats) -> float:
    """Return the population stability index over deciles of `before`, empty bins counted as half a picture.

    What chance alone adds, (bins - 1)(1/n + 1/m), is taken off (Yurdakul 2018, "Statistical properties of
    population stability index").
    """
    edges = np.unique(np.quantile(before, np.linspace(0, 1, PSI_BINS + 1)[1:-1]))
    counts = [np.bincount(np.searchsorted(edges, x), minlength=len(edges) + 1) for x in (before, after)]
    first, second = (np.maximum(count, 0.5) / max(count.sum(), 1) for count in counts)
    chance = len(edges) * (1 / len(before) + 1 / len(after))
    return max(0.0, float(((second - first) * np.log(second / first)).sum() - chance))


def embeddings(before: Floats, after: Floats, rng: np.random.Generator) -> Finding:
    """Compare sketches [n, k] and [m, k]: maximum mean discrepancy, its p-value by permutation.

    Gretton et al. 2012, "A kernel two-sample test", with a Gaussian kernel as wide as the median distance.
    size: how far the middle moved, in deviations, less what chance alone moves it
    """
    first, second = _some(before, rng), _some(after, rng)
    p = _permuted(np.concatenate([first, second]), len(first), rng)
    size = shift(before, after)
    words = f"pictures: their middle moved by {size:.2f} deviations"
    return Finding("embeddings", words, p, size, size >= SHIFT_MATTERS)


def shift(before: Floats, after: Floats) -> float:
    """Return how far the mean of `after` lies from that of `before`, less what chance alone moves it."""
    moved = ((after.mean(axis=0) - before.mean(axis=0)) ** 2).sum()
    chance = sum(float((x.var(axis=0) / len(x)).sum()) for x in (before, after))
    return float(np.sqrt(max(0.0, moved - chance)))


def share(
    name: str, what: str, before: Sequence[bool], after: Sequence[bool], *, bears: bool = True
) -> Finding:
    """Compare two shares by Fisher's exact test; size: the difference."""
    first, second = int(sum(before)), int(sum(after))
    table = [[first, len(before) - first], [second, len(after) - second]]
    was, now = first / len(before), second / len(after)
    words = f"{what}: {now:.0%}, was {was:.0%}"
    p = float(fisher_exact(table).pvalue)
    return Finding(name, words, p, now - was, abs(now - was) >= SHARE_MATTERS, bears)


def kinds(name: str, what: str, before: Sequence[str], after: Sequence[str]) -> Finding:
    """Compare how often each word occurs by Pearson's chi-squared test; size: half the sum of all differences.

    It bears on no verdict by itself.
    """
    first, second = Counter(before), Counter(after)
    names = sorted(first | second)
    was = np.array([first[key] for key in names]) / max(len(before), 1)
    now = np.array([second[key] for key in names]) / max(len(after), 1)
    size = float(np.abs(now - was).sum() / 2)
    p = 1.0
    if len(names) > 1:
        p = float(chi2_contingency([[first[key] for key in names], [second[key] for key in names]]).pvalue)
    most = int(np.abs(now - was).argmax())
    words = f"{what}: {names[most]} {now[most]:.0%}, was {was[most]:.0%}"
    return Finding(name, words, p, size, size >= 2 * SHARE_MATTERS, bears=False)


def _some(points: Floats, rng: np.random.Generator) -> Floats:
    return points if len(points) <= MOST else points[rng.choice(len(points), MOST, replace=False)]


def _permuted(points: Floats, first: int, rng: np.random.Generator) -> float:
    """Return the share of divisions of the points into two lots that lie as far apart as the given one."""
    count = len(points)
    distances = cdist(points, points, "sqeuclidean")
    width = float(np.median(distances[np.triu_indices(count, 1)])) or 1.0
    kernel = np.exp(-distances / width)
    # Every lot of `first` points as weights 1/n within and -1/m without: the discrepancy is w K w.
    weights = np.full((count, PERMUTATIONS + 1), -1 / (count - first))
    weights[:first, 0] = 1 / first
    for column in range(1, PERMUTATIONS + 1):
        weights[rng.permutation(count)[:first], column] = 1 / first
    apart = np.einsum("ij,ij->j", weights, kernel @ weights)
    return float((apart >= apart[0] - 1e-12).mean())
