"""The bench: what people said is decided on, picture beside it, by the logic of `aivsreal feedback`."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from werkzeug.datastructures import MultiDict

from aivsreal.bundle import data_folder
from aivsreal.living import journal
from aivsreal.living.feedback import Reviewed
from aivsreal.web.app import create_app
from aivsreal.web.bench import PAGE, make_bench
from aivsreal.web.settings import Settings
from aivsreal.web.store import Store
from tests.cli.runner import run
from tests.living.test_feedback import mark
from tests.web.conftest import picture
from tests.web.test_access import bearer, new_key
from tests.web.test_operator_monitor import plain
from tests.web.test_pages import BROWSER, heading


@pytest.fixture
def settings(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("AIVSREAL_DATA_DIR", str(tmp_path / "data"))
    return Settings(model=str(tiny), data_dir=tmp_path / "data", keep_uploads=True)


@pytest.fixture
def app(settings: Settings) -> Iterator[Flask]:
    app = create_app(settings)
    yield app
    app.extensions["aivsreal"].examiner.close()


def store_of(app: Flask) -> Store:
    store: Store = app.extensions["aivsreal"].examiner.store
    return store


def said(app: Flask, answer: str, *, brightness: int = 230, remark: str = "", size: int = 64) -> str:
    """The id of a picture that somebody, in a browser of their own, said something of."""
    client = app.test_client()
    client.get("/")
    upload = {"image": (io.BytesIO(picture(brightness, size=(size, 48))), "secret-name.jpg")}
    link = client.post("/examine", data=upload).headers["Location"]
    assert client.post(f"{link}/feedback", data={"answer": answer, "remark": remark}).status_code == 303
    return link.rpartition("/")[2]


def decide(client: FlaskClient, id: str, decision: str, **more: str) -> tuple[int, str]:
    answer = client.post(f"/operator/feedback/{id}", data={"decision": decision, **more}, headers=BROWSER)
    return answer.status_code, answer.headers.get("Location", "")


def listed() -> dict[str, dict[str, object]]:
    return {row["id"]: row for row in json.loads(run("feedback", "list", "--all", "--json").stdout)}


def test_what_was_said_is_listed_with_its_picture_and_never_with_its_name(
    app: Flask, client: FlaskClient
) -> None:
    id = said(app, "real", remark="I took <b>it</b>\nmyself", size=2000)
    page = client.get("/operator/feedback").text
    assert "Somebody said: it is real" in plain(page)
    assert "I took &lt;b&gt;it&lt;/b&gt;" in page
    assert "secret-name" not in page

    shown = client.get(f"/operator/feedback/{id}/picture")
    assert (shown.status_code, shown.mimetype) == (200, "image/jpeg")
    assert max(Image.open(io.BytesIO(shown.data)).size) <= 800


def test_a_decision_is_that_of_the_command_line(app: Flask, client: FlaskClient) -> None:
    first, second, third = (said(app, "real", size=64 + n) for n in range(3))
    assert decide(client, first, "accept") == (303, "/operator/feedback?done=accept")
    assert decide(client, second, "reject", show="waiting", page="1")[0] == 303
    assert run("feedback", "review", third, "--unsure").exit_code == 0

    assert [listed()[id]["decision"] for id in (first, second, third)] == ["accept", "reject", "unsure"]
    page = plain(client.get("/operator/feedback?show=reviewed").text)
    assert "Accepted by" in page
    assert "Nothing waits for a review" in plain(client.get("/operator/feedback").text)
    assert (data_folder() / "feedback" / "pictures" / str(listed()[first]["sha256"])).exists()


def test_the_last_decision_counts(app: Flask, client: FlaskClient) -> None:
    id = said(app, "real")
    for decision in ("accept", "reject"):
        decide(client, id, decision, show="reviewed")
    assert listed()[id]["decision"] == "reject"
    assert "Rejected by" in plain(client.get("/operator/feedback?show=reviewed").text)


def test_the_page_decides_only_on_what_it_shows(app: Flask, client: FlaskClient) -> None:
    id = said(app, "real")
    assert '<input type="hidden" name="said" value="real">' in client.get("/operator/feedback").text
    assert decide(client, id, "accept", said="ai")[0] == 422
    assert listed()[id]["decision"] is None
    assert decide(client, id, "accept", said="real")[0] == 303


def test_reviews_name_the_key_that_they_were_made_with(app: Flask) -> None:
    id, key = said(app, "real"), new_key(app, operator=True)
    client = app.test_client()
    client.post("/operator/sign-in", data={"key": key})
    decide(client, id, "accept")
    (line,) = journal.read(data_folder() / "feedback" / "reviews.jsonl").entries
    assert line["who"] == f"test (key {key.split('_')[1]})"


def test_an_accepted_picture_is_shown_after_the_upload_is_gone(app: Flask, client: FlaskClient) -> None:
    kept, gone = said(app, "real"), said(app, "real", size=65)
    decide(client, kept, "accept")
    for file in (data_folder() / "uploads").iterdir():
        file.unlink()
    assert client.get(f"/operator/feedback/{kept}/picture").status_code == 200
    assert client.get(f"/operator/feedback/{gone}/picture").status_code == 404


def test_contradicting_marks_stand_apart_side_by_side(app: Flask, client: FlaskClient) -> None:
    for answer in ("real", "ai"):
        said(app, answer)
    said(app, "real", size=70)
    waiting, apart = (client.get(f"/operator/feedback?show={kind}").text for kind in ("waiting", "apart"))
    assert waiting.count('class="sheet mark"') == 1
    assert apart.count('class="sheet mark"') == 2
    assert "others say the opposite of the same picture" in apart


def test_one_who_is_not_sure_cannot_be_accepted(app: Flask, client: FlaskClient) -> None:
    id = said(app, "not_sure")
    assert 'value="accept"' not in client.get("/operator/feedback").text
    assert decide(client, id, "accept")[0] == 422
    assert listed()[id]["decision"] is None


@pytest.mark.parametrize("decision", ["", "learned", "ACCEPT", "accept\n", "\x00"])
def test_what_is_no_decision_is_refused(app: Flask, client: FlaskClient, decision: str) -> None:
    id = said(app, "real")
    assert decide(client, id, decision)[0] == 422
    assert listed()[id]["decision"] is None


@pytest.mark.parametrize("id", ["x", "0" * 32, "..\\etc\\passwd", "%00", "é"])
def test_a_mark_that_is_none_is_told(app: Flask, client: FlaskClient, id: str) -> None:
    said(app, "real")
    assert decide(client, id, "accept")[0] == 422
    assert client.get(f"/operator/feedback/{id}/picture").status_code == 404


def test_a_kept_file_that_was_exchanged_is_not_accepted(app: Flask, client: FlaskClient) -> None:
    id = said(app, "real")
    (file,) = (data_folder() / "uploads").iterdir()
    file.write_bytes(picture(10))
    status, _ = decide(client, id, "accept")
    assert (status, listed()[id]["decision"]) == (422, None)
    file.write_bytes(b"no picture at all")
    page = client.get(f"/operator/feedback/{id}/picture", headers=BROWSER)
    assert (page.status_code, heading(page.text)) == (422, "This cannot be examined")


def test_a_review_that_cannot_be_written_is_told_and_decides_nothing(app: Flask, client: FlaskClient) -> None:
    id = said(app, "real")
    in_the_way = data_folder() / "feedback" / ".reviews.jsonl.lock"
    in_the_way.mkdir(parents=True)
    assert decide(client, id, "reject")[0] == 500
    assert listed()[id]["decision"] is None


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
def test_another_sites_page_decides_nothing(app: Flask, client: FlaskClient, headers: dict[str, str]) -> None:
    id = said(app, "real")
    answer = client.post(f"/operator/feedback/{id}", data={"decision": "accept"}, headers=headers)
    assert answer.status_code == 403
    assert listed()[id]["decision"] is None


def test_who_is_no_operator_neither_sees_nor_decides(app: Flask) -> None:
    id = said(app, "real")
    new_key(app, operator=True)
    for headers, status in (({}, 401), (bearer(new_key(app)), 403)):
        client = app.test_client()
        answers = [
            client.get(f"/operator/feedback{rest}", headers=headers) for rest in ("", f"/{id}/picture")
        ]
        answers.append(client.post(f"/operator/feedback/{id}", data={"decision": "accept"}, headers=headers))
        assert [answer.status_code for answer in answers] == [status] * 3
    assert listed()[id]["decision"] is None


def test_where_no_uploads_are_kept_the_page_says_what_that_means(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"keep_uploads": False}))
    id = said(app, "real")
    page = plain(app.test_client().get("/operator/feedback").text)
    assert "This server keeps no uploads" in page
    assert "The picture was not kept" in page
    assert app.test_client().get(f"/operator/feedback/{id}/picture").status_code == 404
    assert decide(app.test_client(), id, "accept")[0] == 303


@pytest.mark.parametrize("asked", ["abc", "-5", "", "99999999", "1e3", "٣", "1" * 5000, "<b>"])
def test_a_page_that_is_none_is_the_first_or_the_last(client: FlaskClient, asked: str) -> None:
    page = client.get("/operator/feedback", query_string={"page": asked, "show": asked, "done": asked})
    assert page.status_code == 200
    assert "<b>" not in page.text


def test_many_marks_are_cut_into_pages() -> None:
    found = [Reviewed(mark(f"m{n}"), None, "") for n in range(PAGE + 1)]
    first, second = (make_bench(found, MultiDict({"page": page})) for page in ("1", "7"))
    assert (len(first.marks), len(second.marks), second.page, second.last_page) == (PAGE, 1, 2, 2)
    assert second.link(kind="apart", page=1) == {"show": "apart"}
