from pathlib import Path

import pytest
import torch

from aivsreal.errors import BadRun, CannotWrite
from aivsreal.training.recipe import load_recipe
from aivsreal.training.run import Progress, begin_run, load_tensors, open_run, save_tensors

DATA = {"name": "toy", "fingerprint": "f", "where": [], "training": {}, "validation": {}, "generators": []}


def test_a_run_tells_what_it_was_trained_with(tmp_path: Path) -> None:
    recipe = load_recipe("toy")
    begin_run(tmp_path / "run", recipe, DATA)
    run = open_run(tmp_path / "run")
    assert run.recipe == recipe
    assert run.facts["data"] == DATA
    assert run.facts["versions"]["torch"] == str(torch.__version__)


def test_a_folder_with_a_run_is_not_overwritten(tmp_path: Path) -> None:
    begin_run(tmp_path, load_recipe("toy"), DATA)
    with pytest.raises(BadRun) as caught:
        begin_run(tmp_path, load_recipe("toy"), DATA)
    assert "--resume" in caught.value.hint


def test_progress_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    run = begin_run(tmp_path, load_recipe("toy"), DATA)
    progress = Progress(epoch=3, step=2, best_auc=0.75, logits=[0.5, -1.0], labels=[1, 0])
    run.save_progress(progress, {"network": {"weight": torch.ones(2)}})
    found = run.load_progress()
    assert found is not None
    assert found[0] == progress
    assert torch.equal(found[1]["network"]["weight"], torch.ones(2))


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    for place in (tmp_path, tmp_path / "file"):
        with pytest.raises(BadRun, match="holds no run"):
            open_run(place)


def test_a_run_that_is_no_text_is_refused(tmp_path: Path) -> None:
    begin_run(tmp_path, load_recipe("toy"), DATA)
    (tmp_path / "run.json").write_bytes(b"\xff\xfe")
    with pytest.raises(BadRun, match="cannot be read"):
        open_run(tmp_path)


@pytest.mark.parametrize("damage", [b"", b"no tensors at all", b"PK\x03\x04 and then nothing"])
def test_a_damaged_checkpoint_is_refused_in_words(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(damage)
    with pytest.raises(BadRun, match="damaged"):
        load_tensors(path)


def test_a_checkpoint_cannot_run_code(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (tmp_path / "ran",)  # type: ignore[return-value]

    torch.save({"weights": Evil()}, tmp_path / "evil.pt")
    with pytest.raises(BadRun):
        load_tensors(tmp_path / "evil.pt")
    assert not (tmp_path / "ran").exists()


def test_a_full_disk_leaves_the_last_checkpoint_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "checkpoint.pt"
    save_tensors(path, {"epoch": 1})

    def no_space(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", no_space)
    with pytest.raises(CannotWrite, match="No space left"):
        save_tensors(path, {"epoch": 2})
    assert load_tensors(path) == {"epoch": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.pt"]
