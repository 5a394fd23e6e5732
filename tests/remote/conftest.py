"""A real S3 server and a real web server on this machine, and pictures for them."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.data.bundles import tiny_bundle
from tests.data.draw import flat, photo, write


@pytest.fixture(scope="session")
def model(tmp_path_factory) -> Path:
    return tiny_bundle(tmp_path_factory.mktemp("model") / "tiny").folder


@pytest.fixture(scope="session")
def pictures(tmp_path_factory) -> Path:
    """30 pictures of all three verdicts in two folders, with a broken one, a hidden one and a text beside."""
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(29):
        pixels = photo(80, 60, seed=number) // 2 + flat(80, 60, (number * 4,) * 3)
        write(folder / ("a" if number % 2 else "b") / f"{number:02}.png", pixels)
    (folder / "a" / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 and nothing more")
    (folder / "notes.txt").write_text("no picture")
    write(folder / ".hidden.png", flat(8, 8))
    return folder


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The address of an S3 server, which this process and its children use from now on."""
    server = pytest.importorskip("moto.server")
    pytest.importorskip("s3fs")
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def s3(s3_server, monkeypatch) -> str:
    """The URL of an empty bucket."""
    import s3fs

    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    s3fs.S3FileSystem.clear_instance_cache()
    store = s3fs.S3FileSystem()
    if store.exists("bucket"):
        store.rm("bucket", recursive=True)
    store.mkdir("bucket")
    return "s3://bucket"


@pytest.fixture
def web(pictures) -> Iterator[str]:
    """The address of a web server that lists the pictures."""
    handler = functools.partial(QuietHandler, directory=str(pictures))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass
