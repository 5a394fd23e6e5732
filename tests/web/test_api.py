"""The API as a program uses it."""

from __future__ import annotations

from functools import partial
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from PIL import Image

from aivsreal.web.access import COOKIE
from aivsreal.web.app import create_app
from aivsreal.web.settings import Settings
from tests.data.draw import as_bytes, flat
from tests.web.conftest import picture


def form(*files: tuple[bytes, str]) -> dict[str, Any]:
    return {"image": [(BytesIO(data), name) for data, name in files]}


def browser(app: Flask, secret: str) -> FlaskClient:
    client = app.test_client()
    client.set_cookie(COOKIE, secret * 43)
    return client


def posted(client: FlaskClient, brightness: int = 230, query: str = "") -> dict[str, Any]:
    answer = client.post(f"/api/v1/images{query}", data=form((picture(brightness), "photo.jpg")))
    assert answer.status_code == 201, answer.text
    return dict(answer.get_json()["images"][0])


def test_a_bright_picture_is_called_ai(client: FlaskClient) -> None:
    image = posted(client)
    assert (image["verdict"], image["words"], image["name"]) == ("ai", "likely AI-generated", "photo.jpg")
    assert (image["promise"], image["model"]) == ("It is bright.", "tiny 1.0.0")
    assert (image["format"], image["width"], image["height"]) == ("JPEG", 64, 48)


def test_the_body_may_be_the_picture_itself(client: FlaskClient) -> None:
    answer = client.post("/api/v1/images", data=picture(20), content_type="image/jpeg")
    assert [image["verdict"] for image in answer.get_json()["images"]] == ["real"]


def test_what_a_file_says_of_itself_is_told_and_changes_no_verdict(client: FlaskClient) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = b"ASCII\0\0\0Steps: 20, Sampler: Euler a"
    said = as_bytes(flat(64, 48, (20, 20, 20)), "JPEG", exif=exif)
    image = client.post("/api/v1/images", data=said, content_type="image/jpeg").get_json()["images"][0]
    assert (image["verdict"], image["declared"], image["declared_in"]) == (
        "real",
        "ai",
        "Stable Diffusion web UI",
    )
    page = client.get(image["page_url"]).text
    assert page.count("made by AI (Stable Diffusion web UI)") == 3
    assert "the answer does not rest on them" in page
    assert "nothing on how it was made" in client.get(posted(client)["page_url"]).text


def test_one_bad_picture_does_not_fail_the_others(client: FlaskClient) -> None:
    files = form((picture(230), "a.jpg"), (b"no picture", "b.jpg"), (picture(20), "c.jpg"))
    answer = client.post("/api/v1/images", data=files)
    first, second, third = answer.get_json()["images"]
    assert answer.status_code == 201
    assert (first["verdict"], third["verdict"]) == ("ai", "real")
    assert second["name"] == "b.jpg"
    assert (second["error"]["status"], second["error"]["hint"] != "") == (422, True)


def test_pictures_that_all_fail_are_a_problem_with_a_hint(client: FlaskClient) -> None:
    answer = client.post("/api/v1/images", data=form((b"no picture", "b.jpg")))
    assert (answer.status_code, answer.mimetype) == (422, "application/problem+json")
    problem = answer.get_json()
    assert problem["status"] == 422
    assert {"type", "title", "detail", "hint"} <= set(problem)


@pytest.mark.parametrize("path", ["", "/preview", "/heatmap"])
def test_what_one_session_made_does_not_exist_for_another(app: Flask, path: str) -> None:
    mine = posted(browser(app, "a"), query="?heatmap=1")
    assert browser(app, "a").get(mine["url"] + path).status_code == 200
    assert browser(app, "b").get(mine["url"] + path).status_code == 404
    assert app.test_client().get(mine["url"] + path).status_code == 404


def test_a_session_lists_its_own_newest_first(app: Flask) -> None:
    first, second = posted(browser(app, "a")), posted(browser(app, "a"), 20)
    posted(browser(app, "b"))
    listed = browser(app, "a").get("/api/v1/images").get_json()["images"]
    assert [image["id"] for image in listed] == [second["id"], first["id"]]


def test_what_is_deleted_is_gone(app: Flask) -> None:
    client = browser(app, "a")
    image = posted(client, query="?heatmap=1")
    assert browser(app, "b").delete(image["url"]).status_code == 404
    assert client.delete(image["url"]).status_code == 204
    assert client.get(image["url"]).status_code == 404
    assert client.get(image["preview_url"]).status_code == 404
    assert client.delete(image["url"]).status_code == 404


def test_delete_all_also_takes_what_a_list_is_too_short_for(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = app.extensions["aivsreal"].examiner.store
    monkeypatch.setattr(store, "list_of", partial(store.list_of, limit=1))
    client, other = browser(app, "a"), browser(app, "b")
    mine, others = [posted(client)["url"] for _ in range(3)], posted(other)["url"]
    assert client.delete("/api/v1/images").status_code == 204
    assert [client.get(url).status_code for url in mine] == [404, 404, 404]
    assert other.get(others).status_code == 200


def test_behind_a_proxy_that_adds_a_prefix_every_address_has_it(settings: Settings) -> None:
    app = create_app(settings.model_copy(update={"proxies": 1}))
    answer = app.test_client().post(
        "/api/v1/images", data=form((picture(), "a.jpg")), headers={"X-Forwarded-Prefix": "/detect"}
    )
    app.extensions["aivsreal"].examiner.close()
    image = answer.get_json()["images"][0]
    assert image["url"] == f"/detect/api/v1/images/{image['id']}"
    assert image["page_url"] == f"/detect/images/{image['id']}"


def test_feedback_is_remembered_and_may_be_changed(client: FlaskClient) -> None:
    url = posted(client)["url"]
    client.post(f"{url}/feedback", json={"answer": "real", "remark": "I took it"})
    client.post(f"{url}/feedback", json={"answer": "not_sure"})
    feedback = client.get(url).get_json()["feedback"]
    assert (feedback["answer"], feedback["remark"]) == ("not_sure", "")


def test_another_sites_page_cannot_upload(client: FlaskClient) -> None:
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://elsewhere.example"}):
        answer = client.post("/api/v1/images", data=form((picture(), "a.jpg")), headers=headers)
        assert answer.status_code == 403
