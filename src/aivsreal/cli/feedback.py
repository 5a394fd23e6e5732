"""`aivsreal feedback`: what people said of verdicts, to be reviewed before anything is learned from it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from aivsreal.cli.options import SomePath, json_option, print_json
from aivsreal.errors import UsageError, printable

if TYPE_CHECKING:
    from aivsreal.living.feedback import Decision, Mark, Reviewed

NOTHING_WAITS = "nothing waits for a review"
KEYS = {"a": "accept", "r": "reject", "u": "unsure"}


@click.group("feedback")
def command() -> None:
    """List, review and export what people said of verdicts.

    A server keeps what its users mark ("was this right?"). Nothing of it is learned before somebody has reviewed it
    here, or on the operator's page. Marks that contradict each other, or come by the dozen from one client, are set
    apart: they come last, and say why. Only pictures that the server kept (setting keep_uploads) can be learned.

    \b
    Examples:
      aivsreal feedback list
      aivsreal feedback review
      aivsreal feedback review ID --accept
      aivsreal feedback export --out pictures/feedback
      aivsreal retrain --feedback

    \b
    Exit codes:
      0  done
      2  there is no such mark, or nothing to accept
      4  nothing that was accepted has a picture
      7  a package is missing
      8  the review or a picture cannot be written
      10  the server's database cannot be read
    """


@command.command("list")
@click.option("--all", "everything", is_flag=True, help="Also what has been reviewed.")
@json_option
def list_feedback(everything: bool, as_json: bool) -> None:
    """List what waits for a review, those set apart last."""
    found = [one for one in _reviewed() if everything or one.decision is None]
    if as_json:
        print_json([one.as_json() for one in found])
        return
    for one in found:
        click.echo(_line(one))
    if not found:
        click.echo(NOTHING_WAITS)


@command.command("review")
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("--accept", is_flag=True, help="What was said is true.")
@click.option("--reject", is_flag=True, help="It is not.")
@click.option("--unsure", is_flag=True, help="It cannot be told.")
def review_feedback(ids: tuple[str, ...], accept: bool, reject: bool, unsure: bool) -> None:
    """Decide of marks: by their ids, or of one after the other as they are shown."""
    decision = _only_one({"accept": accept, "reject": reject, "unsure": unsure})
    if bool(ids) != bool(decision):
        raise UsageError(
            "give ids and a decision, or neither", hint="aivsreal feedback review ID --accept; or without any"
        )
    if decision:
        for id in ids:
            _decide(id, decision)
            click.echo(f"{id}: {decision}")
        return
    waiting = [one for one in _reviewed() if one.decision is None]
    if not waiting:
        click.echo(NOTHING_WAITS)
    for one in waiting:
        click.echo(_line(one))
        click.echo(f"  picture: {one.picture or 'was not kept'}")
        answer = click.prompt("  accept, reject, unsure, skip, quit", type=click.Choice(list("arusq")))
        if answer == "q":
            return
        if answer in KEYS:
            _decide(one.mark.id, KEYS[answer], one.mark.said)


@command.command("export")
@click.option("--out", required=True, type=SomePath(path_type=Path), help="Gets the folders real and ai.")
def export_feedback(out: Path) -> None:
    """Write the pictures of accepted marks as a labelled set."""
    from aivsreal.living.feedback import export

    labelled = export(marks(), out)
    click.echo(f"{len(labelled)} pictures, {int(labelled.labels().sum())} of them AI, are in {out}")


def marks() -> list[Mark]:
    """Return what the server's users marked; none where there was never a server. Raises: CannotServe."""
    from aivsreal.web.marks import all_marks

    return all_marks()


def _reviewed() -> list[Reviewed]:
    from aivsreal.living.feedback import reviewed

    return reviewed(marks())


def _only_one(decisions: dict[str, bool]) -> str | None:
    given = [decision for decision, chosen in decisions.items() if chosen]
    if len(given) > 1:
        raise UsageError(f"--{given[0]} and --{given[1]} exclude each other", hint="give one of them")
    return given[0] if given else None


def _decide(id: str, decision: str, said: str | None = None) -> None:
    from aivsreal.living.feedback import review

    review(marks(), id, cast("Decision", decision), said=said)


def _line(one: Reviewed) -> str:
    from aivsreal.living.feedback import SAID_WORDS

    row: dict[str, Any] = one.as_json()
    parts = [
        f"{row['id']}  {row['when']}  {row['model']} said {row['verdict']} ({row['probability_ai']:.2f}), "
        f"somebody: {SAID_WORDS[one.mark.said]}"
    ]
    if row["remark"]:
        parts.append(f"remark: {row['remark']}")
    if row["decision"]:
        parts.append(f"reviewed: {row['decision']}")
    if row["apart"]:
        parts.append(f"SET APART: {row['apart']}")
    return printable("; ".join(parts))
