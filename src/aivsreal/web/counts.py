"""Where pictures are counted for the limits on clients. Apart, so that it can be tried before any worker runs."""

from __future__ import annotations

from limits.errors import ConfigurationError
from limits.storage import Storage, storage_from_string

from aivsreal.errors import MissingDependency, UsageError


def open_counts(url: str) -> Storage:
    """Return the storage of a URL. Raises: MissingDependency, UsageError."""
    try:
        storage = storage_from_string(url)
    except ConfigurationError as error:
        if "prerequisite" in str(error).lower():
            raise MissingDependency(
                f"counting uploads in {url} needs a package that is not installed", hint="pip install redis"
            ) from error
        raise UsageError(
            f"uploads cannot be counted in '{url}'", hint="rate_storage is memory:// or redis://host"
        ) from error
    if isinstance(storage, Storage):
        return storage
    raise UsageError(
        f"'{url}' is for asynchronous programs", hint="rate_storage is memory:// or redis://host"
    )
