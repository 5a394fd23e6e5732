"""An application around a tiny model: bright pictures are AI, dark ones real."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient

from aivsreal.images import encode
from aivsreal.web.app import create_app
from aivsreal.web.settings import Settings
from tests.data.bundles import tiny_bundle


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the tiny model."""
    return tiny_bundle(tmp_path_factory.mktemp("model") / "tiny").folder


@pytest.fixture
def settings(tiny: Path, tmp_path: Path) -> Settings:
    return Settings(model=str(tiny), data_dir=tmp_path / "data")


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    app = create_app(settings)
    yield app
    app.extensions["aivsreal"].examiner.close()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def picture(brightness: int = 230, *, size: tuple[int, int] = (64, 48), format: str = "JPEG") -> bytes:
    """The file of a plain picture."""
    width, height = size
    return encode(np.full((height, width, 3), brightness, np.uint8), format=format)  # type: ignore[arg-type]
