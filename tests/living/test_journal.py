"""A line is whole or not counted, whatever became of who wrote it."""

import json

import pytest

from aivsreal.errors import CannotWrite
from aivsreal.living import journal
from tests.living import killing


def test_lines_come_back_in_their_order(tmp_path):
    for number in range(3):
        journal.append(tmp_path / "new" / "log.jsonl", {"number": number, "text": "é\n", "share": 0.1})

    found = journal.read(tmp_path / "new" / "log.jsonl")

    assert [entry["number"] for entry in found.entries] == [0, 1, 2]
    assert found.entries[0]["text"] == "é\n"
    assert found.damaged == 0


def test_every_line_is_json_that_other_programs_read(tmp_path):
    journal.append(tmp_path / "log", {})
    journal.append(tmp_path / "log", {"a": 1})

    assert [sorted(json.loads(line)) for line in (tmp_path / "log").open()] == [["sum"], ["a", "sum"]]


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text.replace(b'"number":1', b'"number":7'),
        lambda text: text.replace(b'{"number":1', b'{"number'),
        lambda text: text.replace(b'{"number":1', b"\xff\x00\xfe"),
        lambda text: text.replace(b'{"number":1', b"[[[[[1"),
    ],
)
def test_a_damaged_line_is_counted_and_the_others_are_read(tmp_path, damage):
    for number in range(3):
        journal.append(tmp_path / "log", {"number": number})
    (tmp_path / "log").write_bytes(damage((tmp_path / "log").read_bytes()))

    found = journal.read(tmp_path / "log")

    assert [entry["number"] for entry in found.entries] == [0, 2]
    assert found.damaged == 1


def test_a_line_after_a_half_written_one_is_not_spoilt_by_it(tmp_path):
    journal.append(tmp_path / "log", {"number": 0})
    with (tmp_path / "log").open("ab") as stream:
        stream.write(b'{"number":1,"te')

    journal.append(tmp_path / "log", {"number": 2})

    found = journal.read(tmp_path / "log")
    assert [entry["number"] for entry in found.entries] == [0, 2]
    assert found.damaged == 1


def test_a_file_of_anything_else_holds_no_line(tmp_path):
    (tmp_path / "log").write_bytes(b'\n[1]\n"text"\nnull\n{}\n{"sum":5}\n')

    assert journal.read(tmp_path / "log") == journal.Journal((), 5)


def test_a_full_disk_takes_back_the_half_line(tmp_path):
    journal.append(tmp_path / "log", {"number": 0})
    before = (tmp_path / "log").read_bytes()

    told = killing.without_space(
        journal.append, tmp_path, tmp_path / "log", {"number": 1}, largest=len(before) + 5
    )

    assert told.startswith(CannotWrite.__name__)
    assert (tmp_path / "log").read_bytes() == before


def write_many(path, writer):
    for number in range(50):
        journal.append(path, {"writer": writer, "number": number}, durable=False)


def test_writers_at_once_lose_no_line(tmp_path):
    codes = killing.together([(write_many, tmp_path / "log", writer) for writer in range(3)], tmp_path)

    found = journal.read(tmp_path / "log")
    assert codes == [0, 0, 0]
    assert found.damaged == 0
    assert {(entry["writer"], entry["number"]) for entry in found.entries} == {
        (writer, number) for writer in range(3) for number in range(50)
    }
