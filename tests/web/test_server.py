"""The server as an operator meets it: real processes on real ports."""

from __future__ import annotations

import os
import re
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from tests.cli.runner import run
from tests.web.conftest import picture
from tests.web.process import Serving, serving

# Large enough that decoding takes a good part of a second.
LARGE = (4000, 4000)


def post(server: Serving, *files: bytes, **headers: str) -> requests.Response:
    form = [("image", (f"{number}.png", data)) for number, data in enumerate(files)]
    return requests.post(f"{server.url}api/v1/images", files=form, headers=headers, timeout=60)


def wait_for(condition: object, seconds: float = 60) -> bool:
    assert callable(condition)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


@pytest.fixture(scope="module")
def large() -> bytes:
    return picture(230, size=LARGE, format="PNG")


def ready(server: Serving) -> bool:
    try:
        return requests.get(f"{server.url}readyz", timeout=20).ok
    except requests.RequestException:
        return False


def test_a_stopped_server_finishes_what_it_accepted(tiny: Path, tmp_path: Path, large: bytes) -> None:
    with serving(tiny, tmp_path) as server, ThreadPoolExecutor() as pool:
        assert wait_for(lambda: ready(server))
        answer = pool.submit(post, server, *[large] * 4)
        assert wait_for(lambda: "aivsreal_queue_length 0.0" not in metrics(server))
        assert server.stop() == 0
        assert [image["verdict"] for image in answer.result().json()["images"]] == ["ai"] * 4
        with pytest.raises(requests.ConnectionError):
            requests.get(f"{server.url}healthz", timeout=5)


def metrics(server: Serving) -> str:
    return requests.get(f"{server.url}metrics", timeout=10).text


def test_a_full_queue_answers_at_once_that_it_is_full(tiny: Path, tmp_path: Path, large: bytes) -> None:
    limits = {"AIVSREAL_QUEUE": 2, "AIVSREAL_MAX_IMAGES": 2}
    with serving(tiny, tmp_path, **limits) as server, ThreadPoolExecutor(16) as pool:
        assert wait_for(lambda: ready(server))
        answers = list(pool.map(lambda _: post(server, large), range(16)))
        refused = [answer for answer in answers if answer.status_code == 503]
        assert {answer.status_code for answer in answers} == {201, 503}
        assert all(answer.headers["Retry-After"].isdigit() for answer in refused)
        assert all(answer.json()["hint"] for answer in refused)
        assert post(server, picture()).status_code == 201


def test_two_workers_share_a_store_and_a_killed_one_is_replaced(tiny: Path, tmp_path: Path) -> None:
    with serving(tiny, tmp_path, "--workers", 2) as server:
        assert wait_for(lambda: len(server.workers()) == 2 and ready(server))
        ids = [post(server, picture()).json()["images"][0]["id"] for _ in range(8)]
        urls = [f"{server.url}api/v1/images/{id}" for id in ids for _ in range(3)]
        assert {requests.get(url, timeout=10).status_code for url in urls} == {200}
        assert 'aivsreal_verdicts_total{model="tiny 1.0.0",verdict="ai"} 8.0' in metrics(server)

        killed = server.workers()[0]
        os.kill(killed, signal.SIGKILL)
        assert wait_for(lambda: len(server.workers()) == 2 and killed not in server.workers())
        assert wait_for(lambda: ready(server))
        assert {requests.get(url, timeout=10).status_code for url in urls} == {200}
        assert post(server, picture()).status_code == 201


def test_clients_that_send_slowly_do_not_keep_others_waiting(tiny: Path, tmp_path: Path) -> None:
    head = b"POST /api/v1/images HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: 99999\r\n\r\n"
    limits = {"AIVSREAL_QUEUE": 4, "AIVSREAL_MAX_IMAGES": 4, "AIVSREAL_BODY_SECONDS": 2}
    with serving(tiny, tmp_path, **limits) as server:
        assert wait_for(lambda: ready(server))
        slow = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(60)]
        for connection in slow:
            connection.sendall(head + b"\x89PNG")
        assert wait_for(lambda: examined(server))
        answers = [received(connection) for connection in slow]
        assert {answer.split(b" ")[1] for answer in answers} <= {b"408", b"503"}
        assert all(answer for answer in answers)


def examined(server: Serving) -> bool:
    """Whether a picture gets its verdict; a refusal may reach a client that still sends as a reset."""
    try:
        return post(server, picture()).status_code == 201
    except requests.ConnectionError:
        return False


def received(connection: socket.socket) -> bytes:
    """What a server says before it closes, to a client that sends on, a byte now and then."""
    connection.settimeout(0.2)
    answer, end = b"", time.monotonic() + 15
    while time.monotonic() < end:
        try:
            connection.sendall(b"x")
            part = connection.recv(65536)
            if not part:
                break
            answer += part
        except TimeoutError:
            continue
        except OSError:
            break
    connection.close()
    return answer


def test_a_port_in_use_is_one_line_and_one_hint(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIVSREAL_DATA_DIR", str(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run("serve", "--model", tiny, "--port", port)
    assert result.exit_code == 10
    why, hint = result.stderr.splitlines()
    assert why == f"aivsreal: cannot listen on 127.0.0.1 port {port}: Address already in use"
    assert hint.startswith("hint: stop what listens there")


@pytest.mark.parametrize("host", ["nosuch.invalid", "192.0.2.1"])
def test_an_address_of_no_machine_or_another_is_told_to_be_one_of_this(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv("AIVSREAL_DATA_DIR", str(tmp_path))
    result = run("serve", "--model", tiny, "--port", 0, "--host", host)
    assert (result.exit_code, "an address of this machine with --host" in result.stderr) == (10, True)


@pytest.mark.parametrize(
    ("variable", "value", "code", "names"),
    [
        ("DATABASE", "postgresql://nobody@127.0.0.1:1/none", 10, "database"),
        ("DATABASE", "mysql://nobody@127.0.0.1/none", 10, "mysql"),
        ("DATABASE", "nonsense", 10, "URL"),
        ("DATA_DIR", "/proc/nowhere", 8, "/proc/nowhere"),
        ("PORT", "many", 2, "port"),
        ("PRT", "1", 2, "AIVSREAL_PORT"),
        ("RATE_LIMIT", "lots", 2, "rate_limit"),
        ("RATE_STORAGE", "nosuch://host", 2, "rate_storage"),
        ("MAX_IMAGES", "99", 2, "queue"),
        ("CONFIG", "/nowhere.toml", 2, "/nowhere.toml"),
        ("MODEL", "nosuch", 5, "nosuch"),
        ("HOST", "no such host", 10, "no such host"),
    ],
)
def test_what_keeps_it_from_starting_is_one_line_and_one_hint(
    tiny: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
    code: int,
    names: str,
) -> None:
    monkeypatch.setenv("AIVSREAL_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("AIVSREAL_MODEL", str(tiny))
    monkeypatch.setenv(f"AIVSREAL_{variable}", value)
    result = run("serve")
    assert result.exit_code == code
    assert re.fullmatch(r"aivsreal: .+\nhint: .+\n", result.stderr)
    assert names in result.stderr
