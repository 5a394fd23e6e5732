"""The examples of deployment name what the program has, and the pinned packages are those that it needs."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from aivsreal.web.settings import Settings

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"


def pinned() -> dict[str, tuple[str, int]]:
    """Version and number of hashes of each package in the requirements."""
    blocks = re.split(r"^(?=\w)", (DEPLOY / "requirements.txt").read_text("utf-8"), flags=re.MULTILINE)
    found = (re.match(r"([\w.-]+)==([\w.]+)", block) for block in blocks)
    return {
        canonicalize_name(name[1]): (name[2], block.count("--hash=sha256:"))
        for name, block in zip(found, blocks, strict=True)
        if name
    }


def test_each_package_that_a_server_needs_is_pinned_with_hashes_at_a_version_that_will_do() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    packages = pinned()
    for text in [*project["dependencies"], *project["optional-dependencies"]["postgres"]]:
        needed = Requirement(text)
        assert canonicalize_name(needed.name) in packages, f"{needed.name} is missing: run deploy/lock.sh"
        version, _ = packages[canonicalize_name(needed.name)]
        assert needed.specifier.contains(version), f"{needed.name} {version}: run deploy/lock.sh"
    assert [name for name, (_, hashes) in packages.items() if not hashes] == []


@pytest.mark.parametrize("file", ["Containerfile", "aivsreal.service"])
def test_the_examples_set_settings_that_there_are(file: str) -> None:
    named = re.findall(r"AIVSREAL_([A-Z_]+)=", (DEPLOY / file).read_text("utf-8"))
    assert named
    # The data folder is not the server's alone.
    assert {name.lower() for name in named} <= {*Settings.model_fields, "data_dir"}


def test_the_unit_waits_for_the_requests_that_it_accepted() -> None:
    settings = Settings()
    stop = re.search(
        r"^TimeoutStopSec=(\d+)$", (DEPLOY / "aivsreal.service").read_text("utf-8"), re.MULTILINE
    )
    assert stop
    assert int(stop[1]) >= settings.body_seconds + settings.queue_seconds + settings.examine_seconds


def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("needs systemd-analyze")
    unit = tmp_path / "aivsreal.service"
    text = (DEPLOY / "aivsreal.service").read_text("utf-8")
    unit.write_text(text.replace("/opt/aivsreal/bin/aivsreal", shutil.which("true") or "/bin/true"))
    told = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, timeout=60)
    assert told.returncode == 0, told.stderr
    assert unit.name not in told.stderr


def test_the_container_copies_what_is_there() -> None:
    lines = (DEPLOY / "Containerfile").read_text("utf-8").splitlines()
    copied = [line.split()[1:-1] for line in lines if line.startswith("COPY") and "--from" not in line]
    assert [name for names in copied for name in names if not (ROOT / name).exists()] == []
