"""`aivsreal predict --out`: verdicts on pictures anywhere, written as parquet anywhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Literal

import click

from aivsreal.cli.options import print_json
from aivsreal.data.picture_paths import lines_of_input
from aivsreal.errors import MissingDependency, UnreadableImage
from aivsreal.verdict import WORDS_FOR_PEOPLE

if TYPE_CHECKING:
    from aivsreal.remote.job import Outcome, PartCount
    from aivsreal.remote.plan import Plan

SOME_FAILED = 1


@dataclass(frozen=True)
class ToPlace:
    """What the options of the command say: the arguments of `remote.examine`."""

    out: str
    model: str | None
    fast: bool
    engine: Literal["ray"] | None
    workers: int | None
    recursive: bool
    part_size: int


def predict_to(paths: Sequence[str], options: ToPlace, *, as_json: bool) -> int:
    """Return the exit code after all pictures have their rows, or as many as could be had."""
    try:
        from aivsreal.remote import examine
    except ModuleNotFoundError as error:
        raise MissingDependency(
            f"--out needs {error.name}, which is not installed", hint="pip install 'aivsreal[remote]'"
        ) from error
    start = perf_counter()
    named = [line for path in paths for line in (lines_of_input() if path == "-" else (path,))]
    with _progress() as (begun, advance):
        outcome = examine(named, begun=begun, advance=advance, **asdict(options))
    if as_json:
        print_json({**outcome.as_json(), "out": options.out})
    _print_summary(outcome, options.out, perf_counter() - start)
    return _exit_code(outcome)


def _exit_code(outcome: Outcome) -> int:
    if outcome.unfinished:
        return SOME_FAILED
    if not outcome.failed:
        return 0
    return SOME_FAILED if outcome.words else UnreadableImage.exit_code


@contextmanager
def _progress() -> Iterator[tuple[Callable[[Plan, Outcome], None], Callable[[PartCount], None]]]:
    """Give what to call when the run begins and after each part; a bar is drawn on a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("pictures"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("pictures", total=None)

        def begun(plan: Plan, outcome: Outcome) -> None:
            if outcome.seen:
                told = f"{outcome.seen:,} of {plan.pictures:,} pictures were done before"
                click.echo(f"going on with the run begun {plan.began}: {told}", err=True)
            bar.update(task, total=plan.pictures, completed=outcome.seen)

        yield begun, lambda part: bar.advance(task, part.pictures)


def _print_summary(outcome: Outcome, out: str, seconds: float) -> None:
    counts = [
        f"{outcome.words[word]:,} {words}" for word, words in WORDS_FOR_PEOPLE.items() if outcome.words[word]
    ]
    if outcome.failed:
        counts.append(f"{outcome.failed:,} failed")
    click.echo(f"{outcome.seen:,} pictures: {', '.join(counts)} ({outcome.model}, {seconds:.1f} s)", err=True)
    click.echo(f"their verdicts are in {out.rstrip('/')}/verdicts", err=True)
    if outcome.unreachable:
        click.echo(
            f"{outcome.unreachable:,} of the failed could not be reached: the same command tries them again",
            err=True,
        )
    if outcome.unfinished:
        parts = ", ".join(map(str, outcome.unfinished[:10]))
        click.echo(
            f"aivsreal: {len(outcome.unfinished):,} parts of {out} are not done, the first: {parts}\n"
            "hint: the same command tries them again; a part that ends its worker every time has a picture that "
            "breaks a decoder: without --engine the error is seen",
            err=True,
        )
