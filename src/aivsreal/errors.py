"""What can go wrong, told to people: every error says why in one line and what to do in another.

The command line prints `reason` and `hint` and leaves with `exit_code`; README.md lists the codes.
"""

from __future__ import annotations


class AivsrealError(Exception):
    """One line why, one line what to do about it, and the exit code that a command leaves with."""

    exit_code = 2

    def __init__(self, reason: str, *, hint: str) -> None:
        # Both quote file names and cells of tables, which may hold anything.
        self.reason, self.hint = printable(reason), printable(hint)
        super().__init__(self.reason)

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle with the hint, so that an error raised in a worker process arrives whole."""
        return _rebuild, (type(self), self.reason, self.hint)


def printable(text: str) -> str:
    """Return the text as one line, what could steer a terminal, or be no text at all, written as an escape."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text
    )


def first_line(error: BaseException) -> str:
    """Return the first line of what an error of somebody else's says; its kind where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _rebuild(kind: type[AivsrealError], reason: str, hint: str) -> AivsrealError:
    return kind(reason, hint=hint)


class UsageError(AivsrealError):
    """The command was called in a way that it cannot follow."""

    exit_code = 2


class UnreadableImage(AivsrealError):
    """A file is no picture, a damaged one, or one beyond the limits."""

    exit_code = 3


class BadData(AivsrealError):
    """A set of labelled images cannot be used as it is."""

    exit_code = 4


class BadBundle(AivsrealError):
    """A model on disk is incomplete, altered or of an unknown kind."""

    exit_code = 5


class BadRecipe(AivsrealError):
    """A training recipe holds a key or a value that it may not hold."""

    exit_code = 6


class BadRun(AivsrealError):
    """A run folder cannot be resumed or exported."""

    exit_code = 6


class Diverged(BadRun):
    """A training came apart: its loss is no number any more."""


class MissingDependency(AivsrealError):
    """A part of the program needs a package that is not installed."""

    exit_code = 7


class CannotWrite(AivsrealError):
    """The disk is full, or the place may not be written to."""

    exit_code = 8


class HubUnavailable(AivsrealError):
    """A named public data set or weights could not be fetched: no network, no login, no such name."""

    exit_code = 9


class CannotServe(AivsrealError):
    """The web server cannot start: its port is taken, or its database cannot be reached."""

    exit_code = 10


class Unreachable(AivsrealError):
    """A location cannot be reached: no network, no login, a server that is down."""

    exit_code = 11
