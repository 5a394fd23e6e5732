"""A model on disk: saved whole, loaded only when every byte is as its card says."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from aivsreal import bundle as bundles
from aivsreal.bundle import Card, find_bundle, list_bundles, load_bundle, update_card, verify_bundle
from aivsreal.errors import BadBundle, CannotWrite
from tests.data.bundles import tiny_bundle, tiny_card, tiny_graph

FILES = ("model.onnx", "weights.safetensors", "card.json", "MODEL.md")
ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def tiny(tmp_path):
    return tiny_bundle(tmp_path / "tiny")


@pytest.fixture
def data_dir(tmp_path, monkeypatch):
    monkeypatch.setenv("AIVSREAL_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


def rewrite_card(folder: Path, **changes: object) -> None:
    """Change a card as a careful forger would: with a seal that fits."""
    content = {**json.loads((folder / "card.json").read_text()), **changes}
    content["seal"] = bundles._seal_of(content)
    (folder / "card.json").write_text(json.dumps(content))


def test_a_saved_bundle_loads_as_it_was_saved(tiny):
    loaded = load_bundle(tiny.folder)

    assert loaded.card == tiny.card
    assert loaded.onnx_bytes == tiny_graph(32)
    assert loaded.title == "tiny 1.0.0"
    assert sorted(path.name for path in tiny.folder.iterdir()) == sorted(FILES)


def test_saving_over_a_bundle_replaces_it_whole(tiny):
    tiny_bundle(tiny.folder, version="1.1.0", gain=5)

    assert load_bundle(tiny.folder).title == "tiny 1.1.0"
    assert verify_bundle(tiny.folder).onnx_bytes == tiny_graph(32, gain=5)


@pytest.mark.parametrize("name", FILES)
def test_a_changed_byte_is_refused(tiny, name):
    data = bytearray((tiny.folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (tiny.folder / name).write_bytes(data)

    with pytest.raises(BadBundle, match=name):
        load_bundle(tiny.folder)


def test_no_changed_byte_of_the_card_goes_unnoticed(tiny):
    path = tiny.folder / "card.json"
    original = path.read_bytes()
    unnoticed = []
    for position in range(0, len(original), 7):
        changed = bytearray(original)
        changed[position] ^= 1
        path.write_bytes(changed)
        try:
            if load_bundle(tiny.folder).card != tiny.card:
                unnoticed.append(position)
        except BadBundle:
            pass

    assert unnoticed == []


@pytest.mark.parametrize("name", ["model.onnx", "weights.safetensors", "MODEL.md"])
def test_an_appended_byte_is_refused(tiny, name):
    with (tiny.folder / name).open("ab") as stream:
        stream.write(b"\n")

    with pytest.raises(BadBundle, match=name):
        load_bundle(tiny.folder)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_refused(tiny, name):
    (tiny.folder / name).unlink()

    with pytest.raises(BadBundle, match=f"{name} is missing"):
        load_bundle(tiny.folder)


@pytest.mark.parametrize("name", FILES)
def test_a_folder_in_a_files_place_is_refused(tiny, name):
    (tiny.folder / name).unlink()
    (tiny.folder / name).mkdir()

    with pytest.raises(BadBundle, match=name):
        load_bundle(tiny.folder)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_a_truncated_card_is_refused(tiny, share):
    path = tiny.folder / "card.json"
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])

    with pytest.raises(BadBundle, match="not readable as JSON"):
        load_bundle(tiny.folder)


@pytest.mark.parametrize("text", ["[]", "null", "3", "{}", '"card"', "[" * 100_000, "\x00\xff"])
def test_something_else_than_a_card_is_refused(tiny, text):
    (tiny.folder / "card.json").write_text(text)

    with pytest.raises(BadBundle):
        load_bundle(tiny.folder)


def test_a_key_that_cards_do_not_have_is_refused(tiny):
    rewrite_card(tiny.folder, colour="red")

    with pytest.raises(BadBundle, match="'colour' is not a key that a card has"):
        load_bundle(tiny.folder)


def test_a_newer_schema_asks_for_a_newer_program(tiny):
    rewrite_card(tiny.folder, schema_version=2, colour="red")

    with pytest.raises(BadBundle, match="newer aivsreal") as caught:
        load_bundle(tiny.folder)

    assert "upgrade" in caught.value.hint


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a/b", "..", ".hidden", "a\\b", ""])
def test_a_card_cannot_name_files_outside_its_folder(tiny, name):
    (tiny.folder.parent / "secret").write_bytes(b"")
    rewrite_card(tiny.folder, files={**tiny.card.files, name: "0" * 64})

    with pytest.raises(BadBundle, match="files"):
        load_bundle(tiny.folder)


@pytest.mark.parametrize("unstated", ["model.onnx", "weights.safetensors"])
def test_a_card_that_states_no_checksum_for_graph_or_weights_is_refused(tiny, unstated):
    rewrite_card(tiny.folder, files={n: d for n, d in tiny.card.files.items() if n != unstated})

    with pytest.raises(BadBundle, match=unstated):
        load_bundle(tiny.folder)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("thresholds", {"real_below": 0.9, "ai_above": 0.1}),
        ("views", {"size": 32, "whole": "none", "tiles": 0}),
        ("calibration", {"scale": -1.0, "offset": 0.0}),
        ("version", "one"),
        ("name", "../tiny"),
        ("created", "yesterday"),
    ],
)
def test_a_card_with_a_senseless_value_is_refused(tiny, key, value):
    rewrite_card(tiny.folder, **{key: value})

    with pytest.raises(BadBundle, match=key):
        load_bundle(tiny.folder)


def test_an_edited_threshold_is_noticed(tiny):
    content = json.loads((tiny.folder / "card.json").read_text())
    content["thresholds"]["ai_above"] = 0.99
    (tiny.folder / "card.json").write_text(json.dumps(content))

    with pytest.raises(BadBundle, match="changed after it was sealed"):
        load_bundle(tiny.folder)


def test_a_reformatted_card_is_the_same_card(tiny):
    content = json.loads((tiny.folder / "card.json").read_text())
    (tiny.folder / "card.json").write_text(json.dumps(content, sort_keys=True))

    assert load_bundle(tiny.folder).card == tiny.card


def test_a_file_is_no_bundle(tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"")

    with pytest.raises(BadBundle, match="is a file"):
        load_bundle(tmp_path / "model.onnx")


def test_an_empty_folder_is_no_bundle(tmp_path):
    with pytest.raises(BadBundle, match=r"card\.json is missing"):
        load_bundle(tmp_path)


def test_an_unknown_name_names_the_nearest(data_dir):
    tiny_bundle(data_dir / "models" / "landscapes")

    with pytest.raises(BadBundle) as caught:
        load_bundle("landscape")

    assert "did you mean 'landscapes'?" in caught.value.hint


def test_a_registered_model_is_found_by_name_and_listed(data_dir):
    tiny_bundle(data_dir / "models" / "mine", name="mine")

    assert load_bundle("mine").card.name == "mine"
    assert ("mine", "registered") in [(entry.name, entry.origin) for entry in list_bundles()]


def test_a_registered_model_hides_a_shipped_one_of_its_name(data_dir, tmp_path, monkeypatch):
    monkeypatch.setattr(bundles, "SHIPPED", tmp_path / "shipped")
    tiny_bundle(tmp_path / "shipped" / "photos", version="1.0.0")
    assert load_bundle().title == "tiny 1.0.0"

    tiny_bundle(data_dir / "models" / "photos", version="2.0.0")

    assert load_bundle().title == "tiny 2.0.0"
    assert [(entry.name, entry.origin) for entry in list_bundles()] == [("photos", "registered")]


def test_a_name_goes_before_a_folder_of_that_name_here(data_dir, tmp_path, monkeypatch):
    registered = tiny_bundle(data_dir / "models" / "mine").folder
    tiny_bundle(tmp_path / "mine")
    monkeypatch.chdir(tmp_path)

    assert find_bundle("mine") == registered
    assert find_bundle("./mine") == Path("./mine")
    assert find_bundle(Path("mine")) == Path("mine")


def test_what_is_being_written_is_not_listed(data_dir):
    tiny_bundle(data_dir / "models" / ".mine.part")

    assert "mine" not in " ".join(entry.name for entry in list_bundles())


def test_updating_a_card_keeps_graph_and_weights(tiny):
    before = {name: (tiny.folder / name).read_bytes() for name in FILES}

    updated = update_card(tiny.folder, tiny.card.model_copy(update={"limits": ["It is for tests."]}))

    assert verify_bundle(tiny.folder).card == updated.card
    assert updated.card.limits == ["It is for tests."]
    assert "It is for tests." in (tiny.folder / "MODEL.md").read_text()
    assert (tiny.folder / "model.onnx").read_bytes() == before["model.onnx"]
    assert (tiny.folder / "weights.safetensors").read_bytes() == before["weights.safetensors"]


def test_a_card_says_until_when_it_stands_reviewed_where_that_is_known(tiny):
    assert "reviewed until" not in (tiny.folder / "MODEL.md").read_text()

    update_card(tiny.folder, tiny.card.model_copy(update={"reviewed_until": date(2027, 5, 24)}))

    assert verify_bundle(tiny.folder).card.reviewed_until == date(2027, 5, 24)
    assert "reviewed until 2027-05-24" in (tiny.folder / "MODEL.md").read_text()


def test_a_damaged_bundle_is_not_sealed_anew_by_an_update(tiny):
    (tiny.folder / "model.onnx").write_bytes(b"other")

    with pytest.raises(BadBundle):
        update_card(tiny.folder, tiny.card)


def test_a_figure_that_is_no_number_is_refused_before_anything_is_written(tiny, tmp_path):
    card = tiny.card.model_copy(update={"figures": {"x": {"as_is": {"recall": {"value": float("nan")}}}}})

    with pytest.raises(BadBundle, match="cannot be written"):
        update_card(tiny.folder, card)
    with pytest.raises(BadBundle, match="cannot be written"):
        bundles.save_bundle(tmp_path / "new", onnx=b"", weights=b"", card=card)

    assert verify_bundle(tiny.folder).card == tiny.card
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("fails_at", [1, 2])
def test_a_full_disk_during_an_update_leaves_a_bundle_that_works(tiny, monkeypatch, fails_at):
    calls = []
    replace = os.replace

    def full(source, target):
        calls.append(target)
        if len(calls) >= fails_at:
            raise OSError(errno.ENOSPC, "No space left on device")
        return replace(source, target)

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(CannotWrite, match="No space left"):
        update_card(tiny.folder, tiny.card.model_copy(update={"summary": "new"}))
    monkeypatch.undo()

    assert load_bundle(tiny.folder).card.summary == ("new" if fails_at == 2 else tiny.card.summary)
    assert sorted(path.name for path in tiny.folder.iterdir()) == sorted(FILES)


def test_a_stale_model_card_is_told_by_verify_and_mended_by_the_next_update(tiny):
    old = (tiny.folder / "MODEL.md").read_bytes()
    card = update_card(tiny.folder, tiny.card.model_copy(update={"summary": "new"})).card
    (tiny.folder / "MODEL.md").write_bytes(old)

    with pytest.raises(BadBundle, match="older than"):
        verify_bundle(tiny.folder)
    update_card(tiny.folder, card)

    assert verify_bundle(tiny.folder).card.summary == "new"


def test_a_full_disk_while_saving_leaves_nothing_behind(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(CannotWrite):
        tiny_bundle(tmp_path / "tiny")
    monkeypatch.undo()

    assert list(tmp_path.iterdir()) == []


UPDATE_FOREVER = """
import sys
from aivsreal.bundle import load_bundle, update_card
card = load_bundle(sys.argv[1]).card
print("ready", flush=True)
number = 0
while True:
    number += 1
    update_card(sys.argv[1], card.model_copy(update={"summary": f"number {number}"}))
"""


def test_a_killed_update_leaves_the_old_card_or_the_new(tiny):
    for attempt in range(6):
        process = subprocess.Popen(
            [sys.executable, "-c", UPDATE_FOREVER, str(tiny.folder)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.02 + 0.013 * attempt)
        process.send_signal(signal.SIGKILL)
        process.wait()

        assert load_bundle(tiny.folder).onnx_bytes == tiny.onnx_bytes


def test_the_model_card_says_what_the_card_says(tmp_path):
    figure = {"value": 0.912, "low": 0.88, "high": 0.94}
    figures = {
        "as_is": {"roc_auc": figure, "accuracy": None},
        "aligned": {"roc_auc": {**figure, "value": 0.871}, "accuracy": figure},
        "counts": {"ai": 30, "real": 40},
        "slices": {
            "generator=mid|journey": {"n": 12, "as_is": {"recall": figure}, "aligned": {"recall": None}},
            "source=flickr": {"n": 9, "as_is": {"false_positive_rate": figure}, "aligned": {}},
        },
    }
    card = {"figures": {"drawn/test": figures}, "notice": "With thanks."}

    text = (tiny_bundle(tmp_path / "tiny", **card).folder / "MODEL.md").read_text()

    assert text.startswith('---\nlicense: "mit"\n')
    assert "# tiny 1.0.0" in text
    assert "It is bright." in text
    assert "| roc_auc | 0.912 (0.880 to 0.940) | 0.871 (0.880 to 0.940) |" in text
    assert "| accuracy | - | 0.912 (0.880 to 0.940) |" in text
    assert "| mid\\|journey | 12 | 0.912 (0.880 to 0.940) | - |" in text
    assert "| source=flickr | 9 | false_positive_rate | 0.912 (0.880 to 0.940) | - |" in text
    assert "It knows nothing." in text
    assert "With thanks." in text


def test_a_model_card_without_figures_says_so(tiny):
    assert "Nothing has been measured" in (tiny.folder / "MODEL.md").read_text()


def test_every_card_survives_its_own_json():
    card = tiny_card(calibration={"scale": 1.2345678901234567, "offset": -0.1, "fitted_on": "é"})

    assert Card.model_validate(json.loads(json.dumps(card.model_dump(mode="json")))) == card


def test_every_shipped_model_is_whole():
    for entry in list_bundles():
        if entry.origin == "shipped":
            verify_bundle(entry.folder)


def test_a_card_judges_what_looks_drawn_by_its_stricter_threshold():
    card = tiny_card(drawn={"weight": [1.0, -1.0], "bias": -0.1, "stricter": 4.0})
    reddish_and_grey = np.float32([[0.9, 0.5, 0.5], [0.9, 0.9, 0.9]])

    assert card.words(np.array([2.0, 2.0]), reddish_and_grey) == ("uncertain", "ai")
    assert card.words(np.array([6.0, 6.0]), reddish_and_grey) == ("ai", "ai")
    assert tiny_card().words(np.array([2.0, 2.0]), reddish_and_grey) == ("ai", "ai")
