"""`aivsreal doctor`, as a user types it."""

import json

import pytest

from aivsreal import bundle
from aivsreal.cli import doctor
from aivsreal.detector import Detector
from aivsreal.self_test import self_test_picture
from tests.cli.runner import run
from tests.data.bundles import tiny_bundle


@pytest.fixture
def sound(tmp_path, monkeypatch):
    """An installation whose only model is a tiny one called photos."""
    monkeypatch.setattr(bundle, "SHIPPED", tmp_path / "shipped")
    monkeypatch.setenv("AIVSREAL_DATA_DIR", str(tmp_path / "data"))
    return tiny_bundle(tmp_path / "shipped" / "photos", name="photos").folder


def states(result) -> dict[str, str]:
    return {check["name"]: check["state"] for check in json.loads(result.stdout)}


@pytest.mark.usefixtures("sound")
def test_a_sound_installation_is_told_so_with_a_timed_verdict(tmp_path):
    result = run("doctor")

    assert result.exit_code == 0
    assert " ms" in next(line for line in result.stdout.splitlines() if " verdict " in line)
    assert "CPUExecutionProvider" in result.stdout
    assert not (tmp_path / "data").exists()


@pytest.mark.usefixtures("sound")
def test_as_json_every_check_has_a_state():
    found = states(run("doctor", "--json"))

    assert found["verdict"] == found["model photos"] == found["data folder"] == found["numpy"] == "ok"
    assert "bad" not in found.values()


def test_a_machine_that_computes_otherwise_than_the_card_says_is_told_so(sound):
    tiny_bundle(sound, name="photos", reference={"self_test_logit": 50.0})

    result = run("doctor")

    assert result.exit_code == 5
    assert "its logit is off by" in result.output


def test_a_machine_that_computes_as_the_card_says_is_sound(sound):
    logit = Detector.load(sound).predict(self_test_picture()).logit
    tiny_bundle(sound, name="photos", reference={"self_test_logit": logit})

    assert run("doctor").exit_code == 0


def test_an_altered_model_is_bad_and_exits_with_5(sound):
    (sound / "model.onnx").write_bytes(b"other")

    result = run("doctor", "--json")

    assert result.exit_code == 5
    assert states(result)["model photos"] == "bad"
    assert states(result)["verdict"] == "bad"


def test_a_missing_model_is_bad_and_says_what_to_do(sound, tmp_path):
    sound.rename(tmp_path / "elsewhere")

    result = run("doctor")

    assert result.exit_code == 5
    assert "hint: pip install" in result.stdout


@pytest.mark.usefixtures("sound")
def test_a_data_folder_that_cannot_be_written_exits_with_8(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("AIVSREAL_DATA_DIR", str(tmp_path / "file"))

    result = run("doctor", "--json")

    assert result.exit_code == 8
    assert states(result)["data folder"] == "bad"


@pytest.mark.usefixtures("sound")
def test_a_missing_essential_package_exits_with_7(monkeypatch):
    monkeypatch.setattr(doctor, "ESSENTIAL", {"no_such_package_here": "no-such-package"})

    result = run("doctor")

    assert result.exit_code == 7
    assert "hint: pip install --force-reinstall no-such-package" in result.stdout


@pytest.mark.usefixtures("sound")
def test_a_missing_extra_is_no_error_and_comes_with_its_command(monkeypatch):
    monkeypatch.setattr(doctor, "requires", lambda _: ["no-such-package>=1; extra == 'train'"])

    result = run("doctor")

    assert result.exit_code == 0
    assert "without no-such-package" in result.stdout
    assert "hint: pip install 'aivsreal[train]'" in result.stdout


@pytest.mark.usefixtures("sound")
def test_a_server_that_lacks_a_package_is_told_so_and_stops_no_verdict(monkeypatch):
    asked = ["flask>=3.1", "torch>=2.6; extra == 'train'"]
    monkeypatch.setattr(doctor, "requires", lambda _: asked)
    there = doctor._version_of
    monkeypatch.setattr(doctor, "_version_of", lambda name: None if name == "flask" else there(name))

    result = run("doctor")

    assert result.exit_code == 0
    told = next(line for line in result.stdout.splitlines() if " server " in line)
    assert told.startswith("missing")
    assert told.endswith("without flask")
