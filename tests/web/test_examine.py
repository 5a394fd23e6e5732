"""What the web application makes of a picture is what `Detector` makes of it, and is kept as promised."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import requests
from flask import Flask

from aivsreal.detector import Detector
from aivsreal.images import encode, open_picture
from aivsreal.self_test import self_test_picture
from aivsreal.web.app import create_app
from aivsreal.web.batcher import Batcher, QueueFull, TookTooLong
from aivsreal.web.settings import Settings
from tests.data.draw import photo
from tests.web.conftest import picture
from tests.web.process import serving
from tests.web.test_api import posted
from tests.web.test_server import ready, wait_for


def drawn(count: int) -> list[bytes]:
    sizes = ((320, 240), (640, 900), (1500, 600), (50, 700))
    pictures = (photo(*sizes[number % len(sizes)], seed=number) for number in range(count))
    return [encode(pixels, quality=80 + number) for number, pixels in enumerate(pictures)]


def test_the_probability_of_the_api_is_that_of_the_detector_exactly(app: Flask, tiny: Path) -> None:
    files = drawn(12)
    form = {"image": [(BytesIO(data), "a.jpg") for data in files]}
    images = app.test_client().post("/api/v1/images?heatmap=1", data=form).get_json()["images"]
    expected = [Detector.load(str(tiny)).predict(data) for data in files]
    assert [(image["probability_ai"], image["logit"]) for image in images] == [
        (verdict.probability_ai, verdict.logit) for verdict in expected
    ]
    client = app.test_client()
    again = [client.get(image["url"]).get_json()["probability_ai"] for image in images]
    assert again == [verdict.probability_ai for verdict in expected]


def test_the_shipped_model_gives_the_same_through_a_real_server_as_by_itself(tmp_path: Path) -> None:
    files = [self_test_picture(), encode(photo(900, 700, seed=5))]
    with serving(Path("photos"), tmp_path) as server:
        assert wait_for(lambda: ready(server))
        form = [("image", (f"{number}.jpg", data)) for number, data in enumerate(files)]
        images = requests.post(f"{server.url}api/v1/images?heatmap=1", files=form, timeout=120).json()[
            "images"
        ]
        heatmap = requests.get(server.url.rstrip("/") + images[0]["heatmap_url"], timeout=30)
    expected = list(Detector.load().predict_many(files))
    for image, verdict in zip(images, expected, strict=True):
        told = verdict.as_json()
        assert image["probability_ai"] == getattr(verdict, "probability_ai", None)
        assert {key: image[key] for key in ("verdict", "spread", "promise", "model", "sha256")} == {
            key: told[key] for key in ("verdict", "spread", "promise", "model", "sha256")
        }
    assert open_picture(heatmap.content).facts.format == "JPEG"


@pytest.mark.parametrize("size", [(2000, 1500), (1500, 2000), (300, 200), (1, 1)])
def test_a_preview_is_a_small_jpeg_of_the_picture_without_its_metadata(
    app: Flask, size: tuple[int, int]
) -> None:
    client = app.test_client()
    form = {"image": (BytesIO(encode(photo(*size, seed=1))), "a.jpg")}
    image = client.post("/api/v1/images?heatmap=1", data=form).get_json()["images"][0]
    for url in (image["preview_url"], image["heatmap_url"]):
        answer = client.get(url)
        shown = open_picture(answer.data)
        assert (answer.mimetype, shown.facts.format) == ("image/jpeg", "JPEG")
        assert max(shown.facts.width, shown.facts.height) == min(800, *[max(size)])
        assert not shown.facts.has_exif


def test_without_asking_there_is_no_heat_map(app: Flask) -> None:
    client = app.test_client()
    image = posted(client)
    assert image["heatmap_url"] is None
    assert client.get(f"{image['url']}/heatmap").status_code == 404


def changed(settings: Settings, **values: Any) -> Flask:
    return create_app(Settings.model_validate({**settings.model_dump(), **values}))


def kept_files(settings: Settings) -> list[Path]:
    return sorted((settings.folder / "uploads").glob("*"))


def test_no_upload_is_kept_unless_that_was_turned_on(settings: Settings) -> None:
    posted(changed(settings).test_client())
    assert kept_files(settings) == []


def test_a_kept_upload_has_a_random_name_and_goes_with_its_record(settings: Settings) -> None:
    app = changed(settings, keep_uploads=True)
    client = app.test_client()
    first, second = posted(client), posted(client)
    assert [file.read_bytes() for file in kept_files(settings)] == [picture()] * 2
    assert all("photo" not in file.name and first["id"] not in file.name for file in kept_files(settings))
    client.delete(first["url"])
    assert len(kept_files(settings)) == 1
    client.delete(second["url"])
    assert kept_files(settings) == []


def test_what_expires_is_deleted_by_the_purge(settings: Settings) -> None:
    app = changed(settings, keep_uploads=True, preview_hours=1e-7, record_days=1e-9)
    image = posted(app.test_client())
    assert app.test_client().get(image["url"]).status_code == 404
    app.extensions["aivsreal"].examiner.purge()
    assert kept_files(settings) == []
    assert app.extensions["aivsreal"].examiner.store.purge() == 0


def test_a_job_alone_has_every_core_and_jobs_together_share_them() -> None:
    gate, seen = Event(), []

    def work(name: str, cores: int) -> None:
        seen.append((name, cores))
        gate.wait(20)

    batcher = Batcher(work, cores=2, capacity=5)
    first = batcher.submit(["first"])
    assert first[0].begun.wait(20)
    rest = batcher.submit(["second", "third"])
    assert rest[0].begun.wait(20)
    gate.set()
    for job in (*first, *rest):
        batcher.result(job, wait=20, work=20)
    batcher.close()
    assert seen == [("first", 2), ("second", 1), ("third", 1)]


def test_jobs_are_taken_in_all_together_or_not_at_all() -> None:
    gate = Event()
    batcher: Batcher[int, bool] = Batcher(lambda *_: gate.wait(20), cores=1, capacity=2)
    running = batcher.submit([0])
    assert running[0].begun.wait(20)
    with pytest.raises(QueueFull):
        batcher.submit([1, 2, 3])
    assert batcher.waiting == 0
    jobs = batcher.submit([1, 2])
    with pytest.raises(QueueFull):
        batcher.result(jobs[1], wait=0.01, work=1)
    assert batcher.waiting == 1
    gate.set()
    assert batcher.result(jobs[0], wait=20, work=20) is True
    batcher.close()
    with pytest.raises(QueueFull):
        batcher.submit([4])


def test_a_job_that_was_given_up_does_not_keep_the_next_one_waiting() -> None:
    gate = Event()
    batcher: Batcher[bool, bool] = Batcher(
        lambda stuck, _: gate.wait(20) if stuck else True, cores=1, capacity=9
    )
    for _ in range(2):
        job = batcher.submit([True])[0]
        assert job.begun.wait(20)
        with pytest.raises(TookTooLong):
            batcher.result(job, wait=20, work=0.01)
        if batcher.works:
            assert batcher.result(batcher.submit([False])[0], wait=20, work=20) is True
    assert not batcher.works
    batcher.close()
    gate.set()


def test_the_model_can_be_replaced_while_the_server_runs(app: Flask, tiny: Path) -> None:
    examiner = app.extensions["aivsreal"].examiner
    other = Detector.load(str(tiny))
    other.bundle = replace(other.bundle, card=other.bundle.card.model_copy(update={"version": "2.0.0"}))
    before = posted(app.test_client())["model"]
    examiner.model = other
    assert (before, posted(app.test_client())["model"]) == ("tiny 1.0.0", "tiny 2.0.0")
