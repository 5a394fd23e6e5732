"""The detector: verdicts that can be foretold, one by one and many at a time."""

import os
import subprocess
import sys
import threading
import time
from itertools import count, islice
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from aivsreal import Detector, Failure
from aivsreal.bundle import save_bundle
from aivsreal.errors import BadBundle, UnreadableImage
from aivsreal.heatmap import OVERLAY_SIDE, overlay, overlay_png
from aivsreal.images import Limits, open_picture
from aivsreal.verdict import NEARLY_BLANK, NOT_A_PHOTOGRAPH, TOO_SMALL, UNSTABLE
from tests.data.bundles import GAIN, TELLS_DRAWINGS, tiny_bundle, tiny_card, tiny_graph, tiny_tower
from tests.data.draw import as_bytes, exif_of, flat, photo, write

ROOT = Path(__file__).resolve().parents[1]
BRIGHT, GREY, DARK = (240, 240, 240), (128, 128, 128), (15, 15, 15)


@pytest.fixture(scope="module")
def detector(tmp_path_factory) -> Detector:
    return Detector.load(tiny_bundle(tmp_path_factory.mktemp("model") / "tiny").folder)


def half_bright(width: int = 120, height: int = 80) -> np.ndarray:
    pixels = flat(width, height, DARK)
    pixels[:, width // 2 :] = BRIGHT
    return pixels


@pytest.mark.parametrize(("colour", "word"), [(BRIGHT, "ai"), (GREY, "uncertain"), (DARK, "real")])
def test_a_picture_gets_the_verdict_that_was_foretold(detector, tmp_path, colour, word):
    path = write(tmp_path / "a.png", flat(100, 60, colour))

    verdict = detector.predict(path)

    assert verdict.verdict == word
    assert verdict.logit == pytest.approx(GAIN * (colour[0] / 255 - 0.5), abs=1e-3)
    assert verdict.probability_ai == pytest.approx(1 / (1 + np.exp(-verdict.logit)))
    assert verdict.path == str(path)
    assert verdict.model == "tiny 1.0.0"
    assert verdict.facts.width == 100
    assert np.allclose(verdict.embedding, np.float32(colour) / 255, atol=1e-4)
    assert verdict.heatmap is None


def test_bytes_are_judged_as_the_file_is(detector, tmp_path):
    path = write(tmp_path / "a.jpg", photo(200, 150, seed=4), quality=90)

    from_path, from_bytes = detector.predict(path), detector.predict(path.read_bytes())

    assert from_bytes.logit == from_path.logit
    assert from_bytes.facts.sha256 == from_path.facts.sha256
    assert from_bytes.path is None


def test_a_rotated_photo_gets_the_same_verdict(detector):
    pixels = photo(160, 120, seed=6)
    turned = as_bytes(np.rot90(pixels).copy(), "PNG", exif=exif_of(orientation=6))

    assert detector.predict(turned).logit == pytest.approx(detector.predict(as_bytes(pixels, "PNG")).logit)


def test_calibration_moves_probability_and_heat_map_but_not_the_logit(tmp_path):
    calibrated = tiny_bundle(tmp_path / "a", calibration={"scale": 0.5, "offset": -1.0})
    data = as_bytes(flat(64, 64, BRIGHT), "PNG")

    plain = Detector.load(tiny_bundle(tmp_path / "b").folder).predict(data, heatmap=True)
    verdict = Detector.load(calibrated.folder).predict(data, heatmap=True)

    assert verdict.logit == plain.logit
    assert verdict.probability_ai == pytest.approx(1 / (1 + np.exp(-(0.5 * plain.logit - 1))))
    assert np.allclose(verdict.heatmap, 0.5 * plain.heatmap - 1, atol=1e-4)


@pytest.mark.parametrize("views", [{"whole": "squash"}, {"whole": "square", "tiles": 9, "flip": True}])
def test_the_heat_map_shows_which_half_is_bright(tmp_path, views):
    detector = Detector.load(tiny_bundle(tmp_path / "tiny", views=views).folder)

    heat = detector.predict(as_bytes(half_bright(), "PNG"), heatmap=True).heatmap

    assert heat.shape == (80, 120)
    assert heat[:, :40].max() < 0
    assert heat[:, 80:].min() > 0


def test_the_heat_map_of_a_large_picture_stays_small(detector):
    heat = detector.predict(as_bytes(flat(2000, 500), "PNG"), heatmap=True).heatmap

    assert heat.shape == (64, 256)


def test_every_view_is_scored(tmp_path):
    detector = Detector.load(tiny_bundle(tmp_path / "tiny", views={"tiles": 6, "flip": True}).folder)
    picture = open_picture(as_bytes(half_bright(400, 300), "PNG"))

    score = detector.score(picture)

    assert score.view_logits.shape == (16,)
    assert score.embedding.shape == (3,)
    assert score.heatmap is None
    assert score.logit == pytest.approx(0, abs=0.5)


def test_many_pictures_come_back_in_order_with_failures_in_their_places(detector, tmp_path):
    good = write(tmp_path / "good.png", flat(50, 50, BRIGHT))
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"no picture")
    sources = [good, bad, good.read_bytes(), tmp_path / "missing.png", b"", str(good)]

    results = list(detector.predict_many(sources))

    assert [isinstance(result, Failure) for result in results] == [False, True, False, True, True, False]
    assert [result.path for result in results] == [
        str(good),
        str(bad),
        None,
        str(tmp_path / "missing.png"),
        None,
        str(good),
    ]
    assert all(isinstance(r.error, UnreadableImage) for r in results if isinstance(r, Failure))
    assert results[1].as_json()["verdict"] is None
    assert results[1].as_json()["error"] == results[1].error.reason


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_many_pictures_get_the_verdicts_that_each_gets_alone(detector, workers):
    pictures = [as_bytes(photo(90, 70, seed), "JPEG") for seed in range(12)]

    together = [verdict.logit for verdict in detector.predict_many(pictures, workers=workers)]

    assert together == pytest.approx([detector.predict(picture).logit for picture in pictures])


def test_reading_ahead_is_bounded_on_an_endless_stream(detector):
    data = as_bytes(flat(40, 40), "PNG")
    taken = count()
    results = detector.predict_many((data for _ in taken), workers=2)

    first = list(islice(results, 5))
    results.close()

    assert len(first) == 5
    assert next(taken) < 20


def test_closing_the_iterator_stops_the_workers(detector):
    data = as_bytes(flat(40, 40), "PNG")
    results = detector.predict_many((data for _ in count()), workers=3)
    next(results)
    assert any("aivsreal-predict" in thread.name for thread in threading.enumerate())

    results.close()

    assert not any("aivsreal-predict" in thread.name for thread in threading.enumerate())


def test_an_error_in_the_callers_own_iterator_reaches_the_caller(detector):
    def sources():
        yield as_bytes(flat(40, 40), "PNG")
        raise LookupError("the caller's fault")

    with pytest.raises(LookupError):
        list(detector.predict_many(sources()))

    assert not any("aivsreal-predict" in thread.name for thread in threading.enumerate())


def test_no_pictures_give_no_verdicts(detector):
    assert list(detector.predict_many([])) == []


def test_one_detector_serves_many_threads(detector):
    data = as_bytes(photo(120, 90, seed=8), "PNG")
    expected = detector.predict(data).logit
    found: list[float] = []
    threads = [
        threading.Thread(target=lambda: found.extend(detector.predict(data).logit for _ in range(20)))
        for _ in range(4)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [expected] * 80


def test_limits_are_the_callers(tmp_path):
    folder = tiny_bundle(tmp_path / "tiny").folder
    data = as_bytes(flat(200, 200), "PNG")

    with pytest.raises(UnreadableImage):
        Detector.load(folder, limits=Limits(max_pixels=100)).predict(data)


def test_limits_are_read_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("AIVSREAL_MAX_PIXELS", "100")

    with pytest.raises(UnreadableImage):
        Detector.load(tiny_bundle(tmp_path / "tiny").folder).predict(as_bytes(flat(200, 200), "PNG"))


def test_the_verified_bytes_are_the_ones_that_run(tmp_path):
    folder = tiny_bundle(tmp_path / "tiny").folder
    detector = Detector.load(folder)
    (folder / "model.onnx").write_bytes(tiny_graph(32, gain=-GAIN))

    many = list(detector.predict_many([as_bytes(flat(40, 40, BRIGHT), "PNG")], workers=2))

    assert many[0].verdict == "ai"


@pytest.mark.parametrize("graph", [b"", b"no graph at all", b"\x08\x07\x12"])
def test_a_graph_that_is_none_is_a_bad_bundle(tmp_path, graph):
    save_bundle(tmp_path / "bad", onnx=graph, weights=b"", card=tiny_card())

    with pytest.raises(BadBundle):
        Detector.load(tmp_path / "bad")


@pytest.mark.parametrize("graph", [tiny_graph(64), tiny_graph(32, inputs="pictures")])
def test_a_graph_of_another_kind_than_the_card_says_is_a_bad_bundle(tmp_path, graph):
    save_bundle(tmp_path / "bad", onnx=graph, weights=b"", card=tiny_card())

    with pytest.raises(BadBundle, match="not one that its card describes"):
        Detector.load(tmp_path / "bad")


CLOSE = {"real_below": 0.4, "ai_above": 0.6}


def framed(level: int) -> bytes:
    """A picture of one grey in a black frame that a crop of nine tenths takes off."""
    pixels = flat(100, 100, (level, level, level)).copy()
    pixels[:5], pixels[-5:], pixels[:, :5], pixels[:, -5:] = 0, 0, 0, 0
    return as_bytes(pixels, "PNG")


def tried(folder, *deliveries, limit=None, fast=False, **card) -> Detector:
    stability = {"deliveries": deliveries, "limit": limit}
    return Detector.load(tiny_bundle(folder, thresholds=CLOSE, stability=stability, **card).folder, fast=fast)


TWO = ((), ("cropped-0.9", "resized-0.75"))


def sigmoid(logit: float) -> float:
    return 1 / (1 + np.exp(-logit))


class Counted(Detector):
    """A detector that counts the views it scored."""

    scored = 0

    def _run(self, views, threads):
        self.scored += len(views)
        return super()._run(views, threads)


def counted(detector: Detector) -> Counted:
    return Counted(detector.bundle)


def test_an_answer_that_turns_when_the_picture_is_cropped_is_not_given(tmp_path):
    verdict = tried(tmp_path / "b", "cropped-0.9").predict(framed(143))

    assert verdict.verdict == "uncertain"
    assert verdict.probability_ai < CLOSE["real_below"]
    assert verdict.reason == verdict.promise == UNSTABLE
    assert verdict.logit_spread == pytest.approx(GAIN * 143 / 255 * 0.19, rel=0.06)
    assert verdict.spread == pytest.approx(sigmoid(verdict.delivered[0]) - verdict.probability_ai)
    assert verdict.spread > CLOSE["ai_above"] - CLOSE["real_below"]


def test_fast_gives_the_answer_of_the_file_alone(tmp_path):
    verdict = tried(tmp_path / "b", "cropped-0.9", fast=True).predict(framed(143))

    assert (verdict.verdict, verdict.logit_spread, verdict.reason) == ("real", None, None)
    assert (verdict.delivered, verdict.spread) == ((), None)


def test_answers_that_lie_further_apart_than_the_limit_are_not_given(tmp_path):
    picture = framed(250)

    assert tried(tmp_path / "wide", "cropped-0.9", limit=10.0).predict(picture).verdict == "ai"
    assert tried(tmp_path / "narrow", "cropped-0.9", limit=0.5).predict(picture).verdict == "uncertain"


def test_the_limit_is_one_of_calibrated_log_odds(tmp_path):
    picture = framed(250)
    plain = tried(tmp_path / "plain", "cropped-0.9", limit=1.0).predict(picture)
    calmed = tried(tmp_path / "calmed", "cropped-0.9", limit=1.0, calibration={"scale": 0.2}).predict(picture)

    assert plain.logit_spread == calmed.logit_spread > 1.0
    assert (plain.verdict, calmed.verdict) == ("uncertain", "ai")


def test_a_picture_that_stays_the_same_keeps_its_answer(tmp_path):
    detector = tried(tmp_path / "b", "saved-80", "resized-0.75", "cropped-0.9", "shared", limit=0.1)

    verdict = detector.predict(as_bytes(flat(90, 120, (240, 240, 240)), "PNG"))

    assert verdict.verdict == "ai"
    assert verdict.logit_spread == pytest.approx(0, abs=0.05)


def test_deliveries_score_whole_views_anew_and_keep_the_tiles_of_the_file(tmp_path):
    views = {"size": 32, "whole": "square", "tiles": 1, "whole_weight": 0.5}
    verdict = tried(tmp_path / "b", "cropped-0.9", views=views).predict(framed(200))

    assert verdict.logit_spread == pytest.approx(0.5 * GAIN * 200 / 255 * 0.19, rel=0.06)


def test_a_model_of_tiles_alone_scores_the_tiles_anew(tmp_path):
    views = {"size": 64, "whole": "none", "tiles": 9}
    verdict = tried(tmp_path / "b", "cropped-0.9", views=views).predict(framed(200))

    assert verdict.logit_spread > 0.5


def test_a_heat_map_is_that_of_the_file_whatever_its_deliveries_say(tmp_path):
    heat = [
        tried(tmp_path / name, "cropped-0.9", fast=fast).predict(framed(143), heatmap=True).heatmap
        for name, fast in (("tried", False), ("fast", True))
    ]

    assert np.array_equal(*heat)


def test_many_pictures_are_tried_as_each_is_alone(tmp_path):
    detector = tried(tmp_path / "b", "cropped-0.9", "shared")
    pictures = [framed(level) for level in (90, 143, 250)]

    together = [(v.verdict, v.spread, v.reason) for v in detector.predict_many(pictures, workers=2)]

    assert together == [(v.verdict, v.spread, v.reason) for v in map(detector.predict, pictures)]
    assert [word for word, _, _ in together] == ["real", "uncertain", "ai"]


@pytest.mark.parametrize("views", [{}, {"tiles": 2}, {"whole": "none", "tiles": 2}])
def test_no_view_is_scored_twice(tmp_path, views):
    plain, checked = (counted(tried(tmp_path / str(n), *names, views=views)) for n, names in enumerate(TWO))
    for detector in (plain, checked):
        detector.predict(framed(143))

    anew = 1 if views.get("whole") != "none" else 2
    assert checked.scored == plain.scored + 2 * anew


def test_a_card_that_names_an_unknown_delivery_is_refused():
    with pytest.raises(ValidationError):
        tiny_card(stability={"deliveries": ["by-pigeon"]})


def test_a_fitted_tower_gives_verdicts_like_any_graph(tmp_path):
    graph = tiny_tower(32, weight=(10, 0, 0), bias=-5)
    folder = tmp_path / "tower"
    spec = {"size": 32, "whole": "square", "tiles": 2, "tiles_from": 90, "alone": True}
    save_bundle(folder, onnx=graph, weights=b"", card=tiny_card(views=spec))
    score = Detector.load(folder).score(
        open_picture(as_bytes(flat(100, 90, (255, 0, 0)), "PNG")), heatmap=True
    )

    assert score.view_logits.tolist() == pytest.approx([5, 5, 5])
    assert score.embedding.tolist() == pytest.approx([1, 0, 0])
    assert score.heatmap is not None
    assert np.allclose(score.heatmap, 5)


class Runs(Detector):
    """A detector that notes how many views each run of its graph is given."""

    def _session(self, threads):
        session, sizes = super()._session(threads), self.__dict__.setdefault("sizes", [])

        class Noted:
            def run(self, outputs, given):
                sizes.append(len(given["views"]))
                return session.run(outputs, given)

        return Noted()


@pytest.mark.parametrize(("alone", "most"), [(True, 1), (False, 2)])
def test_views_are_run_one_by_one_where_the_card_says_so_and_few_at_a_time_elsewhere(tmp_path, alone, most):
    detector = Runs(tiny_bundle(tmp_path / "tiny", views={"tiles": 4, "alone": alone}))
    detector.predict(as_bytes(flat(200, 200), "PNG"))

    assert sum(detector.sizes) == 5
    assert max(detector.sizes) == most


def test_a_graph_that_gives_no_number_is_a_bad_bundle(tmp_path):
    detector = Detector.load(tiny_bundle(tmp_path / "bad", gain=float("nan")).folder)

    with pytest.raises(BadBundle, match="no number"):
        detector.predict(as_bytes(flat(40, 40), "PNG"))


def test_an_overlay_is_amber_where_ai_and_dark_blue_where_real():
    heat = np.full((8, 12), -9, np.float32)
    heat[:, 6:] = 9

    tinted = overlay(flat(120, 80), heat).astype(int)

    assert tinted.shape == (80, 120, 3)
    real, ai = tinted[:, :40].mean(axis=(0, 1)), tinted[:, 80:].mean(axis=(0, 1))
    assert real[2] > real[0] + 40
    assert ai[0] > ai[2] + 100
    assert ai.mean() > real.mean() + 40  # told apart in grey, too


def test_an_overlay_where_nothing_is_known_is_the_picture_in_grey():
    tinted = overlay(flat(30, 20, (90, 90, 90)), np.zeros((2, 3), np.float32)).astype(int)

    assert abs(tinted - 90).max() <= 1


def test_an_overlay_of_a_sure_verdict_still_shows_where_it_is_strongest():
    heat = np.full((8, 12), 6, np.float32)
    heat[:, 6:] = 12

    tinted = overlay(flat(120, 80), heat).astype(int)

    weak, strong = tinted[:, :40].mean(axis=(0, 1)), tinted[:, 80:].mean(axis=(0, 1))
    assert weak[0] > weak[2] + 40
    assert strong[0] - strong[2] > 1.5 * (weak[0] - weak[2])


def test_a_weak_heat_map_is_not_painted_as_if_it_were_strong():
    picture, heat = flat(120, 80, (90, 90, 90)), np.full((8, 12), 0.2, np.float32)

    assert abs(overlay(picture, heat).astype(int) - 90).max() < 12


def test_the_overlay_of_a_large_picture_is_made_smaller():
    png = overlay_png(as_bytes(flat(4000, 1000), "JPEG"), np.zeros((4, 4), np.float32))

    assert open_picture(png).pixels.shape == (OVERLAY_SIDE // 4, OVERLAY_SIDE, 3)


HEAVY = ("torch", "timm", "sklearn", "scipy", "matplotlib", "pyarrow", "pandas", "onnx", "imagehash")
PREDICT = """
import sys
from aivsreal import Detector
print(Detector.load(sys.argv[1]).predict(sys.argv[2], heatmap=True).verdict)
print(*[name for name in {heavy!r} if name in sys.modules])
"""


def test_a_verdict_imports_nothing_that_only_training_needs(tmp_path):
    folder = tiny_bundle(tmp_path / "tiny").folder
    path = write(tmp_path / "a.png", flat(50, 50, BRIGHT))

    code = PREDICT.format(heavy=HEAVY)
    output = subprocess.run(
        [sys.executable, "-c", code, str(folder), str(path)], capture_output=True, text=True, check=True
    ).stdout

    assert output.splitlines() == ["ai", ""]


def test_importing_the_package_imports_no_array_library():
    code = "import aivsreal, sys; print('numpy' in sys.modules, 'pydantic' in sys.modules)"

    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert output.split() == ["False", "False"]


MEMORY = """
import sys
from aivsreal import Detector
detector = Detector.load(sys.argv[1])
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096
data = open(sys.argv[2], "rb").read()
sizes = []
for number, _ in enumerate(detector.predict_many((data for _ in range(400)), heatmap=True)):
    if number in (100, 399):
        sizes.append(resident())
print(sizes[1] - sizes[0])
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads memory from /proc")
def test_memory_stays_flat_over_many_pictures(tmp_path):
    folder = tiny_bundle(tmp_path / "tiny").folder
    path = write(tmp_path / "a.jpg", photo(640, 480))

    output = subprocess.run(
        [sys.executable, "-c", MEMORY, str(folder), str(path)], capture_output=True, text=True, check=True
    ).stdout

    assert int(output) < 20_000_000


INTERRUPTED = """
import itertools, os, signal, sys, threading
from aivsreal import Detector
detector = Detector.load(sys.argv[1])
data = open(sys.argv[2], "rb").read()
# What a shell starts in the background ignores it, and so do its children.
signal.signal(signal.SIGINT, signal.default_int_handler)
threading.Timer(0.3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
try:
    for _ in detector.predict_many(data for _ in itertools.count()):
        pass
except KeyboardInterrupt:
    print([thread.name for thread in threading.enumerate() if "predict" in thread.name])
"""


@pytest.mark.skipif(os.name == "nt", reason="sends a POSIX signal")
def test_control_c_stops_the_workers_at_once(tmp_path):
    folder = tiny_bundle(tmp_path / "tiny").folder
    path = write(tmp_path / "a.jpg", photo(640, 480))
    start = time.monotonic()

    output = subprocess.run(
        [sys.executable, "-c", INTERRUPTED, str(folder), str(path)],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        timeout=60,
    ).stdout

    assert output.strip() == "[]"
    assert time.monotonic() - start < 30


REDDISH = {0.7: (200, 160, 200), 0.8: (255, 200, 255), 0.5: (150, 110, 130), 0.2: (90, 40, 20)}


@pytest.mark.parametrize(
    ("picture", "reason"),
    [
        (flat(39, 80, (240, 240, 240)), TOO_SMALL),
        (photo(39, 80), TOO_SMALL),
        (flat(300, 200, (240, 240, 240)), NEARLY_BLANK),
        (np.zeros((200, 300, 4), np.uint8), NEARLY_BLANK),
    ],
)
def test_no_answer_is_given_where_there_is_too_little_to_judge_by(tmp_path, picture, reason):
    views = {"size": 32, "whole": "square", "least_side": 40, "least_contrast": 2.0}
    detector = Detector(tiny_bundle(tmp_path / "b", views=views))

    verdict = detector.predict(as_bytes(Image.fromarray(picture), "PNG"))

    assert (verdict.verdict, verdict.reason, verdict.promise) == ("uncertain", reason, reason)


def test_a_small_part_that_shows_something_is_enough(tmp_path):
    views = {"size": 32, "whole": "square", "least_side": 40, "least_contrast": 2.0}
    picture = flat(400, 300, (250, 250, 250))
    picture[140:160, 190:210] = 200

    verdict = Detector(tiny_bundle(tmp_path / "b", views=views)).predict(as_bytes(picture, "PNG"))

    assert verdict.reason is None


@pytest.mark.parametrize(
    ("colour", "word", "reason"),
    [
        (REDDISH[0.7], "uncertain", NOT_A_PHOTOGRAPH),
        (REDDISH[0.8], "ai", None),
        (REDDISH[0.5], "uncertain", NOT_A_PHOTOGRAPH),
        (REDDISH[0.2], "real", None),
        ((186, 186, 186), "ai", None),
    ],
)
def test_more_is_asked_of_what_looks_drawn_before_it_is_called_ai(tmp_path, colour, word, reason):
    detector = Detector.load(tiny_bundle(tmp_path / "tiny", drawn=TELLS_DRAWINGS).folder)

    verdict = detector.predict(as_bytes(flat(64, 64, colour), "PNG"))

    assert (verdict.verdict, verdict.reason) == (word, reason)


def test_a_drawing_is_given_the_thresholds_and_the_promise_that_it_was_judged_by(tmp_path):
    detector = Detector.load(tiny_bundle(tmp_path / "tiny", drawn=TELLS_DRAWINGS).folder)

    drawn = detector.predict(as_bytes(flat(64, 64, REDDISH[0.8]), "PNG"))
    photograph = detector.predict(as_bytes(flat(64, 64, BRIGHT), "PNG"))

    assert drawn.thresholds.ai_above == pytest.approx(sigmoid(np.log(3) + 4))
    assert drawn.thresholds.real_below == photograph.thresholds.real_below == 0.25
    assert (drawn.promise, photograph.promise) == ("Of drawings, few.", "It is bright.")


def test_a_card_that_tells_no_drawings_asks_the_same_of_all(tmp_path):
    detector = Detector.load(tiny_bundle(tmp_path / "tiny").folder)

    assert detector.predict(as_bytes(flat(64, 64, REDDISH[0.7]), "PNG")).verdict == "ai"
