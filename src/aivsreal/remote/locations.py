"""Which pictures are meant by files, folders, listings and tables of paths, wherever they lie.

pictures_at(["s3://bucket/pictures/", "https://example.org/gallery/", "paths.parquet"])
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from aivsreal.data.folders import IMAGE_SUFFIXES
from aivsreal.data.picture_paths import picture_paths
from aivsreal.data.where import first_column
from aivsreal.errors import BadData, UsageError
from aivsreal.remote.places import is_local, local_path, name_of, opened, reaching, suffix_of

PATH_COLUMNS = ("path", "url", "uri", "file", "file_name", "filename", "image", "key")
TABLE_SUFFIXES = (".parquet", ".csv", ".tsv")


def pictures_at(locations: Iterable[str], *, recursive: bool = True) -> Iterator[str]:
    """Yield each picture meant, lazily: an absolute path where it is local, else its URL.

    A location is a picture, a folder or listing (of which pictures are taken by their suffix, nothing hidden),
    a pattern such as s3://bucket/2026-*/*.jpg, or a table (parquet, CSV, TSV) with a column of paths, which
    count from the table's own folder.
    Raises: BadData for a table that names no paths; UsageError, Unreachable.
    """
    for location in locations:
        if suffix_of(location) in TABLE_SUFFIXES:
            yield from _in_table(location)
        elif is_local(location):
            yield from picture_paths([local_path(location)], recursive=recursive)
        elif "*" in location:
            yield from _matching(location)
        else:
            yield from _at_url(location, recursive)


def _at_url(location: str, recursive: bool) -> Iterator[str]:
    # Asking a web server whether a picture is a folder would fetch the picture.
    if suffix_of(location) in IMAGE_SUFFIXES:
        yield location
        return
    filesystem, path = opened(location)
    with reaching(location):
        is_folder = location.endswith("/") or filesystem.isdir(path)
    if is_folder:
        yield from _within(filesystem, path, location, recursive)
    else:
        yield location


def _within(filesystem: Any, folder: str, location: str, recursive: bool) -> Iterator[str]:
    """Yield the pictures of a folder in the order of their names, sub-folders where they stand among them."""
    with reaching(location):
        # What was listed before may have changed; and ten million names need not be remembered.
        filesystem.invalidate_cache()
        entries = sorted(filesystem.ls(folder, detail=True), key=lambda entry: str(entry["name"]))
    for entry in entries:
        path = str(entry["name"])
        if path.rstrip("/") == folder.rstrip("/") or name_of(path).startswith("."):
            continue
        if entry["type"] == "directory":
            if recursive:
                yield from _within(filesystem, path, location, recursive)
        elif suffix_of(path) in IMAGE_SUFFIXES:
            yield str(filesystem.unstrip_protocol(path))


def _matching(pattern: str) -> Iterator[str]:
    filesystem, path = opened(pattern)
    with reaching(pattern):
        found = sorted(filesystem.glob(path))
    if not found:
        raise UsageError(f"nothing matches {pattern}", hint="check its spelling")
    for match in found:
        if suffix_of(match) in IMAGE_SUFFIXES:
            yield str(filesystem.unstrip_protocol(match))


def _in_table(location: str) -> Iterator[str]:
    """Yield what a table names, a batch of lines at a time."""
    column = None
    parent = _parent_of(location)
    line = 0
    for batch in _batches(location):
        column = column or _path_column(location, batch.schema)
        for value in batch.column(column).to_pylist():
            line += 1
            if not value:
                raise BadData(
                    f"record {line:,} of {location} names no path", hint=f"fill or drop it ({column})"
                )
            yield _named(value, parent)


def _batches(location: str) -> Iterator[Any]:
    """Yield the record batches of a table."""
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet as pq

    filesystem, path = opened(location)
    with reaching(location):
        stream = filesystem.open(path, "rb")
    with stream:
        try:
            if suffix_of(location) == ".parquet":
                file = pq.ParquetFile(stream)
                column = _path_column(location, file.schema_arrow)
                yield from file.iter_batches(columns=[column])
            else:
                delimiter = "\t" if suffix_of(location) == ".tsv" else ","
                parse = pyarrow.csv.ParseOptions(delimiter=delimiter)
                yield from pyarrow.csv.open_csv(stream, parse_options=parse)
        except (pa.ArrowInvalid, UnicodeDecodeError) as error:
            hint = "save it as parquet, or as CSV in UTF-8 with a first line that names the columns"
            raise BadData(f"{location} cannot be read: {error}", hint=hint) from error


def _path_column(location: str, schema: Any) -> str:
    """Return the name of the column with paths. Raises: BadData where there is none, or it holds no text."""
    import pyarrow as pa

    column = first_column(PATH_COLUMNS, schema.names, location)
    kind = schema.field(column).type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        raise BadData(
            f"the column {column} of {location} holds {kind}, not paths",
            hint=f"give paths as text in a column named {PATH_COLUMNS[0]}",
        )
    return column


def _parent_of(location: str) -> str:
    place = local_path(location) if is_local(location) else location
    return place.rpartition("/")[0]


def _named(path: str, parent: str) -> str:
    """Return what a table beside `parent` means by a path."""
    if not is_local(path):
        return path
    if path.startswith(("file://", "/")) and is_local(parent or "/"):
        return local_path(path)
    return f"{parent}/{path}" if not is_local(parent or "/") else local_path(f"{parent}/{path}")
