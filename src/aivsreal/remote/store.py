"""The folder that a run writes, on this machine or anywhere fsspec opens: whole files or none.

    store = Store("s3://bucket/verdicts")
    store.write("_run.json", b"...")

Raises: CannotWrite where the place cannot be written or read back.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from aivsreal.errors import AivsrealError, CannotWrite
from aivsreal.files import atomic_write_bytes
from aivsreal.remote.places import is_local, local_path, opened, patiently, why

# Where a file appears under its name only when all of it has arrived.
OBJECT_STORES = frozenset(["s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "oci", "oss", "memory"])


class Store:
    """A folder at any location. It can be sent to other machines, where it opens its own connection."""

    def __init__(self, location: str) -> None:
        self.location = local_path(location) if is_local(location) else location.rstrip("/")

    def __reduce__(self) -> tuple[Any, ...]:
        return Store, (self.location,)

    @cached_property
    def _opened(self) -> tuple[Any, str]:
        return opened(self.location)

    def place_of(self, name: str) -> str:
        """Return the full path or URL of a file of this folder."""
        return f"{self.location}/{name}"

    def write(self, name: str, data: bytes) -> None:
        """Put a file in its place, whole."""
        if is_local(self.location):
            atomic_write_bytes(Path(self.location) / name, data)
            return
        filesystem, root = self._opened
        path = f"{root}/{name}"
        with self._working("write"):
            if _protocols(filesystem) & OBJECT_STORES:
                patiently(lambda: filesystem.pipe_file(path, data))
                return
            folder, _, last = path.rpartition("/")
            _make_folder(filesystem, folder)
            filesystem.pipe_file(f"{folder}/.{last}.part", data)
            filesystem.mv(f"{folder}/.{last}.part", path)

    def read(self, name: str) -> bytes | None:
        """Return a file's bytes; None where there is no such file."""
        filesystem, root = self._opened
        with self._working("read"):
            try:
                return bytes(filesystem.cat_file(f"{root}/{name}"))
            except FileNotFoundError:
                return None

    def open(self, name: str) -> Any:
        """Return a file opened for reading anywhere in it."""
        filesystem, root = self._opened
        with self._working("read"):
            return filesystem.open(f"{root}/{name}", "rb")

    def upload(self, name: str, file: Path) -> None:
        """Put a local file in its place. It may be seen half written: a file written later says when it counts."""
        filesystem, root = self._opened
        with self._working("write"):
            _make_folder(filesystem, f"{root}/{name}".rpartition("/")[0])
            filesystem.put_file(str(file), f"{root}/{name}")

    def names(self, folder: str = "") -> set[str]:
        """Return the names within a folder of this one, nothing hidden; none where it is not there."""
        filesystem, root = self._opened
        with self._working("read"):
            filesystem.invalidate_cache()
            try:
                found = filesystem.ls(f"{root}/{folder}".rstrip("/"), detail=False)
            except FileNotFoundError:
                return set()
        names = {str(path).rstrip("/").rpartition("/")[2] for path in found}
        return {name for name in names if name and not name.startswith(".")}

    def remove(self, name: str) -> None:
        """Take a file away; it need not be there."""
        filesystem, root = self._opened
        with self._working("write"):
            try:
                filesystem.rm_file(f"{root}/{name}")
            except FileNotFoundError:
                return

    @contextmanager
    def _working(self, verb: str) -> Iterator[None]:
        try:
            yield
        except AivsrealError:
            raise
        # Storage packages' exceptions share no base but Exception.
        except Exception as error:
            raise CannotWrite(
                f"cannot {verb} {self.location}: {why(error)}",
                hint="check address, rights and network, then repeat the command: it goes on where it stopped",
            ) from error


def _make_folder(filesystem: Any, folder: str) -> None:
    """Make a folder where there are folders: an object store would make a bucket of a misspelt name."""
    if not _protocols(filesystem) & OBJECT_STORES:
        filesystem.makedirs(folder, exist_ok=True)


def _protocols(filesystem: Any) -> frozenset[str]:
    named = filesystem.protocol
    return frozenset([named] if isinstance(named, str) else named)
