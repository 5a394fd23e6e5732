"""Pages as any client sees them, without a browser."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from html import unescape
from io import BytesIO
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from aivsreal.verdict import NOT_A_PHOTOGRAPH
from aivsreal.web.app import create_app
from aivsreal.web.settings import Settings
from aivsreal.web.wording import percent
from tests.data.bundles import TELLS_DRAWINGS, tiny_bundle
from tests.data.draw import as_bytes, flat
from tests.web.conftest import picture

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
PAGES = ("/", "/list", "/about", "/model", "/api")


def examined(client: FlaskClient, brightness: int = 230, name: str = "photo.jpg") -> str:
    """The address of the page that a plain form leads to."""
    answer = client.post("/examine", data={"image": (BytesIO(picture(brightness)), name)})
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"]


def heading(text: str) -> str:
    found = re.search(r"<h1>(.*?)</h1>", text, re.DOTALL)
    assert found is not None
    return unescape(re.sub(r"<[^>]+>", "", found[1])).strip()


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_there(client: FlaskClient, path: str) -> None:
    answer = client.get(path, headers=BROWSER)
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", [*PAGES, "/images/none"])
def test_no_page_holds_inline_code_or_style_or_another_host(client: FlaskClient, path: str) -> None:
    text = client.get(path, headers=BROWSER).text
    assert (
        re.findall(r"<style|\sstyle=|\son\w+=|javascript:|<script(?! (?:type=\"module\" )?src=\"/)", text)
        == []
    )
    assert re.findall(r"(?:src|href|action)=\"(?:https?:)?//", text) == []


def test_a_plain_form_leads_to_the_verdict(client: FlaskClient) -> None:
    client.get("/")
    page = client.get(examined(client)).text
    assert heading(page) == "Likely AI-generated"
    assert "It is bright." in page


def test_of_a_drawing_page_and_export_say_why_and_by_which_threshold(
    settings: Settings, tmp_path: Path
) -> None:
    model = tiny_bundle(tmp_path / "tiny", drawn=TELLS_DRAWINGS).folder
    app = create_app(settings.model_copy(update={"model": str(model)}))
    client = app.test_client()
    drawing = as_bytes(flat(64, 64, (200, 160, 200)), "PNG")
    answer = client.post("/examine", data={"image": (BytesIO(drawing), "drawing.png")})
    page = unescape(client.get(answer.headers["Location"]).text)
    about = client.get("/about").text
    [row] = csv.DictReader(client.get("/api/v1/export?format=csv").text.splitlines())
    app.extensions["aivsreal"].examiner.close()
    assert page.count(NOT_A_PHOTOGRAPH) == 2
    assert f"AI begins at {percent(float(row['ai_above']))}" in page
    assert float(row["ai_above"]) > 0.99
    assert (row["real_below"], row["reason"]) == ("0.25", NOT_A_PHOTOGRAPH)
    assert "further above it where the picture looks drawn" in about


def test_several_pictures_of_a_plain_form_lead_to_the_list(client: FlaskClient) -> None:
    files = {"image": [(BytesIO(picture(shade)), f"{shade}.jpg") for shade in (20, 230)]}
    answer = client.post("/examine", data=files)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert "2 pictures: 1 likely AI-generated, 1 likely real" in client.get("/").text


def test_a_plain_form_begins_a_session_where_there_is_none(client: FlaskClient) -> None:
    link = examined(client)
    assert client.get(link).status_code == 200
    assert client.application.test_client().get(link).status_code == 404


def test_feedback_of_a_plain_form_is_shown_again(client: FlaskClient) -> None:
    link = examined(client)
    answer = client.post(f"{link}/feedback", data={"answer": "real", "remark": "mine"})
    assert answer.headers["Location"] == f"{link}#feedback"
    page = client.get(link).text
    assert 'value="real" required checked' in page
    assert ">mine</textarea>" in page


@pytest.mark.parametrize("form", [{"answer": "perhaps"}, {}, {"answer": "ai", "remark": "x" * 2001}])
def test_feedback_that_is_none_is_refused(client: FlaskClient, form: dict[str, str]) -> None:
    answer = client.post(f"{examined(client)}/feedback", data=form, headers=BROWSER)
    assert (answer.status_code, answer.mimetype) == (422, "text/html")


def test_another_session_can_neither_see_nor_change(app: Flask, client: FlaskClient) -> None:
    link = examined(client)
    other = app.test_client()
    examined(other)
    assert [other.get(f"{link}{part}").status_code for part in ("", "/row", "/report")] == [404, 404, 404]
    assert other.post(f"{link}/delete").status_code == 404
    assert other.post(f"{link}/feedback", data={"answer": "ai"}).status_code == 404
    other.post("/delete-all")
    assert client.get(link).status_code == 200


def test_delete_all_leaves_nothing(client: FlaskClient) -> None:
    links = [examined(client, shade) for shade in (20, 230)]
    assert client.post("/delete-all").status_code == 303
    assert [client.get(link).status_code for link in links] == [404, 404]
    assert "Nothing has been examined" in client.get("/").text


def test_a_name_of_markup_is_shown_as_text(client: FlaskClient) -> None:
    link = examined(client, name="<script>alert(1)</script>.jpg")
    for path in (link, f"{link}/row", f"{link}/report", "/", "/list"):
        assert "<script>alert" not in client.get(path).text


def test_programs_get_problems_and_browsers_pages(client: FlaskClient) -> None:
    assert client.get("/images/none").mimetype == "application/problem+json"
    page = client.get("/images/none", headers=BROWSER)
    assert (page.status_code, page.mimetype, heading(page.text)) == (404, "text/html", "Not here")
    assert client.get("/api/v1/images/none", headers=BROWSER).mimetype == "application/problem+json"


def test_an_unknown_address_is_a_page(client: FlaskClient) -> None:
    page = client.get("/nowhere", headers=BROWSER)
    assert (page.status_code, heading(page.text)) == (404, "Not here")


def test_an_empty_form_is_a_page_with_a_hint(client: FlaskClient) -> None:
    page = client.post("/examine", data={"image": (BytesIO(b""), "")}, headers=BROWSER)
    assert (page.status_code, heading(page.text)) == (400, "That did not arrive as it should")


@pytest.fixture
def strict(tiny: Path, tmp_path: Path) -> Iterator[FlaskClient]:
    """A server that takes little: small requests, and one upload a minute."""
    settings = Settings(
        model=str(tiny), data_dir=tmp_path / "data", max_request_bytes=20_000, rate_limit="1 per minute"
    )
    app = create_app(settings)
    yield app.test_client()
    app.extensions["aivsreal"].examiner.close()


def test_too_large_is_a_page(strict: FlaskClient) -> None:
    page = strict.post("/examine", data={"image": (BytesIO(b"x" * 30_000), "a.jpg")}, headers=BROWSER)
    assert (page.status_code, heading(page.text)) == (413, "Too large")


def test_too_many_is_a_page_that_says_when(strict: FlaskClient) -> None:
    examined(strict)
    page = strict.post("/examine", data={"image": (BytesIO(picture()), "a.jpg")}, headers=BROWSER)
    assert (page.status_code, heading(page.text)) == (429, "Too many in a short time")
    assert int(page.headers["Retry-After"]) > 0


def test_a_fault_is_a_page_without_its_trace(
    client: FlaskClient, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a secret of ours")

    monkeypatch.setattr(app.extensions["aivsreal"].examiner.store, "list_of", fail)
    page = client.get("/", headers=BROWSER)
    assert (page.status_code, heading(page.text)) == (500, "Something broke on this server")
    assert "secret" not in page.text
    assert "Traceback" not in page.text


def test_a_server_that_takes_no_more_is_a_page_that_says_when(client: FlaskClient, app: Flask) -> None:
    app.extensions["aivsreal"].examiner.close()
    page = client.post("/examine", data={"image": (BytesIO(picture()), "a.jpg")}, headers=BROWSER)
    assert (page.status_code, heading(page.text)) == (503, "Busy just now")
    assert int(page.headers["Retry-After"]) > 0


@pytest.mark.parametrize("asked", ["abc", "-5", "", "99999999", "1e3", "٣", "1" * 5000])
def test_a_mix_that_is_no_number_is_passed_over(client: FlaskClient, asked: str) -> None:
    assert client.get("/about", query_string={"ai": asked}).status_code == 200
    assert client.get("/", query_string={"page": asked, "sort": asked, "verdict": asked}).status_code == 200
