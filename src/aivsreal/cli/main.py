"""The entry point: finds the command that was asked for, and turns every error into two lines for people."""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import click
from click.shell_completion import CompletionItem

from aivsreal import __version__
from aivsreal.errors import AivsrealError, CannotWrite, MissingDependency, UsageError, printable

# Command -> where it lives and what it is for. Nothing is imported before its command is called, so that
# `aivsreal predict` never waits for torch.
COMMANDS = {
    "predict": ("aivsreal.cli.predict:command", "Say of pictures whether they are AI-generated."),
    "serve": ("aivsreal.cli.serve:command", "Serve the web page and the API."),
    "keys": ("aivsreal.cli.keys:command", "Make, list and revoke keys for the API."),
    "models": ("aivsreal.cli.models:command", "List models, add and remove them, choose the one in use."),
    "audit": ("aivsreal.cli.audit:command", "Look for copies, leaks and shortcuts in labelled data."),
    "train": ("aivsreal.cli.train:command", "Train a model on labelled data, or go on with a run."),
    "tune": ("aivsreal.cli.tune:command", "Search the values of a recipe that do best."),
    "export": ("aivsreal.cli.export:command", "Make a model that can be used out of a run."),
    "evaluate": ("aivsreal.cli.evaluate:command", "Measure a model on labelled data."),
    "compare": ("aivsreal.cli.compare:command", "Measure detectors of the literature beside ours."),
    "monitor": ("aivsreal.cli.monitor:command", "Say whether pictures or verdicts have changed."),
    "retrain": ("aivsreal.cli.retrain:command", "Teach a model new pictures; the result is a challenger."),
    "gate": ("aivsreal.cli.gate:command", "What a model must pass before it is put to use."),
    "feedback": ("aivsreal.cli.feedback:command", "Review what people said of verdicts."),
    "keep-up": ("aivsreal.cli.keep_up:command", "Monitor, learn, gate and promote, unattended."),
    "doctor": ("aivsreal.cli.doctor:command", "Check this installation and say what is missing."),
    "completion": ("aivsreal.cli.completion:command", "Print the completion script for a shell."),
}
INTERRUPTED, PIPE_CLOSED, OUR_FAULT = 130, 141, 70
NOT_OUR_FAULT = (errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENAMETOOLONG, errno.EIO)
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


class LazyGroup(click.Group):
    """A group that knows its commands' names and imports only the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the names in the order of COMMANDS."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Return the command, imported now; None for an unknown name."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command to call. Raises: UsageError naming the nearest one."""
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            raise UsageError(f"there is no command '{args[0]}'", hint=_nearest_command(args[0]))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the commands from their one-line descriptions, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the names and options that begin so, without importing a command."""
        names = [
            CompletionItem(name, help=summary)
            for name, (_, summary) in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return names + click.Command.shell_complete(self, ctx, incomplete)

    def invoke(self, ctx: click.Context) -> Any:
        """Call the command; a reader that left early is told apart from click's own way of handling it."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise _PipeClosed from error

    def main(  # type: ignore[override]
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any
    ) -> NoReturn:
        """Run one command and exit with its code. `--debug` may stand anywhere on the line."""
        given, debug = without_debug(sys.argv[1:] if args is None else args)
        _open_what_is_closed()
        for stream in (sys.stdout, sys.stderr):
            # File names need not be text; what has no UTF-8 form is shown as \udcNN, which JSON reads back.
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")
        try:
            code = super().main(given, prog_name or "aivsreal", **{**extra, "standalone_mode": False})
            sys.stdout.flush()
        except Exception as error:
            if debug and not isinstance(error, click.ClickException | click.Abort | _PipeClosed):
                raise
            sys.exit(explained(error))
        sys.exit(code if isinstance(code, int) else 0)


class _PipeClosed(Exception):
    """Whoever read our output has gone, as `head` does."""


def _open_what_is_closed() -> None:
    """Let a stream that this program was started without lead nowhere: None is no stream, and breaks who asks it.

    In this order, so that each gets its own number, and no file that is opened later gets what was meant for it.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - until the end


def without_debug(args: Sequence[str]) -> tuple[list[str], bool]:
    """Return the arguments up to `--` without `--debug`, and whether it was there."""
    given = list(args)
    end = given.index("--") if "--" in given else len(given)
    kept = [arg for arg in given[:end] if arg != "--debug"]
    return kept + given[end:], len(kept) < end


def explained(error: Exception) -> int:
    """Print why and what to do, and return the exit code."""
    match error:
        case AivsrealError():
            return _tell(error)
        case _PipeClosed() | BrokenPipeError():
            _drop_output()
            return PIPE_CLOSED
        case click.Abort():
            click.echo("aivsreal: interrupted", err=True)
            return INTERRUPTED
        case click.exceptions.NoArgsIsHelpError():
            error.show()
            return UsageError.exit_code
        case click.ClickException():
            return _tell(UsageError(_sentence(error.format_message()), hint=_help_hint(error)))
        case ModuleNotFoundError() if not (error.name or "").startswith("aivsreal"):
            return _tell(_missing(error))
        case OSError() if error.errno in DISK_FULL:
            _drop_output()
            return _tell(
                CannotWrite(f"cannot write: {error.strerror}", hint="free some space, or write elsewhere")
            )
        case OSError() if error.filename and error.errno in NOT_OUR_FAULT:
            return _tell(UsageError(f"cannot use {error.filename}: {error.strerror}", hint="check the path"))
        case _:
            return _tell_fault(error)


def _tell(error: AivsrealError) -> int:
    click.echo(f"aivsreal: {error.reason}\nhint: {error.hint}", err=True)
    return error.exit_code


def _tell_fault(error: Exception) -> int:
    click.echo(
        f"aivsreal: unexpected {type(error).__name__}: {printable(str(error))[:300]}\n"
        "hint: this is a fault of the program; run again with --debug and report what it prints",
        err=True,
    )
    return OUR_FAULT


def _missing(error: ModuleNotFoundError) -> MissingDependency:
    return MissingDependency(
        f"this command needs {(error.name or 'a package').partition('.')[0]}, which is not installed",
        hint="pip install 'aivsreal[train]'; `aivsreal doctor` shows what else is missing",
    )


def _sentence(message: str) -> str:
    """Return click's message as one line in our form: `no such option: --jsn`."""
    line = " ".join(message.split()).rstrip(".")
    return line[:1].lower() + line[1:]


def _help_hint(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    return f"`{context.command_path if context else 'aivsreal'} --help` shows what it takes"


def _nearest_command(name: str) -> str:
    close = get_close_matches(name, COMMANDS, n=1)
    return f"did you mean `aivsreal {close[0]}`?" if close else "`aivsreal --help` lists the commands"


def _drop_output() -> None:
    """Send what is still buffered nowhere, so that the interpreter's exit does not fail on it again."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@click.group(
    "aivsreal",
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="""
\b
Examples:
  aivsreal predict photo.jpg
  aivsreal predict ~/Pictures --json > verdicts.jsonl
  aivsreal audit DATA && aivsreal train DATA --recipe photos --out RUN
  aivsreal evaluate RUN/bundle DATA --split test
  aivsreal serve

\b
Exit codes:
  0  done
  1  done, but some pictures failed, or what was asked is answered with no: an alarm, a refusal, a finding
  2  the command was called wrongly
  3  a picture (of several: every one) cannot be read
  4  labelled data cannot be used
  5  a model is missing, incomplete or altered
  6  a recipe or a run folder cannot be used
  7  a package is not installed
  8  a file cannot be written
  9  a public data set or its weights cannot be fetched
  10  the web server's port is taken, or its database cannot be used
  11  a location cannot be reached
  70  a fault of the program itself
  130  interrupted or terminated; 141  the reader of our output went away

\b
Environment:
  AIVSREAL_DATA_DIR   where models of your own, and the web server's records, live
  AIVSREAL_MAX_BYTES, AIVSREAL_MAX_PIXELS, AIVSREAL_MAX_SIDE   limits on a picture
  AIVSREAL_CONFIG and others   settings of the server: docs/operate.md
""",
)
@click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")
@click.version_option(__version__, message="aivsreal %(version)s")
def cli() -> None:
    """Tell photographs from AI-generated images, say how sure, and say so when it cannot be told."""


def main() -> NoReturn:
    """Run the command line."""
    # To be terminated is to be interrupted: what is half written is cleared away on the way out.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    cli.main()
