"""Draws living.png and writes results/living.md from results/living.json, which teach_new_generators.py wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure as Canvas

from aivsreal.evaluation.plots import AI, GREY, LIGHT, PERCENT, REAL

HERE = Path(__file__).parent
PHOTOGRAPHS = "photographs (validation)"
PICTURES = "AI pictures (validation)"
HEADER = (
    "| taught | pictures | found before | found after | gain (95 %) | of pictures a draw | other AI pictures | false accusations of "
    "unseen photographs | of unseen benchmark photographs | slices that lose |\n|---|---|---|---|---|---|---|---|---|---|\n"
)


def main() -> None:
    result = json.loads((HERE / "results" / "living.json").read_text("utf-8"))
    draw(result["teaching"]).savefig(HERE / "living.png", dpi=120, facecolor="white")
    text = f"# Teaching and streams\n\nWritten by draw_living.py.\n\n{table(result)}\n{streams(result['streams'])}"
    (HERE / "results" / "living.md").write_text(text, "utf-8")
    print(text)


def draw(teaching: dict[str, Any]) -> Canvas:
    """Return a panel a generator: found, other AI pictures, and photographs called AI, over pictures taught."""
    canvas = Canvas(figsize=(11, 4), layout="constrained")
    canvas.suptitle(
        "After thirty pictures a quarter of StyleGAN3 is found, and no photograph pays for it;\n"
        "the other two were mostly found already"
    )
    for axes, (name, found) in zip(canvas.subplots(1, 3, sharey=True), teaching.items(), strict=True):
        first = found["steps"][0]
        counts = [0, *(step["pictures"] for step in found["steps"])]
        recall = [first["recall"]["before"], *(step["recall"]["after"] for step in found["steps"])]
        bounds = [
            (
                step["recall"]["before"] + step["recall"]["difference"]["low"],
                min(1.0, step["recall"]["before"] + step["recall"]["difference"]["high"]),
            )
            for step in found["steps"]
        ]
        axes.plot(counts, recall, color=AI, marker="o", label="of this generator")
        axes.fill_between(counts[1:], *zip(*bounds, strict=True), color=AI, alpha=0.15, linewidth=0)
        _other(axes, counts, found["steps"], lambda s: s["others"][PICTURES], GREY, "other AI pictures")
        _other(axes, counts, found["steps"], lambda s: s["unseen_photographs"], REAL, "unseen photographs")
        _other(
            axes,
            counts,
            found["steps"],
            lambda s: s["unseen_benchmark_photographs"],
            "#56B4E9",
            "unseen photographs of benchmarks",
        )
        axes.set(title=name, xlabel="pictures taught", ylim=(0, 1))
        axes.grid(color=LIGHT)
        axes.yaxis.set_major_formatter(PERCENT)
    canvas.axes[0].set_ylabel("called AI")
    canvas.axes[1].legend(loc="center", fontsize=7, framealpha=0.9)
    return canvas


def _other(axes: Any, counts: list[int], steps: list[Any], pick: Any, colour: str, label: str) -> None:
    values = [pick(steps[0])["before"], *(pick(step)["after"] for step in steps)]
    axes.plot(counts, values, color=colour, marker="s", markersize=4, label=label)


def table(result: dict[str, Any]) -> str:
    lines = []
    for name, found in result["teaching"].items():
        for step in found["steps"]:
            recall = step["recall"]
            lines.append(
                f"| {name} | {step['pictures']} | {recall['before']:.3f} | {recall['after']:.3f} "
                f"| {span(recall)} | {recall['pictures']} | {change(step['others'][PICTURES])} | {change(step['unseen_photographs'])} "
                f"| {change(step['unseen_benchmark_photographs'])} | {losing(step['others'])} |"
            )
    draws = next(iter(result["teaching"].values()))["draws"]
    return (
        f"{HEADER}"
        + "\n".join(lines)
        + f"\n\nMeans of {draws} draws by groups; found: of pictures that share no group with what was taught, at the "
        "base's own threshold. A slice loses where more than one picture in a hundred is lost and the paired interval "
        "shows it.\n"
    )


def losing(others: dict[str, Any]) -> str:
    """Return the slices that lose as the gate counts it: of photographs more accused, of AI pictures fewer found."""
    lost = []
    for name, one in others.items():
        real = name.startswith(("photographs", "origin_kind", "source", "repo"))
        difference = one["difference"]
        value, shown = (
            (difference["value"], difference["low"] > 0)
            if real
            else (-difference["value"], difference["high"] < 0)
        )
        if value > 0.01 and shown:
            lost.append(f"{name} {difference['value']:+.3f}")
    return ", ".join(lost) or "none"


def streams(found: dict[str, Any]) -> str:
    lines = [
        f"| {name} | {one['streams']} | {one['false_alarms']} in {one['looks_before_a_turn']} looks each | {told(one)} |"
        for name, one in found.items()
        if isinstance(one, dict)
    ]
    head = "| stream | streams | with a false alarm | told within the 200 pictures after the turn |\n|---|---|---|---|\n"
    note = (
        f"\n\nA window of {found['window']} verdicts is looked at every {found['stride']}; streams have {found['length']} "
        "and turn half-way. The share of AI pictures stays as it was.\n"
    )
    return head + "\n".join(lines) + note


def told(one: dict[str, Any]) -> str:
    delay = one["delay_in_pictures"]
    if delay["median"] is None:
        return "-"
    return f"{one['told']}, after {delay['median']:.0f} pictures (median; nine in ten of them within {delay['p90']:.0f})"


def span(one: dict[str, Any]) -> str:
    d = one["difference"]
    return f"{d['value']:+.3f} ({d['low']:+.3f} to {d['high']:+.3f})"


def change(one: dict[str, Any]) -> str:
    return f"{one['before']:.3f} to {one['after']:.3f}"


if __name__ == "__main__":
    main()
