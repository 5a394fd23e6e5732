"""`aivsreal doctor`: whether this installation works, and the command that mends what does not.

It must itself run where something is broken, so each check imports what it looks at.
"""

from __future__ import annotations

import os
import platform
import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Literal

import click

from aivsreal import __version__
from aivsreal.cli.options import json_option, print_json
from aivsreal.errors import AivsrealError, BadBundle, CannotWrite, MissingDependency

# Import name -> distribution.
ESSENTIAL = {
    "numpy": "numpy",
    "PIL": "pillow",
    "pillow_heif": "pillow-heif",
    "onnxruntime": "onnxruntime",
    "pydantic": "pydantic",
    "rich": "rich",
    "jinja2": "jinja2",
    "platformdirs": "platformdirs",
    "defusedxml": "defusedxml",
    "filelock": "filelock",
}
EXTRAS = ("train", "compare", "hub", "remote", "ray", "postgres")


@dataclass(frozen=True)
class Check:
    """One thing looked at: `bad` stops verdicts from being given, `missing` only some commands."""

    name: str
    state: Literal["ok", "missing", "bad"]
    detail: str
    hint: str = ""
    exit_code: int = 0


@click.command("doctor")
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """Check this installation: packages, models, one timed verdict, the data folder.

    What is missing comes with the command that installs it. Only what stops verdicts is an error.

    \b
    Examples:
      aivsreal doctor
      aivsreal doctor --json

    \b
    Exit codes:
      0  verdicts can be given
      5  a model is missing or altered
      7  a package is not installed
      8  the data folder cannot be written to
    """
    checks = examine()
    if as_json:
        print_json([asdict(check) for check in checks])
    else:
        _print_table(checks)
    ctx.exit(next((check.exit_code for check in checks if check.state == "bad"), 0))


def examine() -> list[Check]:
    """Return every check, in the order in which one rests on another."""
    checks = [
        Check("aivsreal", "ok", f"{__version__}, Python {platform.python_version()}, {platform.platform()}"),
        *(_package(module, name) for module, name in ESSENTIAL.items()),
    ]
    for step in (_cores, _models, _verdict):
        checks.extend(_guarded(step))
    checks += [_data_folder(), _server()]
    checks.extend(_extra(extra) for extra in EXTRAS)
    return checks


def _guarded(step: Callable[[], list[Check]]) -> list[Check]:
    """Return a step's checks, or one that says why it could not be done."""
    name = step.__name__.removeprefix("_")
    try:
        return step()
    except AivsrealError as error:
        return [Check(name, "bad", error.reason, error.hint, error.exit_code)]
    except ImportError as error:
        return [_absent(name, f"needs {error.name}", "pip install aivsreal")]


def _package(module: str, name: str) -> Check:
    """Return whether a package can really be imported: a broken one is found, too."""
    try:
        import_module(module)
    except ImportError as error:
        return _absent(name, f"cannot be imported: {error}", f"pip install --force-reinstall {name}")
    return Check(name, "ok", _version_of(name) or "version unknown")


def _absent(name: str, detail: str, hint: str) -> Check:
    return Check(name, "bad", detail, hint, MissingDependency.exit_code)


def _cores() -> list[Check]:
    import onnxruntime

    from aivsreal.threads import available_cores

    providers = ", ".join(onnxruntime.get_available_providers())
    return [
        Check("cores", "ok", f"{available_cores()} of {os.cpu_count()}"),
        Check("ONNX Runtime can use", "ok", f"{providers}; verdicts are computed by CPUExecutionProvider"),
    ]


def _models() -> list[Check]:
    from aivsreal.bundle import DEFAULT_MODEL, list_bundles

    entries = list_bundles()
    checks = [_model(entry.name, entry.folder) for entry in entries]
    if not any(entry.name == DEFAULT_MODEL for entry in entries):
        hint = "pip install --force-reinstall aivsreal"
        checks.append(Check(f"model {DEFAULT_MODEL}", "bad", "is not there", hint, BadBundle.exit_code))
    return checks


def _model(name: str, folder: Path) -> Check:
    from aivsreal.bundle import verify_bundle

    try:
        bundle = verify_bundle(folder)
    except AivsrealError as error:
        return Check(f"model {name}", "bad", error.reason, error.hint, error.exit_code)
    return Check(f"model {name}", "ok", f"{bundle.card.version}, whole, in {folder}")


def _verdict() -> list[Check]:
    """Return how the model in use judges a picture drawn here, and whether as it does elsewhere."""
    from aivsreal.detector import Detector
    from aivsreal.self_test import TOLERANCE, difference, self_test_picture
    from aivsreal.sessions import cuts_off_sums

    detector = Detector.load()
    verdict = detector.predict(self_test_picture())
    detail = (
        f"{verdict.words} ({verdict.probability_ai:.3f}) on a drawn picture, {verdict.seconds * 1000:.0f} ms"
    )
    if cuts_off_sums():
        detail += (
            " (slower here: this processor cannot multiply in eight bits exactly, so it is done otherwise)"
        )
    off = difference(detector, verdict.logit)
    if off is None or off <= TOLERANCE:
        return [Check("verdict", "ok", detail)]
    hint = "the figures on the card are not of this machine: measure again with aivsreal evaluate"
    return [Check("verdict", "bad", f"{detail}; its logit is off by {off:.2f}", hint, BadBundle.exit_code)]


def _data_folder() -> Check:
    """Return whether models of one's own can be kept; nothing is left there by looking."""
    from aivsreal.bundle import data_folder

    folder = data_folder()
    places = (folder, *folder.absolute().parents)
    place = next(place for place in places if os.path.exists(place))  # noqa: PTH110 - Path's raises where denied
    try:
        with tempfile.NamedTemporaryFile(dir=place):
            return Check("data folder", "ok", f"{folder} can be written to")
    except OSError as error:
        hint = "set AIVSREAL_DATA_DIR to a folder of yours"
        return Check("data folder", "bad", f"{folder}: {error.strerror}", hint, CannotWrite.exit_code)


def _server() -> Check:
    """Return whether what `serve` needs beside a verdict is installed."""
    asked = [name for name in _required_by("") if name not in ESSENTIAL.values()]
    return _installed("server", asked, "pip install --force-reinstall aivsreal")


def _extra(extra: str) -> Check:
    """Return whether everything that an extra asks for is installed."""
    return _installed(f"extra {extra}", _required_by(extra), f"pip install 'aivsreal[{extra}]'")


def _installed(what: str, asked: Sequence[str], hint: str) -> Check:
    absent = [name for name in asked if _version_of(name) is None]
    if absent:
        return Check(what, "missing", f"without {', '.join(absent)}", hint)
    return Check(what, "ok", ", ".join(f"{name} {_version_of(name)}" for name in asked))


def _required_by(extra: str) -> list[str]:
    """Return the distributions that an extra of ours asks for; "": those of every installation."""
    asked = (
        re.match(r"([\w.-]+)(?:.*extra == ['\"](\w+)['\"])?", line) for line in requires("aivsreal") or ()
    )
    return [found[1] for found in asked if found and (found[2] or "") == extra]


def _version_of(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _print_table(checks: list[Check]) -> None:
    width = max(len(check.name) for check in checks)
    colours = {"ok": "green", "missing": "yellow", "bad": "red"}
    for check in checks:
        state = click.style(f"{check.state:<7}", fg=colours[check.state])
        click.echo(f"{state}  {check.name:<{width}}  {check.detail}")
        if check.hint:
            click.echo(f"{'':<7}  {'':<{width}}  hint: {check.hint}")
