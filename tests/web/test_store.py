"""The store on SQLite and on PostgreSQL: the same tests, the same answers."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from aivsreal.errors import CannotServe
from aivsreal.web.database import configuration, head
from aivsreal.web.settings import Settings
from aivsreal.web.store import Examination, Preview, Store, new_id, open_store
from aivsreal.web.tables import metadata
from tests.web import postgres

SECRET = b"the pixels of a person's own picture"
VERDICT: dict[str, Any] = {
    "verdict": "ai",
    "probability_ai": 0.1 + 0.2,
    "model": "tiny 1.0.0",
    "sha256": "0" * 64,
    "spread": None,
}


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    bin = postgres.programs()
    if bin is None:
        pytest.skip(f"PostgreSQL is not installed: no initdb in PATH or {postgres.PLACES}")
    pytest.importorskip("psycopg", reason="needs pip install 'aivsreal[postgres]'")
    # Not pytest's own folder, which only its owner may enter.
    with (
        tempfile.TemporaryDirectory(prefix="aivsreal-postgres-") as folder,
        postgres.postgres(bin, Path(folder)) as url,
    ):
        yield Settings(database=url).database_url


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield Settings(data_dir=tmp_path).database_url
        return
    url = request.getfixturevalue("postgres_url")
    yield url
    store = open_store(url)
    with store.engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    store.close()


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    store = open_store(url)
    yield store
    store.close()


def remembered(
    store: Store, owner: str | None = None, *, lasts: float = 3600, shown: float = 600, **more: Any
) -> Examination:
    now = datetime.now(UTC)
    one = Examination(
        id=new_id(),
        created=now,
        expires=now + timedelta(seconds=lasts),
        name="a.jpg",
        verdict=VERDICT,
        owner=owner,
    )
    one = replace(one, **more)
    store.add(one, Preview(SECRET, b"heat"), now + timedelta(seconds=shown))
    return one


def test_what_is_remembered_is_given_back_exactly(store: Store) -> None:
    one = remembered(store, "a", name="naïve ☃.jpg")
    found = store.get(one.id, "a")
    assert found is not None
    assert (found.verdict, found.name, found.has_heatmap) == (VERDICT, "naïve ☃.jpg", True)
    assert abs(found.created - one.created) < timedelta(milliseconds=1)
    assert store.preview(one.id, "a") == Preview(SECRET, b"heat")


def test_an_owner_sees_nothing_of_another(store: Store) -> None:
    one = remembered(store, "a")
    assert store.get(one.id, "b") is None
    assert store.get(one.id, None) is None
    assert store.preview(one.id, "b") is None
    assert store.give_feedback(one.id, "b", "ai", "") is None
    assert store.delete(one.id, "b") is False
    assert store.list_of("b") == []
    assert [found.id for found in store.list_of("a")] == [one.id]


def test_what_belongs_to_nobody_is_seen_by_who_knows_its_id_and_never_listed(store: Store) -> None:
    one = remembered(store, None)
    assert store.get(one.id, None) is not None
    assert store.get(one.id, "b") is not None
    assert store.list_of("b") == []


@pytest.mark.parametrize("id", ["", "\0", "' OR 1=1 --", "x" * 5000, "\ud800", "../" * 11])
def test_an_id_that_is_none_finds_nothing(store: Store, id: str) -> None:
    remembered(store)
    assert store.get(id, None) is None
    assert store.delete(id, None) is False


def test_a_preview_expires_before_its_record(store: Store) -> None:
    one = remembered(store, "a", shown=-1)
    found = store.get(one.id, "a")
    assert found is not None
    assert (found.preview_expires, found.has_heatmap) == (None, False)
    assert store.preview(one.id, "a") is None
    assert store.purge() == 1
    assert store.get(one.id, "a") is not None


def test_a_record_that_expired_is_gone_at_once_and_purged_later(store: Store) -> None:
    old = remembered(store, "a", lasts=-1, kept="some-file")
    new = remembered(store, "a")
    assert [found.id for found in store.list_of("a")] == [new.id]
    assert store.get(old.id, "a") is None
    assert store.expired_files() == ["some-file"]
    assert store.purge() == 2
    assert store.purge() == 0


def test_feedback_outlives_its_record_but_not_its_deletion(store: Store) -> None:
    old, mine = remembered(store, "a"), remembered(store, "a")
    for one in (old, mine):
        store.give_feedback(one.id, "a", "real", "I took it")
    assert store.delete(mine.id, "a")
    with store.engine.begin() as connection:
        past = datetime(2020, 1, 1)
        connection.execute(text("UPDATE examinations SET expires = :past"), {"past": past})
    store.purge()
    with store.engine.begin() as connection:
        rows = connection.execute(text("SELECT examination_id, answer, probability_ai FROM feedbacks")).all()
    assert [tuple(row) for row in rows] == [(old.id, "real", VERDICT["probability_ai"])]


def test_feedback_given_at_the_same_moment_is_one(store: Store) -> None:
    one = remembered(store, "a")
    with ThreadPoolExecutor(8) as pool:
        given = list(pool.map(lambda number: store.give_feedback(one.id, "a", "ai", str(number)), range(16)))
    assert all(found is not None and found.feedback is not None for found in given)


def test_many_threads_write_at_once(store: Store) -> None:
    with ThreadPoolExecutor(16) as pool:
        ids = list(pool.map(lambda _: remembered(store, "a").id, range(100)))
    assert {found.id for found in store.list_of("a")} == set(ids)


def test_a_key_is_found_until_it_is_revoked(store: Store) -> None:
    key, whole = store.make_key("photo desk", operator=True)
    found = store.find_key(whole)
    assert found is not None
    assert (found.id, found.name, found.operator) == (key.id, "photo desk", True)
    other = whole.replace("aivs_", "other_")
    for wrong in (whole[:-1], whole + "x", other, f"aivs_{key.id}_", f"aivs_{key.id}", "", "\0", "aivs__"):
        assert store.find_key(wrong) is None
    assert store.revoke_key(key.id) is True
    assert store.find_key(whole) is None
    assert store.revoke_key(key.id) is False
    assert [known.revoked is not None for known in store.list_keys()] == [True]


def test_no_secret_of_a_key_is_stored(store: Store) -> None:
    _, whole = store.make_key("photo desk", operator=False)
    with store.engine.begin() as connection:
        stored = str(connection.execute(text("SELECT * FROM api_keys")).all())
    assert whole.rpartition("_")[2] not in stored


def test_the_migrations_make_the_tables_that_the_program_uses(store: Store) -> None:
    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_the_migrations_can_be_undone_and_done_again(store: Store) -> None:
    for step in (
        lambda config: command.downgrade(config, "base"),
        lambda config: command.upgrade(config, "head"),
    ):
        with store.engine.begin() as connection:
            step(configuration(store.engine, connection))
    assert remembered(store, "a").id == store.list_of("a")[0].id


def test_servers_that_start_together_make_one_database(url: str) -> None:
    with ThreadPoolExecutor(6) as pool:
        stores = list(pool.map(lambda _: open_store(url), range(6)))
    one = remembered(stores[0], "a")
    assert all(store.get(one.id, "a") for store in stores)
    for store in stores:
        store.close()


def test_a_database_of_a_newer_program_is_left_alone(url: str) -> None:
    store = open_store(url)
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    store.close()
    with pytest.raises(CannotServe, match="newer aivsreal"):
        open_store(url)
    store = Store(store.engine)
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :head"), {"head": head()})


def test_what_is_deleted_or_purged_is_not_in_sqlites_files_either(tmp_path: Path) -> None:
    store = open_store(Settings(data_dir=tmp_path).database_url)
    mine, _ = remembered(store, "a"), remembered(store, "a", shown=-1)
    assert any(SECRET in file.read_bytes() for file in tmp_path.iterdir())
    store.delete(mine.id, "a")
    store.purge()
    assert not any(SECRET in file.read_bytes() for file in tmp_path.iterdir())
    store.close()
