"""How much of the bare network's training speed is left once pictures are decoded, augmented and counted?

    python benchmarks/training_speed.py [--data ../shared/data/photos] [--steps 20] [--rounds 2]

Floor: forward, backward and step on one fixed batch, the same network, batch and precision. Both are timed in
turn within one run; the best of each counts. Without --data the drawn toy set is used.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from time import perf_counter

import torch
from torch import nn

from aivsreal.data.sources import load_set
from aivsreal.data.toy import draw_toy_set
from aivsreal.training.loop import train
from aivsreal.training.network import make_network
from aivsreal.training.recipe import Recipe, load_recipe


def bare(recipe: Recipe, steps: int) -> float:
    """Pictures a second of the network alone."""
    network = make_network(recipe.network).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-4)
    batch, side = recipe.optimise.batch_size, recipe.views.size
    pictures = torch.randint(0, 256, (batch, side, side, 3), dtype=torch.uint8)
    targets = torch.arange(batch).remainder(2).float()
    for step in range(steps + 2):
        if step == 2:
            started = perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=recipe.optimise.precision == "bf16"):
            loss = nn.functional.binary_cross_entropy_with_logits(network(pictures), targets)
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    return steps * batch / (perf_counter() - started)


def whole(data: Path, recipe: Recipe) -> float:
    """Pictures a second of the training loop, by its own history."""
    with tempfile.TemporaryDirectory() as folder:
        train(load_set(data), recipe, Path(folder) / "run", say=lambda _: None)
        lines = (Path(folder) / "run" / "history.jsonl").read_text().splitlines()
    return float(json.loads(lines[-1])["images_per_second"])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path)
    parser.add_argument("--recipe", default="photos-small")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=2)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = chosen.data or draw_toy_set(Path(folder) / "toy", n=400, size=300)
        short = [f"optimise.steps_per_epoch={chosen.steps}", "optimise.epochs=1", "data.limit=400"]
        recipe = load_recipe(chosen.recipe, overrides=short)
        rounds = [(bare(recipe, chosen.steps), whole(data, recipe)) for _ in range(chosen.rounds)]
    floor, loop = (max(column) for column in zip(*rounds, strict=True))
    print(f"bare forward and backward  {floor:6.1f} pictures/s")
    print(f"training loop              {loop:6.1f} pictures/s = {loop / floor:.0%} of the floor")


if __name__ == "__main__":
    main()
