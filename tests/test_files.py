"""Whole or not there at all; and never over what is somebody else's."""

from pathlib import Path

import pytest

from aivsreal.errors import BadData, CannotWrite
from aivsreal.files import atomic_folder, clear_unfinished, put_back
from tests.living import killing


def fill(folder: Path) -> None:
    with atomic_folder(folder, replaces="mark") as new:
        (new / "mark").write_text("ours")


@pytest.mark.parametrize("there", [None, "empty", "earlier"])
def test_a_folder_appears_where_there_is_none_an_empty_or_an_earlier_one(tmp_path: Path, there: str) -> None:
    target = tmp_path / "folder"
    if there:
        target.mkdir()
    if there == "earlier":
        (target / "mark").write_text("old")
        (target / "more").write_text("old")

    fill(target)

    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
    assert [path.name for path in target.iterdir()] == ["mark"]
    assert (target / "mark").read_text() == "ours"


def test_a_folder_with_other_files_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "only-copy.jpg").write_bytes(b"dear")

    with pytest.raises(CannotWrite, match="holds other files"):
        fill(tmp_path / "pictures")

    assert (tmp_path / "pictures" / "only-copy.jpg").read_bytes() == b"dear"


def test_a_file_in_the_place_of_a_folder_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("dear")

    with pytest.raises(CannotWrite, match="is a file"):
        fill(tmp_path / "file")

    assert (tmp_path / "file").read_text() == "dear"


def test_what_fails_half_way_leaves_the_earlier_folder_and_nothing_else(tmp_path: Path) -> None:
    fill(tmp_path / "folder")

    with pytest.raises(BadData), atomic_folder(tmp_path / "folder", replaces="mark") as new:
        (new / "mark").write_text("half")
        raise BadData("no", hint="no")

    assert (tmp_path / "folder" / "mark").read_text() == "ours"
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_a_replacement_killed_at_any_step_leaves_the_earlier_folder_or_the_new_one(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    fill(target)
    for _ in killing.killed_at_every_step(fill, tmp_path / "data", target):
        put_back(target)
        assert (target / "mark").read_text() == "ours"

    assert (target / "mark").read_text() == "ours"
    assert not list(tmp_path.glob("*.old"))


def test_what_is_put_back_is_not_taken_from_a_folder_of_a_longer_name(tmp_path: Path) -> None:
    (tmp_path / ".folder.other.0a1b2c3d.old").mkdir()

    put_back(tmp_path / "folder")

    assert [path.name for path in tmp_path.iterdir()] == [".folder.other.0a1b2c3d.old"]


def test_an_interrupt_between_the_two_renames_brings_the_earlier_folder_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path / "folder")
    rename = Path.rename

    def interrupted(self: Path, target: Path) -> Path:
        if self.suffix == ".part":
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fill(tmp_path / "folder")

    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_what_killed_writers_left_is_cleared_away(tmp_path: Path) -> None:
    (tmp_path / ".checkpoint.pt.x1.part").write_bytes(b"half")
    (tmp_path / ".bundle.x2.part").mkdir()
    (tmp_path / ".bundle.x2.part" / "model.onnx").write_bytes(b"half")
    (tmp_path / "checkpoint.pt").write_bytes(b"whole")

    clear_unfinished(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]
