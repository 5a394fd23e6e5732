"""The scripts of docs and research run to their end on drawn records, write what they say, and refuse in two lines."""

import csv
import hashlib
import io
import json
import shutil
import sys
import tarfile
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnx
import pyarrow.parquet as pq
import pytest
import skimage
import torch
from onnx import TensorProto, helper, numpy_helper
from safetensors.torch import save_file

from aivsreal.bundle import Bundle, Card, update_card
from aivsreal.cli.script import run
from aivsreal.data.labelled import Sample
from aivsreal.data.sources import load_set
from aivsreal.errors import BadData, BadRecipe, BadRun
from aivsreal.evaluation.finish import finish
from aivsreal.training.autoencoder import DECODER, ENCODER, Autoencoder
from aivsreal.training.loop import train
from aivsreal.training.recipe import load_recipe
from aivsreal.verdict import Stability, Thresholds
from tests.data.bundles import tiny_tower
from tests.data.draw import as_bytes, photo
from tests.drawn_records import drawn_records
from tests.test_docs import ROOT, script

DOCS = (
    "attacks",
    "explanations",
    "leave_one_out",
    "left_out_sources",
    "looks_like",
    "made_up_fakes",
    "partly_ai",
    "teach_new_generators",
    "write_results",
)
RESEARCH = (
    "cache_teacher",
    "collect_drawings",
    "collect_from_packages",
    "cut_faces",
    "cut_tower",
    "exact_channels",
    "find_declared",
    "screens",
    "tag_photos",
)
ALL = [*(f"docs/{name}.py" for name in DOCS), *(f"research/{name}.py" for name in RESEARCH)]
TAKE_DATA = {
    "docs/attacks.py": [],
    "docs/explanations.py": ["weights", "--work", "work"],
    "docs/leave_one_out.py": ["--by", "generator", "--out", "out"],
    "docs/looks_like.py": ["--work", "work"],
    "docs/partly_ai.py": ["--autoencoder", "weights"],
    "docs/teach_new_generators.py": ["--work", "work"],
    "research/cut_faces.py": ["--out", "faces.parquet"],
}


@pytest.fixture(autouse=True)
def neighbours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Scripts find their neighbours in their own folder, and no test writes into the checkout by a relative path."""
    for folder in ("docs", "research"):
        monkeypatch.syspath_prepend(str(ROOT / folder))
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return drawn_records(tmp_path_factory.mktemp("records") / "records.parquet", train=48, val=24, unseen=8)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A small network that tells the drawn textures apart, and always answers."""
    folder = tmp_path_factory.mktemp("trained")
    labelled = load_set(drawn_records(folder / "records.parquet", train=128, val=32))
    made = finish(train(labelled, load_recipe("toy"), folder / "run").folder, labelled, folder / "bundle")
    return update_card(made.folder, made.card.model_copy(update={"thresholds": Thresholds()}))


@pytest.fixture(scope="module")
def tower(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("tower") / "tower.onnx"
    file.write_bytes(tiny_tower(64))
    return file


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the weights of an auto-encoder that has learned nothing."""
    folder, autoencoder = tmp_path_factory.mktemp("autoencoder"), Autoencoder().half()
    save_file(autoencoder.encoder.state_dict(), folder / ENCODER)
    save_file(autoencoder.decoder.state_dict(), folder / DECODER)
    return folder


def refused(
    module: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *given: str
) -> tuple[int, list[str]]:
    """Return the exit code of a script called with these arguments, and the lines of what it says of that."""
    monkeypatch.setattr(sys, "argv", [f"{module.__name__}.py", *given])
    with pytest.raises(SystemExit) as left:
        run(module.main)
    return int(str(left.value.code)), capsys.readouterr().err.splitlines()


@pytest.mark.parametrize("name", [path for path in ALL if "write_results" not in path])
def test_a_missing_argument_gives_one_line_and_a_hint(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, (reason, hint) = refused(script(ROOT / name), monkeypatch, capsys)
    assert code == 2
    assert reason.startswith("aivsreal: the following arguments are required: ")
    assert hint == f"hint: python {Path(name).name} --help shows what it takes"


def test_an_unknown_option_writes_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    module = script(ROOT / "docs" / "write_results.py")
    monkeypatch.setattr(module, "PAGE", tmp_path / "page.md")
    code, (reason, _) = refused(module, monkeypatch, capsys, "--ad")
    assert (code, reason) == (2, "aivsreal: argument --add: expected 2 arguments")
    assert not (tmp_path / "page.md").exists()


@pytest.mark.parametrize(("name", "others"), TAKE_DATA.items())
def test_data_that_is_not_there_is_named(
    name: str, others: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, (reason, hint) = refused(script(ROOT / name), monkeypatch, capsys, "no-such-data", *others)
    assert code == 4
    assert "no-such-data" in reason
    assert hint.startswith("hint: ")


def test_a_fault_of_a_script_is_told_as_such_and_shown_on_request(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_: object) -> None:
        raise KeyError("roc_auc")

    monkeypatch.setattr(sys, "argv", ["x.py"])
    with pytest.raises(SystemExit) as left:
        run(broken)
    assert left.value.code == 70
    assert "unexpected KeyError" in capsys.readouterr().err
    monkeypatch.setattr(sys, "argv", ["x.py", "--debug"])
    with pytest.raises(KeyError):
        run(broken)


def test_attacks_judge_every_file_by_both_models(records: Path, trained: Bundle, tmp_path: Path) -> None:
    models = ["--model", str(trained.folder), "--other", str(trained.folder)]
    script(ROOT / "docs" / "attacks.py").main(
        [str(records), "--pictures", "2", *models, "--out", str(tmp_path / "attacks.json")]
    )
    rows = json.loads((tmp_path / "attacks.json").read_text())[trained.card.name]
    files = [("none", 0), *((way, level) for way in ("plain", "aware") for level in (1, 2, 4))]
    assert [(row["label"], row["way"], row["level"]) for row in rows if row["label"] == "ai"] == [
        ("ai", *file) for file in files
    ]
    for row in rows:
        assert row["n"] == 4
        assert sum(row["checked"][word]["value"] for word in ("ai", "real", "uncertain")) == pytest.approx(1)
        if row["level"] == 0:
            assert row["checked"][row["label"]]["value"] == 1


def test_who_knows_the_check_brings_file_and_delivery_together(trained: Bundle) -> None:
    attacks = script(ROOT / "docs" / "attacks.py")
    card = checked(trained)
    network, side = attacks.twin(trained), card.views.size
    square = photo(side, side)
    spread = {}
    for way, pixels in {
        "plain": attacks.pushed(network, square, 0, 4),
        "aware": attacks.aimed(network, card, square, 0, 4),
    }.items():
        assert np.abs(pixels.astype(int) - square).max() <= 4
        given = torch.from_numpy(pixels.astype(np.float32))[None]
        logits = attacks.logits_of_deliveries(network, card, given).detach().numpy()
        spread[way] = np.abs(logits - attacks.logit_aimed_at(card, 0)).max()
    assert spread["aware"] < spread["plain"]


def checked(bundle: Bundle) -> Card:
    """A card that asks for a stability check, and for no tiles."""
    views = bundle.card.views.model_copy(update={"whole": "square", "tiles": 0})
    return bundle.card.model_copy(
        update={"views": views, "stability": Stability(deliveries=("shared",), limit=1.0)}
    )


def test_parts_are_judged_in_every_size_and_the_whole_has_no_place(
    records: Path, trained: Bundle, untrained: Path, tmp_path: Path
) -> None:
    arguments = [str(records), "--autoencoder", str(untrained), "--model", str(trained.folder)]
    script(ROOT / "docs" / "partly_ai.py").main(
        [*arguments, "--pictures", "3", "--out", str(tmp_path / "o.json")]
    )
    parts = json.loads((tmp_path / "o.json").read_text())["parts"]
    assert [part["share"] for part in parts if part["part"] == "reconstruction"] == [0.05, 0.2, 0.5, 1.0]
    for part in parts:
        assert part["n"] == 3
        assert sum(part[word]["value"] for word in ("ai", "real", "uncertain")) == pytest.approx(1, abs=1e-4)
        assert ("inside" in part) == (0 < part["share"] < 1)


def test_more_photographs_than_there_are_is_said(records: Path, trained: Bundle, untrained: Path) -> None:
    arguments = [str(records), "--autoencoder", str(untrained), "--model", str(trained.folder)]
    with pytest.raises(BadData, match="of which 80 are needed"):
        script(ROOT / "docs" / "partly_ai.py").main([*arguments, "--pictures", "40"])


def test_explanations_are_measured_drawn_and_gone_on_with(
    records: Path, trained: Bundle, untrained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = script(ROOT / "docs" / "explanations.py")
    monkeypatch.setattr(module, "MOSAICS", 4)
    arguments = [str(records), str(untrained), "--model", str(trained.folder), "--pictures", "4"]
    arguments += ["--work", str(tmp_path / "work"), "--out", str(tmp_path / "results" / "explanations.json")]
    module.main(arguments)
    first = (tmp_path / "results" / "explanations.json").read_bytes()
    rows = sorted((tmp_path / "work").rglob("*.jsonl"))
    assert [path.stem for path in rows] == ["blanking", "grad-cam", "parts", "quarters", "shuffled"]
    # A row is lost half-way, as where the machine went down: it is measured again, and nothing else is.
    whole = rows[0].read_text()
    rows[0].write_text(whole[:-40])
    module.main(arguments)
    assert rows[0].read_text() == whole
    assert (tmp_path / "results" / "explanations.json").read_bytes() == first
    found = json.loads(first)["toy"]
    assert found["grad_cam"]["the features that are pooled"]["value"] == pytest.approx(1, abs=1e-3)
    assert found["pointing"]["the AI picture among four"]["chance"] == 0.25
    drawn = page_of(tmp_path, monkeypatch)
    assert "## toy 1.0.0" in drawn
    assert (tmp_path / "explanations.png").read_bytes().startswith(b"\x89PNG")


def test_kept_rows_of_other_pictures_are_not_used_again(
    records: Path, trained: Bundle, untrained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = script(ROOT / "docs" / "explanations.py")
    monkeypatch.setattr(module, "measure", lambda *_: {})
    arguments = [str(untrained), "--model", str(trained.folder), "--work", str(tmp_path / "work")]
    arguments += ["--out", str(tmp_path / "explanations.json")]
    for _ in range(2):
        module.main([str(records), *arguments])
    other = drawn_records(tmp_path / "other.parquet", train=8, val=16)
    for given, why in (([str(other)], "DATA"), ([str(records), "--where", "label!=x"], "--where")):
        with pytest.raises(BadRun, match=f"work on another {why}"):
            module.main([*given, *arguments])


def test_fewer_pictures_of_a_class_than_asked_for_is_said(records: Path) -> None:
    module = script(ROOT / "docs" / "explanations.py")
    labelled = load_set(records, where=["label=real"]).of_split("val")
    with pytest.raises(BadData, match="12 photographs and 0 AI pictures for validation, of which 2 each"):
        module.sampled(labelled, 4)


@pytest.mark.parametrize("note", ["", '{"DATA": "another"}'])
def test_work_that_rests_on_something_else_or_says_nothing_is_refused(tmp_path: Path, note: str) -> None:
    module = script(ROOT / "docs" / "kept_work.py")
    (tmp_path / "look.npz").touch()
    if note:
        (tmp_path / module.ASKED).write_text(note)
    with pytest.raises(BadRun, match="another DATA"):
        module.open_work(tmp_path, {"DATA": "this"})


def page_of(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the page that is drawn from folder/results/explanations.json."""
    module = script(ROOT / "docs" / "draw_explanations.py")
    monkeypatch.setattr(module, "RESULTS", folder / "results" / "explanations.json")
    monkeypatch.setattr(module, "PAGE", folder / "explanations.md")
    monkeypatch.setattr(module, "DRAWING", folder / "explanations.png")
    module.main()
    return (folder / "explanations.md").read_text("utf-8")


def test_sources_left_out_are_studied_from_a_run(
    records: Path, tower: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_folder = tower_run(records, tower, tmp_path / "run")
    module = script(ROOT / "docs" / "left_out_sources.py")
    monkeypatch.setattr(module, "RESULTS", tmp_path)
    module.main([str(run_folder), str(records), "--name", "toy"])
    study = json.loads((tmp_path / "left-out-toy.json").read_text())
    assert study["model"] == "toy 1.0.0"
    for figures in (study["as_is"], study["aligned"]):
        assert set(figures) == {"recall", "roc_auc", "false_positive_rate"}
    assert study["slices"]["origin_kind=text-to-image"]["n"] == 24


def test_a_run_without_a_tower_left_nothing_out(
    trained: Bundle, records: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module = script(ROOT / "docs" / "left_out_sources.py")
    given = [str(trained.folder.parent / "run"), str(records)]
    code, (reason, _) = refused(module, monkeypatch, capsys, *given)
    assert code == 6
    assert reason.endswith("has no tower, and left nothing out")


def test_other_data_than_the_run_saw_is_refused(
    records: Path,
    tower: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    other = drawn_records(tmp_path / "other.parquet", train=12, val=4)
    module = script(ROOT / "docs" / "left_out_sources.py")
    given = [str(tower_run(records, tower, tmp_path / "run")), str(other)]
    code, (reason, _) = refused(module, monkeypatch, capsys, *given)
    assert (code, reason) == (4, "aivsreal: DATA is not what the run was trained on")


def test_made_up_fakes_are_added_to_what_a_run_learned_from(
    records: Path, tower: Path, untrained: Path, tmp_path: Path
) -> None:
    run_folder = tower_run(records, tower, tmp_path / "run")
    arguments = [str(run_folder), str(records), "--taef2", str(untrained), "--photographs", "3"]
    out = tmp_path / "out.json"
    script(ROOT / "docs" / "made_up_fakes.py").main(
        [*arguments, "--work", str(tmp_path / "work"), "--out", str(out)]
    )
    study = json.loads(out.read_text())
    assert (study["training_pictures"], study["made_up_fakes"]) == (48, 3)
    assert len(list((tmp_path / "work" / "fakes").iterdir())) == 3
    (found,) = study["slices"].values()
    assert (found["real"], found["ai"]) == (12, 12)
    gained = found["with"]["roc_auc"]["value"] - found["without"]["roc_auc"]["value"]
    assert found["difference"]["value"] == pytest.approx(gained, abs=1e-4)


def tower_run(records: Path, tower: Path, folder: Path) -> Path:
    """Return a run of a tiny tower on the records, with its bundle."""
    labelled = load_set(records)
    recipe = load_recipe(
        "toy", overrides=[f"tower.graph={tower}", "tower.views=1", 'tower.deliveries=["aligned"]', *WHOLE]
    )
    finish(train(labelled, recipe, folder).folder, labelled, folder / "bundle")
    return folder


WHOLE = ("views.whole=square", "views.tiles=0")


def test_new_generators_are_taught_and_streams_watched(
    tower: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = drawn_records(tmp_path / "records.parquet", train=64, val=40, unseen=16)
    module = script(ROOT / "docs" / "teach_new_generators.py")
    monkeypatch.setattr(module, "RESULTS", tmp_path)
    for name, value in {"DRAWS": 2, "STREAMS": 2, "LENGTH": 40, "WINDOW": 20, "STRIDE": 10}.items():
        monkeypatch.setattr(module, name, value)
    monkeypatch.setattr(module, "STEPS", {"grid": (2, 4)})
    changes = [f"tower.graph={tower}", "tower.hidden=0", "views.size=64", "views.tiles=0"]
    module.main(
        [
            str(records),
            "--work",
            str(tmp_path / "work"),
            *(part for one in changes for part in ("--set", one)),
        ]
    )
    found = json.loads((tmp_path / "living.json").read_text())
    assert [step["pictures"] for step in found["teaching"]["grid"]["steps"]] == [2, 4]
    assert found["streams"]["nothing changes"]["streams"] == 2
    other = drawn_records(tmp_path / "other.parquet", train=8, val=4)
    with pytest.raises(BadRun, match="another DATA"):
        module.main([str(other), "--work", str(tmp_path / "work")])


def test_the_figure_and_the_table_of_teaching_are_drawn_from_what_was_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = script(ROOT / "docs" / "draw_living.py")
    (tmp_path / "results").mkdir()
    shutil.copy(ROOT / "docs" / "results" / "living.json", tmp_path / "results")
    monkeypatch.setattr(module, "HERE", tmp_path)
    module.main()
    written = (tmp_path / "results" / "living.md").read_text("utf-8")
    assert written == (ROOT / "docs" / "results" / "living.md").read_text("utf-8")
    assert (tmp_path / "living.png").read_bytes().startswith(b"\x89PNG")


def test_a_measurement_is_added_and_stands_on_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = script(ROOT / "docs" / "write_results.py")
    shutil.copytree(ROOT / "docs" / "results", tmp_path / "results")
    for name in (module.__name__, "tables"):
        monkeypatch.setattr(sys.modules[name], "RESULTS", tmp_path / "results")
    monkeypatch.setattr(module, "PAGE", tmp_path / "page.md")
    module.main(["--add", str(ROOT / "docs" / "results" / "photos-test.json"), "photos-again"])
    page = (tmp_path / "page.md").read_text("utf-8")
    assert "## photos-again\n" in page
    assert page.count("\n") > (ROOT / "docs" / "how-good-is-it.md").read_text("utf-8").count("\n")


def test_a_slice_of_ai_pictures_is_as_large_as_its_ai_pictures_are_many() -> None:
    module = script(ROOT / "docs" / "write_results.py")
    found = json.loads((ROOT / "docs" / "results" / "photos-unseen.json").read_text("utf-8"))
    sizes = {
        line.split(" | ")[0]: int(line.split(" | ")[1]) for line in module.generators(found["slices"])[2:]
    }
    for column in ("kind", "style"):
        assert sum(n for name, n in sizes.items() if name.startswith(f"| {column}=")) == found["counts"]["ai"]


def test_the_page_on_how_good_it_is_says_what_was_measured() -> None:
    module = script(ROOT / "docs" / "write_results.py")
    assert module.PAGE.read_text("utf-8") == module.page(), "run: python docs/write_results.py"


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of memory is read from /proc")
def test_full_files_are_compared_with_their_web_copies(trained: Bundle, tmp_path: Path) -> None:
    folder, out = tmp_path / "pictures", tmp_path / "full.json"
    folder.mkdir()
    for seed in (1, 2):
        (folder / f"{seed}.png").write_bytes(as_bytes(photo(1200, 300, seed=seed), "PNG"))
    (folder / "small.png").write_bytes(as_bytes(photo(100, 100), "PNG"))
    full_files = script(ROOT / "benchmarks" / "full_files.py")
    arguments = [str(folder), "--model", str(trained.folder), "--out", str(out)]
    full_files.main([*arguments, "--least", "0.2"])
    found = json.loads(out.read_text())
    assert (found["n"], set(found["kinds"])) == (2, {"jpeg", "heic", "web-2048", "web-1080"})
    assert found["kinds"]["jpeg"]["same"]["value"] == 1
    assert found["kinds"]["jpeg"]["moved_most"] == 0
    assert all(sum(row[word] for word in ("real", "uncertain", "ai")) == 2 for row in found["kinds"].values())
    assert all(mb > 0 for mb in found["memory_mb"].values())
    with pytest.raises(BadData, match="no picture of 6 megapixels"):
        full_files.main(arguments)


def test_the_page_on_heat_maps_says_what_was_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    module = script(ROOT / "docs" / "draw_explanations.py")
    written = module.PAGE.read_text("utf-8")
    assert written == module.page(), "run: python docs/draw_explanations.py"
    # A figure that is not the file's changes the page.
    measured = json.loads(module.RESULTS.read_text("utf-8"))
    measured["photos"]["pointing"]["the AI picture among four"]["chance"] = 0.99
    monkeypatch.setattr(json, "loads", lambda _: measured)
    assert written != module.page()


def test_photographs_are_tagged_into_a_table(
    records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = script(ROOT / "research" / "tag_photos.py")
    monkeypatch.setattr(module, "TABLE", tmp_path / "tags.csv")
    module.main([str(records.parent)])
    lines = (tmp_path / "tags.csv").read_text().splitlines()
    assert lines[0] == "sha256,tags"
    assert len(lines) == 1 + sum(row["label"] == "real" for row in pq.read_table(records).to_pylist())
    assert all({"png", "phone"} <= set(line.partition(",")[2].split()) for line in lines[1:])


def test_screenshots_of_a_split_become_a_set(records: Path, tmp_path: Path) -> None:
    module = script(ROOT / "research" / "screens.py")
    kept = pq.read_table(records)
    for name in ("kind", "repo", "origin_path", "licence"):
        kept = kept.append_column(name, [[None] * len(kept)])
    pq.write_table(kept, tmp_path / "records.parquet")
    module.main([str(tmp_path), "--out", str(tmp_path / "out" / "screens.parquet")])
    made = load_set(tmp_path / "out")
    assert len(made) == 12
    assert {(s.label, s.split, s.columns["origin_kind"]) for s in made} == {(0, "val", "screenshot")}


def test_pictures_of_archives_become_a_set_without_near_copies_and_with_faces_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = script(ROOT / "research" / "collect_from_packages.py")
    portrait = Path(skimage.__file__).parent / "data" / "astronaut.png"
    pictures = {"package/portrait.png": portrait.read_bytes()}
    pictures |= {f"package/{seed}.png": as_bytes(photo(500, 400, seed=seed), "PNG") for seed in (1, 2)}
    pictures["package/again.png"] = pictures["package/1.png"]
    archive = tmp_path / "out" / "archives" / "drawn-1.0.tgz"
    archive.parent.mkdir(parents=True)
    with tarfile.open(archive, "w:gz") as packed:
        for name, data in pictures.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            packed.addfile(entry, io.BytesIO(data))
    fixed = {"registry": "npm", "package": "drawn", "version": "1.0", "archive": archive.name}
    lines = [
        {
            **fixed,
            "path": name,
            "sha256": hashlib.sha256(data).hexdigest(),
            "label": "ai" if name == "package/portrait.png" else "real",
            "generator": "drawer" if name == "package/portrait.png" else "",
            "style": "",
        }
        for name, data in pictures.items()
    ]
    with (tmp_path / "table.csv").open("w", newline="", encoding="utf-8") as stream:
        table = csv.DictWriter(stream, lines[0])
        table.writeheader()
        table.writerows(lines)
    monkeypatch.setattr(module, "TABLE", tmp_path / "table.csv")
    module.main(["--out", str(tmp_path / "out")])
    made = load_set(tmp_path / "out" / "pictures.parquet")
    assert [(s.label, s.columns["source"] or s.columns["generator"]) for s in made][:4] == [
        (1, "drawer"),
        (0, "npm:drawn"),
        (0, "npm:drawn"),
        (1, "drawer"),
    ]
    assert [s.columns["kind"] == "face" for s in made][:4] == [False, False, False, True]
    assert made.samples[3].columns["group"] == made.samples[0].columns["group"]


def clip_tower(file: Path, *, blocks: int = 1) -> Path:
    """Return a graph that has the names and shapes of CLIP's image tower, and next to nothing in it."""
    rng = np.random.default_rng(0)
    constants: dict[str, Any] = {
        "kernel": rng.normal(0, 0.02, (768, 3, 16, 16)).astype(np.float32),
        "class": rng.normal(0, 0.02, (1, 1, 768)).astype(np.float32),
        "flat": np.int64([0, 768, -1]),
        "scale": np.float32(0.5),
    }
    nodes = [
        helper.make_node(
            "Conv", ["pixel_values", "kernel"], ["patched"], kernel_shape=[16, 16], strides=[16, 16]
        ),
        helper.make_node("Reshape", ["patched", "flat"], ["rows"]),
        helper.make_node("Transpose", ["rows"], ["tokens"], perm=[0, 2, 1]),
        helper.make_node("Concat", ["class", "tokens"], ["before"], axis=1),
        *(
            helper.make_node(
                "Mul",
                [
                    "before" if index == 0 else f"/vision_model/encoder/layers.{index - 1}/Add_1_output_0",
                    "scale",
                ],
                [f"/vision_model/encoder/layers.{index}/Add_1_output_0"],
            )
            for index in range(blocks)
        ),
        helper.make_node(
            "ReduceMean",
            [f"/vision_model/encoder/layers.{blocks - 1}/Add_1_output_0"],
            ["image_embeds"],
            axes=[1],
            keepdims=0,
        ),
    ]
    graph = helper.make_graph(
        nodes,
        "clip",
        [helper.make_tensor_value_info("pixel_values", TensorProto.FLOAT, ["n", 3, 224, 224])],
        [helper.make_tensor_value_info("image_embeds", TensorProto.FLOAT, ["n", 768])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=9), file)
    return file


def test_a_tower_is_cut_so_that_its_map_means_its_logit(tmp_path: Path) -> None:
    from onnxruntime import InferenceSession

    from aivsreal.training.tower_graph import Head, notice, with_head

    module = script(ROOT / "research" / "cut_tower.py")
    whole = clip_tower(tmp_path / "clip.onnx", blocks=3)
    module.main([str(whole), "--blocks", "2", "--out", str(tmp_path / "tower.onnx")])
    graph = (tmp_path / "tower.onnx").read_bytes()
    assert notice(graph).startswith("the first 2 blocks of CLIP")
    rng = np.random.default_rng(1)
    session = InferenceSession(with_head(graph, Head(rng.normal(0, 1, 1536), 0.25)))
    views = rng.integers(0, 256, (1, 224, 224, 3), dtype=np.uint8)
    logit, heat, embedding = session.run(["logit", "map", "embedding"], {"views": views})
    assert (heat.shape, embedding.shape) == ((1, 7, 7), (1, 1536))
    assert logit[0] == pytest.approx(heat.mean(), rel=1e-3)


def rounded_layer(rng: np.random.Generator) -> tuple[bytes, np.ndarray]:
    """A layer as quantisation leaves one: activations rounded as it runs, weights of eight bits. And these weights."""
    from onnx import TensorProto, helper, numpy_helper

    weight = rng.integers(-127, 128, (32, 8), dtype=np.int8)
    constants = {
        "w_quantized": weight,
        "w_scale": np.full(8, 0.01, np.float32),
        "w_zero_point": np.zeros(8, np.int8),
    }
    nodes = [
        helper.make_node("DynamicQuantizeLinear", ["x"], ["levels", "step", "zero"]),
        helper.make_node("Mul", ["step", "w_scale"], ["scale"]),
        helper.make_node("MatMulInteger", ["levels", "w_quantized", "zero", "w_zero_point"], ["whole"]),
        helper.make_node("Cast", ["whole"], ["cast"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["cast", "scale"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "layer",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, "n", 32])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, "n", 8])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=9)
    return model.SerializeToString(), weight * 0.01


def test_channels_that_are_kept_exact_leave_the_others_their_levels() -> None:
    from onnxruntime import InferenceSession

    module = script(ROOT / "research" / "exact_channels.py")
    rng = np.random.default_rng(0)
    graph, weight = rounded_layer(rng)
    activation = rng.normal(0, 1, (1, 20, 32)).astype(np.float32)
    activation[..., [3, 17]] *= 100
    largest = {"x": np.abs(activation).max(axis=(0, 1))}
    exact = module.with_exact_channels(graph, largest, 2)

    def error(served: bytes) -> float:
        (product,) = InferenceSession(served).run(["y"], {"x": activation})
        return float(np.abs(product - activation @ weight).max())

    assert error(exact) < error(graph) / 20


def test_peaks_are_each_channels_largest_value_over_all_views() -> None:
    module = script(ROOT / "research" / "exact_channels.py")
    model = onnx.load_from_string(rounded_layer(np.random.default_rng(0))[0])
    model.graph.input[0].CopyFrom(helper.make_tensor_value_info("views", TensorProto.INT8, [1, "n", 32]))
    model.graph.node.insert(0, helper.make_node("Cast", ["views"], ["x"], to=TensorProto.FLOAT))
    views = np.zeros((2, 1, 20, 32), np.int8)
    views[0, 0, 4, 3], views[1, 0, 9, 3], views[1, 0, 0, 17] = 50, -80, 20
    (peak,) = module.peaks(model.SerializeToString(), iter(views)).values()
    assert {place: peak[place] for place in np.flatnonzero(peak)} == {3: 80, 17: 20}


def test_an_activation_that_feeds_something_else_keeps_its_channels() -> None:
    module = script(ROOT / "research" / "exact_channels.py")
    model = onnx.load_from_string(rounded_layer(np.random.default_rng(0))[0])
    model.graph.node.append(helper.make_node("DequantizeLinear", ["levels", "step", "zero"], ["also"]))
    with pytest.raises(BadRecipe, match="x also feeds a DequantizeLinear, also"):
        module.with_exact_channels(model.SerializeToString(), {"x": np.ones(32, np.float32)}, 2)


def test_what_a_teacher_sees_is_kept_for_every_training_picture(records: Path, tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    module = script(ROOT / "research" / "cache_teacher.py")
    out = tmp_path / "teacher.safetensors"
    module.main([str(clip_tower(tmp_path / "clip.onnx")), str(records), "--out", str(out)])
    assert 48 in {len(part) for part in load_file(out).values()}


def test_a_teacher_sees_by_exact_products_where_the_processor_cuts_off_sums(
    records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = script(ROOT / "research" / "cache_teacher.py")
    monkeypatch.setattr("aivsreal.sessions.cuts_off_sums", lambda: True)
    monkeypatch.setattr(module, "features", lambda session, _: asked_of(session))
    monkeypatch.setattr(module, "save_teacher", lambda *given: seen.append(given[2]))
    monkeypatch.setattr(module, "opinions", lambda *_: None)
    seen: list[np.ndarray] = []
    module.main([str(clip_tower(tmp_path / "clip.onnx")), str(records), "--out", str(tmp_path / "out")])
    assert (seen[0] == "1").all()


def asked_of(session: Any) -> str:
    return str(session.get_session_options().get_session_config_entry("session.x64quantprecision"))


def test_a_face_cut_out_of_a_new_picture_is_no_other_new_picture() -> None:
    module = script(ROOT / "docs" / "teach_new_generators.py")
    known = {"generator": "stylegan3", "kind": "whole"}

    new = [
        module.is_new(Sample("a", 1, split, {**known, **more}, "a"), "stylegan3")
        for split, more in (
            ("val", {}),
            ("train", {"kind": "face"}),
            ("unseen", {}),
            ("train", {"generator": "flux"}),
        )
    ]

    assert new == [True, False, False, False]
