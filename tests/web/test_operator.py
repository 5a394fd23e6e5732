"""The operator's pages: who may open them, and what they say."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from aivsreal.living import registry
from aivsreal.web.app import create_app
from aivsreal.web.settings import Settings
from aivsreal.web.store import Store
from aivsreal.web.wording import NARROW
from tests.data.bundles import tiny_bundle
from tests.web.test_access import bearer, new_key
from tests.web.test_examine import changed
from tests.web.test_pages import BROWSER, heading

PAGES = ("/operator", "/operator/monitor", "/operator/feedback")


@pytest.fixture(autouse=True)
def _own_data_folder(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIVSREAL_DATA_DIR", str(settings.folder))


def store_of(app: Flask) -> Store:
    store: Store = app.extensions["aivsreal"].examiner.store
    return store


@pytest.fixture
def closed(app: Flask) -> Flask:
    """A server for which an operator's key was made."""
    new_key(app, operator=True)
    return app


@pytest.fixture
def signed_in(app: Flask) -> FlaskClient:
    """A browser that has signed in."""
    client = app.test_client()
    answer = client.post("/operator/sign-in", data={"key": new_key(app, operator=True)})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/operator")
    return client


@pytest.mark.parametrize("path", PAGES)
def test_on_this_machine_they_are_open_until_an_operators_key_is_made(app: Flask, path: str) -> None:
    client = app.test_client()
    new_key(app)
    assert client.get(path, headers=BROWSER).status_code == 200

    new_key(app, operator=True)
    assert client.get(path).status_code == 401
    led = client.get(path, headers=BROWSER)
    assert (led.status_code, led.headers["Location"]) == (303, "/operator/sign-in")


@pytest.mark.parametrize(
    "more", [{"host": "0.0.0.0"}, {"hosts": ("localhost",)}, {"proxies": 1}, {"require_key": True}]
)
@pytest.mark.parametrize("path", PAGES)
def test_a_server_for_others_opens_them_to_nobody_without_a_key(
    settings: Settings, more: dict[str, object], path: str
) -> None:
    client = changed(settings, **more).test_client()
    assert client.get(path).status_code == 401
    assert client.get("/operator/sign-in", headers=BROWSER).status_code == 200
    assert client.get("/static/base.css").status_code == 200


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"])
def test_a_proxy_that_nobody_told_us_of_opens_nothing(app: Flask, header: str) -> None:
    client = app.test_client()
    assert client.get("/operator", headers={header: "127.0.0.1"}).status_code == 401
    assert client.get("/operator", environ_base={"REMOTE_ADDR": "192.0.2.7"}).status_code == 401
    assert client.get("/operator", environ_base={"REMOTE_ADDR": ""}).status_code == 401


def test_a_program_brings_its_key_as_everywhere(closed: Flask) -> None:
    client = closed.test_client()
    answers = [
        client.get("/operator", headers=bearer(key)).status_code
        for key in ("aivs_0_0", new_key(closed), new_key(closed, operator=True))
    ]
    assert answers == [401, 403, 200]


@pytest.mark.parametrize("text", ["", "nonsense", "aivs_0_0", "\x00", "é", "aivs_" + "x" * 50_000])
def test_what_is_no_operators_key_signs_nobody_in(closed: Flask, text: str) -> None:
    client = closed.test_client()
    for key in (text, new_key(closed)):
        answer = client.post("/operator/sign-in", data={"key": key})
        assert answer.status_code == 401
        assert "Set-Cookie" not in answer.headers
        assert "no operator's key" in answer.text.replace("&#39;", "'")
        assert not key or key not in answer.text


def test_a_browser_that_signed_in_is_known_by_a_strict_cookie_that_is_not_the_key(closed: Flask) -> None:
    key = new_key(closed, operator=True)
    answer = closed.test_client().post("/operator/sign-in", data={"key": f" {key}\n"})
    cookie = answer.headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/operator"} <= {part.strip() for part in cookie.split(";")}
    assert key not in cookie
    _, _, secret = key.split("_", 2)  # which may hold more of them
    assert secret not in cookie
    over_tls = closed.test_client().post("/operator/sign-in", data={"key": key}, base_url="https://localhost")
    assert "Secure" in over_tls.headers["Set-Cookie"]


def test_a_sign_in_ends_by_signing_out_for_every_copy_of_its_cookie(
    app: Flask, signed_in: FlaskClient
) -> None:
    cookie = signed_in.get_cookie("aivsreal_operator", path="/operator")
    assert cookie is not None
    other = app.test_client()
    other.set_cookie("aivsreal_operator", cookie.value, path="/operator")
    assert [client.get("/operator").status_code for client in (signed_in, other)] == [200, 200]

    assert signed_in.post("/operator/sign-out").headers["Location"] == "/operator/sign-in"
    assert [client.get("/operator").status_code for client in (signed_in, other)] == [401, 401]


def test_a_sign_in_ends_with_its_key_and_with_its_time(
    app: Flask, signed_in: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = store_of(app)
    store.revoke_key(store.list_keys()[0].id)
    assert signed_in.get("/operator").status_code == 401

    again, key = app.test_client(), new_key(app, operator=True)
    monkeypatch.setattr("aivsreal.web.operator_access.LASTING", timedelta(days=-1))
    again.post("/operator/sign-in", data={"key": key})
    assert again.get("/operator").status_code == 401


@pytest.mark.parametrize("path", ["/operator/sign-in", "/operator/sign-out"])
def test_another_sites_page_signs_nobody_in_or_out(signed_in: FlaskClient, path: str) -> None:
    for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "null"}):
        assert signed_in.post(path, headers=headers).status_code == 403
    assert signed_in.get("/operator").status_code == 200


def test_a_sign_in_opens_nothing_else(settings: Settings) -> None:
    app = changed(settings, require_key=True)
    client = app.test_client()
    client.post("/operator/sign-in", data={"key": new_key(app, operator=True)})
    assert client.get("/operator").status_code == 200
    assert [client.get(path).status_code for path in ("/", "/api/v1/images", "/api/v1/model")] == [401] * 3


def test_the_overview_tells_versions_changes_and_what_needs_somebody(
    settings: Settings, tmp_path: Path
) -> None:
    for version in ("1.0.0", "2.0.0"):
        registry.add(
            tiny_bundle(tmp_path / version, name="tiny", version=version, gain=float(version[0])).folder
        )
    registry.promote("tiny-1.0.0", why="<b>first</b>")
    (settings.folder / "models" / "tiny-2.0.0" / "model.onnx").write_bytes(b"rotten")
    (settings.folder / "monitor.json").write_text(
        '{"when": "2026-11-01T00:00:00+00:00", "alarm": true, "words": "It has changed.", "window": "w", "model": "m"}'
    )
    page = create_app(settings.model_copy(update={"model": None})).test_client().get("/operator").text

    assert heading(page) == "tiny 1.0.0"
    assert "promote tiny-1.0.0 after photos: &lt;b&gt;first&lt;/b&gt;" in page
    assert "Damaged: " in page
    assert "Monitoring: It has changed." in page
    assert "Somebody should look" in page
    assert "1 Nov 2026, 00:00 UTC" in page.replace(NARROW, " ")


def test_an_address_with_a_slash_too_many_leads_there_too(client: FlaskClient) -> None:
    assert client.get("/operator/").status_code == 200


def test_a_new_server_has_nothing_that_needs_somebody(client: FlaskClient) -> None:
    page = client.get("/operator").text
    assert "Nothing needs anybody just now" in page
    assert "Nobody has looked yet" in page
    assert "the shipped model is in use" in page


@pytest.mark.parametrize("content", ["", "{", "[]", '{"when": 3}', '{"alarm": true}', '{"when": "today"}'])
def test_damaged_files_of_state_are_passed_over(
    client: FlaskClient, settings: Settings, content: str
) -> None:
    (settings.folder / "keep-up").mkdir()
    for name in ("monitor.json", "keep-up/last.json"):
        (settings.folder / name).write_text(content)
    assert client.get("/operator").status_code == 200
    assert client.get("/metrics").status_code == 200


@pytest.mark.parametrize("content", [b"", b"{", b'{"model": "gone"}'])
def test_a_damaged_pointer_is_told(settings: Settings, client: FlaskClient, content: bytes) -> None:
    (settings.folder / "current.json").write_bytes(content)
    answer = client.get("/operator")
    assert answer.status_code == 200
    assert "current.json" in answer.text or "gone" in answer.text
