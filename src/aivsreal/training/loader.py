"""From samples to batches: which pictures an epoch shows, in which order, augmented how.

All of it follows from (seed, epoch, position), never from a worker's state: a run that was killed goes on
with the very pictures that an uninterrupted one would have shown.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

from aivsreal.data.labelled import LabelledSet, Sample, source_of
from aivsreal.images import open_picture
from aivsreal.threads import available_cores
from aivsreal.training.augment import augment
from aivsreal.training.recipe import DataSection, Recipe
from aivsreal.views import Views, ViewSpec, make_views

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

Draw = tuple[int, int, int]  # epoch, position in the epoch, index of the sample

NEW = "is_new"
"""The column that marks what is new, of which `data.new_share` speaks."""


class TrainingPictures(Dataset[tuple[torch.Tensor, int, int]]):
    """Augmented training views, addressed by (epoch, position, sample index)."""

    def __init__(self, samples: Sequence[Sample], recipe: Recipe) -> None:
        self.samples = samples
        self.section = recipe.augment.at_strength()
        self.size = recipe.views.size
        self.seed = recipe.optimise.seed

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, draw: Draw) -> tuple[torch.Tensor, int, int]:
        epoch, position, index = draw
        sample = self.samples[index]
        rng = np.random.default_rng((self.seed, epoch, position))
        view = augment(open_picture(sample.read()).pixels, self.section, self.size, rng)
        return torch.from_numpy(view), sample.label, index


class EpochOrder:
    """The batches of one epoch as draws; `skip` leaves out the batches that a killed run has had."""

    def __init__(self, order: NDArray[np.int64], batch_size: int, rank: int, world: int) -> None:
        self.order = order
        self.batch_size = batch_size
        self.rank = rank
        self.world = world
        self.epoch = 0
        self.skip = 0

    def __len__(self) -> int:
        return len(self.order) // self.batch_size - self.skip

    def __iter__(self) -> Iterator[list[Draw]]:
        for batch in range(self.skip, self.skip + len(self)):
            start = batch * self.batch_size
            positions = range(start + self.rank, start + self.batch_size, self.world)
            yield [(self.epoch, position, int(self.order[position])) for position in positions]


def epoch_order(samples: Sequence[Sample], recipe: Recipe, epoch: int) -> NDArray[np.int64]:
    """Return the indices that an epoch shows, int64 [steps * batch_size], drawn as `data.balance` says."""
    batch = recipe.optimise.batch_size
    steps = epoch_steps(samples, recipe)
    rng = np.random.default_rng((recipe.optimise.seed, epoch, 0x0DE2))
    if recipe.data.balance == "none":
        return _cycle(np.arange(len(samples)), steps * batch, rng)
    labels = np.array([sample.label for sample in samples])
    half = batch // 2
    ai = _draw_class(samples, np.flatnonzero(labels == 1), recipe.data, steps * half, rng)
    real = _draw_class(samples, np.flatnonzero(labels == 0), recipe.data, steps * (batch - half), rng)
    batches = np.concatenate([ai.reshape(steps, half), real.reshape(steps, batch - half)], axis=1)
    return rng.permuted(batches, axis=1).reshape(-1)


def epoch_steps(samples: Sequence[Sample], recipe: Recipe) -> int:
    """Return how many steps an epoch has."""
    return recipe.optimise.steps_per_epoch or max(1, len(samples) // recipe.optimise.batch_size)


def validation_batches(
    samples: Sequence[Sample], spec: ViewSpec, *, batch_size: int = 16
) -> Iterator[list[Views]]:
    """Yield the samples' views in batches of pictures, just as a verdict makes them."""

    def views_of(sample: Sample) -> Views:
        return make_views(open_picture(sample.read()).pixels, spec)

    return _between_steps(views_of, _batched(samples, batch_size))


def training_batches(
    samples: Sequence[Sample],
    recipe: Recipe,
    epoch: int,
    *,
    skip: int = 0,
    rank: int = 0,
    world: int = 1,
    processes: int = 0,
) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Yield an epoch's batches: uint8 [n, size, size, 3], labels and sample indices int64 [n].

    n = batch_size / world

    processes: how many decode ahead of the network; 0: threads of this one decode between its steps
    """
    order = EpochOrder(epoch_order(samples, recipe, epoch), recipe.optimise.batch_size, rank, world)
    order.epoch, order.skip = epoch, skip
    pictures = TrainingPictures(samples, recipe)
    if processes == 0:
        for drawn in _between_steps(pictures.__getitem__, order):
            views, labels, indices = zip(*drawn, strict=True)
            yield torch.stack(views), torch.tensor(labels), torch.tensor(indices)
        return
    yield from DataLoader(
        pictures,
        batch_sampler=order,
        num_workers=processes,
        prefetch_factor=4,
        multiprocessing_context="fork" if hasattr(os, "fork") else None,
        generator=torch.Generator(),  # or it would draw from the global one, which dropout goes on with
    )


def decoding_processes(device_type: str) -> int:
    """Return how many processes should decode for a network on such a device.

    On a CPU none: they would share its cores with the network, whose every layer waits for the slowest of
    its threads, so that a core lost to decoding costs all of them.
    """
    return 0 if device_type == "cpu" else max(1, min(8, available_cores() - 1))


def _between_steps(
    work: Callable[[_Item], _Result], batches: Iterable[Sequence[_Item]]
) -> Iterator[list[_Result]]:
    """The results of a batch at a time, made by as many threads as the network uses, while it waits."""
    with ThreadPoolExecutor(torch.get_num_threads(), thread_name_prefix="aivsreal-decode") as pool:
        for batch in batches:
            yield list(pool.map(work, batch))


def _batched(items: Sequence[_Item], size: int) -> Iterator[Sequence[_Item]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def limited(labelled: LabelledSet, limit: int | None) -> LabelledSet:
    """Return the set, or `limit` of its samples: half of each class, chosen by a fixed shuffle."""
    if limit is None or len(labelled) <= limit:
        return labelled
    order = np.random.default_rng(0).permutation(len(labelled))
    labels = labelled.labels()[order]
    return labelled.at(np.concatenate([order[labels == label][: limit // 2] for label in (0, 1)]).tolist())


def _draw_class(
    samples: Sequence[Sample],
    members: NDArray[np.int64],
    section: DataSection,
    count: int,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    is_new = np.array([bool(samples[member].columns.get(NEW)) for member in members])
    if section.new_share is None or is_new.all() or not is_new.any():
        return _draw_alike(samples, members, section, count, rng)
    taught = round(section.new_share * count)
    new = _draw_alike(samples, members[is_new], section, taught, rng)
    return rng.permutation(
        np.concatenate([new, _draw_alike(samples, members[~is_new], section, count - taught, rng)])
    )


def _draw_alike(
    samples: Sequence[Sample],
    members: NDArray[np.int64],
    section: DataSection,
    count: int,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    if section.balance == "class":
        return _cycle(members, count, rng)
    by_source = defaultdict(list)
    for member in members:
        by_source[source_of(samples[member].columns)].append(int(member))
    sources = [np.array(indices) for _, indices in sorted(by_source.items())]
    weights = np.array([len(indices) ** section.source_power for indices in sources])
    counts = rng.multinomial(count, weights / weights.sum())
    drawn = [_cycle(indices, int(n), rng) for indices, n in zip(sources, counts, strict=True)]
    return rng.permutation(np.concatenate(drawn))


def _cycle(indices: NDArray[np.int64], count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """`count` of the indices in random order, each as often as the others give or take one."""
    rounds = [rng.permutation(indices) for _ in range(-(-count // max(1, len(indices))))]
    return np.concatenate([*rounds, indices[:0]])[:count].astype(np.int64)
