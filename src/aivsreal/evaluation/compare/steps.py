"""A bare training loop, for entries whose loss is not the one of a recipe."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from time import monotonic

import torch
from torch import Tensor, nn

from aivsreal.errors import Diverged
from aivsreal.evaluation.compare.entry import Work
from aivsreal.training.loader import training_batches
from aivsreal.training.loop import learning_rate_at
from aivsreal.training.recipe import Recipe, with_values

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]
"""The loss of uint8 pictures [n, side, side, 3], labels [n] and the samples' indices [n]."""


def train_with(loss_of: Loss, weights: Iterable[nn.Parameter], work: Work, recipe: Recipe) -> int:
    """Return how many pictures were shown, after the weights have followed the loss through the budget.

    Order, augmentation, batch size and learning rate are the recipe's. Raises: Diverged.
    """
    recipe = _one_long_epoch(recipe, work)
    steps = recipe.optimise.steps_per_epoch or 1
    optimiser = torch.optim.AdamW(weights, weight_decay=recipe.optimise.weight_decay)
    until = None if work.budget.minutes is None else monotonic() + 60 * work.budget.minutes
    seen = 0
    for step, (pictures, labels, indices) in enumerate(training_batches(work.training, recipe, 0)):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate_at(step, steps, recipe.optimise)
        loss = loss_of(pictures, labels, indices)
        if not torch.isfinite(loss):
            raise Diverged("the training came apart: its loss is no number", hint="lower the learning rate")
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        seen += len(labels)
        if until is not None and monotonic() > until:
            break
    return seen


def _one_long_epoch(recipe: Recipe, work: Work) -> Recipe:
    seen = work.budget.seen or recipe.optimise.epochs * len(work.training)
    steps = max(1, seen // recipe.optimise.batch_size)
    return with_values(
        recipe,
        {"optimise.epochs": 1, "optimise.steps_per_epoch": steps, "optimise.warmup_epochs": 0.05},
    )
