"""Sections of docs/how-good-is-it.md: what a forger tries, and pictures that are partly AI.

Each function returns one section as Markdown, from files of docs/results that the command it names has written.
"""

from tables import RESULTS, read, shown


def degraded() -> str:
    """What a forger tries first, one thing done to every picture at a time (evaluation/degrade.py)."""
    whole = read("photos-val-whole")
    found = {name: read(name) for name in sorted(path.stem for path in RESULTS.glob("degraded-*.json"))}
    if any(one[key] != whole[key] for one in found.values() for key in ("data", "model", "thresholds")):
        raise SystemExit("degraded-*.json and photos-val-whole.json were not measured alike")
    rows = {name: row for one in found.values() for name, row in one["degradations"].items()}
    lines = [
        "## What a forger tries first",
        "",
        "The pictures of photos-val-whole, one thing done to every one of them, photographs and AI pictures alike",
        "(`aivsreal evaluate photos DATA --split val --where origin_kind!=benchmark --where kind=whole --degrade NAME`).",
        "*screen-photo* is a photograph of a screen, simulated. Thresholds rest on validation, so rates are a little too good.",
        "",
        "| done to each picture | ROC AUC | AUC lost | photographs called AI | AI called AI | no answer |",
        "|---|---|---|---|---|---|",
    ]
    figures = ("roc_auc", "drop", "false_positive_rate", "recall", "uncertain_share")
    for name, row in sorted(rows.items(), key=lambda item: item[1].get("drop", {}).get("value", -1)):
        title = name.replace("as_is", "nothing")
        lines.append(f"| {title} | " + " | ".join(shown(row.get(figure)) for figure in figures) + " |")
    return "\n".join([*lines, ""])


def partly_ai() -> str:
    """Photographs with a generated part: verdicts, and whether the heat map points there."""
    found = read("partly-ai")
    lines = [
        "## Partly AI",
        "",
        f"{found['model']}. {found['pictures']} photographs of validation, into which a part of something else was put",
        "(`docs/partly_ai.py`): the photograph itself passed through an auto-encoder, which leaves what a generator",
        "leaves and changes nothing else; a part of an AI picture; and to compare, the photograph's own part saved once",
        "more, and a part of another photograph. All saved as JPEG 90. *Inside*: how much of the heat map's mass lies",
        "in the part; *before*: in the same place of the map without a part. *Strongest*: how often the map's strongest",
        "point lies in the part, by chance as often as the part is large.",
        "",
        "| part | of the area | called AI | called real | no answer | probability | inside | before | strongest |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    figures = ("ai", "real", "uncertain", "probability", "inside", "inside_before", "hit")
    for row in found["parts"]:
        cells = " | ".join(shown(row.get(figure)) for figure in figures)
        lines.append(f"| {row['part']} | {row['share']:.0%} | {cells} |")
    return "\n".join([*lines, ""])
