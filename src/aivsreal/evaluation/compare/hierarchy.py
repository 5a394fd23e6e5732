"""Hierarchical and fine-grained: one head each for real or AI, for the family, and for the generator."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from aivsreal.data.labelled import Sample
from aivsreal.errors import BadData
from aivsreal.evaluation.calibration import sigmoid
from aivsreal.evaluation.compare.anomaly import features_of
from aivsreal.evaluation.compare.entry import Fitted, Work, origin_of
from aivsreal.evaluation.compare.steps import train_with
from aivsreal.evaluation.intervals import Floats
from aivsreal.files import atomic_write_json
from aivsreal.images import Picture, open_picture
from aivsreal.training.network import make_network

_LEVELS = ("family", "generator")
REPORT = "families.json"


class Hierarchical:
    """Three heads on one trunk, trained jointly; real or AI is what takes part in the comparison.

    After Guo et al. 2023, "Hierarchical fine-grained image forgery detection and localization". What the family's
    head says of validation pictures is written to `families.json` in the entry's folder.
    """

    def fit(self, work: Work) -> Fitted:
        """Train trunk and heads. Raises: BadData where the data names no family."""
        self.values = {level: _values(work.training, level) for level in _LEVELS}
        if len(self.values["family"]) < 2:
            raise BadData(
                "the data names no two families", hint="add a generators.csv with a column 'family'"
            )
        torch.manual_seed(work.recipe.optimise.seed)
        self.network, self.spec = make_network(work.recipe.network), work.recipe.views
        heads = {level: nn.Linear(self.network.width, len(known)) for level, known in self.values.items()}
        self.heads = nn.ModuleDict(heads)
        targets = {level: _targets(work.training, level, known) for level, known in self.values.items()}
        self.network.train()

        def loss(pictures: Tensor, labels: Tensor, indices: Tensor) -> Tensor:
            pooled = self.network.pooled(pictures)
            whole = nn.functional.binary_cross_entropy_with_logits(self.network.judge(pooled), labels.float())
            fine = [_cross_entropy(self.heads[level](pooled), targets[level][indices]) for level in _LEVELS]
            return whole + sum(fine, torch.zeros(())) / 2

        weights = [*self.network.parameters(), *self.heads.parameters()]
        seen = train_with(loss, weights, work, work.recipe)
        self.network.eval()
        atomic_write_json(work.folder / REPORT, self._families(work.validation))
        return Fitted(seen, sum(weight.numel() for weight in weights), origin_of(work.recipe.network.trunk))

    def predict_probability(self, pictures: Sequence[Picture]) -> Floats:
        """Return the first head's probability of AI."""
        with torch.no_grad():
            logits = self.network.judge(self._pooled(pictures)).double().numpy()
        return sigmoid(logits)

    def _pooled(self, pictures: Sequence[Picture]) -> Tensor:
        return torch.from_numpy(features_of(self.network, pictures, self.spec)).float()

    def _families(self, samples: Sequence[Sample]) -> dict[str, Any]:
        """How often each family of AI pictures is told right, and taken for which other."""
        known = self.values["family"]
        table: dict[str, Counter[str]] = {}
        for sample in samples:
            family = sample.columns.get("family")
            if sample.label == 0 or family not in known:
                continue
            with torch.no_grad():
                guess = int(self.heads["family"](self._pooled([open_picture(sample.read())])).argmax())
            table.setdefault(str(family), Counter())[known[guess]] += 1
        right = sum(found[family] for family, found in table.items())
        total = sum(found.total() for found in table.values())
        commonest = max((found.total() for found in table.values()), default=0)
        return {
            "confusion": {family: dict(found) for family, found in sorted(table.items())},
            "right": right,
            "pictures": total,
            "commonest_family": commonest,
        }


def _values(samples: Sequence[Sample], level: str) -> list[str]:
    return sorted({str(s.columns[level]) for s in samples if s.label == 1 and s.columns.get(level)})


def _targets(samples: Sequence[Sample], level: str, known: Sequence[str]) -> Tensor:
    """The class of each sample, int64 [n]; -100 (which the loss passes over) for photographs and the unnamed."""
    places: Mapping[str, int] = {value: place for place, value in enumerate(known)}
    values = [places.get(str(s.columns.get(level)), -100) if s.label == 1 else -100 for s in samples]
    return torch.tensor(values)


def _cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    if not (targets >= 0).any():
        return torch.zeros(())
    return nn.functional.cross_entropy(logits, targets)
