"""`aivsreal predict`, as a user types it."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL.PngImagePlugin import PngInfo

from aivsreal.images import open_picture
from tests.cli.runner import run
from tests.data.bundles import tiny_bundle
from tests.data.draw import as_bytes, flat, photo, write

BRIGHT, GREY, DARK = (240, 240, 240), (128, 128, 128), (15, 15, 15)


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return tiny_bundle(tmp_path_factory.mktemp("model") / "tiny").folder


@pytest.fixture
def pictures(tmp_path) -> Path:
    folder = tmp_path / "pictures"
    write(folder / "a.png", flat(60, 40, BRIGHT))
    write(folder / "b.jpg", flat(60, 40, DARK))
    write(folder / "sub" / "a.webp", flat(60, 40, GREY))
    (folder / "notes.txt").write_text("no picture")
    write(folder / ".hidden.png", flat(60, 40))
    write(folder / ".thumbnails" / "c.png", flat(60, 40))
    return folder


def lines(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_folder_is_told_as_a_table_with_words_for_people(pictures, model):
    result = run("predict", pictures, "--model", model)

    assert result.exit_code == 0
    assert [row.split("  ")[0].strip() for row in result.stdout.splitlines()] == [
        "verdict",
        "likely AI-generated",
        "likely real",
        "cannot tell",
    ]
    assert str(pictures / "a.png") in result.stdout
    assert "3 pictures: 1 likely AI-generated, 1 likely real, 1 cannot tell (tiny 1.0.0" in result.stderr
    assert "likely AI-generated: It is bright." in result.stderr


def test_what_a_file_says_of_itself_stands_beside_the_verdict(pictures, model):
    info = PngInfo()
    info.add_text("parameters", "a grey wall\nSteps: 20, Sampler: Euler a")
    (pictures / "said.png").write_bytes(as_bytes(flat(60, 40, DARK), "PNG", pnginfo=info))

    table = run("predict", pictures, "--model", model)
    (row,) = csv.DictReader(
        run("predict", pictures / "said.png", "--model", model, "--csv").stdout.splitlines()
    )

    assert f"{pictures / 'said.png'}  (its metadata: made by AI)\n" in table.stdout
    assert table.stdout.count("its metadata") == 1
    assert "no verdict rests on them" in table.stderr
    assert (row["verdict"], row["declared"], row["declared_in"]) == ("real", "ai", "Stable Diffusion web UI")


def test_json_is_one_object_a_picture(pictures, model):
    result = run("predict", pictures, "--model", model, "--json")

    rows = lines(result.stdout)
    assert [(Path(row["path"]).name, row["verdict"]) for row in rows] == [
        ("a.png", "ai"),
        ("b.jpg", "real"),
        ("a.webp", "uncertain"),
    ]
    assert {row["model"] for row in rows} == {"tiny 1.0.0"}
    assert all(0 <= row["probability_ai"] <= 1 and "error" not in row for row in rows)


def test_csv_has_a_header_and_a_row_a_picture(pictures, model):
    result = run("predict", pictures, "--model", model, "--csv")

    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [row["verdict"] for row in rows] == ["ai", "real", "uncertain"]
    assert rows[0]["path"] == str(pictures / "a.png")
    assert float(rows[0]["probability_ai"]) > 0.9
    assert float(rows[0]["real_below"]) <= float(rows[0]["ai_above"])


def test_csv_says_why_a_picture_failed_and_what_to_do(tmp_path, model):
    (row,) = csv.DictReader(
        run("predict", tmp_path / "missing.png", "--model", model, "--csv").stdout.splitlines()
    )

    assert row["error"].startswith("there is no file")
    assert row["hint"] == "check the spelling of the path"


def test_the_spread_over_deliveries_is_shown_and_fast_leaves_it_out(pictures, tmp_path):
    model = tiny_bundle(tmp_path / "tiny", stability={"deliveries": ["shared"], "limit": 0.5}).folder

    tried = run("predict", pictures / "a.png", "--model", model)
    fast = run("predict", pictures / "a.png", "--model", model, "--fast")

    assert tried.stdout.splitlines()[1].split()[2:4] == ["1.000", "0.000"]
    assert fast.stdout.splitlines()[1].split()[2:4] == ["1.000", "-"]


def test_folders_within_are_left_alone_when_asked(pictures, model):
    result = run("predict", pictures, "--model", model, "--json", "--no-recursive")

    assert [Path(row["path"]).name for row in lines(result.stdout)] == ["a.png", "b.jpg"]


def test_a_named_file_is_tried_whatever_it_is_called(tmp_path, model):
    path = tmp_path / ".strange"
    path.write_bytes(as_bytes(flat(40, 40, BRIGHT), "PNG"))

    assert lines(run("predict", path, "--model", model, "--json").stdout)[0]["verdict"] == "ai"


def test_paths_are_read_from_standard_input(pictures, model):
    given = f"{pictures / 'b.jpg'}\n\n{pictures / 'sub'}\r\n"

    result = run("predict", "-", pictures / "a.png", "--model", model, "--json", stdin=given)

    assert [row["verdict"] for row in lines(result.stdout)] == ["real", "uncertain", "ai"]


def test_a_bad_file_among_good_ones_is_counted_and_exits_with_1(pictures, model):
    (pictures / "broken.jpg").write_bytes(as_bytes(photo(), "JPEG")[:700])

    result = run("predict", pictures, "--model", model, "--json")

    rows = lines(result.stdout)
    broken = next(row for row in rows if row["path"].endswith("broken.jpg"))
    assert result.exit_code == 1
    assert len(rows) == 4
    assert broken["verdict"] is None
    assert broken["probability_ai"] is None
    assert broken["error"]
    assert broken["hint"]
    assert "1 failed" in result.stderr


@pytest.mark.parametrize("form", [[], ["--json"], ["--csv"]])
def test_when_every_picture_fails_it_exits_with_3(tmp_path, model, form):
    (tmp_path / "a.png").write_bytes(b"")

    result = run("predict", tmp_path / "a.png", tmp_path / "missing.png", "--model", model, *form)

    assert result.exit_code == 3
    assert "2 pictures: 2 failed" in result.stderr


def test_a_failure_is_told_in_two_lines_that_name_the_file(tmp_path, model):
    result = run("predict", tmp_path / "missing.png", "--model", model)

    first, second, _ = result.stderr.splitlines()
    assert first.startswith("aivsreal: ")
    assert first.count(str(tmp_path / "missing.png")) == 1
    assert second.startswith("hint: ")


def test_a_folder_without_pictures_is_told(tmp_path, model):
    result = run("predict", tmp_path, "--model", model)

    assert result.exit_code == 2
    assert result.stderr.startswith(f"aivsreal: there is no picture in {tmp_path}\nhint: ")


def test_an_altered_model_is_refused_before_any_picture(pictures, tmp_path):
    folder = tiny_bundle(tmp_path / "tiny").folder
    (folder / "model.onnx").write_bytes(b"x")

    result = run("predict", pictures, "--model", folder)

    assert result.exit_code == 5
    assert result.stdout == ""


def test_heat_maps_of_files_with_one_name_do_not_collide(tmp_path, model):
    first = write(tmp_path / "one" / "a.png", flat(60, 40, BRIGHT))
    second = write(tmp_path / "two" / "a.png", flat(60, 40, DARK))
    maps = tmp_path / "maps"

    result = run("predict", first, second, "--model", model, "--json", "--heatmaps", maps)

    written = [Path(row["heatmap"]) for row in lines(result.stdout)]
    assert sorted(maps.iterdir()) == sorted(written)
    assert len(set(written)) == 2
    bright, dark = (open_picture(path).pixels.astype(int) for path in written)
    assert bright[..., 0].mean() > bright[..., 2].mean()
    assert dark[..., 2].mean() > dark[..., 0].mean()


def test_heat_maps_within_the_folder_are_not_taken_for_pictures(pictures, model):
    maps = pictures / "maps"

    run("predict", pictures, "--model", model, "--heatmaps", maps)
    again = run("predict", pictures, "--model", model, "--json", "--heatmaps", maps)

    assert len(lines(again.stdout)) == 3
    assert len(list(maps.iterdir())) == 3


@pytest.mark.parametrize(("option", "code"), [("--heatmaps", 2), ("--out", 2), ("--model", 5)])
def test_an_empty_value_is_not_taken_for_the_current_folder(
    pictures, model, tmp_path, monkeypatch, option, code
):
    monkeypatch.chdir(tmp_path)

    result = run("predict", pictures / "a.png", "--model", model, option, "")

    assert (result.exit_code, "empty" in result.stderr) == (code, True)
    assert list(tmp_path.iterdir()) == [pictures]


def test_heat_maps_that_cannot_be_written_exit_with_8(pictures, model, tmp_path):
    (tmp_path / "file").write_text("in the way")

    result = run("predict", pictures / "a.png", "--model", model, "--heatmaps", tmp_path / "file" / "maps")

    assert result.exit_code == 8
    assert result.stderr.startswith("aivsreal: cannot write")


def test_file_names_cannot_steer_the_terminal(tmp_path, model):
    path = write(tmp_path / "x.png", flat(40, 40, BRIGHT)).rename(tmp_path / "red\x1b[31m\nname.png")

    result = run("predict", path, "--model", model)

    assert "\x1b" not in result.stdout
    assert "red\\x1b[31m\\nname.png" in result.stdout
    assert lines(run("predict", path, "--model", model, "--json").stdout)[0]["path"] == str(path)
    written = run("predict", path, "--model", model, "--csv").stdout
    assert "\x1b" not in written
    assert "red\\x1b[31m\\nname.png" in written


def test_a_space_of_another_width_stays_in_csv(tmp_path, model):
    path = write(tmp_path / "x.png", flat(40, 40, BRIGHT)).rename(tmp_path / "Screenshot 3.04\u202fPM.png")

    (row,) = csv.DictReader(run("predict", path, "--model", model, "--csv").stdout.splitlines())

    assert row["path"] == str(path)


@pytest.mark.skipif(sys.platform != "linux", reason="needs file names that are no text")
def test_a_file_name_that_is_no_text_comes_through(tmp_path, model):
    name = os.fsencode(tmp_path) + b"/caf\xe9.png"
    Path(os.fsdecode(name)).write_bytes(as_bytes(flat(40, 40, BRIGHT), "PNG"))
    command = [sys.executable, "-m", "aivsreal", "predict", str(tmp_path), "--model", str(model), "--json"]

    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert os.fsencode(json.loads(output)["path"]) == name


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_behind_the_output_is_told(pictures, model):
    command = [sys.executable, "-m", "aivsreal", "predict", str(pictures), "--model", str(model)]

    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)

    assert done.returncode == 8
    assert done.stderr.splitlines()[0] == "aivsreal: cannot write: No space left on device"
    assert done.stderr.splitlines()[1].startswith("hint: ")
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")
def test_a_reader_that_leaves_early_is_no_error(pictures, model):
    for number in range(200):
        write(pictures / f"{number}.png", flat(20, 20))
    command = f"'{sys.executable}' -m aivsreal predict '{pictures}' --model '{model}' --json | head -n 1"

    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True)

    assert len(done.stdout.splitlines()) == 1
    assert "Traceback" not in done.stderr
    assert "aivsreal:" not in done.stderr


@pytest.mark.skipif(os.name == "nt", reason="needs a POSIX shell")
@pytest.mark.parametrize(
    ("arguments", "code", "rows"),
    [("a.png >&-", 0, 0), ("a.png b.jpg 2>&-", 0, 3), ("- <&-", 2, 0), ("a.png missing.png >&- 2>&-", 1, 0)],
)
def test_a_closed_stream_keeps_nothing_else_back(pictures, model, arguments, code, rows):
    command = f"'{sys.executable}' -m aivsreal predict --model '{model}' {arguments}"

    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, cwd=pictures)

    assert done.returncode == code, done.stderr
    assert len(done.stdout.splitlines()) == rows


def test_verdicts_are_printed_while_later_pictures_are_still_to_come(tmp_path, model):
    path = write(tmp_path / "a.png", flat(40, 40, BRIGHT))
    command = [sys.executable, "-m", "aivsreal", "predict", "-", "--model", str(model), "--json"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None

    process.stdin.write(f"{path}\n" * 1000)
    process.stdin.flush()
    first = json.loads(process.stdout.readline())
    process.stdin.close()
    rest = process.stdout.read()
    process.wait()

    assert first["verdict"] == "ai"
    assert len(rest.splitlines()) == 999


@pytest.mark.skipif(os.name == "nt", reason="sends a POSIX signal")
def test_control_c_leaves_whole_lines_and_exits_with_130(tmp_path, model):
    path = write(tmp_path / "a.png", flat(40, 40, BRIGHT))
    command = [sys.executable, "-m", "aivsreal", "predict", "-", "--model", str(model), "--json"]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # A shell has what it runs in the background ignore it, and the tests may run there.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None

    process.stdin.write(f"{path}\n".encode() * 20)
    process.stdin.flush()
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    process.wait(timeout=60)

    assert process.returncode == 130
    assert all(json.loads(line)["verdict"] == "ai" for line in process.stdout.read().splitlines())
    assert process.stderr.read().decode().strip() == "aivsreal: interrupted"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read every folder")
def test_a_folder_that_may_not_be_read_is_counted(pictures, model):
    (pictures / "sub").chmod(0)

    result = run("predict", pictures, "--model", model)

    (pictures / "sub").chmod(0o755)
    assert result.exit_code == 1
    assert "1 failed" in result.stderr
    assert f"{pictures / 'sub'} may not be read: permission denied" in result.stderr


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may enter every folder")
def test_a_data_folder_that_may_not_be_entered_is_needed_for_no_shipped_model(
    pictures, tmp_path, monkeypatch
):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    monkeypatch.setenv("AIVSREAL_DATA_DIR", str(closed / "data"))

    shipped = run("predict", pictures / "a.png", "--model", "photos-small", "--fast")
    in_use = run("predict", pictures / "a.png")
    checked = run("doctor")

    closed.chmod(0o755)
    assert shipped.exit_code == 0, shipped.stderr
    assert (in_use.exit_code, "cannot be read: Permission denied" in in_use.stderr) == (5, True)
    assert "--force" not in in_use.stderr
    assert "model photos-small" in checked.stdout
