"""A data folder of its own for every test, and a tower with a memory."""

from pathlib import Path

import pytest

from aivsreal.bundle import Bundle
from aivsreal.living.remember import remember
from tests.living.towers import red_tower, training_set


@pytest.fixture
def data(tmp_path, monkeypatch) -> Path:
    folder = tmp_path / "data"
    monkeypatch.setenv("AIVSREAL_DATA_DIR", str(folder))
    return folder


@pytest.fixture
def tower(tmp_path) -> Bundle:
    bundle = red_tower(tmp_path / "tower")
    return remember(bundle.folder, training_set(tmp_path / "training"), replayed=40)
