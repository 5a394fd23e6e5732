"""Which pictures are meant, wherever they lie."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aivsreal.errors import BadData, MissingDependency, Unreachable, UsageError
from aivsreal.remote.locations import pictures_at


def names(places: list[str]) -> list[str]:
    return sorted(place.rpartition("/")[2] for place in places)


def all_names(folder) -> list[str]:
    return sorted(path.name for path in folder.glob("[ab]/*"))


def test_a_local_folder_gives_absolute_paths(pictures, monkeypatch):
    monkeypatch.chdir(pictures)

    found = list(pictures_at(["a", "b"]))

    assert found[0] == str(pictures / "a" / "01.png")
    assert names(found) == all_names(pictures)


def test_a_listing_of_a_web_server_is_followed_into_its_folders(pictures, web):
    found = list(pictures_at([web + "/"]))

    assert found[0].startswith(web + "/a/")
    assert names(found) == all_names(pictures)
    assert list(pictures_at([web + "/"], recursive=False)) == []


def test_a_bucket_is_listed_and_narrowed_by_a_pattern(pictures, s3):
    upload(pictures, s3)

    assert names(list(pictures_at([s3 + "/"]))) == all_names(pictures)
    assert list(pictures_at([s3 + "/a/0*.png"])) == [
        f"{s3}/a/{name}" for name in ("01.png", "03.png", "05.png", "07.png", "09.png")
    ]


def test_a_named_picture_is_given_without_a_look_at_it():
    assert list(pictures_at(["https://example.org/a.jpg?size=large"])) == [
        "https://example.org/a.jpg?size=large"
    ]


@pytest.mark.parametrize("suffix", ["csv", "tsv", "parquet"])
def test_paths_in_a_table_count_from_its_folder_unless_they_are_whole(tmp_path, suffix):
    wanted = ["a/1.jpg", "s3://bucket/2.jpg", "/srv/3.jpg"]
    table = tmp_path / f"paths.{suffix}"
    if suffix == "parquet":
        pq.write_table(pa.table({"id": [1, 2, 3], "path": wanted}), table)
    else:
        comma = "," if suffix == "csv" else "\t"
        table.write_text(
            "".join(
                f"{id}{comma}{path}\n" for id, path in zip(("id", 1, 2, 3), ("path", *wanted), strict=True)
            )
        )

    assert list(pictures_at([str(table)])) == [str(tmp_path / "a/1.jpg"), "s3://bucket/2.jpg", "/srv/3.jpg"]


def test_a_table_in_a_bucket_names_pictures_beside_it(s3):
    import s3fs

    s3fs.S3FileSystem().pipe_file("bucket/lists/paths.csv", b"url,note\nx/1.jpg,\n")

    assert list(pictures_at([s3 + "/lists/paths.csv"])) == [s3 + "/lists/x/1.jpg"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("name,size\na.jpg,3\n", "has no column 'path'"),
        ("path,size\na.jpg,3\n,4\n", "record 2 of"),
        ("path\n1\n2\n", "holds int64, not paths"),
        ("path,size\na.jpg\n", "cannot be read"),
        ("", "cannot be read"),
    ],
)
def test_a_table_that_names_no_paths_is_refused(tmp_path, content, reason):
    table = tmp_path / "paths.csv"
    table.write_text(content)

    with pytest.raises(BadData, match=reason):
        list(pictures_at([str(table)]))


def test_pictures_inside_a_table_are_not_paths(tmp_path):
    image = pa.array([{"bytes": b"x", "path": "a.jpg"}])
    pq.write_table(pa.table({"image": image}), tmp_path / "set.parquet")

    with pytest.raises(BadData, match=r"holds struct.*, not paths"):
        list(pictures_at([str(tmp_path / "set.parquet")]))


@pytest.mark.parametrize(
    ("location", "kind", "reason"),
    [
        ("s3://bucket/nowhere/", UsageError, "there is nothing at s3://bucket/nowhere/"),
        ("s3://bucket/none-*.jpg", UsageError, "nothing matches"),
        ("s3://no-such-bucket/a/", UsageError, "there is nothing at"),
        ("nosuch://bucket/a/", UsageError, "Protocol not known: nosuch"),
        ("http://127.0.0.1:9/a/", Unreachable, "cannot reach http://127.0.0.1:9/a/"),
        ("gs://bucket/a/", MissingDependency, "gcsfs"),
        ("paths.csv", UsageError, "there is nothing at paths.csv"),
    ],
)
@pytest.mark.usefixtures("s3")
def test_a_location_that_cannot_be_opened_is_told(location, kind, reason):
    with pytest.raises(kind, match=reason):
        list(pictures_at([location]))


def upload(folder, url: str) -> None:
    import s3fs

    s3fs.S3FileSystem().put(str(folder) + "/", url.removeprefix("s3://") + "/", recursive=True)
