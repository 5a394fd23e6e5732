"""What strangers send to a real server: an answer each, never a fault, in memory that does not grow."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.web.conftest import picture
from tests.web.hostile import Hostile, uploads
from tests.web.process import Serving, serving
from tests.web.test_server import ready, wait_for

BOUNDARY = b"----hostile"
# What an allocator may keep of the largest pictures; a leak of 300 uploads would be several times that.
MOST_GROWTH_MB = 120
ANSWER_SECONDS = 30


@pytest.fixture(scope="module")
def server(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tiny, tmp_path_factory.mktemp("data")) as found:
        assert wait_for(lambda: ready(found))
        yield found


def send(server: Serving, upload: Hostile) -> requests.Response:
    """Post a file under exactly this name, which clients would otherwise put right."""
    name = upload.name.encode().replace(b'"', b"%22")
    head = b'Content-Disposition: form-data; name="image"; filename="' + name + b'"\r\n'
    body = b"--" + BOUNDARY + b"\r\n" + head + b"\r\n" + upload.data + b"\r\n--" + BOUNDARY + b"--\r\n"
    return requests.post(
        f"{server.url}api/v1/images?heatmap=1",
        data=body,
        headers={"Content-Type": f"multipart/form-data; boundary={BOUNDARY.decode()}"},
        timeout=ANSWER_SECONDS,
    )


def resident_mb(server: Serving) -> float:
    status = Path(f"/proc/{server.workers()[0]}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def test_three_hundred_hostile_files_get_an_answer_each_in_memory_that_does_not_grow(server: Serving) -> None:
    files = list(uploads())
    assert len(files) >= 300
    process = server.workers()[0]
    answers = [send(server, upload) for upload in files]
    wrong = [
        (upload.what, upload.name[:40], answer.status_code)
        for upload, answer in zip(files, answers, strict=True)
        if answer.status_code not in (201, 400, 422)
    ]
    assert wrong == []
    assert min(Counter(answer.status_code for answer in answers)[code] for code in (201, 422)) > 50
    refused = [answer for answer in answers if answer.status_code != 201]
    assert {answer.headers["Content-Type"] for answer in refused} == {"application/problem+json"}
    assert all(answer.json()["hint"] for answer in refused)

    names = [
        image["name"] for answer in answers for image in answer.json().get("images", ()) if "name" in image
    ]
    assert all(name.isprintable() and "/" not in name and len(name) <= 200 for name in names)

    after_once = resident_mb(server)
    for upload in files[::2]:
        send(server, upload)
    assert resident_mb(server) < after_once + MOST_GROWTH_MB
    assert server.workers() == [process]
    assert requests.get(f"{server.url}readyz", timeout=10).ok


def raw(server: Serving, request: bytes) -> bytes:
    """What the server answers to these bytes."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=ANSWER_SECONDS) as connection:
        try:
            connection.sendall(request)
            return connection.recv(65536)
        except ConnectionError:
            return b""


POST = b"POST /api/v1/images HTTP/1.1\r\nHost: localhost\r\n"


@pytest.mark.parametrize(
    ("what", "request_", "statuses"),
    [
        (
            "a huge header",
            b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
            (400, 431),
        ),
        ("many headers", b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: a\r\n" * 5000 + b"\r\n", (400, 431)),
        ("a huge address", b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", (400, 414)),
        ("a zero in the address", b"GET /api/v1/images/%00 HTTP/1.1\r\nHost: localhost\r\n\r\n", (404,)),
        ("another's host", b"GET /api/v1/model HTTP/1.1\r\nHost: evil.example\r\n\r\n", (400,)),
        ("a body said to be endless", POST + b"Content-Length: 99999999999\r\n\r\n", (411, 413, 415)),
        ("a negative length", POST + b"Content-Length: -1\r\n\r\n", (400,)),
        ("two lengths", POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", (400,)),
        (
            "length and chunks",
            POST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            (400, 415),
        ),
        (
            "a form without a boundary",
            POST + b"Content-Type: multipart/form-data\r\nContent-Length: 2\r\n\r\nab",
            (400,),
        ),
        ("no HTTP", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 20 + b"\r\n\r\n", (400,)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_malformed_request_is_refused(
    server: Serving, what: str, request_: bytes, statuses: tuple[int, ...]
) -> None:
    answer = raw(server, request_)
    assert answer == b"" or int(answer.split(b" ")[1]) in statuses, what
    assert requests.get(f"{server.url}healthz", timeout=10).ok


def test_a_form_of_many_fields_is_refused(server: Serving) -> None:
    fields = {f"field{number}": "x" for number in range(2000)}
    answer = requests.post(f"{server.url}api/v1/images", files={**fields, "image": picture()}, timeout=30)
    assert answer.status_code == 413


def test_a_picture_that_takes_too_long_is_given_up(tiny: Path, tmp_path: Path) -> None:
    slow = picture(230, size=(5000, 5000), format="PNG")
    with serving(tiny, tmp_path, AIVSREAL_EXAMINE_SECONDS=0.02) as server:
        assert wait_for(lambda: ready(server))
        answer = requests.post(f"{server.url}api/v1/images", files={"image": slow}, timeout=30)
        assert answer.status_code == 422
        assert "longer than 0.02 seconds" in answer.json()["detail"]
        assert wait_for(lambda: ready(server))
