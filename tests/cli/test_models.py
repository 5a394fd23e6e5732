"""`aivsreal models`, as a user types it."""

import json

import pytest

from aivsreal.bundle import load_bundle
from tests.cli.runner import run
from tests.data.bundles import tiny_bundle


@pytest.fixture
def registered(tmp_path, monkeypatch):
    monkeypatch.setenv("AIVSREAL_DATA_DIR", str(tmp_path))
    return tiny_bundle(tmp_path / "models" / "mine", name="mine", version="2.1.0").folder


@pytest.mark.usefixtures("registered")
def test_models_are_listed_with_version_and_origin():
    result = run("models", "list")

    row = next(line for line in result.stdout.splitlines() if line.startswith("mine"))
    assert row.split()[:3] == ["mine", "2.1.0", "registered"]
    assert "Takes bright pictures for AI." in row


def test_a_damaged_model_is_listed_as_damaged(registered):
    (registered / "weights.safetensors").write_bytes(b"")

    result = run("models", "list", "--json")

    row = next(row for row in json.loads(result.stdout) if row["name"] == "mine")
    assert result.exit_code == 0
    assert row["error"].startswith("damaged: ")


def test_show_prints_the_model_card(registered):
    result = run("models", "show", "mine")

    assert result.exit_code == 0
    assert result.stdout == (registered / "MODEL.md").read_text()


def test_show_as_json_is_the_card(registered):
    assert json.loads(run("models", "show", registered, "--json").stdout)["version"] == "2.1.0"


@pytest.mark.usefixtures("registered")
def test_show_of_an_unknown_model_names_the_nearest():
    result = run("models", "show", "mien")

    assert result.exit_code == 5
    assert "did you mean 'mine'?" in result.stderr


def test_verify_tells_of_each_model(registered):
    result = run("models", "verify", "mine", registered)

    assert result.exit_code == 0
    assert result.stdout.splitlines()[0] == "mine: whole, as its card says"


def test_verify_finds_the_one_altered_byte(registered):
    card = (registered / "card.json").read_text()
    (registered / "card.json").write_text(card.replace("0.75", "0.76"))

    result = run("models", "verify", "--json")

    row = next(row for row in json.loads(result.stdout) if row["model"] == "mine")
    assert result.exit_code == 5
    assert "changed after it was sealed" in row["error"]
    assert row["hint"]


def test_recording_figures_that_are_not_there_is_refused(registered, tmp_path):
    before = (registered / "card.json").read_bytes()

    result = run("models", "record", "mine", tmp_path / "metrics.json", "--as", "drawn/test")

    assert result.exit_code == 4
    assert result.stderr.startswith("aivsreal: ")
    assert (registered / "card.json").read_bytes() == before


@pytest.mark.usefixtures("registered")
def test_a_name_for_recorded_figures_is_required(tmp_path):
    result = run("models", "record", "mine", tmp_path / "metrics.json")

    assert result.exit_code == 2
    assert "'--as'" in result.stderr


@pytest.fixture
def new(registered):
    return tiny_bundle(registered.parents[1] / "new", name="new", version="1.1.0").folder


def test_a_model_is_added_put_to_use_and_rolled_back(new):
    assert run("models", "add", new).exit_code == 0
    assert (
        "new 1.1.0 is in use, after photos"
        in run("models", "promote", "new-1.1.0", "--force", "--why", "trial").stdout
    )
    rows = json.loads(run("models", "list", "--json").stdout)
    assert [row["name"] for row in rows if row["in_use"]] == ["new-1.1.0"]
    assert f"{load_bundle('photos').title} is in use again" in run("models", "rollback").stdout

    lines = [line.split("  ", 2)[2] for line in run("models", "history").stdout.splitlines()]
    assert lines == [
        "found mine",
        "add new-1.1.0",
        "promote new-1.1.0 after photos by force: trial",
        "rollback photos after new-1.1.0",
    ]


def test_a_removed_model_is_gone(new):
    run("models", "add", new, "--as", "newer")

    assert run("models", "remove", "newer").stdout == "newer is removed\n"
    assert run("models", "show", "newer").exit_code == 5


def test_changes_that_cannot_be_made_are_wrong_usage(new):
    run("models", "add", new)

    for line in (("add", new), ("promote", "new-1.1.0"), ("rollback",), ("remove", "photos")):
        result = run("models", *line)
        assert result.exit_code == 2
        assert "hint: " in result.stderr


@pytest.mark.usefixtures("registered")
def test_models_are_listed_where_it_is_not_known_which_is_in_use(tmp_path):
    (tmp_path / "current.json").write_text("?")

    result = run("models", "list")

    assert result.exit_code == 0
    assert "mine" in result.stdout
    assert "does not say which model is in use" in result.stderr
