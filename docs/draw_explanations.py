"""Writes explanations.md and explanations.png from results/explanations.json, which explanations.py wrote.

python docs/draw_explanations.py
"""

import json
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from aivsreal.evaluation.plots import AI, GREY, LIGHT, PERCENT, REAL

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "explanations.json"
PAGE, DRAWING = HERE / "explanations.md", HERE / "explanations.png"
FIRST_COLUMN = {"deletion": "blanked first", "insertion": "revealed first"}
STYLES = {
    "heat map": {"color": AI, "linestyle": "-", "marker": "o"},
    "random": {"color": GREY, "linestyle": "--", "marker": "s"},
    "another picture's heat map": {"color": REAL, "linestyle": ":", "marker": "^"},
    "occlusion": {"color": "#009E73", "linestyle": "-.", "marker": "v"},
    "crops": {"color": "#CC79A7", "linestyle": "-", "marker": "x"},
}
HEAT_MAP = "heat map"


def main() -> None:
    measured = json.loads(RESULTS.read_text("utf-8"))
    draw(measured).savefig(DRAWING, dpi=110, facecolor="white")
    PAGE.write_text(page(), encoding="utf-8")


def page() -> str:
    """The whole page."""
    measured = json.loads(RESULTS.read_text("utf-8"))
    parts = [HEAD.format(short="\n".join(in_short(found) for found in measured.values()))]
    for found in measured.values():
        parts += [f"## {found['model']}\n", blanking(found), pointing(found), likeness(found)]
    return "\n".join(parts)


def in_short(found: dict[str, Any]) -> str:
    """What was found of a model, in a sentence or two that follow from its figures."""
    against = found["blanking"]["blur"][HEAT_MAP]
    sooner = verdict_on(against["deletion"]["against_random"], better_below=True)
    revealed = verdict_on(against["insertion"]["against_random"], better_below=False)
    parts = found["pointing"]
    ranks = {name: one["maps"][HEAT_MAP]["rank"] for name, one in parts.items()}
    points = "; ".join(
        f"{name}: {'tells it from the rest' if rank['low'] > 0.5 else 'does not find it'} ({shown(rank)})"
        for name, rank in ranks.items()
    )
    return (
        f"- **{found['model']}**: blurred in the order of its heat map, a picture's answer is lost {sooner}; revealed "
        f"in that order it is found {revealed}. Pointing, as the chance that a place inside is marked more than one "
        f"outside: {points}."
    )


def verdict_on(difference: dict[str, float], *, better_below: bool) -> str:
    """In words, how far a map's area lies from random order's."""
    better, worse = (
        (difference["high"] < 0, difference["low"] > 0)
        if better_below
        else (difference["low"] > 0, difference["high"] < 0)
    )
    how = (
        "sooner than in random order"
        if better
        else "later than in random order"
        if worse
        else "no sooner than in random order"
    )
    return f"{how} ({signed(difference)})"


def blanking(found: dict[str, Any]) -> str:
    lines = [
        f"Blanking, {found['pictures']} pictures: mean probability of the picture's own answer while more and more is blanked",
        "(low is good) or revealed (high is good), and how far that lies from random order.",
        "",
        "| by | order | deletion | from random | insertion | from random |",
        "|---|---|---|---|---|---|",
    ]
    for filling, maps in found["blanking"].items():
        for name, ways in maps.items():
            cells = []
            for way in ("deletion", "insertion"):
                difference = ways[way]["against_random"]
                cells += [
                    f"{ways[way]['area']['value']:.3f}",
                    "-" if difference is None else signed(difference),
                ]
            lines.append(f"| {filling} | {name} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, ""])


def pointing(found: dict[str, Any]) -> str:
    lines = [
        "Pointing: hit is the share of pictures whose highest place lies inside; rank the chance that a place inside is",
        "marked more than one outside (one half tells nothing). The rise is that of the picture's log-odds of AI.",
        "",
        "| at | pictures | rise | map | hit | by chance | rank |",
        "|---|---|---|---|---|---|---|",
    ]
    for target, one in found["pointing"].items():
        for name, figures in one["maps"].items():
            lines.append(
                f"| {target} | {one['pictures']} | {signed(one['rise_in_log_odds'])} | {name} | {shown(figures['hit'])} "
                f"| {one['chance']:.2f} | {shown(figures['rank'])} |"
            )
    return "\n".join([*lines, ""])


def likeness(found: dict[str, Any]) -> str:
    lines = [
        "Likeness of the heat map, as rank correlation over cells (1: the same order, 0: none):",
        "",
        "| to the map of | rank correlation |",
        "|---|---|",
    ]
    lines += [
        f"| the same picture, weights shuffled: {name} | {shown(one)} |"
        for name, one in found["shuffled"].items()
    ]
    lines += [f"| Grad-CAM on {name} | {shown(one)} |" for name, one in found["grad_cam"].items()]
    return "\n".join([*lines, ""])


def draw(measured: dict[str, Any]) -> Canvas:
    """Return a row a model: blurred and revealed in the order of each map."""
    canvas = Canvas(figsize=(9, 3.6 * len(measured)), layout="constrained")
    canvas.suptitle(title(measured))
    grid = canvas.subplots(len(measured), 2, sharey=True, squeeze=False)
    for row, found in zip(grid, measured.values(), strict=True):
        for axes, way in zip(row, FIRST_COLUMN, strict=True):
            panel(axes, found, way)
    grid[0][0].legend(fontsize=8)
    return canvas


def panel(axes: Axes, found: dict[str, Any], way: str) -> None:
    for name, ways in found["blanking"]["blur"].items():
        values = ways[way]["curve"]
        steps = [index / (len(values) - 1) for index in range(len(values))]
        axes.plot(steps, values, label=name, markersize=4, **STYLES[name])
    axes.set(
        title=f"{found['model']}: {FIRST_COLUMN[way]} what a map marks most",
        xlabel=f"share of the picture {'blurred' if way == 'deletion' else 'not blurred'}",
        ylabel="probability of the answer",
        ylim=(0, 1),
    )
    axes.xaxis.set_major_formatter(PERCENT)
    axes.grid(color=LIGHT, linewidth=0.6)


def title(measured: dict[str, Any]) -> str:
    better = [
        found["model"]
        for found in measured.values()
        if found["blanking"]["blur"][HEAT_MAP]["deletion"]["against_random"]["high"] < 0
    ]
    if not better:
        return "Blurring what the heat map marks loses the answer no sooner than blurring at random"
    return f"Blurring what the heat map marks loses the answer sooner than blurring at random: {', '.join(better)}"


def shown(figure: dict[str, float]) -> str:
    return f"{figure['value']:.2f} ({figure['low']:.2f} to {figure['high']:.2f})"


def signed(figure: dict[str, float]) -> str:
    return f"{figure['value']:+.3f} ({figure['low']:+.3f} to {figure['high']:+.3f})"


HEAD = """# What the heat map is worth

A heat map shows what the network reacted to. Whether it marks what the score rests on, and whether it finds a part that
is AI, was measured on validation pictures, drawn by a seed, half of them photographs, without benchmarks; with 95 %
intervals. In short:

{short}

![Probability of the answer while the picture is blurred, and revealed, in the order of each map](explanations.png)

*Blanking* (deletion and insertion, Petsiuk, Das and Saenko 2018): the picture is cut into 8 x 8 cells; fifths of them are
blurred (or made grey), those first that a map marks most for the picture's answer, be it AI or real. Both change a score
in ways that have nothing to do with what was hidden, so what counts is the distance from random order, and from the order of
*another picture's heat map*, which hides areas of the same shape and knows nothing of this picture.

*Pointing*: at a part of a photograph (a fifth of it, somewhere) that went through an auto-encoder of a latent diffusion
model, as if that part had been generated; and at an AI picture among three photographs in a square of four (Böhle, Fritz and
Schiele 2021), each of which gets the right answer alone.

*Other maps*: *occlusion* (Zeiler and Fergus 2014) is how far the score falls where a window is blurred, 16 more looks;
*crops* is the score of nine overlapping quarters of the picture.

*Likeness*: to the map of the same network with its weights shuffled from the head towards the pixels (Adebayo et al. 2018),
which a map that means something must not resemble more than another picture's; and to Grad-CAM (Selvaraju et al. 2017),
which for a network with one linear layer behind its pooled features is the same map as ours, and is another at finer
features. A tower has no Grad-CAM here: its graph has no gradients.

Written by `docs/draw_explanations.py` from `docs/results/explanations.json`, which `docs/explanations.py` measured.
"""

if __name__ == "__main__":
    main()
