"""Who may ask what: keys, sites, hosts, rates; and what every answer carries."""

from __future__ import annotations

import subprocess
import sys
from io import BytesIO
from pathlib import Path
from threading import BoundedSemaphore

import pytest
from flask import Flask

from aivsreal.errors import UsageError
from aivsreal.web.access import COOKIE
from aivsreal.web.settings import Settings, load_settings
from tests.cli.runner import run
from tests.web.conftest import picture
from tests.web.test_api import browser, form, posted
from tests.web.test_examine import changed


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def new_key(app: Flask, *, operator: bool = False) -> str:
    key: str = app.extensions["aivsreal"].examiner.store.make_key("test", operator=operator)[1]
    return key


def test_what_a_key_made_is_seen_with_that_key_only(app: Flask) -> None:
    client, mine, other = app.test_client(), new_key(app), new_key(app)
    answer = client.post("/api/v1/images", data=form((picture(), "a.jpg")), headers=bearer(mine))
    url = answer.get_json()["images"][0]["url"]
    assert client.get(url, headers=bearer(mine)).status_code == 200
    assert client.get(url, headers=bearer(other)).status_code == 404
    assert client.get(url).status_code == 404
    assert len(client.get("/api/v1/images", headers=bearer(mine)).get_json()["images"]) == 1


@pytest.mark.parametrize("header", ["Bearer nonsense", "Bearer aivs_0_0", "Basic YTpi", "Bearer", "x"])
def test_a_wrong_key_is_refused_and_not_ignored(app: Flask, header: str) -> None:
    answer = app.test_client().get("/api/v1/images", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_key_that_is_brought_in_another_way_is_refused(app: Flask) -> None:
    key = new_key(app)
    for header in (f"Basic {key}", key, f"Token {key}"):
        answer = app.test_client().get("/api/v1/images", headers={"Authorization": header})
        assert answer.status_code == 401


def test_a_cookie_that_could_be_guessed_is_nobodys_session(app: Flask) -> None:
    client = app.test_client()
    client.set_cookie(COOKIE, "guest")
    posted(client)
    assert client.get("/api/v1/images").get_json()["images"] == []


def test_a_request_may_hold_as_many_pictures_as_the_setting_says(settings: Settings) -> None:
    client = changed(settings, max_images=2).test_client()
    answers = [
        client.post("/api/v1/images", data=form(*[(picture(), "a.jpg")] * count)).status_code
        for count in (2, 3)
    ]
    assert answers == [201, 413]


def test_an_upload_that_is_over_leaves_its_place_to_the_next(settings: Settings) -> None:
    app = changed(settings, queue=1, max_images=1)
    app.extensions["aivsreal"].door._places = BoundedSemaphore(1)
    client = app.test_client()
    sent = [picture(), b"no picture", picture()]
    answers = [client.post("/api/v1/images", data=form((data, "a.jpg"))).status_code for data in sent]
    assert answers == [201, 422, 201]


def test_a_server_that_wants_keys_answers_nobody_else(settings: Settings) -> None:
    app = changed(settings, require_key=True)
    client = app.test_client()
    assert client.post("/api/v1/images", data=form((picture(), "a.jpg"))).status_code == 401
    assert client.get("/").status_code == 401
    assert client.get("/api/v1/model", headers=bearer(new_key(app))).status_code == 200
    assert client.get("/healthz").status_code == 200


def test_metrics_can_be_for_operators_only(settings: Settings) -> None:
    app = changed(settings, hide_metrics=True)
    client = app.test_client()
    answers = [
        client.get("/metrics", headers=headers)
        for headers in ({}, bearer(new_key(app)), bearer(new_key(app, operator=True)))
    ]
    assert [answer.status_code for answer in answers] == [401, 403, 200]


def test_metrics_count_requests_verdicts_and_failures(app: Flask) -> None:
    client = app.test_client()
    posted(client)
    posted(client, 20)
    client.post("/api/v1/images", data=form((b"no picture", "a.jpg")))
    text = client.get("/metrics").text
    for line in (
        'aivsreal_verdicts_total{model="tiny 1.0.0",verdict="ai"} 1.0',
        'aivsreal_verdicts_total{model="tiny 1.0.0",verdict="real"} 1.0',
        'aivsreal_failed_pictures_total{kind="UnreadableImage"} 1.0',
        'aivsreal_requests_total{method="POST",route="/api/v1/images",status="201"} 2.0',
        'aivsreal_request_seconds_count{route="/api/v1/images"} 3.0',
        "aivsreal_queue_length 0.0",
    ):
        assert line in text


def test_who_sends_too_many_pictures_is_told_when_to_come_back(settings: Settings) -> None:
    client = changed(settings, rate_limit="3 per hour").test_client()
    answers = [client.post("/api/v1/images", data=form(*[(picture(), "a.jpg")] * 2)) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 429]
    assert 1800 < int(answers[1].headers["Retry-After"]) <= 3600
    elsewhere = {"REMOTE_ADDR": "192.0.2.7"}
    other = client.post("/api/v1/images", data=form((picture(), "a.jpg")), environ_base=elsewhere)
    assert other.status_code == 201


def test_an_address_behind_a_proxy_counts_only_where_the_proxy_is_trusted(settings: Settings) -> None:
    for proxies, expected in ((0, [201, 429]), (1, [201, 201])):
        client = changed(settings, rate_limit="1 per hour", proxies=proxies).test_client()
        answers = [
            client.post(
                "/api/v1/images",
                data=form((picture(), "a.jpg")),
                headers={"X-Forwarded-For": f"192.0.2.{number}"},
            ).status_code
            for number in range(2)
        ]
        assert answers == expected


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("127.0.0.1:8000", 200),
        ("[::1]:8000", 200),
        ("evil.example", 400),
        ("localhost.evil.example", 400),
    ],
)
def test_on_a_loopback_address_only_localhost_is_answered(app: Flask, host: str, status: int) -> None:
    assert app.test_client().get("/api/v1/model", headers={"Host": host}).status_code == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 201),
        ({"Sec-Fetch-Site": "same-origin"}, 201),
        ({"Sec-Fetch-Site": "none"}, 201),
        ({"Origin": "http://localhost"}, 201),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://localhost:9999"}, 403),
    ],
)
def test_only_our_own_pages_and_programs_change_anything(
    app: Flask, headers: dict[str, str], status: int
) -> None:
    answer = app.test_client().post("/api/v1/images", data=form((picture(), "a.jpg")), headers=headers)
    assert answer.status_code == status


@pytest.mark.parametrize("path", ["/", "/healthz", "/api/v1/model", "/nowhere", "/api/v1/nowhere"])
def test_every_answer_forbids_what_pages_do_not_need(app: Flask, path: str) -> None:
    headers = app.test_client().get(path).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert (headers["X-Content-Type-Options"], headers["X-Frame-Options"]) == ("nosniff", "DENY")


def test_a_fault_of_ours_shows_no_trace_of_it(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret detail")

    examiner = app.extensions["aivsreal"].examiner
    monkeypatch.setattr(examiner.store, "add", broken)
    answer = app.test_client().post("/api/v1/images", data=form((picture(), "a.jpg")))
    assert (answer.status_code, answer.mimetype) == (500, "application/problem+json")
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    assert not app.debug


def test_readiness_says_that_the_database_is_gone(app: Flask, settings: Settings) -> None:
    client = app.test_client()
    assert client.get("/readyz").status_code == 200
    app.extensions["aivsreal"].examiner.store.close()
    for file in settings.folder.glob("web.sqlite*"):
        file.unlink()
    settings.folder.joinpath("web.sqlite").mkdir()
    answer = client.get("/readyz")
    assert (answer.status_code, client.get("/healthz").status_code) == (503, 200)
    assert "database" in answer.get_json()["detail"]


@pytest.mark.parametrize(
    "body",
    [
        '{"answer": "maybe"}',
        "[]",
        '"ai"',
        "{}",
        '{"answer": "ai", "remark": "\\u0000"}',
        '{"answer": "ai", "remark": "\\ud800"}',
        '{"answer": "ai", "remark": 3}',
        '{"answer": "ai", "more": 1}',
        '{"answer": "ai", "remark": "' + "x" * 2001 + '"}',
    ],
)
def test_feedback_of_another_shape_is_refused(app: Flask, body: str) -> None:
    client = app.test_client()
    url = posted(client)["url"]
    answer = client.post(f"{url}/feedback", data=body, content_type="application/json")
    assert answer.status_code == 422
    assert client.get(url).get_json()["feedback"] is None


def test_a_list_is_exported_as_json_and_as_csv_that_runs_no_formula(app: Flask) -> None:
    client = browser(app, "a")
    client.post("/api/v1/images", data={"image": (BytesIO(picture()), '=HYPERLINK("x")')})
    posted(browser(app, "b"))
    csv = client.get("/api/v1/export?format=csv")
    rows = csv.text.splitlines()
    assert (csv.mimetype, len(rows)) == ("text/csv", 2)
    assert "'=HYPERLINK" in rows[1]
    assert len(client.get("/api/v1/export").get_json()["images"]) == 1
    assert client.get("/api/v1/export?format=xml").status_code == 422


def test_deleting_all_takes_only_ones_own(app: Flask) -> None:
    mine, other = browser(app, "a"), browser(app, "b")
    posted(mine)
    posted(other)
    assert mine.delete("/api/v1/images").status_code == 204
    assert mine.get("/api/v1/images").get_json()["images"] == []
    assert len(other.get("/api/v1/images").get_json()["images"]) == 1


def test_keys_are_made_listed_and_revoked_from_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIVSREAL_DATA_DIR", str(tmp_path))
    made = run("keys", "make", "photo desk", "--operator")
    id = made.stdout.split("_")[1]
    listed = run("keys", "list").stdout
    assert made.exit_code == 0
    assert made.stdout.strip() not in listed
    assert id in listed
    assert "operator" in listed
    assert run("keys", "revoke", id).exit_code == 0
    assert "revoked" in run("keys", "list", "--json").stdout
    assert run("keys", "revoke", id).exit_code == 2


def test_the_command_line_goes_before_the_environment_and_that_before_the_file(tmp_path: Path) -> None:
    file = tmp_path / "serve.toml"
    file.write_text('port = 1001\nqueue = 77\nhosts = ["a.example"]\n')
    environment = {
        "AIVSREAL_PORT": "1002",
        "AIVSREAL_MAX_IMAGES": "9",
        "AIVSREAL_HOSTS": "b.example, c.example",
    }
    settings = load_settings(file, environment, {"port": 1003, "model": None})
    assert (settings.port, settings.queue, settings.max_images) == (1003, 77, 9)
    assert settings.hosts == ("b.example", "c.example")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("prot = 1", "'port'"),
        ("port = 'x'", "in "),
        ("port = ", "TOML"),
        ("max_images = 50", "max_images"),
    ],
)
def test_a_wrong_file_of_settings_is_refused_by_name(tmp_path: Path, text: str, names: str) -> None:
    file = tmp_path / "serve.toml"
    file.write_text(text)
    with pytest.raises(UsageError) as caught:
        load_settings(file, {})
    assert names in caught.value.reason + caught.value.hint


def loaded_by(code: str, *packages: str) -> str:
    check = f"import sys; {code}; print(*[name for name in {packages} if name in sys.modules])"
    return subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True).stdout


def test_predicting_imports_no_web_framework() -> None:
    code = "import aivsreal.cli.predict, aivsreal; aivsreal.Detector"
    assert loaded_by(code, "flask", "sqlalchemy") == "\n"


def test_serving_needs_only_the_light_installation() -> None:
    code = "import aivsreal.cli.serve, aivsreal.web.server, aivsreal.web.app"
    assert loaded_by(code, "scipy", "sklearn", "torch", "pyarrow", "matplotlib") == "\n"
