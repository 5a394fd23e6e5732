"""`aivsreal evaluate` as a user types it."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from aivsreal.cli.main import cli
from tests.data.bundles import tiny_bundle
from tests.evaluation.drawn import draw_set


@pytest.fixture
def model(tmp_path: Path) -> str:
    return str(tiny_bundle(tmp_path / "tiny").folder)


@pytest.fixture
def data(tmp_path: Path) -> str:
    return str(draw_set(tmp_path / "data", n=8, splits=("train", "test")))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["evaluate", *arguments])


def test_table_shows_figures_and_where_the_report_lies(tmp_path: Path, model: str, data: str) -> None:
    result = run(model, data, "--out", str(tmp_path / "out"))
    assert result.exit_code == 0, result.output
    assert "photographs called AI" in result.output
    assert "ROC AUC" in result.output
    assert "report.html" in result.output
    assert (tmp_path / "out/report.html").is_file()


def test_json_is_what_metrics_json_holds_of_the_records_that_where_left(
    tmp_path: Path, model: str, data: str
) -> None:
    result = run(model, data, "--out", str(tmp_path / "out"), "--json", "--where", "generator!=dim")
    found = json.loads(result.stdout)
    assert found == json.loads((tmp_path / "out/metrics.json").read_text())
    assert found["counts"]["ai"] == 4
    assert found["data"]["where"] == ["generator!=dim"]
    assert "generator=dim" not in found["slices"]


def test_tiers_degradations_and_stability_each_have_a_table(tmp_path: Path, model: str, data: str) -> None:
    asked = ["--tiers", "--stability", "--degrade", "jpeg-50", "--degrade", "crop-0.8"]
    result = run(model, data, "--out", str(tmp_path / "out"), "--where", "generator!=dim", *asked)
    assert result.exit_code == 0, result.output
    assert "right, where answered (balanced)" in result.output
    for words in ("AUC lost", "crop-0.8", "verdict jumps between real and AI"):
        assert words in result.output


def test_unreadable_pictures_are_counted_and_change_the_exit_code(
    tmp_path: Path, model: str, data: str
) -> None:
    (Path(data) / "test/real/home/000.jpg").write_bytes(b"gone")
    result = run(model, data, "--out", str(tmp_path / "out"))
    assert result.exit_code == 1
    assert "1 picture could not be read" in result.output


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--split", "unseen"], 4, "it has: train, test"),
        (["--where", "label=real"], 4, "AI ones are missing"),
        (["--where", "generatr=dim"], 4, "did you mean 'generator'?"),
        (["--where", "generator"], 2, "COLUMN=VALUE"),
        (["--where", "generator=none"], 4, "bright, dim"),
        (["--splitt", "test"], 2, "--split"),
        (["--degrade", "jpg-50"], 2, "did you mean 'jpeg-50'?"),
    ],
)
def test_bad_calls_say_why_and_what_to_do(
    tmp_path: Path, model: str, data: str, arguments: list[str], code: int, says: str
) -> None:
    result = run(model, data, "--out", str(tmp_path / "out"), *arguments)
    assert result.exit_code == code
    assert says in result.output
    assert "Traceback" not in result.output
    assert not (tmp_path / "out").exists()


def test_missing_data_missing_model_and_empty_folder_are_told_apart(
    tmp_path: Path, model: str, data: str
) -> None:
    (tmp_path / "empty").mkdir()
    assert run(model, str(tmp_path / "nowhere")).exit_code == 4
    assert run(model, str(tmp_path / "empty")).exit_code == 4
    assert run(str(tmp_path / "nowhere"), data, "--out", str(tmp_path / "out")).exit_code == 5


def test_a_file_in_the_way_is_told_before_measuring(tmp_path: Path, model: str, data: str) -> None:
    (tmp_path / "file").write_text("mine")
    result = run(model, data, "--out", str(tmp_path / "file/below"))
    assert result.exit_code == 8
    assert (tmp_path / "file").read_text() == "mine"


def test_a_light_installation_says_what_to_install(tmp_path: Path, model: str, data: str) -> None:
    code = "import sys; sys.modules['scipy'] = None; from aivsreal.cli.main import main; main()"
    result = subprocess.run(
        [sys.executable, "-c", code, "evaluate", model, data, "--out", str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 7
    assert result.stderr.splitlines() == [
        "aivsreal: measuring a model needs scipy, which is not installed",
        "hint: pip install 'aivsreal[train]'",
    ]


def test_help_has_examples_and_exit_codes() -> None:
    result = run("--help")
    assert result.exit_code == 0
    assert "aivsreal evaluate photos DATA --split unseen" in result.output
    assert "Exit codes" in result.output


@pytest.mark.skipif(os.name == "nt", reason="sends a POSIX signal")
def test_a_terminated_measurement_leaves_nothing_half_written(tmp_path: Path, model: str, data: str) -> None:
    out = tmp_path / "out" / "report"
    command = [sys.executable, "-m", "aivsreal", "evaluate", model, data, "--out", str(out)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while not list(tmp_path.glob("out/.report.*")):
        assert process.poll() is None
        time.sleep(0.01)

    process.terminate()
    _, told = process.communicate()

    assert process.returncode == 130
    assert told.strip() == "aivsreal: interrupted"
    assert list(out.parent.iterdir()) == []
