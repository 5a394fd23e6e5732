"""What the scripts beside the package share: they take arguments, and tell of errors, as the commands do.

def main(arguments: Sequence[str]) -> None:
    asked = parser_of(__doc__).parse_args(arguments)

if __name__ == "__main__":
    run(main)
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from aivsreal.cli.main import INTERRUPTED, explained, without_debug
from aivsreal.errors import UsageError


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message, hint=f"python {self.prog} --help shows what it takes")


def parser_of(description: str | None) -> argparse.ArgumentParser:
    """Return a parser with a script's own docstring as its help; wrong arguments raise UsageError."""
    # The path as it was typed, so that the hint can be typed, too.
    return _Parser(
        prog=sys.argv[0], description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def run(main: Callable[[Sequence[str]], None]) -> NoReturn:
    """Call `main` with the arguments of this process and exit; with `--debug` an error shows its traceback."""
    given, debug = without_debug(sys.argv[1:])
    try:
        main(given)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception as error:
        if debug:
            raise
        sys.exit(explained(error))
    sys.exit(0)
