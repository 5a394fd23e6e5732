"""The registry of Python packages, as the scripts that read archives reach it."""

from typing import Any

from aivsreal.errors import MissingDependency


def registry() -> Any:
    """Return an open pypi_simple.PyPISimple, to be closed by `with`. Raises: MissingDependency."""
    try:
        from pypi_simple import PyPISimple
    except ImportError as error:
        raise MissingDependency(
            "archives of PyPI are found by pypi-simple, which is not installed",
            hint="pip install pypi-simple",
        ) from error
    return PyPISimple()
