"""What is wrong with a labelled set, before a network learns it: copies, leaks, contradictions, shortcuts.

audit(load_set("DATA")).findings
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Literal

from pydantic import BaseModel

from aivsreal.data import copies
from aivsreal.data.copies import Cluster
from aivsreal.data.counts import Counts, Telling, count, telling_values
from aivsreal.data.findings import Finding, findings
from aivsreal.data.labelled import LabelledSet
from aivsreal.data.probe import ProbeRun, probe
from aivsreal.data.scan import Scan, scans
from aivsreal.data.words import LABEL_NAMES

_EXAMPLES = 200
_SLICED_BY = "kind"
_MOST_SLICES = 6


class Member(BaseModel, frozen=True):
    """One picture of a cluster: its key in the set, its split and its class."""

    key: str
    split: str
    label: str


class Leak(BaseModel, frozen=True):
    """How many pictures of one split also stand in an earlier one."""

    pictures: int
    of_split: str
    also_in: str


class Copies(BaseModel, frozen=True):
    """Pictures that stand in the set more than once, by one measure of sameness.

    second_copies: pictures that are not the first of their cluster; within_split: the same inside each split
    both_labels: clusters under both labels; clusters: up to 200 of them, contradictions and leaks first
    """

    measure: Literal["bytes", "pixels", "look"]
    compared: int
    clusters_total: int
    second_copies: int
    within_split: dict[str, int]
    leaks: list[Leak]
    both_labels: int
    clusters: list[list[Member]]


class Unreadable(BaseModel, frozen=True):
    """A picture that cannot be read, and why."""

    key: str
    reason: str


class Audit(BaseModel, frozen=True):
    """Everything that an audit found. `findings` says it in sentences, the rest in figures."""

    name: str
    conditions: list[str]
    records: int
    fingerprint: str
    counts: Counts
    copies: list[Copies]
    straddling_groups: int
    unreadable: list[Unreadable]
    probe: ProbeRun | None
    probe_slices: dict[str, ProbeRun]
    telling: list[Telling]
    findings: list[Finding]

    @property
    def problems(self) -> int:
        """How many findings are problems or warnings."""
        return sum(finding.level != "note" for finding in self.findings)


def audit(
    labelled: LabelledSet,
    *,
    conditions: Sequence[str] = (),
    seed: int = 0,
    on_each: Callable[[], None] = lambda: None,
) -> Audit:
    """Return what is wrong with a set. Every picture is decoded once and dropped; only figures are kept.

    conditions: the `--where` that made the set, to be told in the report
    on_each: called after each picture, for a progress bar
    Raises: MissingDependency.
    """
    found = list(scans(labelled.samples, on_each))
    run, slices = _probes(labelled, found, seed)
    facts = _Facts(labelled, found)
    result = Audit(
        name=labelled.name,
        conditions=list(conditions),
        records=len(labelled),
        fingerprint=facts.fingerprint(),
        counts=count(labelled, found),
        copies=[facts.copies("bytes"), facts.copies("pixels"), facts.copies("look")],
        straddling_groups=facts.straddling_groups(),
        unreadable=[
            Unreadable(key=s.key, reason=f.error)
            for s, f in zip(labelled.samples, found, strict=True)
            if f.error
        ],
        probe=run,
        probe_slices=slices,
        telling=telling_values(labelled.samples, labelled.column_names),
        findings=[],
    )
    return result.model_copy(update={"findings": findings(result)})


class _Facts:
    """A set and its scans, asked for the tables of an Audit."""

    def __init__(self, labelled: LabelledSet, found: Sequence[Scan]) -> None:
        self.samples, self.found, self.splits = labelled.samples, found, labelled.splits

    def copies(self, measure: Literal["bytes", "pixels", "look"]) -> Copies:
        """Return the copies by one measure: equal bytes, equal pixels, or a near look."""
        clusters = self._clusters(measure)
        within = copies.second_copies(clusters, self._split)
        return Copies(
            measure=measure,
            compared=self._compared(measure),
            clusters_total=len(clusters),
            second_copies=sum(len(cluster) - 1 for cluster in clusters),
            within_split={split: within[split] for split in self.splits if within[split]},
            leaks=[
                Leak(pictures=n, of_split=later, also_in=earlier)
                for (earlier, later), n in sorted(copies.leaks(clusters, self._split, self.splits).items())
            ],
            both_labels=len(copies.crossing(clusters, self._label)),
            clusters=[self._members(cluster) for cluster in self._worst_first(clusters)[:_EXAMPLES]],
        )

    def straddling_groups(self) -> int:
        """Return how many values of the `group` column occur in more than one split."""
        groups = [str(s.columns["group"]) if s.columns.get("group") else "" for s in self.samples]
        return len(copies.crossing(copies.same(groups), self._split))

    def fingerprint(self) -> str:
        """Return LabelledSet.fingerprint() from the hashes at hand."""
        lines = sorted(
            f"{f.content} {s.label} {s.split}" for s, f in zip(self.samples, self.found, strict=True)
        )
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def _clusters(self, measure: str) -> list[Cluster]:
        match measure:
            case "bytes":
                return copies.same([f.content for f in self.found])
            case "pixels":
                return copies.same([f.pixels for f in self.found])
            case _:
                return copies.near([f.look for f in self.found], [f.pixels for f in self.found])

    def _compared(self, measure: str) -> int:
        wanted: dict[str, Callable[[Any], object]] = {
            "bytes": lambda f: f.content,
            "pixels": lambda f: f.pixels,
            "look": lambda f: f.look is not None,
        }
        return sum(bool(wanted[measure](f)) for f in self.found)

    def _worst_first(self, clusters: list[Cluster]) -> list[Cluster]:
        def harmless(cluster: Cluster) -> tuple[bool, bool]:
            return len(set(map(self._label, cluster))) == 1, len(set(map(self._split, cluster))) == 1

        return sorted(clusters, key=harmless)

    def _members(self, cluster: Cluster) -> list[Member]:
        chosen = [self.samples[at] for at in cluster]
        return [Member(key=s.key, split=s.split, label=LABEL_NAMES[s.label]) for s in chosen]

    def _split(self, at: int) -> str:
        return self.samples[at].split

    def _label(self, at: int) -> int:
        return self.samples[at].label


def _probes(
    labelled: LabelledSet, found: Sequence[Scan], seed: int
) -> tuple[ProbeRun | None, dict[str, ProbeRun]]:
    """Return the probe of what a network learns from (`train`, else everything), and one for each `kind`."""
    learnt = "train" in labelled.splits
    pairs = [(s, f) for s, f in zip(labelled.samples, found, strict=True) if not learnt or s.split == "train"]
    samples, scanned = [s for s, _ in pairs], [f for _, f in pairs]
    part = "train" if learnt else "all records"
    run = probe(samples, scanned, part=part, seed=seed)
    slices: dict[str, ProbeRun] = {}
    kinds = sorted({str(k) for s in samples if (k := s.columns.get(_SLICED_BY)) is not None})
    if not 2 <= len(kinds) <= _MOST_SLICES:
        return run, slices
    for kind in kinds:
        chosen = [(s, f) for s, f in pairs if str(s.columns.get(_SLICED_BY)) == kind]
        name = f"{_SLICED_BY}={kind}"
        found_here = probe([s for s, _ in chosen], [f for _, f in chosen], part=f"{part}, {name}", seed=seed)
        if found_here:
            slices[name] = found_here
    return run, slices
