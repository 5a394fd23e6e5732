"""What a detector answered over a set, as arrays: the pictures as they are and aligned, side by side."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aivsreal.evaluation.intervals import Bools, Figure, Floats, Ints, share
from aivsreal.evaluation.measure import CHAINS, Chain, Row
from aivsreal.evaluation.metrics import Figures, confusion, figures, group_codes


@dataclass(frozen=True)
class Answers:
    """The pictures that could be read in every chain, in one order; arrays are [n].

    rows: of each picture as it is, for its columns, format and size
    labels: 1 AI, 0 real; groups: None where a picture stands alone
    """

    rows: tuple[Row, ...]
    labels: Ints
    groups: tuple[str | None, ...]
    probabilities: Mapping[Chain, Floats]
    words: Mapping[Chain, tuple[str, ...]]

    @classmethod
    def of(cls, measured: Mapping[Chain, Sequence[Row]]) -> Answers:
        """Return the answers of the pictures without an error in any chain; "as_is" is one of them."""
        whole = [
            i for i, rows in enumerate(zip(*measured.values(), strict=True)) if not any(r.error for r in rows)
        ]
        kept = {chain: [rows[i] for i in whole] for chain, rows in measured.items()}
        first = kept["as_is"]
        return cls(
            rows=tuple(first),
            labels=np.asarray([row.label for row in first], dtype=np.int64),
            groups=tuple(_group(row.columns) for row in first),
            probabilities={c: np.asarray([r.probability_ai for r in rows]) for c, rows in kept.items()},
            words={c: tuple(str(r.verdict) for r in rows) for c, rows in kept.items()},
        )

    def __len__(self) -> int:
        """Return how many pictures were answered."""
        return len(self.rows)

    def at(self, chosen: Bools) -> Answers:
        """Return the answers where `chosen` [n] is true."""
        places = np.flatnonzero(chosen)
        return Answers(
            rows=tuple(self.rows[i] for i in places),
            labels=self.labels[places],
            groups=tuple(self.groups[i] for i in places),
            probabilities={chain: values[places] for chain, values in self.probabilities.items()},
            words={chain: tuple(words[i] for i in places) for chain, words in self.words.items()},
        )

    def figures(self, chain: Chain, *, calibration: bool = True) -> Figures:
        """Return every figure of one chain (see metrics.figures)."""
        return figures(
            self.labels,
            self.probabilities[chain],
            self.words[chain],
            groups=self.groups,
            calibration=calibration,
        )

    def share_of(self, words: Collection[str], chain: Chain) -> Figure | None:
        """Return the share of the pictures that got one of these answers."""
        hits = np.asarray([word in words for word in self.words[chain]], dtype=bool)
        return share(hits, group_codes(self.groups, len(self)))

    def confusion(self) -> dict[str, dict[str, dict[str, int]]]:
        """Return for each chain how many pictures of each class got each answer."""
        return {chain: confusion(self.labels, self.words[chain]) for chain in CHAINS}


def _group(columns: Mapping[str, Any]) -> str | None:
    group = columns.get("group")
    return None if group is None else str(group)
