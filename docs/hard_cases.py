"""Sections of docs/how-good-is-it.md: full files of cameras, forgers, pictures that are partly AI, attackers.

Each function returns one section as Markdown, from files of docs/results that the command it names has written.
"""

from tables import read, shown

KINDS = {"jpeg": "full JPEG", "heic": "full HEIC", "web-2048": "web, 2,048 px", "web-1080": "web, 1,080 px"}


def full_files() -> str:
    """Cameras' full files and their web copies."""
    found = read("full-files")
    memory = ", ".join(f"{mb:.0f} MB ({kind.upper()})" for kind, mb in found["memory_mb"].items())
    lines = [
        "## A camera's full file and its web copy",
        "",
        f"{found['model']}; {found['n']} photographs of {found['least_megapixels']:g} to 12 megapixels from wallpaper packages, none",
        "enlarged (`benchmarks/full_files.py`). All are real; the same verdict is what counts. Milliseconds of one",
        f"core, with the stability check. A picture of {found['memory_megapixels']:g} megapixels takes at most {memory} of memory",
        "beyond what a process holds that has judged one. They are finished pictures, saved anew as a camera would save them.",
        "",
        "| file | ms | called real | no answer | called AI | same verdict as the full JPEG | real against AI | probability moves, mean, most |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for kind, title in KINDS.items():
        row = found["kinds"][kind]
        counts = " | ".join(str(row[word]) for word in ("real", "uncertain", "ai"))
        moves = f"{row['moved_mean']:.3f}, {row['moved_most']:.3f}"
        lines.append(
            f"| {title} | {row['ms']} | {counts} | {shown(row['same'])} | {shown(row['jumps'])} | {moves} |"
        )
    return "\n".join([*lines, ""])


def degraded() -> str:
    """What a forger tries first, one thing done to every picture at a time (evaluation/degrade.py)."""
    rows = read("photos-val-whole")["degradations"]
    lines = [
        "## What a forger tries first",
        "",
        "The pictures of photos-val-whole, one thing done to every one of them, photographs and AI pictures alike",
        "(`aivsreal evaluate photos DATA --split val --where origin_kind!=benchmark --where kind=whole --stability --degrade NAME`).",
        "*screen-photo* is a photograph of a screen, simulated. Validation shares its sources with training, so rates are a little too good.",
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


def attacks() -> str:
    """What gradients do to verdicts, on files attacked through each model."""
    lines = [
        "## Attacked with gradients",
        "",
        "Validation pictures as squares of 224 pixels that the attacked model judges rightly, a seeded draw, pushed to the",
        "other side through its own weights (`docs/attacks.py`): *plain* ignores the stability check, *aware* aims the file",
        "and its re-deliveries together just beyond the threshold. Another model is judged on the same files, which is a",
        "transfer. Few pictures, so wide intervals. Squares of one view's size have no tiles of their own; on large pictures",
        "an attacker must bend these, too, which was not tried; nor were more steps.",
        "",
    ]
    for attacked, rows in read("attacks").items():
        lines += [
            f"Attacked: {attacked}.",
            "",
            "| judged by | pictures | attack | levels of 255 | n | called AI | called real | no answer | without the check: AI, real |",
            "|---|---|---|---|---|---|---|---|---|",
        ]
        for row in rows:
            words = (shown(row["checked"][word]) for word in ("ai", "real", "uncertain"))
            alone = ", ".join(f"{row['alone'][word]['value']:.2f}" for word in ("ai", "real"))
            lines.append(
                f"| {row['model']} | {row['label']} | {row['way']} | {row['level']} | {row['n']} | {' | '.join(words)} | {alone} |"
            )
        lines.append("")
    return "\n".join(lines)
