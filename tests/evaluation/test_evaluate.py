"""evaluate: one folder with figures, predictions, plots and a report; whole, or not there."""

import csv
import json
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from aivsreal.bundle import Bundle, load_bundle
from aivsreal.data.sources import load_set
from aivsreal.errors import BadBundle, BadData, CannotWrite
from aivsreal.evaluation import evaluate, record_figures
from aivsreal.evaluation.metrics import NAMES
from aivsreal.evaluation.plots import _slices_title
from aivsreal.evaluation.report import _extremes
from aivsreal.images import inspect
from tests.data.bundles import tiny_bundle
from tests.evaluation.drawn import draw_set

PLOTS = {"confusion", "generators", "precision_recall", "reliability", "roc", "scores", "worst"}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return tiny_bundle(tmp_path_factory.mktemp("bundle") / "tiny")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, bundle: Bundle) -> Path:
    """A set with a leak, a second copy, a damaged file and a mistake of each kind, measured."""
    folder = tmp_path_factory.mktemp("evaluate")
    data = draw_set(folder / "data", n=24, splits=("train", "test"))
    shutil.copy(data / "test/fake/bright/000.jpg", data / "train/fake/bright/leak.jpg")
    shutil.copy(data / "test/fake/bright/001.png", data / "test/fake/bright/again.png")
    shutil.copy(data / "test/fake/bright/002.jpg", data / "test/real/home/bright.jpg")
    shutil.copy(data / "test/real/home/002.jpg", data / "test/fake/dim/dark.jpg")
    (data / "test/real/home/003.png").write_bytes(b"\x89PNG\r\n\x1a\n, and no more")
    return evaluate(bundle.folder, load_set(data), "test", folder / "out").parent


@pytest.fixture(scope="module")
def metrics(report: Path) -> dict[str, Any]:
    return dict(json.loads((report / "metrics.json").read_text()))


def test_every_figure_has_a_value_and_its_interval(metrics: dict[str, Any]) -> None:
    for chain in ("as_is", "aligned", "leak_free"):
        assert set(metrics[chain]) == set(NAMES)
        assert all(f["low"] <= f["value"] <= f["high"] for f in metrics[chain].values())


def test_figures_are_those_of_the_drawn_pictures(metrics: dict[str, Any]) -> None:
    assert metrics["as_is"]["false_positive_rate"]["value"] == pytest.approx(1 / 24, abs=1e-5)
    assert metrics["confusion"]["as_is"]["real"] == {"real": 23, "uncertain": 0, "ai": 1}
    assert sum(metrics["confusion"]["as_is"]["ai"].values()) == 26


def test_counts_account_for_every_picture(metrics: dict[str, Any]) -> None:
    assert metrics["counts"] == {
        "pictures": 51,
        "measured": 50,
        "real": 24,
        "ai": 26,
        "failed": 1,
        "leaked": 1,
        "copies": 3,
    }
    assert list(metrics["failures"]) == ["test/real/home/003.png"]


def test_generators_stand_by_their_year_and_a_year_on_costs_area(metrics: dict[str, Any]) -> None:
    by_year = metrics["years"]
    assert {year: part["n"] for year, part in by_year["years"].items()} == {"2019": 13, "2024": 13}
    old, new = (part["roc_auc"]["value"] for part in by_year["years"].values())
    assert by_year["lost_a_year"]["value"] == pytest.approx((old - new) / 5, abs=1e-4)


def test_leak_free_stands_beside_as_is_where_there_are_leaks(metrics: dict[str, Any]) -> None:
    assert metrics["leak_free"] != metrics["as_is"]


def test_thresholds_and_model_are_the_bundles_own(metrics: dict[str, Any], bundle: Bundle) -> None:
    assert metrics["thresholds"]["ai_above"] == bundle.card.thresholds.ai_above
    assert metrics["model"]["name"] == "tiny"
    assert metrics["model"]["graph_sha256"] == bundle.card.files["model.onnx"]


def test_predictions_hold_a_line_an_image(report: Path) -> None:
    with (report / "predictions.csv").open(newline="") as stream:
        lines = {line["key"]: line for line in csv.DictReader(stream)}
    assert len(lines) == 51
    bright = lines["test/fake/bright/000.jpg"]
    assert (bright["label"], bright["verdict"], bright["generator"]) == ("ai", "ai", "bright")
    assert (bright["leaked"], bright["copy"], bright["year"]) == ("1", "0", "2024")
    assert float(bright["probability_ai"]) > 0.75
    damaged = lines["test/real/home/003.png"]
    assert (damaged["verdict"], damaged["probability_ai"]) == ("", "")
    assert damaged["error"]


def test_plots_are_pictures_of_a_readable_size(report: Path) -> None:
    plots = {path.stem: inspect(path) for path in report.glob("*.png")}
    assert set(plots) == PLOTS
    assert all(facts.width >= 700 for facts in plots.values())


def test_report_needs_nothing_but_itself(report: Path) -> None:
    page = Page((report / "report.html").read_text())
    assert len(page.images) == len(PLOTS)
    assert all(source.startswith("data:image/png;base64,") for source, _ in page.images)
    assert all(alternative for _, alternative in page.images)
    assert not page.links


def test_report_opens_with_plain_sentences(report: Path) -> None:
    text = Page((report / "report.html").read_text()).text
    assert "Of 100 photographs in this set, about 4 (95 %: 1 to 20) were called AI." in text
    assert "1 pictures could not be read" not in text
    assert "One picture could not be read; it counts in no figure." in text
    assert "It is bright." in text


def test_report_escapes_what_the_data_says(tmp_path: Path, bundle: Bundle) -> None:
    data = draw_set(tmp_path / "data", n=4)
    (data / "test/fake/bright").rename(data / "test/fake/<script>alert(1)<")
    path = evaluate(bundle.folder, load_set(data), out=tmp_path / "out")
    assert "<script" not in (path.parent / "report.html").read_text()


def test_a_set_without_splits_is_measured_whole(tmp_path: Path, bundle: Bundle) -> None:
    data = draw_set(tmp_path / "data", n=4)
    path = evaluate(bundle.folder, load_set(data / "test"), out=tmp_path / "out")
    found = json.loads(path.read_text())
    assert found["data"]["split"] == ""
    assert found["counts"]["measured"] == 8
    assert "leak_free" not in found


def test_a_split_of_a_set_without_splits_is_to_be_left_out(tmp_path: Path, bundle: Bundle) -> None:
    data = load_set(draw_set(tmp_path / "data", n=2) / "test")
    with pytest.raises(BadData, match="has no splits") as caught:
        evaluate(bundle.folder, data, "test", out=tmp_path / "out")
    assert caught.value.hint == "leave --split out, and all of it is measured"


def test_report_goes_below_the_working_folder_by_default(
    tmp_path: Path, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = evaluate(bundle.folder, load_set(draw_set(tmp_path / "data", n=4)))
    assert path == Path("report/tiny-data-test/metrics.json")
    assert path.is_file()


def test_two_pictures_a_class_make_a_whole_report(tmp_path: Path, bundle: Bundle) -> None:
    path = evaluate(bundle.folder, load_set(draw_set(tmp_path / "data", n=2)), out=tmp_path / "out")
    found = json.loads(path.read_text())
    assert found["as_is"]["calibration_error"] is None
    assert found["as_is"]["false_positive_rate"] == {"value": 0.0, "low": 0.0, "high": 0.65762}
    assert (path.parent / "report.html").is_file()


def test_an_earlier_report_is_replaced_whole(tmp_path: Path, bundle: Bundle) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/metrics.json").write_text("{}")
    (tmp_path / "out/old.txt").write_text("left over")
    evaluate(bundle.folder, load_set(draw_set(tmp_path / "data", n=4)), out=tmp_path / "out")
    assert not (tmp_path / "out/old.txt").exists()


def test_a_folder_of_something_else_is_never_replaced(tmp_path: Path, bundle: Bundle) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters/mine.txt").write_text("mine")
    with pytest.raises(CannotWrite, match="other files"):
        evaluate(bundle.folder, load_set(draw_set(tmp_path / "data", n=4)), out=tmp_path / "letters")
    assert (tmp_path / "letters/mine.txt").read_text() == "mine"


def test_an_interrupted_measurement_leaves_nothing_behind(tmp_path: Path, bundle: Bundle) -> None:
    def interrupt(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate(
            bundle.folder,
            load_set(draw_set(tmp_path / "data", n=4)),
            out=tmp_path / "reports/out",
            on_progress=interrupt,
        )
    assert not list((tmp_path / "reports").iterdir())


def test_an_unknown_split_names_those_that_exist(tmp_path: Path, bundle: Bundle) -> None:
    data = load_set(draw_set(tmp_path / "data", n=2, splits=("train", "val")))
    with pytest.raises(BadData) as caught:
        evaluate(bundle.folder, data, out=tmp_path / "out")
    assert caught.value.hint == "it has: train, val"


def test_one_class_cannot_be_measured(tmp_path: Path, bundle: Bundle) -> None:
    data = load_set(draw_set(tmp_path / "data", n=2), where=("label=real",))
    with pytest.raises(BadData, match="AI ones are missing"):
        evaluate(bundle.folder, data, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_class_that_cannot_be_read_is_refused(tmp_path: Path, bundle: Bundle) -> None:
    folder = draw_set(tmp_path / "data", n=2)
    for file in (folder / "test/real/home").iterdir():
        file.write_bytes(b"no picture")
    with pytest.raises(BadData, match="not a picture of each class"):
        evaluate(bundle.folder, load_set(folder), out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_damaged_bundle_is_refused_before_anything_is_measured(tmp_path: Path) -> None:
    damaged = tiny_bundle(tmp_path / "tiny").folder
    graph = damaged / "model.onnx"
    graph.write_bytes(graph.read_bytes() + b"x")
    with pytest.raises(BadBundle):
        evaluate(damaged, load_set(draw_set(tmp_path / "data", n=2)), out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_recorded_figures_stand_in_the_card_and_on_the_model_card(tmp_path: Path, report: Path) -> None:
    own = tiny_bundle(tmp_path / "tiny")
    record_figures(own.folder, report / "metrics.json", "drawn/test")
    card = load_bundle(own.folder).card
    kept = card.figures["drawn/test"]
    assert kept["as_is"] == json.loads((report / "metrics.json").read_text())["as_is"]
    assert kept["slices"]["generator=bright"]["as_is"]["recall"]["value"] == 1.0
    assert "source=home" not in kept["slices"]
    assert "drawn/test" in (own.folder / "MODEL.md").read_text()


def test_figures_of_another_model_are_not_recorded(tmp_path: Path, report: Path) -> None:
    other = tiny_bundle(tmp_path / "other", gain=5.0)
    with pytest.raises(BadData, match="another model"):
        record_figures(other.folder, report / "metrics.json", "drawn/test")


def test_figures_of_earlier_thresholds_are_not_recorded(tmp_path: Path, report: Path) -> None:
    other = tiny_bundle(tmp_path / "other", thresholds={"real_below": 0.1, "ai_above": 0.9})
    with pytest.raises(BadData, match="present thresholds"):
        record_figures(other.folder, report / "metrics.json", "drawn/test")


def test_figures_without_the_check_that_verdicts_pass_are_not_recorded(tmp_path: Path) -> None:
    own = tiny_bundle(tmp_path / "tiny", stability={"deliveries": ["shared"]})
    data = load_set(draw_set(tmp_path / "data", n=4))
    fast = evaluate(own.folder, data, out=tmp_path / "fast", fast=True)
    with pytest.raises(BadData, match="--fast"):
        record_figures(own.folder, fast, "drawn/test")
    record_figures(own.folder, evaluate(own.folder, data, out=tmp_path / "whole"), "drawn/test")


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"as_is": 1', "null"])
def test_what_is_no_measurement_is_not_recorded(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "metrics.json"
    if content is not None:
        path.write_text(content)
    own = tiny_bundle(tmp_path / "tiny")
    with pytest.raises(BadData, match="no measurement"):
        record_figures(own.folder, path, "drawn/test")


class Page(HTMLParser):
    """What a browser would fetch and show of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.images: list[tuple[str, str]] = []
        self.links: list[str] = []
        self.words: list[str] = []
        self.feed(html)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "img":
            self.images.append((found["src"], found.get("alt", "")))
        if tag in ("script", "link", "iframe", "a"):
            self.links.append(tag)

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_generators_found_alike_are_not_called_least_and_most() -> None:
    figure = {"value": 0.5, "low": 0.4, "high": 0.6}
    slices = {f"generator={name}": {"n": 20, "as_is": {"recall": figure}} for name in ("sd", "mj")}

    assert list(_extremes(slices)) == [
        "Each generator with at least ten pictures is found as often: about 50 (95 %: 40 to 60) of 100."
    ]
    assert _slices_title(list(slices.items())) == "50 % of the pictures of each generator are called AI"
