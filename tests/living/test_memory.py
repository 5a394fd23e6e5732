"""A model remembers embeddings of what it saw, exactly enough to judge them again."""

import io
from dataclasses import replace

import numpy as np
import pytest

from aivsreal.bundle import load_bundle, verify_bundle
from aivsreal.detector import Detector
from aivsreal.errors import BadBundle, BadData
from aivsreal.living.memory import SKETCH, Seen, as_file, grown, memory_of, require_memory
from aivsreal.living.remember import remember
from aivsreal.training.tower_graph import head_of
from tests.data.bundles import tiny_bundle
from tests.living import killing
from tests.living.towers import drawn_set, red_tower, training_set


def test_remembered_pictures_are_judged_as_the_model_judged_them(tower):
    memory = require_memory(tower)
    head = head_of(tower.onnx_bytes)

    again = memory.embeddings @ head["head_weight"] + head["head_bias"]

    assert (len(memory), int(memory.held.sum())) == (100, 60)
    assert np.abs(again - memory.logits).max() < 0.25
    assert set(memory.sources[memory.labels == 1]) == {"generator=red"}


def test_a_memory_is_part_of_the_bundle_and_checked_with_it(tower):
    (name,) = tower.extra

    assert verify_bundle(tower.folder).extra[name] == tower.extra[name]
    (tower.folder / name).write_bytes(b"other")
    with pytest.raises(BadBundle):
        load_bundle(tower.folder)


def test_a_new_memory_takes_the_place_of_the_old(tower, tmp_path):
    (before,) = tower.extra

    (after,) = remember(tower.folder, training_set(tmp_path / "other", 10)).extra

    assert after != before
    assert [path.name for path in tower.folder.glob("memory-*")] == [after]


def test_remembering_killed_at_any_step_leaves_a_model_that_works(tmp_path):
    folder = red_tower(tmp_path / "tower").folder
    data = training_set(tmp_path / "training", 4)

    for _ in killing.killed_at_every_step(remember, tmp_path, folder, data):
        assert load_bundle(folder).title == "tower 1.0.0"

    assert memory_of(verify_bundle(folder)) is not None


def test_a_sketch_has_deviation_one_on_what_is_remembered(tower):
    sketches = require_memory(tower).sketches

    assert sketches.shape[1] <= SKETCH
    assert sketches.std(axis=0) == pytest.approx(np.ones(sketches.shape[1]), abs=0.1)


def test_only_generators_on_the_card_are_replayed(tmp_path):
    bundle = red_tower(
        tmp_path / "tower", training={"data_name": "d", "data_fingerprint": "0" * 64, "generators": ["red"]}
    )
    data = training_set(tmp_path / "training", 6)
    blue = drawn_set(tmp_path / "blue", {"blue": 5}, split="train")

    memory = require_memory(remember(bundle.folder, data.with_samples([*data, *blue])))

    assert set(memory.sources[(memory.labels == 1) & ~memory.held]) == {"generator=red"}


def test_data_without_validation_is_refused(tmp_path):
    bundle = red_tower(tmp_path / "tower")

    with pytest.raises(BadData, match="no split 'val'"):
        remember(bundle.folder, drawn_set(tmp_path / "d", {"grey": 2, "red": 2}, split="train"))


def test_a_memory_of_before_collections_were_kept_is_read(tower):
    (name,) = tower.extra
    with np.load(io.BytesIO(tower.extra[name])) as content:
        kept = {column: content[column] for column in content.files if column != "origins"}
    buffer = io.BytesIO()
    np.savez(buffer, **kept)
    older = replace(tower, extra={name: buffer.getvalue()})

    memory = require_memory(older)

    assert set(memory.origins.tolist()) == {""}
    assert memory.groups.tolist() == require_memory(tower).groups.tolist()


def test_a_picture_is_remembered_with_its_collection(tmp_path):
    data = training_set(tmp_path / "training", 6)
    named = [
        replace(s, columns=s.columns if s.label else {**s.columns, "source": "album", "origin_kind": "web"})
        for s in data
    ]

    memory = require_memory(remember(red_tower(tmp_path / "tower").folder, data.with_samples(named)))

    assert set(memory.origins[memory.labels == 0].tolist()) == {"source=album"}
    assert set(memory.sources[memory.labels == 0].tolist()) == {"origin_kind=web"}


def test_a_file_that_is_no_memory_is_told(tmp_path, tower):
    (name,) = as_file(require_memory(tower))
    bundle = tiny_bundle(tmp_path / "tiny")
    broken = bundle.__class__(bundle.folder, bundle.card, bundle.onnx_bytes, {name: b"no archive"})

    with pytest.raises(BadBundle, match="memory of tiny"):
        memory_of(broken)
    with pytest.raises(BadBundle, match="remembers no picture"):
        require_memory(bundle)


def test_the_embedding_of_a_verdict_gives_its_logit(tower, tmp_path):
    tiled = red_tower(
        tmp_path / "tiled",
        views={"size": 32, "whole": "square", "tiles": 3, "tiles_from": 32, "whole_weight": 0.7},
    )
    head = head_of(tower.onnx_bytes)
    (sample,) = drawn_set(tmp_path / "one", {"red": 1})

    verdict = Detector(tiled).predict(sample.path)

    expected = verdict.embedding @ head["head_weight"] + head["head_bias"]
    assert verdict.logit == pytest.approx(float(expected), abs=1e-3)


def test_new_pictures_beyond_the_range_of_the_old_are_kept_whole(tower):
    memory = require_memory(tower)
    far = Seen(memory.embeddings.max(axis=0) * 3, 1, 0.0, "generator=far")

    after = grown(memory, [far], np.array([True]), np.array([np.nan], np.float32))

    assert after.embeddings[-1] == pytest.approx(far.embedding, rel=0.01)
    assert after.embeddings[:-1] == pytest.approx(memory.embeddings, abs=0.02)
