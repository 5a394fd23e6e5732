"""The OpenAPI document against the application: what it says is what is answered, whatever is asked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import schemathesis
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from aivsreal.web.app import create_app
from aivsreal.web.settings import Settings
from tests.web.test_api import posted

ADDRESS = "/api/v1/openapi.json"
METHODS = ("get", "post", "put", "patch", "delete")


@pytest.fixture(scope="module")
def application(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    app = create_app(Settings(model=str(tiny), data_dir=tmp_path_factory.mktemp("data")))
    yield app
    app.extensions["aivsreal"].examiner.close()


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_no_request_gets_an_answer_that_the_document_does_not_have(
    application: Flask, mode: GenerationMode
) -> None:
    for found in schemathesis.openapi.from_wsgi(ADDRESS, application).get_all_operations():

        @settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
        @given(case=found.ok().as_strategy(generation_mode=mode))
        def answered_as_documented(case: schemathesis.Case) -> None:
            # Bytes that are no picture are refused although the document has no words for that.
            case.call_and_validate(excluded_checks=[positive_data_acceptance])

        # An operation that takes nothing cannot be asked wrongly.
        with suppress(Unsatisfiable):
            answered_as_documented()


def test_the_document_has_every_route_of_the_api(client: FlaskClient, app: Flask) -> None:
    paths = client.get(ADDRESS).get_json()["paths"]
    described = {(path, method) for path, item in paths.items() for method in item if method in METHODS}
    served = {
        (re.sub(r"<(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        for method in rule.methods or ()
        if rule.rule.startswith("/api/") and method.lower() in METHODS
    }
    assert described == served


def test_every_operation_says_what_it_is_for(client: FlaskClient) -> None:
    for path, item in client.get(ADDRESS).get_json()["paths"].items():
        for method, operation in item.items():
            assert not operation["summary"].startswith(operation["operationId"]), f"{method} {path}"


def test_an_examination_is_answered_as_the_document_says(application: Flask) -> None:
    loaded = schemathesis.openapi.from_wsgi(ADDRESS, application)
    client = application.test_client()
    url = posted(client, query="?heatmap=1")["url"]
    loaded["/api/v1/images/{id}"]["GET"].validate_response(client.get(url))
    said = client.post(f"{url}/feedback", json={"answer": "ai"})
    loaded["/api/v1/images/{id}/feedback"]["POST"].validate_response(said)
    loaded["/api/v1/images/{id}/preview"]["GET"].validate_response(client.get(f"{url}/preview"))
    loaded["/api/v1/images/{id}"]["DELETE"].validate_response(client.delete(url))
