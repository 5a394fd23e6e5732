"""What pages say, by the pure functions that say it: words, regions, lists, figures, the API's outline."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from aivsreal.bundle import load_bundle
from aivsreal.verdict import NOT_A_PHOTOGRAPH
from aivsreal.web.figures import histogram, measured_sets
from aivsreal.web.listing import PAGE, make_listing
from aivsreal.web.outline import kind_of, outline
from aivsreal.web.regions import PLACES, describe, region_means, strongest_region
from aivsreal.web.shapes import ExaminationOut
from aivsreal.web.wording import NARROW, Rates, citation, mix_of, percent, points, rates_of, size, span
from tests.data.bundles import tiny_card

NOON = datetime(2026, 11, 24, 12, 2, tzinfo=UTC)


def picture(name: str = "a.jpg", **values: Any) -> ExaminationOut:
    given = {
        "id": name,
        "url": "/",
        "page_url": "/",
        "created": NOON,
        "expires": NOON,
        "name": name,
        "verdict": "ai",
        "words": "likely AI-generated",
        "probability_ai": 0.951,
        "logit": 3.0,
        "model": "tiny 1.0.0",
        "real_below": 0.25,
        "ai_above": 0.75,
        "promise": "It is bright.",
        "reason": None,
        "spread": 0.32,
        "logit_spread": 1.0,
        "format": "JPEG",
        "width": 4,
        "height": 3,
        "bytes": 9,
        "sha256": "0" * 64,
        "seconds": 0.1,
        "preview_url": None,
        "heatmap_url": None,
        "preview_expires": None,
        "feedback": None,
    }
    return ExaminationOut(**{**given, **values})


def plain(text: str) -> str:
    return text.replace(NARROW, " ")


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (0.0, "0 %"),
        (1.0, "100 %"),
        (0.00001, "under 0.1 %"),
        (0.99999, "over 99.9 %"),
        (0.0351, "3.5 %"),
        (0.24, "24 %"),
    ],
)
def test_a_share_is_never_rounded_to_certainty(share: float, words: str) -> None:
    assert plain(percent(share)) == words


@pytest.mark.parametrize(
    ("hours", "words"),
    [(24, "a day"), (1, "an hour"), (72, "3 days"), (6, "6 hours"), (0.5, "30 minutes"), (36, "36 hours")],
)
def test_a_span_is_said_in_its_largest_whole_unit(hours: float, words: str) -> None:
    assert span(hours) == words


def test_sizes_and_points() -> None:
    assert [plain(size(n)) for n in (9, 81920, 50 * 2**20, 3 * 2**19)] == [
        "9 bytes",
        "80 KB",
        "50 MB",
        "1.5 MB",
    ]
    assert [plain(points(n)) for n in (0.001, 0.01, 0.32)] == ["under 1 point", "1 point", "32 points"]


def test_a_citation_holds_all_that_is_needed_to_check_it() -> None:
    said = citation(picture())
    assert said == (
        "a.jpg: likely AI-generated (probability of AI 95.1 %, moves by 32 points when saved again). "
        f"aivsreal, model tiny 1.0.0, 24 Nov 2026, 12:02 UTC. SHA-256 {'0' * 64}."
    )


def test_a_citation_says_why_no_answer_is_given() -> None:
    said = citation(picture(verdict="uncertain", words="cannot tell", reason=NOT_A_PHOTOGRAPH))
    assert f"when saved again). {NOT_A_PHOTOGRAPH} aivsreal, model tiny 1.0.0" in said


def test_a_flag_among_mostly_real_pictures_is_often_wrong() -> None:
    mix = mix_of(Rates(found=0.8, flagged=0.05, measured_on="x", about=""), ai=10)
    assert (mix.right, mix.wrong, mix.flagged) == (8, 50, 58)


def test_rates_come_from_the_card_and_are_none_where_it_has_none() -> None:
    shipped = rates_of(load_bundle("photos").card)
    assert shipped is not None
    assert 0 < shipped.flagged < shipped.found < 1
    assert rates_of(tiny_card()) is None


def test_regions_lie_where_the_map_is_warm() -> None:
    heatmap = np.full((90, 120), -5.0, np.float32)
    heatmap[:30, 80:] = 5
    assert describe(region_means(heatmap)) == (
        "The upper right region speaks for AI. The upper left, upper middle, middle left, centre, middle right, "
        "lower left, lower middle and lower right regions speak for real."
    )


@pytest.mark.parametrize(
    ("logit", "words"),
    [
        (5, "Every region speaks for AI."),
        (-5, "Every region speaks for real."),
        (0, "No region speaks clearly"),
    ],
)
def test_a_map_of_one_colour_is_said_in_one_sentence(logit: float, words: str) -> None:
    assert describe(region_means(np.full((7, 7), logit, np.float32))).startswith(words)


def test_the_region_that_stands_out_of_a_sure_verdict_is_named() -> None:
    sure = np.full((90, 120), 20, np.float32)
    assert strongest_region(sure) is None
    sure[60:, :40] = 30
    assert describe(region_means(sure), strongest_region(sure)) == (
        "Every region speaks for AI. The lower left says most."
    )


@given(
    arrays(
        np.float32,
        st.tuples(st.integers(1, 9), st.integers(1, 9)),
        elements=st.floats(-1e6, 1e6, width=32),
    )
)
def test_any_map_has_nine_probabilities(heatmap: np.ndarray) -> None:
    means = region_means(heatmap)
    assert len(means) == len(PLACES)
    assert all(0 <= mean <= 1 for mean in means)
    assert strongest_region(heatmap) in (None, *PLACES)


def test_a_list_is_cut_into_pages_and_a_page_beyond_the_last_is_the_last() -> None:
    pictures = [picture(f"{n}.jpg", created=NOON - timedelta(hours=n)) for n in range(PAGE + 1)]
    first, beyond = make_listing(pictures, {}), make_listing(pictures, {"page": "99"})
    assert (len(first.pictures), first.last_page) == (PAGE, 2)
    assert ([one.name for one in beyond.pictures], beyond.page) == ([f"{PAGE}.jpg"], 2)
    assert beyond.link(1) == {}
    assert make_listing(pictures, {"sort": "name"}).link(2) == {"sort": "name", "page": 2}


def test_a_list_is_filtered_by_verdict_and_name() -> None:
    pictures = [
        picture("Cat.jpg"),
        picture("dog.jpg", verdict="real"),
        picture("catalogue.jpg", verdict="real"),
    ]
    found = make_listing(pictures, {"verdict": "real", "name": " CAT "})
    assert [one.name for one in found.pictures] == ["catalogue.jpg"]
    assert found.summary == "3 pictures: 1 likely AI-generated, 2 likely real; 1 shown here"


def test_the_shipped_card_has_figures_and_slices_to_show() -> None:
    card = load_bundle("photos").card
    for measured in measured_sets(card):
        assert measured.figures["as_is"]["recall"].low <= measured.figures["as_is"]["recall"].value
        assert "=" not in measured.about
        shares = [slice.value for slice in measured.generators]
        assert shares == sorted(shares, reverse=True)
    assert max(bar.height for bar in histogram(card)) == 1
    assert measured_sets(tiny_card()) == []
    assert histogram(tiny_card()) == []


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"$ref": "#/components/schemas/Problem"}, "Problem"),
        ({"type": "array", "items": {"type": "string"}}, "list of string"),
        ({"anyOf": [{"type": "number"}, {"type": "null"}]}, "number or null"),
        ({"enum": ["ai", "real"]}, "ai | real"),
        ({"type": ["string", "null"]}, "string or null"),
        ({}, "anything"),
    ],
)
def test_kinds_are_said_in_words(schema: dict[str, Any], words: str) -> None:
    assert kind_of(schema) == words


def test_an_outline_tells_answers_from_problems() -> None:
    answers = {"200": {"description": "OK"}, "404": {"description": "Not Found"}}
    document = {
        "info": {"title": "T", "version": "1"},
        "paths": {"/things/{id}": {"get": {"summary": "Return it.", "responses": answers}}},
    }
    (only,) = outline(document).operations
    assert (only.method, only.anchor) == ("GET", "get--things--id")
    assert [[each.status for each in kind] for kind in (only.results, only.problems)] == [["200"], ["404"]]
