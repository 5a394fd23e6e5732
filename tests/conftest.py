"""Fixtures that several parts use."""

from collections.abc import Iterator
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data beside the checkout; tests that need it are skipped where it is not."""
    if not (SHARED / "data").is_dir():
        pytest.skip("needs the real data in ../shared, which is not here")
    return SHARED


@pytest.fixture(scope="session", autouse=True)
def nobodys_data_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test reads or writes the data folder of whoever runs it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIVSREAL_DATA_DIR", str(tmp_path_factory.mktemp("data-folder")))
        yield
