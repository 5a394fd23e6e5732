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
AMONG_FOUR, MADE_PART = "the AI picture among four", "a part that an auto-encoder made"
# Each way of blanking, and the sign of a difference that speaks for a map.
FIRST = {"deletion": -1, "insertion": 1}
STYLES = {
    "heat map": {"color": AI, "linestyle": "-", "marker": "o"},
    "random": {"color": GREY, "linestyle": "--", "marker": "s"},
    "another picture's heat map": {"color": REAL, "linestyle": ":", "marker": "^"},
    "occlusion": {"color": "#009E73", "linestyle": "-.", "marker": "v"},
    "crops": {"color": "#CC79A7", "linestyle": "-", "marker": "x"},
}
HEAT_MAP, ANOTHER, RANDOM = "heat map", "another picture's heat map", "random"
OTHER_MAPS = ("occlusion", "crops")


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
    """What was found of a model, in sentences that follow from its figures."""
    blurred, four, part = (
        found["blanking"]["blur"][HEAT_MAP],
        *(found["pointing"][name]["maps"] for name in (AMONG_FOUR, MADE_PART)),
    )
    lost, revealed = (sooner(blurred[way]["from"], better) for way, better in FIRST.items())
    others = [name for name in OTHER_MAPS if part[name]["rank"]["low"] > 0.5]
    rise = found["pointing"][MADE_PART]["rise_in_log_odds"]
    return (
        f"- **{found['model']}**, {found['pictures']} pictures\n"
        f"  - Blurred in the order of its heat map, the answer is lost {lost}.\n"
        f"  - Revealed in that order, it is found {revealed}.\n"
        f"  - The map {finds(four[HEAT_MAP])} an AI picture among photographs, and {finds(part[HEAT_MAP])} a part of a "
        f"photograph that an auto-encoder made; of the other maps {', '.join(others) or 'none'} does. The "
        f"log-odds of such a photograph move by {signed(rise)}."
    )


def sooner(differences: dict[str, dict[str, float]], better: int) -> str:
    """In words, how an area lies from those of random order and of another picture's map."""
    random, another = differences[RANDOM], differences[ANOTHER]
    return (
        f"{compared(random, better)} at random ({signed(random)}), and {compared(another, better)} in the order of another "
        f"picture's map ({signed(another)})"
    )


def compared(difference: dict[str, float], better: int) -> str:
    low, high = sorted((better * difference["low"], better * difference["high"]))
    return "sooner than" if low > 0 else "later than" if high < 0 else "not measurably sooner than"


def finds(figures: dict[str, dict[str, float]]) -> str:
    word = "finds" if figures["rank"]["low"] > 0.5 else "does not find"
    return f"{word} (rank {shown(figures['rank'])})"


def blanking(found: dict[str, Any]) -> str:
    lines = [
        f"Blanking, {found['pictures']} pictures: mean probability of the picture's own answer while more and more is blanked",
        "(deletion: low is good) or revealed (insertion: high is good), and how far that lies from uninformed orders.",
        "",
        "| by | order | deletion | from random | from another's | insertion | from random | from another's |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for filling, maps in found["blanking"].items():
        for name, ways in maps.items():
            cells = []
            for way in FIRST:
                others = (ways[way]["from"].get(other) for other in (RANDOM, ANOTHER))
                cells += [
                    f"{ways[way]['area']['value']:.3f}",
                    *("-" if one is None else signed(one) for one in others),
                ]
            lines.append(f"| {filling} | {name} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, ""])


def pointing(found: dict[str, Any]) -> str:
    lines = [
        "Pointing: hit is the share of pictures whose highest place lies inside. The rise is that of the picture's log-odds",
        "of AI over the photographs without it.",
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
    for name, one in found["shuffled"].items():
        whose = "another picture" if name == ANOTHER else f"the same picture, weights shuffled: {name}"
        lines.append(f"| {whose} | {shown(one)} |")
    lines += [f"| Grad-CAM on {name} | {shown(one)} |" for name, one in found["grad_cam"].items()]
    return "\n".join([*lines, ""])


def draw(measured: dict[str, Any]) -> Canvas:
    """Return a row a model: blurred and revealed in the order of each map."""
    canvas = Canvas(figsize=(9, 3.6 * len(measured)), layout="constrained")
    canvas.suptitle(title(measured))
    grid = canvas.subplots(len(measured), 2, sharey=True, squeeze=False)
    for row, found in zip(grid, measured.values(), strict=True):
        for axes, way in zip(row, FIRST, strict=True):
            panel(axes, found, way)
    grid[0][0].legend(fontsize=8)
    return canvas


def panel(axes: Axes, found: dict[str, Any], way: str) -> None:
    for name, ways in found["blanking"]["blur"].items():
        values = ways[way]["curve"]
        steps = [index / (len(values) - 1) for index in range(len(values))]
        axes.plot(steps, values, label=name, markersize=4, **STYLES[name])
    axes.set(
        xlabel=f"share of the picture {'blurred' if way == 'deletion' else 'not blurred'}",
        ylabel="probability of the answer",
        ylim=(0, 1),
    )
    done = "blurred" if way == "deletion" else "revealed"
    axes.set_title(f"{found['model']}: marked places {done} first", fontsize=10)
    axes.xaxis.set_major_formatter(PERCENT)
    axes.grid(color=LIGHT, linewidth=0.6)


def title(measured: dict[str, Any]) -> str:
    better = [
        found["model"]
        for found in measured.values()
        if all(
            compared(one, -1) == "sooner than"
            for one in found["blanking"]["blur"][HEAT_MAP]["deletion"]["from"].values()
        )
    ]
    if not better:
        return "Blurring what the heat map marks loses the answer no sooner than blurring at random"
    return f"Blurring what the heat map marks loses the answer sooner than blurring elsewhere: {', '.join(better)}"


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
Schiele 2021), each of which gets the right answer alone. *Rank* is the chance that a place inside is marked more than one
outside: one half tells nothing. The pictures measured here have up to 480 pixels, of which photos looks at the whole only;
in the square of four it looks at tiles, too.

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
