"""`aivsreal predict`: verdicts on pictures, as a table, JSON Lines or CSV, each as soon as it is ready."""

from __future__ import annotations

import hashlib
import os
import sys
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any, Literal

import click

from aivsreal.cli.options import SomePath, fast_option, json_option
from aivsreal.cli.predict_to import ToPlace, predict_to
from aivsreal.cli.verdict_rows import Form, print_header, print_row
from aivsreal.data.picture_paths import picture_paths
from aivsreal.detector import Detector, Failure
from aivsreal.errors import UnreadableImage, UsageError
from aivsreal.files import atomic_write_bytes
from aivsreal.heatmap import overlay_png
from aivsreal.verdict import WORDS_FOR_PEOPLE, Verdict, Word

SOME_FAILED = 1
METADATA = (
    "metadata: anybody can write or remove them; no signature was checked, and no verdict rests on them"
)


@dataclass
class Tally:
    """What came out so far: verdicts by word, failures, and the promises met, each with its word."""

    words: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    declared: int = 0
    promises: dict[str, Word] = field(default_factory=dict)

    def add(self, result: Verdict | Failure) -> None:
        """Count one result."""
        if isinstance(result, Failure):
            self.failed += 1
            return
        self.words[result.verdict] += 1
        self.declared += result.facts.declared is not None
        self.promises[result.promise] = result.verdict

    @property
    def all(self) -> int:
        """How many pictures there were."""
        return self.words.total() + self.failed

    @property
    def exit_code(self) -> int:
        """0: all got a verdict; 1: some did not; 3: none did."""
        if not self.failed:
            return 0
        return SOME_FAILED if self.words else UnreadableImage.exit_code


@click.command("predict")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True)
@click.option(
    "--model", metavar="MODEL", help="A model's name or a bundle's folder.  [default: the model in use]"
)
@json_option
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@click.option(
    "--heatmaps",
    metavar="DIR",
    type=SomePath(path_type=Path, file_okay=False),
    help="Write a PNG for each picture: amber speaks for AI, dark blue for real.",
)
@click.option("--workers", type=click.IntRange(1, 256), help="Pictures at a time.  [default: one a core]")
@fast_option
@click.option(
    "--record", is_flag=True, help="Keep a line of each verdict for `aivsreal monitor`: no picture, no name."
)
@click.option("--recursive/--no-recursive", default=True, help="Whether to go into folders within folders.")
@click.option(
    "--out",
    type=SomePath(),
    metavar="URL",
    help="Write verdicts to parquet files there, and go on if stopped.",
)
@click.option(
    "--engine", type=click.Choice(["ray"]), help="What spreads the work of --out.  [default: this process]"
)
@click.option(
    "--part-size",
    type=click.IntRange(1, 1_000_000),
    default=256,
    show_default=True,
    help="Pictures a parquet file.",
)
@click.pass_context
def command(
    ctx: click.Context,
    paths: tuple[str, ...],
    model: str | None,
    as_json: bool,
    as_csv: bool,
    heatmaps: Path | None,
    workers: int | None,
    fast: bool,
    record: bool,
    recursive: bool,
    out: str | None,
    engine: Literal["ray"] | None,
    part_size: int,
) -> None:
    """Say of each picture whether it is AI-generated, real, or cannot be told.

    PATH is a picture, a folder of pictures, or - to read paths from standard input, one a line.
    JPEG, PNG, WebP, AVIF, HEIC, GIF, TIFF and BMP are read; of an animation the first frame.

    The spread is how far the probability moves when the picture is delivered again, where the model asks that.

    With --json every line is an object with path, verdict (ai, real, uncertain), probability_ai, spread, model
    and facts of the file; declared (ai, ai-edited, camera) and declared_in are what its metadata say of how it was
    made, on which no verdict rests. Where an answer is not given although the file's score has one, reason says why;
    where a picture fails, verdict is null and error and hint say why. Pictures come in the order given, each as
    soon as it is ready.

    With --out a PATH may also be a URL of what fsspec opens (s3://, gs://, https://, ...), a pattern of such, or
    a table (parquet, CSV) with a column of paths. A row for each picture goes to URL/verdicts/*.parquet, with
    the error where it cannot be read. The same command goes on where it stopped, and tries again what could not
    be reached. --engine ray spreads it over a Ray cluster: the one that RAY_ADDRESS names, else the cores here.

    \b
    Examples:
      aivsreal predict photo.jpg
      aivsreal predict ~/Pictures --json > verdicts.jsonl
      find . -newer last-run -name '*.jpg' | aivsreal predict - --csv
      aivsreal predict photo.jpg --heatmaps maps/ --model RUN/bundle
      aivsreal predict incoming/ --record && aivsreal monitor
      aivsreal predict s3://bucket/pictures/ --out s3://bucket/verdicts/
      aivsreal predict paths.parquet --engine ray --workers 64 --out s3://bucket/verdicts/

    \b
    Exit codes:
      0  every picture got a verdict
      1  some pictures failed
      2  wrong usage, or no picture was found
      3  every picture failed
      5  the model is missing or altered
      7  a package is not installed
      8  the output cannot be written
      11 a location cannot be reached
    """
    if out is not None:
        _refuse_with_out({"--csv": as_csv, "--heatmaps": heatmaps, "--record": record})
        options = ToPlace(out, model, fast, engine, workers, recursive, part_size)
        ctx.exit(predict_to(paths, options, as_json=as_json))
    _refuse_without_out(paths, engine)
    form = _form(as_json, as_csv)
    # One picture gets all cores; of many, each gets one, and no second session is held in memory.
    single = len(paths) == 1 and os.path.isfile(paths[0])  # noqa: PTH113 - see picture_paths
    detector = Detector.load(model, threads=None if single else 1, fast=fast)
    start = perf_counter()
    tally = Tally()
    keep = _recorder(detector) if record else lambda _: None
    sources = picture_paths(paths, recursive=recursive, leave_out=heatmaps)
    with (
        _progress(paths, single=single, recursive=recursive, leave_out=heatmaps) as advance,
        closing(_results(detector, sources, heatmaps, 1 if single else workers)) as results,
    ):
        for result, row in results:
            if tally.all == 0:
                print_header(form)
            print_row(form, row)
            tally.add(result)
            keep(result)
            advance()
    if tally.all == 0:
        raise UsageError(
            f"there is no picture in {', '.join(paths)}",
            hint="within folders files are known by their suffix; name a file itself to have it tried",
        )
    _print_summary(tally, detector, perf_counter() - start, with_promises=form == "table")
    ctx.exit(tally.exit_code)


def _recorder(detector: Detector) -> Callable[[Verdict | Failure], None]:
    """Return a function that keeps a line of a verdict. It raises CannotWrite where that cannot be done."""
    from aivsreal.living.record import Recorder

    recorder = Recorder()

    def keep(result: Verdict | Failure) -> None:
        if isinstance(result, Verdict):
            recorder.write(result, detector.bundle)

    return keep


def _refuse_with_out(given: dict[str, object]) -> None:
    if unfit := [name for name, value in given.items() if value]:
        raise UsageError(
            f"--out writes parquet, and {unfit[0]} goes with printed verdicts", hint="leave one of them out"
        )


def _refuse_without_out(paths: Sequence[str], engine: str | None) -> None:
    if engine:
        raise UsageError("--engine needs a place to write to", hint="name it: --out s3://bucket/verdicts/")
    if elsewhere := [path for path in paths if "://" in path and not os.path.exists(path)]:  # noqa: PTH110
        raise UsageError(
            f"{elsewhere[0]} is not a path on this machine",
            hint="name where its verdicts shall go: --out verdicts/",
        )


def _form(as_json: bool, as_csv: bool) -> Form:
    if as_json and as_csv:
        raise UsageError("--json and --csv exclude each other", hint="call it twice to have both")
    return "json" if as_json else "csv" if as_csv else "table"


def _results(
    detector: Detector,
    sources: Iterator[str],
    heatmaps: Path | None,
    workers: int | None,
) -> Generator[tuple[Verdict | Failure, dict[str, Any]], None, None]:
    """Yield each result and its row, its heat map written."""
    verdicts = detector.predict_many(sources, heatmap=heatmaps is not None, workers=workers)
    with closing(verdicts):
        for result in verdicts:
            if heatmaps is None or isinstance(result, Failure):
                yield result, result.as_json()
            else:
                yield _with_heatmap(result, heatmaps, detector)


def _with_heatmap(
    verdict: Verdict, folder: Path, detector: Detector
) -> tuple[Verdict | Failure, dict[str, Any]]:
    assert verdict.path is not None
    assert verdict.heatmap is not None
    try:
        png = overlay_png(verdict.path, verdict.heatmap, limits=detector.limits)
    except UnreadableImage as error:
        failure = Failure(verdict.path, error, verdict.model)
        return failure, failure.as_json()
    written = atomic_write_bytes(folder / heatmap_name(verdict.path), png)
    return verdict, {**verdict.as_json(), "heatmap": str(written)}


def heatmap_name(path: str) -> str:
    """Return the overlay's file name: the picture's, made unique by a hash of its whole path."""
    whole = str(Path(path).absolute()).encode("utf-8", "surrogateescape")
    stem = Path(path).stem.encode("utf-8", "replace")[:100].decode("utf-8", "ignore")
    return f"{stem}-{hashlib.sha256(whole).hexdigest()[:12]}.png"


@contextmanager
def _progress(
    paths: Sequence[str], *, single: bool, recursive: bool, leave_out: Path | None
) -> Iterator[Callable[[], None]]:
    """Give a function to call after each picture; a bar is drawn on a terminal, for more than one picture."""
    if single or not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    total = None
    if "-" not in paths:
        total = sum(1 for _ in picture_paths(paths, recursive=recursive, leave_out=leave_out))
    columns = (TextColumn("pictures"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    # Rows go above the bar where both are on the terminal, and untouched into a file where they are not.
    on_screen = sys.stdout.isatty()
    with Progress(
        *columns, console=Console(stderr=True), transient=True, redirect_stdout=on_screen
    ) as progress:
        task = progress.add_task("pictures", total=total)
        yield lambda: progress.advance(task)


def _print_summary(tally: Tally, detector: Detector, seconds: float, *, with_promises: bool) -> None:
    counts = [f"{tally.words[word]} {words}" for word, words in WORDS_FOR_PEOPLE.items() if tally.words[word]]
    if tally.failed:
        counts.append(f"{tally.failed} failed")
    noun = "picture" if tally.all == 1 else "pictures"
    title = detector.bundle.title
    click.echo(f"{tally.all} {noun}: {', '.join(counts)} ({title}, {seconds:.1f} s)", err=True)
    if not with_promises:
        return
    for word, words in WORDS_FOR_PEOPLE.items():
        for promise in (promise for promise, of in tally.promises.items() if of == word and promise):
            click.echo(f"{words}: {promise}", err=True)
    if tally.declared:
        click.echo(METADATA, err=True)
