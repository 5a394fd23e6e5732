"""Runs over many pictures in one process: whole, stopped and gone on with, and where things cannot be reached."""

import functools
import json
import os
import re
import signal
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import pyarrow.dataset
import pyarrow.parquet as pq
import pytest

from aivsreal.detector import Detector
from aivsreal.errors import CannotWrite, Unreachable, UsageError
from aivsreal.images import Limits
from aivsreal.remote import examine
from aivsreal.remote.outages import AGAIN, PATIENCE, Outages
from aivsreal.remote.reading import fetch
from aivsreal.remote.store import Store
from tests.cli.runner import run
from tests.data.draw import as_bytes, photo
from tests.remote.conftest import QuietHandler
from tests.remote.test_locations import upload

AT_ONCE = (0.0, 0.0)


def rows_in(out: str) -> list[dict]:
    """Every row of a run, in the order of the parts, without what differs from run to run."""
    store = Store(out)
    rows = []
    for name in sorted(store.names("verdicts")):
        rows += pq.read_table(store.open(f"verdicts/{name}")).to_pylist()
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


def write_bytes(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def test_each_picture_has_the_row_that_the_detector_gives(pictures, model, tmp_path):
    outcome = examine([str(pictures)], str(tmp_path / "out"), model=model, part_size=7)

    rows = rows_in(str(tmp_path / "out"))
    detector = Detector.load(model, threads=1)
    expected = list(detector.predict_many([row["path"] for row in rows]))
    assert [row["path"] for row in rows] == sorted(str(path) for path in pictures.glob("[ab]/*"))
    assert [row["verdict"] for row in rows] == [verdict.as_json()["verdict"] for verdict in expected]
    assert [row["probability_ai"] for row in rows] == [one.as_json()["probability_ai"] for one in expected]
    broken = next(row for row in rows if row["path"].endswith("broken.jpg"))
    assert broken["error"]
    assert broken["hint"]
    assert not broken["unreachable"]
    assert (outcome.pictures, outcome.seen, outcome.failed) == (30, 30, 1)


def test_the_folder_reads_as_one_table(pictures, model, tmp_path):
    examine([str(pictures)], str(tmp_path / "out"), model=model, part_size=7)

    assert pyarrow.dataset.dataset(tmp_path / "out").count_rows() == 30
    assert json.loads((tmp_path / "out" / "_done.json").read_text())["pictures"] == 30


def test_from_a_bucket_into_a_bucket_gives_the_rows_of_local_files(pictures, model, s3, tmp_path):
    upload(pictures, s3 + "/in")

    examine([str(pictures)], str(tmp_path / "out"), model=model, part_size=7)
    examine([s3 + "/in/"], s3 + "/out", model=model, part_size=7)

    local, remote = rows_in(str(tmp_path / "out")), rows_in(s3 + "/out")
    assert [row.pop("path").replace(str(pictures), s3 + "/in") for row in local] == [
        row.pop("path") for row in remote
    ]
    assert local == remote


@pytest.fixture
def stuck(pictures):
    """A web server with pictures in order, which sends those from the tenth on only when the event is set."""
    names = sorted(path.relative_to(pictures).as_posix() for path in pictures.glob("[ab]/*.png"))[:15]
    going_on = Event()

    class Handler(QuietHandler):
        def do_GET(self):  # noqa: N802 - a name of the standard library
            if names.index(self.path[1:]) >= 9:
                going_on.wait()
            super().do_GET()

    handler = functools.partial(Handler, directory=str(pictures))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield [f"http://127.0.0.1:{server.server_port}/{name}" for name in names], going_on
        going_on.set()
        server.shutdown()


def test_a_run_killed_in_the_middle_goes_on_and_ends_with_the_same_rows(stuck, model, tmp_path):
    addresses, going_on = stuck
    command = [sys.executable, "-m", "aivsreal", "predict", *addresses, "--model", model, "--workers", "1"]
    command += ["--part-size", "3", "--out", tmp_path / "out"]
    killed = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 120
    try:
        while len(list((tmp_path / "out").glob("verdicts/part-*"))) < 2:
            assert killed.poll() is None and time.monotonic() < end
            time.sleep(0.01)
    finally:
        killed.kill()
        killed.wait()
    kept = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("verdicts/*")}
    going_on.set()

    went_on = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    examine(addresses, str(tmp_path / "whole"), model=model, part_size=3)

    assert killed.returncode == -signal.SIGKILL
    assert sorted(kept) == ["part-0000000.parquet", "part-0000001.parquet"]
    assert "going on with the run" in went_on.stderr
    assert "6 of 15 pictures were done before" in went_on.stderr
    assert {name: (tmp_path / "out/verdicts" / name).stat().st_mtime_ns for name in kept} == kept
    assert len(rows_in(str(tmp_path / "out"))) == 15
    assert rows_in(str(tmp_path / "out")) == rows_in(str(tmp_path / "whole"))


def test_a_part_that_is_there_is_not_examined_again(pictures, model, tmp_path):
    out = tmp_path / "out"
    examine([str(pictures)], str(out), model=model, part_size=7)
    before = {path: path.stat().st_mtime_ns for path in out.glob("verdicts/*")}
    (out / "verdicts" / "part-0000002.parquet").unlink()
    advanced = []

    examine([str(pictures)], str(out), model=model, part_size=7, advance=advanced.append)

    after = {path: path.stat().st_mtime_ns for path in out.glob("verdicts/*")}
    assert [part.number for part in advanced] == [2]
    assert {path for path in after if after[path] != before[path]} == {
        out / "verdicts" / "part-0000002.parquet"
    }


@pytest.mark.parametrize("changed", [{"fast": True}, {"limits": Limits(max_bytes=7)}, {"recursive": False}])
def test_another_run_in_the_same_folder_is_refused(pictures, model, tmp_path, changed):
    examine([str(pictures)], str(tmp_path / "out"), model=model)

    with pytest.raises(UsageError, match="began with"):
        examine([str(pictures)], str(tmp_path / "out"), model=model, **changed)


def test_a_folder_with_other_files_is_left_alone(pictures, model, tmp_path):
    (tmp_path / "precious.txt").write_text("mine")

    with pytest.raises(CannotWrite, match=r"holds other files, precious.txt"):
        examine([str(pictures)], str(tmp_path), model=model)


def test_a_file_name_that_is_no_text_gets_a_row(model, tmp_path):
    folder = os.fsencode(tmp_path) + b"/in"
    (tmp_path / "in").mkdir()
    Path(os.fsdecode(folder + b"/caf\xe9.png")).write_bytes(as_bytes(photo(20, 20), "PNG"))

    outcome = examine([str(tmp_path / "in")], str(tmp_path / "out"), model=model)

    assert outcome.failed == 0
    assert rows_in(str(tmp_path / "out"))[0]["path"].endswith(r"caf\udce9.png")


@pytest.fixture
def moody():
    """A web server: /busy answers 503 twice, then a picture; /down always 503; /gone 404; /long without end."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            name = self.path.rpartition("/")[2]
            tired = name == "down.png" or (name == "busy.png" and asked.count(self.path) <= 2)
            code = 404 if name == "gone.png" else 503 if tired else 200
            self.send_response(code)
            self.end_headers()
            if name == "long.png":
                self.wfile.write(b"\0" * 3_000_000)
            elif code == 200:
                self.wfile.write(as_bytes(photo(20, 20), "PNG"))

        def log_message(self, format, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


def test_what_fails_for_a_moment_is_fetched_again_and_what_is_gone_is_not(moody, model, tmp_path):
    address, asked = moody
    names = ["busy.png", "gone.png", "fine.png", "long.png"]

    limits = Limits(max_bytes=1_000_000)
    outcome = examine(
        [f"{address}/{name}" for name in names],
        str(tmp_path / "out"),
        model=model,
        waits=AT_ONCE,
        limits=limits,
    )

    busy, gone, fine, long = rows_in(str(tmp_path / "out"))
    assert busy["verdict"] == fine["verdict"] is not None
    assert gone["error"] == f"{address}/gone.png cannot be read: it is not there"
    assert "the limit is 1,000,000" in long["error"]
    assert (asked.count("/busy.png"), asked.count("/gone.png")) == (3, 1)
    assert outcome.unreachable == 0


def test_what_could_not_be_reached_has_a_row_and_is_tried_again_by_the_next_run(moody, model, tmp_path):
    address, asked = moody
    locations = [f"{address}/{name}" for name in ("fine.png", "down.png", "a/fine.png", "b/fine.png")]
    options = {"model": model, "part_size": 2, "waits": AT_ONCE}

    outcome = examine(locations, str(tmp_path / "out"), **options)
    rows = rows_in(str(tmp_path / "out"))
    asked.clear()
    again = examine(locations, str(tmp_path / "out"), **options)

    assert (outcome.failed, outcome.unreachable) == (again.failed, again.unreachable) == (1, 1)
    assert [row["unreachable"] for row in rows] == [False, True, False, False]
    assert "503" in rows[1]["error"]
    assert sorted(set(asked)) == ["/down.png", "/fine.png"]


@pytest.fixture
def silent():
    """A web server that never ends an answer, nor begins one but for /half.png; and what it was asked."""
    asked = []

    class Handler(QuietHandler):
        def do_GET(self):  # noqa: N802 - a name of the standard library
            asked.append(self.path)
            if self.path == "/half.png":
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"\x89PNG")
            over.wait()

    over = Event()
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        over.set()
        server.shutdown()


@pytest.mark.parametrize("name", ["silence.png", "half.png"])
def test_a_web_server_that_falls_silent_is_given_up(silent, name, monkeypatch):
    address, asked = silent
    monkeypatch.setattr("aivsreal.remote.places.SILENCE", 0.3)
    begun = time.monotonic()

    got = fetch(f"{address}/{name}", Limits(), waits=AT_ONCE)

    assert isinstance(got.error, Unreachable)
    assert re.search("no answer in time|Timeout on reading", got.error.reason)
    assert len(asked) == 1 + len(AT_ONCE)
    assert time.monotonic() - begun < 20


def test_a_web_server_that_is_down_for_long_is_asked_now_and_then_only(silent, monkeypatch):
    address, asked = silent
    monkeypatch.setattr("aivsreal.remote.places.SILENCE", 0.3)
    now = [0.0]
    outages = Outages(clock=lambda: now[0])

    for number, now[0] in enumerate((0, PATIENCE - 1, PATIENCE + 1, PATIENCE + 2, PATIENCE + AGAIN + 1)):
        got = fetch(f"{address}/{number}.png", Limits(), waits=AT_ONCE, outages=outages)
        assert isinstance(got.error, Unreachable)

    assert asked == ["/0.png"] * 3 + ["/1.png"] * 3 + ["/2.png", "/4.png"]


def test_a_web_server_that_answers_again_is_trusted_again(web, moody):
    now = [0.0]
    outages = Outages(clock=lambda: now[0])
    outages.failed(f"{web}/a/01.png", TimeoutError(), since=0)
    now[0] = PATIENCE + 1

    got = fetch(f"{web}/a/01.png", Limits(), outages=outages)
    fetch(f"{moody[0]}/down.png", Limits(), waits=AT_ONCE, outages=outages)
    now[0] *= 2

    assert got.error is None
    assert outages.waits(f"{web}/a/03.png", AT_ONCE) == AT_ONCE
    assert outages.waits(f"{moody[0]}/down.png", AT_ONCE) == AT_ONCE


def test_a_run_that_reaches_nothing_stops_and_leaves_no_rows(model, tmp_path):
    with pytest.raises(Unreachable, match="none of 2 pictures in turn can be reached"):
        examine(
            ["http://127.0.0.1:9/a.png", "http://127.0.0.1:9/b.png"],
            str(tmp_path / "out"),
            model=model,
            waits=(),
        )

    assert list(tmp_path.glob("out/verdicts/*")) == []


@pytest.mark.usefixtures("s3")
def test_a_bucket_that_is_not_there_is_not_made(pictures, model):
    with pytest.raises(CannotWrite, match="s3://no-such-bucket/out"):
        examine([str(pictures)], "s3://no-such-bucket/out", model=model)


def test_the_command_tells_how_it_ended(pictures, model, tmp_path):
    result = run("predict", pictures, "--model", model, "--out", tmp_path / "out", "--json")

    assert result.exit_code == 1
    assert json.loads(result.stdout)["failed"] == 1
    assert "30 pictures:" in result.stderr
    assert f"their verdicts are in {tmp_path / 'out'}/verdicts" in result.stderr


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["s3://bucket/a.jpg"], "s3://bucket/a.jpg is not a path on this machine"),
        (["a.jpg", "--engine", "ray"], "--engine needs a place to write to"),
        (["a.jpg", "--out", "o", "--csv"], "--out writes parquet, and --csv"),
        (["nothing-here/", "--out", "OUT"], "1 failed"),
    ],
)
def test_what_the_command_cannot_follow_is_told(model, tmp_path, options, reason):
    given = [option.replace("OUT", str(tmp_path / "out")) for option in options]

    result = run("predict", *given, "--model", model)

    assert result.exit_code in (2, 3)
    assert reason in result.stderr
