"""What a run writes as parquet: the list of its pictures, a row group a part, and a file of verdicts a part."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

VERDICTS = pa.schema(
    [
        ("path", pa.string()),
        ("verdict", pa.string()),
        ("probability_ai", pa.float64()),
        ("spread", pa.float64()),
        ("reason", pa.string()),
        ("error", pa.string()),
        ("hint", pa.string()),
        ("unreachable", pa.bool_()),
        ("model", pa.string()),
        ("logit", pa.float64()),
        ("logit_spread", pa.float64()),
        ("declared", pa.string()),
        ("declared_in", pa.string()),
        ("real_below", pa.float64()),
        ("ai_above", pa.float64()),
        ("promise", pa.string()),
        ("format", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("bytes", pa.int64()),
        ("sha256", pa.string()),
        ("seconds", pa.float64()),
    ]
)
# Bytes, for a file's name on Linux need not be text.
_PICTURES = pa.schema([("place", pa.binary())])


def verdicts_file(rows: Sequence[dict[str, Any]]) -> bytes:
    """Return a parquet file of rows as `reading.rows_of` gives them."""
    stream = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows), schema=VERDICTS), stream, compression="zstd")
    return stream.getvalue()


def write_list(file: Path, places: Iterable[str], part_size: int) -> int:
    """Return how many places stand in a new parquet file, `part_size` a row group."""
    count, left = 0, iter(places)
    with pq.ParquetWriter(file, _PICTURES, compression="zstd") as writer:
        while part := [place.encode("utf-8", "surrogateescape") for place in islice(left, part_size)]:
            writer.write_table(pa.table({"place": part}, schema=_PICTURES), row_group_size=part_size)
            count += len(part)
    return count


class PictureList:
    """The list of a run's pictures, read a part at a time."""

    def __init__(self, stream: Any) -> None:
        self._file = pq.ParquetFile(stream)

    def part(self, number: int) -> list[str]:
        """Return the places of one part, in their order."""
        column = self._file.read_row_group(number).column("place")
        return [place.decode("utf-8", "surrogateescape") for place in column.to_pylist()]


def verdicts_in(stream: Any) -> list[tuple[str | None, bool]]:
    """Return of each row of a file of verdicts its verdict, and whether its picture could not be reached."""
    with stream:
        table = pq.read_table(stream, columns=["verdict", "unreachable"])
    return list(zip(table["verdict"].to_pylist(), table["unreachable"].to_pylist(), strict=True))
