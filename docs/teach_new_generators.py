"""How well a model is taught generators that it has never met, and how soon a change of its stream is told.

    python docs/teach_new_generators.py DATA... --work runs/living

A base is fitted without three generators. Then it is taught each of them with 10, 30 and more pictures, several
times over, drawn by groups (one prompt, one album); what was not drawn is what it is measured on. Real photographs
of `unseen` are looked at for false accusations only. Streams are drawn from validation, whose one half is the
reference. All that takes long is kept in --work and used again for the same data. Written: results/living.json; draw_living.py makes
the figure and the table of it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from kept_work import open_work
from numpy.typing import NDArray

from aivsreal.bundle import Bundle, load_bundle
from aivsreal.cli.script import parser_of, run
from aivsreal.data.labelled import LabelledSet, Sample
from aivsreal.data.sources import load_sets
from aivsreal.detector import Detector
from aivsreal.evaluation.finish import finish
from aivsreal.evaluation.intervals import wilson
from aivsreal.evaluation.measure import measure
from aivsreal.evaluation.metrics import group_codes
from aivsreal.evaluation.paired import share_difference
from aivsreal.files import atomic_write_json
from aivsreal.living import drift
from aivsreal.living.heads import head_in
from aivsreal.living.memory import Memory, memory_of, require_memory
from aivsreal.living.monitor import Lot, compared
from aivsreal.living.remember import remember
from aivsreal.living.retrain import Looked, as_pictures, look, replayed, seen_of
from aivsreal.living.teach import taught
from aivsreal.training.loop import train
from aivsreal.training.recipe import load_recipe
from aivsreal.training.tower_graph import Head
from aivsreal.verdict import logit_at

STEPS = {"stylegan3": (10, 30, 50), "midjourney": (10, 30, 100), "chat-2025": (10, 30, 100)}
DRAWS = 5
STREAMS, LENGTH, WINDOW, STRIDE = 50, 400, 100, 50
# Larger groups, whole collections, lie in one half of validation only, and would make the other half another stream.
LARGEST_GROUP = 5
RESULTS = Path(__file__).parent / "results"
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Judge:
    """A head under the thresholds of the base. part: of the way to what it was taught, 0..1."""

    head: Head
    bundle: Bundle
    part: float = 0.0

    def calls_ai(self, embeddings: NDArray[np.float32]) -> Bools:
        logits = embeddings.astype(np.float64) @ self.head.weight + self.head.bias
        return np.array([word == "ai" for word in self.bundle.card.words(logits, embeddings)])


def main(arguments: Sequence[str]) -> None:
    parser = parser_of(__doc__)
    parser.add_argument("data", nargs="+")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--set", action="append", default=[], help="section.field=value of the recipe")
    chosen = parser.parse_args(arguments)
    labelled = load_sets(chosen.data)
    asked = {"DATA": labelled.fingerprint(), "--set": chosen.set, "choice of generators": list(STEPS)}
    open_work(chosen.work, asked)
    bundle = base_without(labelled, chosen.work, chosen.set)
    new = {name: looked_at(bundle, labelled, name, chosen.work) for name in STEPS}
    unseen = unseen_photographs(bundle, labelled, chosen.work)
    result = {
        "base": {"data": labelled.name, "without": list(STEPS), "thresholds": thresholds_of(bundle)},
        "teaching": {name: taught_in_steps(bundle, name, new, unseen) for name in STEPS},
        "streams": streams(bundle, new, unseen),
    }
    atomic_write_json(RESULTS / "living.json", result)
    print(json.dumps(result["streams"], indent=1))


def base_without(labelled: LabelledSet, work: Path, changes: Sequence[str]) -> Bundle:
    """Return the base with its memory: the recipe of `photos`, fitted without the generators.

    As for the model that ships, other AI pictures of benchmarks only raise a doubt, and are not remembered.
    """
    known = labelled.with_samples([s for s in labelled if is_known(s)])
    folder = work / "base"
    if not (folder / "bundle" / "card.json").exists():
        run = train(
            known,
            load_recipe("photos", overrides=changes),
            folder,
            excluded=[f"generator={name}" for name in STEPS],
            resume=True,
        )
        judged = [s for s in known if s.split == "train" or s.columns.get("origin_kind") != "benchmark"]
        finish(run.folder, known.with_samples(judged), folder / "bundle")
    bundle = load_bundle(folder / "bundle")
    remembered = known.with_samples(
        [s for s in known if not s.label or s.columns.get("origin_kind") != "benchmark"]
    )
    return bundle if memory_of(bundle) else remember(folder / "bundle", remembered, on_progress=tell)


def is_known(sample: Sample) -> bool:
    return sample.split in ("train", "val") and sample.columns.get("generator") not in STEPS


def is_new(sample: Sample, name: str) -> bool:
    """Whether it is a picture of the generator; a face cut out of one is not another."""
    return (
        sample.columns.get("generator") == name
        and sample.split in ("train", "val")
        and sample.columns.get("kind") != "face"
    )


def looked_at(bundle: Bundle, labelled: LabelledSet, name: str, work: Path) -> list[Looked]:
    """Return the generator's train and val pictures as the base sees them."""
    file = work / f"look-{name}.npz"
    chosen = [s for s in labelled if is_new(s, name)]
    if not file.exists():
        seen = look(bundle, labelled.with_samples(chosen))
        np.savez(
            file,
            plain=np.stack([one.seen.embedding for one in seen]),
            drawn=np.stack([one.drawn for one in seen]),
            groups=np.array([one.seen.group for one in seen]),
            logits=np.array([one.seen.logit for one in seen]),
        )
    with np.load(file) as kept:
        return [
            Looked(seen_as(embedding, float(logit), f"generator={name}", str(group)), drawn)
            for embedding, drawn, group, logit in zip(
                kept["plain"], kept["drawn"], kept["groups"], kept["logits"], strict=True
            )
        ]


def seen_as(embedding: NDArray[np.float32], logit: float, source: str, group: str) -> Any:
    from aivsreal.living.memory import Seen

    return Seen(embedding, 1, logit, source, group, "JPEG", "up to 512")


def unseen_photographs(bundle: Bundle, labelled: LabelledSet, work: Path) -> Memory | Any:
    """Return embeddings of the real photographs of `unseen`: {embeddings, benchmark, groups, logits}."""
    file = work / "unseen-real.npz"
    if not file.exists():
        chosen = labelled.with_samples([s for s in labelled if s.split == "unseen" and s.label == 0])
        rows = measure(
            Detector(bundle, threads=1, fast=True),
            chosen,
            chain="as_is",
            keep_embeddings=True,
            on_progress=tell,
        )
        seen = [(seen_of(row), row) for row in rows if not row.error]
        np.savez(
            file,
            embeddings=np.stack([one.embedding for one, _ in seen if one]),
            logits=np.array([row.logit for _, row in seen]),
            benchmark=np.array([row.columns.get("origin_kind") == "benchmark" for _, row in seen]),
            groups=np.array([str(row.columns.get("group") or row.key) for _, row in seen]),
        )
    return dict(np.load(file))


def taught_in_steps(
    bundle: Bundle, name: str, new: dict[str, list[Looked]], unseen: dict[str, NDArray[Any]]
) -> dict[str, Any]:
    """Return, for each number of pictures, what is found of the generator and of everything else."""
    memory = require_memory(bundle)
    held = memory.at(memory.held)
    before = Judge(head_in(bundle), bundle)
    steps = []
    for count in STEPS[name]:
        draws = [one_draw(bundle, memory, new[name], count, seed) for seed in range(DRAWS)]
        steps.append(
            {
                "pictures": count,
                "part_of_the_way": round(float(np.mean([judge_.part for judge_, _ in draws])), 3),
                "recall": over_draws(before, draws, new[name]),
                "others": others(before, draws, held, new, name),
                "unseen_photographs": false_alarms(before, draws, unseen, benchmark=False),
                "unseen_benchmark_photographs": false_alarms(before, draws, unseen, benchmark=True),
            }
        )
        print(name, count, steps[-1]["recall"], steps[-1]["unseen_photographs"], flush=True)
    return {"pictures": len(new[name]), "draws": DRAWS, "steps": steps}


def one_draw(
    bundle: Bundle, memory: Memory, looked: Sequence[Looked], count: int, seed: int
) -> tuple[Judge, Bools]:
    """Return the judge taught `count` pictures, drawn by groups, and which pictures share no group with them."""
    rng = np.random.default_rng(seed)
    groups = np.array([one.seen.group for one in looked])
    order = rng.permutation(np.unique(groups))
    sizes = Counter(groups.tolist())
    chosen: list[str] = []
    total = 0
    for group in order:
        if total + sizes[group] <= count:
            chosen.append(group)
            total += sizes[group]
    learned = np.isin(groups, chosen)
    views, of = as_pictures([one for one, taken in zip(looked, learned, strict=True) if taken])
    above = logit_at(bundle.card.thresholds.ai_above, bundle.card.calibration)
    lesson = taught(head_in(bundle), replayed(memory), views, of, above)
    return Judge(lesson.head, bundle, lesson.part), ~learned


def over_draws(
    before: Judge, draws: Sequence[tuple[Judge, Bools]], looked: Sequence[Looked]
) -> dict[str, Any]:
    """Return the share found before and after, over the pictures that each draw left out."""
    x = np.stack([one.seen.embedding for one in looked])
    groups = group_codes([one.seen.group for one in looked], len(looked))
    was = before.calls_ai(x)
    found = [(was[out], judge_.calls_ai(x[out]), groups[out]) for judge_, out in draws]
    return paired(found)


def others(
    before: Judge,
    draws: Sequence[tuple[Judge, Bools]],
    held: Memory,
    new: dict[str, list[Looked]],
    name: str,
) -> dict[str, Any]:
    """Return, of every other slice, the share called AI before and after."""
    x = held.embeddings
    slices = {"photographs (validation)": held.labels == 0, "AI pictures (validation)": held.labels == 1}
    for source, count in sorted(Counter(held.sources.tolist()).items()):
        if count >= 5:
            slices[source] = held.sources == source
    codes = group_codes([str(group) or None for group in held.groups], len(held))
    was = before.calls_ai(x)
    after = [judge_.calls_ai(x) for judge_, _ in draws]
    result = {
        key: paired([(was[mask], one[mask], codes[mask]) for one in after]) for key, mask in slices.items()
    }
    for other in sorted(set(new) - {name}):
        y = np.stack([one.seen.embedding for one in new[other]])
        groups = group_codes([one.seen.group for one in new[other]], len(y))
        result[f"generator={other}"] = paired(
            [(before.calls_ai(y), judge_.calls_ai(y), groups) for judge_, _ in draws]
        )
    return result


def false_alarms(
    before: Judge,
    draws: Sequence[tuple[Judge, Bools]],
    unseen: dict[str, NDArray[Any]],
    *,
    benchmark: bool,
) -> dict[str, Any]:
    """Return the share of unseen photographs called AI before and after."""
    mask = unseen["benchmark"] == benchmark
    x = unseen["embeddings"][mask]
    codes = group_codes(unseen["groups"][mask].tolist(), len(x))
    was = before.calls_ai(x)
    return paired([(was, judge_.calls_ai(x), codes) for judge_, _ in draws])


def paired(found: Sequence[tuple[Bools, Bools, NDArray[np.int64]]]) -> dict[str, Any]:
    """Return shares before and after, and the difference with the 95 % interval of one draw.

    Draws share their pictures: their mean is better known than one of them, but no more than one is claimed.
    """
    differences = [share_difference(*one) for one in found]
    mean = [float(np.mean([getattr(d, part) for d in differences])) for part in ("value", "low", "high")]
    return {
        "pictures": int(np.mean([len(was) for was, _, _ in found])),
        "before": round(float(np.mean([was.mean() for was, _, _ in found])), 4),
        "after": round(float(np.mean([now.mean() for _, now, _ in found])), 4),
        "difference": dict(zip(("value", "low", "high"), (round(x, 4) for x in mean), strict=True)),
        "worst_draw": round(min(d.value for d in differences), 4),
        "best_draw": round(max(d.value for d in differences), 4),
    }


def streams(bundle: Bundle, new: dict[str, list[Looked]], unseen: dict[str, NDArray[Any]]) -> dict[str, Any]:
    """Return false alarms and delays over seeded streams that stay, and that turn half-way."""
    memory = require_memory(bundle)
    held = in_small_groups(memory.at(memory.held))
    fresh = [one for looked in new.values() for one in looked]
    ai = np.stack([one.seen.embedding for one in fresh])
    kinds = {
        "nothing changes": None,
        "AI pictures come from new generators": (None, ai),
        "everything comes from new sources": (unseen["embeddings"][~unseen["benchmark"]], ai),
    }
    result = {}
    for name, turned in kinds.items():
        alarms = [first_alarm(bundle, memory, held, turned, seed) for seed in range(STREAMS)]
        early = [a for a in alarms if a is not None and (turned is None or a <= LENGTH // 2)]
        late = [a - LENGTH // 2 for a in alarms if a is not None and turned is not None and a > LENGTH // 2]
        looks = len(range(WINDOW, (LENGTH if turned is None else LENGTH // 2) + 1, STRIDE))
        result[name] = {
            "streams": STREAMS,
            "false_alarms": len(early),
            "looks_before_a_turn": looks,
            "false_alarm_bounds": [round(x, 4) for x in wilson(len(early) / STREAMS, STREAMS)],
            "told": len(late),
            "delay_in_pictures": {
                "median": float(np.median(late)) if late else None,
                "p90": float(np.quantile(late, 0.9)) if late else None,
            },
        }
        print(name, result[name], flush=True)
    return result | {"window": WINDOW, "stride": STRIDE, "length": LENGTH, "level": drift.LEVEL}


def in_small_groups(held: Memory) -> Memory:
    sizes = Counter(held.groups.tolist())
    return held.at(np.array([not group or sizes[group] <= LARGEST_GROUP for group in held.groups.tolist()]))


def first_alarm(
    bundle: Bundle,
    memory: Memory,
    held: Memory,
    turned: tuple[NDArray[np.float32] | None, NDArray[np.float32]] | None,
    seed: int,
) -> int | None:
    """Return after how many pictures of a stream the first alarm stands; None where none does."""
    rng = np.random.default_rng(seed)
    codes = group_codes([str(group) or None for group in held.groups], len(held))
    mine = np.isin(codes, rng.permutation(codes.max() + 1)[: (codes.max() + 1) // 2])
    reference = lot(bundle, memory, held.embeddings[mine])
    known, labels = held.embeddings[~mine], held.labels[~mine]
    stream = known[drawn(rng, len(known), LENGTH)]
    if turned is not None:
        half = LENGTH // 2
        is_ai = rng.random(half) < labels.mean()
        real = known[labels == 0] if turned[0] is None else turned[0]
        after = np.where(
            is_ai[:, None], turned[1][drawn(rng, len(turned[1]), half)], real[drawn(rng, len(real), half)]
        )
        stream = np.concatenate([stream[:half], after])
    for end in range(WINDOW, LENGTH + 1, STRIDE):
        found = compared(reference, lot(bundle, memory, stream[end - WINDOW : end]), seed=seed)
        if any(one.alarm for one in found):
            return end
    return None


def drawn(rng: np.random.Generator, count: int, wanted: int) -> NDArray[np.int64]:
    """Return places in random order; each comes again only when all have come."""
    rounds = [rng.permutation(count) for _ in range(-(-wanted // count))]
    return np.concatenate(rounds)[:wanted]


def lot(bundle: Bundle, memory: Memory, embeddings: NDArray[np.float32]) -> Lot:
    """Return verdicts on embeddings as the base gives them."""
    head = head_in(bundle)
    logits = embeddings.astype(np.float64) @ head.weight + head.bias
    words = bundle.card.words(logits, embeddings)
    from aivsreal.living.memory import unpacked

    same = ("JPEG",) * len(logits)
    return Lot("", logits, words, same, same, unpacked(memory.sketch(embeddings)))


def thresholds_of(bundle: Bundle) -> dict[str, Any]:
    thresholds = bundle.card.thresholds
    return {"ai_above": thresholds.ai_above, "real_below": thresholds.real_below}


def tell(done: int, of: int) -> None:
    if done % 100 == 0:
        print(f"  {done} of {of}", flush=True)


if __name__ == "__main__":
    run(main)
