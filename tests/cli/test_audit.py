import json
from pathlib import Path

import pytest

from aivsreal.data.toy import draw_toy_set
from tests.cli.runner import run


def copied(folder: Path) -> Path:
    root = draw_toy_set(folder, n=24)
    first = next((root / "train" / "REAL").iterdir())
    (root / "test" / "REAL" / f"leak{first.suffix}").write_bytes(first.read_bytes())
    return root


def test_audit_says_what_it_found_and_what_to_do(tmp_path: Path) -> None:
    result = run("audit", copied(tmp_path / "set"))
    assert result.exit_code == 0
    assert "also in `train`" in result.stdout
    assert "to do:" in result.stdout


def test_audit_speaks_json(tmp_path: Path) -> None:
    result = run("audit", copied(tmp_path / "set"), "--json")
    assert json.loads(result.stdout)["counts"]["real"] == 19


def test_strict_leaves_with_1_where_something_was_found(tmp_path: Path) -> None:
    assert run("audit", copied(tmp_path / "set"), "--strict").exit_code == 1


def test_audit_writes_its_report_in_one_file(tmp_path: Path) -> None:
    result = run("audit", copied(tmp_path / "set"), "--html", tmp_path / "audit.html")
    assert result.exit_code == 0
    assert "<html" in (tmp_path / "audit.html").read_text("utf-8")


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_that_no_draw_takes_is_wrong_usage(tmp_path: Path, seed: int) -> None:
    result = run("audit", draw_toy_set(tmp_path / "set", n=24), "--seed", seed)
    assert (result.exit_code, "--seed" in result.stderr) == (2, True)


def test_audit_of_nothing_is_refused_in_two_lines(tmp_path: Path) -> None:
    result = run("audit", tmp_path / "nowhere")
    assert result.exit_code == 4
    assert "hint:" in result.stderr
