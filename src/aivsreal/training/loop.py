"""The training loop: epochs of steps, validation of the averaged weights, checkpoints, early stopping.

One process on a laptop or several under `torchrun`, CPU or GPU: the same code, through Lightning Fabric.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

from aivsreal.data.labelled import LabelledSet, Sample, require_both_classes
from aivsreal.data.split import with_validation
from aivsreal.errors import BadRun, Diverged
from aivsreal.files import clear_unfinished
from aivsreal.training.curves import draw_curves
from aivsreal.training.loader import (
    decoding_processes,
    epoch_steps,
    limited,
    training_batches,
    validation_batches,
)
from aivsreal.training.network import Network, make_network, set_training
from aivsreal.training.recipe import OptimiseSection, Recipe
from aivsreal.training.run import Epoch, Progress, Run, begin_run, open_run, save_tensors
from aivsreal.training.teacher import Student, Teacher, load_teacher
from aivsreal.training.timm_import import import_timm
from aivsreal.training.tower import fit_tower, learned_and_doubted
from aivsreal.views import ViewSpec, fuse

Say = Callable[[str], None]
OnEpoch = Callable[[Epoch], None]
"""Called with each epoch's figures when its checkpoint is written; what it raises ends the training there."""


def train(
    labelled_set: LabelledSet,
    recipe: Recipe,
    folder: Path,
    *,
    where: Sequence[str] = (),
    excluded: Sequence[str] = (),
    resume: bool = False,
    on_epoch: OnEpoch | None = None,
    seconds: float | None = None,
    say: Say = print,
) -> Run:
    """Return the finished run in `folder`: history, curves, and the weights of the chosen epoch.

    where, excluded: the conditions that the set was narrowed by, and those whose records were left out of it,
    to be written down
    on_epoch: called after each epoch; to raise something is the way to end a training early
    seconds: how long its steps may take in all; the epoch that reaches it is cut short, and is the last
    Raises: BadData, BadRecipe, BadRun, Diverged, CannotWrite.
    """
    fabric = _fabric(recipe)
    labelled_set = with_validation(
        labelled_set, fraction=recipe.data.validation_fraction, drop_copies=recipe.data.drop_copies
    )
    training = limited(labelled_set.of_split("train"), recipe.data.limit)
    validation = limited(labelled_set.of_split("val"), recipe.data.limit)
    training, doubted = learned_and_doubted(training, recipe)
    validation, _ = learned_and_doubted(validation, recipe)
    require_both_classes(training)
    require_both_classes(validation)
    data = _describe_data(labelled_set, training, validation) | {
        "where": list(where),
        "excluded": list(excluded),
    }
    run = _open(fabric, folder, recipe, data, resume)
    if recipe.tower.graph is not None:
        if fabric.is_global_zero:
            fit_tower(list(training), recipe, folder, say, list(doubted))
        fabric.barrier()
        return run
    _Loop(fabric, run, list(training), list(validation), say, seconds).go(on_epoch)
    if fabric.is_global_zero:
        draw_curves(folder)
    fabric.barrier()
    return run


def is_first_process() -> bool:
    """Return whether this process is the only one, or the first of those that a launcher started."""
    return os.environ.get("RANK", "0") == "0"


def learning_rate_at(step: int, steps_per_epoch: int, section: OptimiseSection) -> float:
    """Return the head's learning rate at a step: linear warm-up, cosine, then the final rate."""
    warmup = section.warmup_epochs * steps_per_epoch
    if step < warmup:
        return section.learning_rate * (step + 1) / (warmup + 1)
    length = (section.cosine_epochs or section.epochs) * steps_per_epoch - warmup
    position = min(1.0, (step - warmup) / max(1.0, length))
    span = section.learning_rate - section.final_learning_rate
    return section.final_learning_rate + span * (1 + math.cos(math.pi * position)) / 2


def class_weights(samples: Sequence[Sample], recipe: Recipe) -> tuple[float, float]:
    """Return the loss weights of (real, AI): 1 for both where an epoch is drawn evenly anyway."""
    if not recipe.optimise.class_weights or recipe.data.balance != "none":
        return 1.0, 1.0
    ai = sum(sample.label for sample in samples)
    real = len(samples) - ai
    return len(samples) / (2 * real), len(samples) / (2 * ai)


def auc(labels: Sequence[int] | NDArray[np.int64], logits: Sequence[float] | NDArray[np.float64]) -> float:
    """Return the area under the ROC curve, or 0.5 where only one class is there."""
    if len(set(labels)) < 2:
        return 0.5
    return float(roc_auc_score(labels, logits))


@torch.no_grad()
def predict_logits(
    network: nn.Module, samples: Sequence[Sample], spec: ViewSpec, fabric: Fabric
) -> NDArray[np.float64]:
    """Return a fused logit a sample, float64 [n], from the same views as a verdict is given from."""
    network.eval()
    found: list[float] = []
    for batch in validation_batches(samples, spec):
        views = torch.from_numpy(np.concatenate([made.batch for made in batch])).to(fabric.device)
        with fabric.autocast():
            logits = network(views).float().cpu().numpy()
        start = 0
        for made in batch:
            stop = start + len(made.batch)
            found.append(float(fuse(logits[start:stop], made.is_whole, spec)))
            start = stop
    return np.array(found, np.float64)


class _Loop:
    """What one training holds between its steps."""

    def __init__(
        self,
        fabric: Fabric,
        run: Run,
        training: list[Sample],
        validation: list[Sample],
        say: Say,
        seconds: float | None,
    ) -> None:
        self.fabric, self.run, self.recipe = fabric, run, run.recipe
        self.training, self.validation = training, validation
        self.say: Say = say if fabric.is_global_zero else (lambda _: None)
        torch.manual_seed(self.recipe.optimise.seed)
        resumed = run.load_progress()
        self.network = make_network(self.recipe.network, load_trunk=resumed is None).to(fabric.device)
        self.teacher = self._load_teacher()
        self.student = Student(self.network, self.teacher).to(fabric.device)
        self.optimiser = _optimiser(self.student, self.recipe)
        self.ema = _average(self.network, self.recipe.optimise.ema_decay)
        self.progress = Progress()
        if resumed is not None:
            self._restore(*resumed)
        self.wrapped, self.wrapped_optimiser = fabric.setup(self.student, self.optimiser)
        self.seconds = seconds
        self.steps = epoch_steps(training, self.recipe)
        real, ai = class_weights(training, self.recipe)
        self.weights = torch.tensor([real, ai], device=fabric.device)
        self.saved = self.reported = time.monotonic()

    def go(self, on_epoch: OnEpoch | None) -> None:
        """Run the epochs that are left."""
        section = self.recipe.optimise
        while not self.progress.finished:
            self._epoch()
            done = self.progress.epoch >= section.epochs
            stale = self.progress.epoch - self.progress.best_epoch
            stopped = section.patience is not None and stale >= section.patience
            self.progress.finished = done or stopped or self._time_is_up()
            self._save()
            if on_epoch is not None:
                on_epoch(Epoch(**self.progress.history[-1]))

    def _epoch(self) -> None:
        progress = self.progress
        batches = training_batches(
            self.training,
            self.recipe,
            progress.epoch,
            skip=progress.step,
            rank=self.fabric.global_rank,
            world=self.fabric.world_size,
            processes=decoding_processes(self.fabric.device.type),
        )
        set_training(self.network, self.recipe.network.freeze_stages)
        started, before, first = time.monotonic(), progress.seconds, progress.step
        for pictures, labels, indices in batches:
            rate = self._step(pictures, labels, indices)
            progress.step += 1
            progress.seconds = before + time.monotonic() - started
            self._report(rate, (progress.step - first) / (progress.seconds - before))
            self._save_now_and_then()
            if self._time_is_up():
                break
        self._close_epoch()

    def _time_is_up(self) -> bool:
        """Whether the steps of all epochs, those before a kill included, have taken the seconds given."""
        if self.seconds is None:
            return False
        before = sum(float(line["seconds"]) for line in self.progress.history)
        return before + self.progress.seconds >= self.seconds

    def _step(self, pictures: Tensor, labels: Tensor, indices: Tensor) -> float:
        progress, section = self.progress, self.recipe.optimise
        rate = self._rate(progress.step)
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["factor"]
        device = self.fabric.device
        pictures, labels, indices = pictures.to(device), labels.to(device), indices.to(device)
        logits, projected = self.wrapped(pictures)
        loss = self._loss(logits, labels, indices)
        taught = self.teacher.loss(projected, indices) * self.recipe.teacher.weight if self.teacher else 0.0
        if not math.isfinite(float(loss.detach())):
            raise _diverged(progress, rate)
        self.fabric.backward(loss + taught + self.network.penalty())
        if section.clip_norm is not None:
            self.fabric.clip_gradients(self.wrapped, self.wrapped_optimiser, max_norm=section.clip_norm)
        self.wrapped_optimiser.step()
        self.wrapped_optimiser.zero_grad()
        if self.ema is not None:
            self.ema.update(self.network, step=progress.epoch * self.steps + progress.step)
        progress.loss_sum += float(loss.detach())
        progress.logits += logits.detach().float().cpu().tolist()
        progress.labels += labels.cpu().tolist()
        return rate

    def _loss(self, logits: Tensor, labels: Tensor, indices: Tensor) -> Tensor:
        smoothing = self.recipe.optimise.label_smoothing
        targets = labels.float()
        if self.teacher is not None:
            targets = self.teacher.soften(labels, indices, self.recipe.teacher.opinion)
        targets = targets * (1 - 2 * smoothing) + smoothing
        each = nn.functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
        return (each * self.weights[labels]).mean()

    def _rate(self, step: int) -> float:
        """The learning rate at a step of this epoch."""
        return learning_rate_at(self.progress.epoch * self.steps + step, self.steps, self.recipe.optimise)

    def _close_epoch(self) -> None:
        """Validate and write the epoch's line; a run killed in here comes back with no step left to do."""
        progress = self.progress
        trained = np.array(progress.logits), np.array(progress.labels)
        logits, labels = self._validate(), np.array([sample.label for sample in self.validation])
        if not np.isfinite(logits).all():
            raise _diverged(progress, self._rate(self.steps - 1))
        line = Epoch(
            epoch=progress.epoch + 1,
            learning_rate=self._rate(self.steps - 1),
            train_loss=progress.loss_sum / max(1, progress.step),
            train_accuracy=float(np.mean((trained[0] > 0) == trained[1])),
            train_auc=auc(trained[1], trained[0]),
            val_loss=_log_loss(logits, labels),
            val_accuracy=float(np.mean((logits > 0) == labels)),
            val_auc=auc(labels, logits),
            images_per_second=progress.step * self.recipe.optimise.batch_size / max(progress.seconds, 1e-9),
            seconds=progress.seconds,
        )
        progress.history.append(asdict(line))
        progress.begin_epoch(progress.epoch + 1)
        if line.val_auc > progress.best_auc:
            progress.best_auc, progress.best_epoch = line.val_auc, progress.epoch
            self._keep()
        elif self.recipe.optimise.select == "last":
            self._keep()
        self.say(_describe(line, self.recipe.optimise.epochs))

    def _validate(self) -> NDArray[np.float64]:
        """The fused logits of all validation pictures, each process having looked at its share."""
        shown = self.ema.module if self.ema is not None else self.network
        rank, world = self.fabric.global_rank, self.fabric.world_size
        mine = predict_logits(shown, self.validation[rank::world], self.recipe.views, self.fabric)
        if world == 1:
            return mine
        padded = np.full(-(-len(self.validation) // world), np.nan)
        padded[: len(mine)] = mine
        gathered = self.fabric.all_gather(torch.from_numpy(padded))
        assert isinstance(gathered, Tensor)  # a tensor gathers to a tensor; the signature also has containers
        everyone: NDArray[np.float64] = gathered.cpu().numpy().T.reshape(-1)[: len(self.validation)]
        return everyone

    def _keep(self) -> None:
        if self.fabric.is_global_zero:
            chosen = self.ema.module if self.ema is not None else self.network
            save_tensors(self.run.weights, {"epoch": self.progress.epoch, "weights": chosen.state_dict()})

    def _save_now_and_then(self) -> None:
        if time.monotonic() - self.saved > 60 * self.recipe.optimise.checkpoint_minutes:
            self._save()

    def _save(self) -> None:
        self.saved = time.monotonic()
        if not self.fabric.is_global_zero:
            return
        state: dict[str, Any] = {
            "student": self.student.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "ema": self.ema.module.state_dict() if self.ema is not None else {},
            "random": torch.get_rng_state(),
        }
        self.run.save_progress(self.progress, state)

    def _restore(self, progress: Progress, state: dict[str, Any]) -> None:
        self.progress = progress
        self.student.load_state_dict(state["student"])
        self.optimiser.load_state_dict(state["optimiser"])
        if self.ema is not None:
            self.ema.module.load_state_dict(state["ema"])
        torch.set_rng_state(state["random"])

    def _load_teacher(self) -> Teacher | None:
        if self.recipe.teacher.features is None:
            return None
        return load_teacher(Path(self.recipe.teacher.features), self.training).to(self.fabric.device)

    def _report(self, rate: float, steps_per_second: float) -> None:
        """A line every half minute of a long epoch: where it is, and when all will be done."""
        progress = self.progress
        if time.monotonic() - self.reported < 30 or progress.step == self.steps:
            return
        self.reported = time.monotonic()
        left = (self.recipe.optimise.epochs - progress.epoch) * self.steps - progress.step
        self.say(
            f"  epoch {progress.epoch + 1}, step {progress.step}/{self.steps}: "
            f"loss {progress.loss_sum / progress.step:.4f}, rate {rate:.2e}, "
            f"{steps_per_second * self.recipe.optimise.batch_size:.0f} images/s, "
            f"{left / steps_per_second / 60:.0f} min left"
        )


def _diverged(progress: Progress, rate: float) -> Diverged:
    return Diverged(
        f"the training came apart in epoch {progress.epoch + 1}: its loss is no number any more",
        hint=f"begin again with a lower optimise.learning_rate than {rate:.1e}",
    )


def _fabric(recipe: Recipe) -> Fabric:
    world = int(os.environ.get("WORLD_SIZE", "1"))
    fabric = Fabric(
        accelerator="auto",
        devices=int(os.environ.get("LOCAL_WORLD_SIZE", "1")),
        num_nodes=world // int(os.environ.get("LOCAL_WORLD_SIZE", "1")),
        strategy="ddp" if world > 1 else "auto",
        precision="bf16-mixed" if recipe.optimise.precision == "bf16" else "32-true",
    )
    fabric.launch()
    return fabric


def _describe_data(
    labelled_set: LabelledSet, training: LabelledSet, validation: LabelledSet
) -> dict[str, Any]:
    return {
        "name": labelled_set.name,
        "fingerprint": labelled_set.fingerprint(),
        "training": _counts(training),
        "validation": _counts(validation),
        "generators": sorted({str(s.columns["generator"]) for s in training if s.columns.get("generator")}),
    }


def _open(fabric: Fabric, folder: Path, recipe: Recipe, data: dict[str, Any], resume: bool) -> Run:
    if fabric.is_global_zero:
        if resume and (folder / "run.json").exists():
            clear_unfinished(folder)
        else:
            begin_run(folder, recipe, data)
    fabric.barrier()
    run = open_run(folder)
    if run.facts["data"]["fingerprint"] != data["fingerprint"]:
        raise BadRun(f"{folder} was trained on other data", hint="give the same data, or another --out")
    if run.recipe != recipe:
        raise BadRun(
            f"{folder} was begun with another recipe",
            hint="give the same recipe and overrides, or another --out",
        )
    return run


def _counts(labelled: LabelledSet) -> dict[str, int]:
    ai = int(labelled.labels().sum())
    return {"real": len(labelled) - ai, "ai": ai}


def _optimiser(student: Student, recipe: Recipe) -> torch.optim.Optimizer:
    section = recipe.optimise
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, weight in student.named_parameters():
        if not weight.requires_grad:
            continue
        factor = section.trunk_factor if name.startswith("network.trunk.") else 1.0
        decay = section.weight_decay if weight.ndim > 1 else 0.0
        groups.setdefault((factor, decay), []).append(weight)
    parameters = [
        {"params": weights, "weight_decay": decay, "factor": factor}
        for (factor, decay), weights in groups.items()
    ]
    kind = torch.optim.AdamW if section.optimiser == "adamw" else torch.optim.Adam
    return kind(parameters, lr=section.learning_rate)


def _average(network: Network, decay: float) -> Any:
    """timm's ModelEmaV3, or None; its decay rises from 0, so that the first steps are soon forgotten."""
    if decay == 0:
        return None
    return import_timm().utils.ModelEmaV3(
        network, decay=decay, use_warmup=True, warmup_power=0.75, foreach=True
    )


def _log_loss(logits: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    return float(np.mean(np.logaddexp(0, logits) - labels * logits))


def _describe(line: Epoch, epochs: int) -> str:
    return (
        f"epoch {line.epoch}/{epochs}: train loss {line.train_loss:.4f}, accuracy {line.train_accuracy:.4f}, "
        f"AUC {line.train_auc:.4f}; val loss {line.val_loss:.4f}, accuracy {line.val_accuracy:.4f}, "
        f"AUC {line.val_auc:.4f}; rate {line.learning_rate:.2e}, {line.images_per_second:.0f} images/s, "
        f"{line.seconds:.0f} s"
    )
