import multiprocessing
import pickle

import pytest

from aivsreal.data.sources import load_set, load_sets
from aivsreal.data.where import set_apart
from aivsreal.data.words import label_of, split_of
from aivsreal.errors import AivsrealError, BadData, UnreadableImage, UsageError
from tests.data_floor.sets import parquet, picture, tree


def described(labelled):
    return [(s.key, s.label, s.split, s.columns["generator"], s.columns["source"]) for s in labelled]


@pytest.mark.parametrize(
    "word", ["real", "REAL", "0_real", "Real_Images", "nature", "natural", "human", "authentic", "photos"]
)
def test_word_means_real(word):
    assert label_of(word) == 0


@pytest.mark.parametrize(
    "word",
    ["fake", "FAKE", "1_fake", "ai", "AI", "AiArtData", "AI-generated", "synthetic", "generated", "fakes"],
)
def test_word_means_ai(word):
    assert label_of(word) == 1


@pytest.mark.parametrize(
    "word", ["", "cats", "stable_diffusion", "imagenet_ai_0419_biggan", "trainee", "0", "1"]
)
def test_other_words_mean_neither(word):
    assert label_of(word) is None


def test_split_words_are_read_tolerantly():
    assert [split_of(w) for w in ("Train", "valid", "validation", "test_set", "unseen", "best")] == [
        "train", "val", "val", "test", "unseen", None,
    ]  # fmt: skip


def test_tree_of_splits_and_classes(tmp_path):
    tree(tmp_path, "train/REAL/a.png", "train/FAKE/b.png", "validation/REAL/c.png", "test/FAKE/d.png")
    assert described(load_set(tmp_path)) == [
        ("test/FAKE/d.png", 1, "test", None, None),
        ("train/FAKE/b.png", 1, "train", None, None),
        ("train/REAL/a.png", 0, "train", None, None),
        ("validation/REAL/c.png", 0, "val", None, None),
    ]


def test_folder_below_the_class_is_generator_or_source(tmp_path):
    tree(tmp_path, "0_real/canon/a.png", "1_fake/sdxl/2024/b.png")
    assert described(load_set(tmp_path)) == [
        ("0_real/canon/a.png", 0, "", None, "canon"),
        ("1_fake/sdxl/2024/b.png", 1, "", "sdxl", None),
    ]


def test_genimage_tree_has_the_generator_above_split_and_class(tmp_path):
    tree(tmp_path, "biggan/train/ai/a.png", "biggan/train/nature/b.png", "adm/val/ai/c.png")
    assert described(load_set(tmp_path)) == [
        ("adm/val/ai/c.png", 1, "val", "adm", None),
        ("biggan/train/ai/a.png", 1, "train", "biggan", None),
        ("biggan/train/nature/b.png", 0, "train", None, "biggan"),
    ]


def test_vague_word_gives_way_to_a_plain_one(tmp_path):
    tree(tmp_path, "human/fake/a.png", "human/real/b.png", "fake/nature/c.png")
    assert {s.key: s.label for s in load_set(tmp_path)} == {
        "human/fake/a.png": 1, "human/real/b.png": 0, "fake/nature/c.png": 1,
    }  # fmt: skip


def test_folders_that_contradict_each_other_are_refused(tmp_path):
    tree(tmp_path, "fake/real/a.png")
    with pytest.raises(BadData, match="name both classes"):
        load_set(tmp_path)


def test_files_that_are_no_images_are_counted_and_hidden_ones_passed_over(tmp_path):
    tree(tmp_path, "real/a.png", "fake/b.PNG", "real/notes.txt", "fake/.c.png", "__MACOSX/real/d.png")
    labelled = load_set(tmp_path)
    assert [s.key for s in labelled] == ["fake/b.PNG", "real/a.png"]
    assert labelled.ignored == {".txt": 1}


def test_folder_given_by_itself_says_its_class_and_one_class_is_refused_on_demand(tmp_path):
    tree(tmp_path, "fake/a.png")
    assert [s.label for s in load_set(tmp_path / "fake")] == [1]
    with pytest.raises(BadData, match="AI pictures only"):
        load_set(tmp_path / "fake", both_classes=True)


@pytest.mark.parametrize(
    ("paths", "reason"),
    [
        ((), "holds no image"),
        (("real/a.txt",), "1 .txt"),
        (("real/a.png", "cats/b.png", "dogs/c.png"), "'cats', 'dogs'"),
    ],
)
def test_unusable_folder_is_refused(tmp_path, paths, reason):
    tree(tmp_path, *paths)
    with pytest.raises(BadData, match=reason):
        load_set(tmp_path)


def test_labels_csv_explains_a_sets_own_words(tmp_path):
    tree(tmp_path, "cats/a.png", "robots/b.png")
    (tmp_path / "labels.csv").write_text("word,label\ncats,real\nrobots,ai\n")
    assert [s.label for s in load_set(tmp_path)] == [0, 1]


@pytest.mark.parametrize("name", ["labels.csv", "generators.csv"])
@pytest.mark.parametrize("content", [b"word,label\n\xff,real\n", b"word,label\na,real,more\n"])
def test_a_damaged_table_beside_the_data_is_refused(tmp_path, name, content):
    tree(tmp_path, "real/a.png", "fake/b.png")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadData, match=name):
        load_set(tmp_path)


def test_links_that_lead_back_up_are_passed_over(tmp_path):
    tree(tmp_path, "real/a.png", "fake/b.png")
    (tmp_path / "real" / "up").symlink_to(tmp_path)
    (tmp_path / "itself").symlink_to(tmp_path / "itself")
    assert [s.key for s in load_set(tmp_path)] == ["fake/b.png", "real/a.png"]


def test_linked_folders_are_entered(tmp_path):
    tree(tmp_path, "elsewhere/a.png", "set/fake/b.png")
    (tmp_path / "set" / "real").symlink_to(tmp_path / "elsewhere")
    assert [s.key for s in load_set(tmp_path / "set")] == ["fake/b.png", "real/a.png"]


def test_missing_path_and_unknown_kind_of_file_are_refused(tmp_path):
    for missing in (tmp_path / "no", "n" * 5000, ""):
        with pytest.raises(BadData, match="nothing at"):
            load_set(missing)
    (tmp_path / "a.docx").write_bytes(b"x")
    with pytest.raises(BadData, match="neither a folder"):
        load_set(tmp_path / "a.docx")


def test_parquet_with_words_keeps_every_column(tmp_path):
    parquet(
        tmp_path / "d.parquet",
        [b"1", b"2"],
        ["real", "FAKE"],
        split=["train", "valid"],
        generator=[None, "sd"],
        n=[1, 2],
    )
    first, second = load_set(tmp_path)
    assert (first.key, first.label, first.split, dict(first.columns)) == (
        "d.parquet#0",
        0,
        "train",
        {"generator": None, "n": 1},
    )
    assert (second.label, second.split, second.columns["generator"], second.read()) == (1, "val", "sd", b"2")


def test_class_label_names_decide_what_a_number_means(tmp_path):
    parquet(tmp_path / "d.parquet", [b"1", b"2"], [0, 1], names=["FAKE", "REAL"])
    assert [s.label for s in load_set(tmp_path)] == [1, 0]


def test_numbers_without_names_are_refused_until_labels_csv_names_them(tmp_path):
    file = parquet(tmp_path / "d.parquet", [b"1", b"2"], [0, 1])
    with pytest.raises(BadData, match="'0', '1'"):
        load_set(file)
    (tmp_path / "labels.csv").write_text("word,label\n0,fake\n1,real\n")
    assert [s.label for s in load_set(file)] == [1, 0]


def test_split_comes_from_a_parquet_files_name(tmp_path):
    for name in ("train-00000-of-00001", "test-00000-of-00001"):
        parquet(tmp_path / "data" / f"{name}.parquet", [name.encode()], ["real"])
    assert [(s.split, s.read()[:5]) for s in load_set(tmp_path)] == [("test", b"test-"), ("train", b"train")]


def test_missing_parquet_column_names_the_nearest(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"imagee": ["x"], "label": ["real"]}), tmp_path / "d.parquet")
    with pytest.raises(BadData, match="no column 'image'") as caught:
        load_set(tmp_path)
    assert "did you mean 'imagee'" in caught.value.hint


@pytest.mark.parametrize("keep", [0, 3, 40, 300])
def test_cut_off_parquet_is_refused(tmp_path, keep):
    file = parquet(tmp_path / "d.parquet", [b"1" * 500, b"2" * 500], ["real", "ai"])
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(BadData, match="no readable parquet file"):
        load_set(file)


def test_parquet_damaged_inside_the_images_fails_picture_by_picture(tmp_path):
    file = parquet(tmp_path / "d.parquet", [bytes(range(256)) * 40] * 2, ["real", "ai"])
    data = bytearray(file.read_bytes())
    data[4:60] = b"\xff" * 56
    file.write_bytes(data)
    with pytest.raises(UnreadableImage, match="cannot read row 1"):
        load_set(file).samples[1].read()


def test_empty_picture_cell_is_an_unreadable_image(tmp_path):
    file = parquet(tmp_path / "d.parquet", [b"", b"x"], ["real", "ai"])
    with pytest.raises(UnreadableImage, match="holds no picture"):
        load_set(file).samples[0].read()


def test_every_row_reads_its_own_bytes_at_random_after_pickling_and_in_a_forked_process(tmp_path):
    images = [str(i).encode() * 50 for i in range(23)]
    file = parquet(tmp_path / "d.parquet", images, ["real"] * 23, row_group_size=5)
    samples = load_set(file).samples
    order = [22, 0, 7, 7, 19, 4, 5]
    assert [samples[i].read() for i in order] == [images[i] for i in order]
    assert pickle.loads(pickle.dumps(samples[13])).read() == images[13]
    with multiprocessing.get_context("fork").Pool(2) as pool:
        assert pool.map(_read, samples) == images


def test_row_groups_beyond_the_cache_are_dropped_and_still_read(tmp_path, monkeypatch):
    from aivsreal.data import parquet as module

    cache = module._Cache(limit=3000)
    monkeypatch.setattr(module, "_cache", cache)
    images = [bytes([i]) * 1000 for i in range(12)]
    samples = load_set(parquet(tmp_path / "d.parquet", images, ["real"] * 12)).samples
    assert [samples[i].read() for i in (*range(12), 0, 11)] == [*images, images[0], images[11]]
    assert cache.held <= 3000


def _read(sample):
    return sample.read()


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_table_of_paths_and_labels(tmp_path, suffix):
    tree(tmp_path, "x/a.png", "x/b, c.png")
    lines = {
        ".csv": 'path,label,split,generator\nx/a.png,real,train,\n"x/b, c.png",fake,dev,sd\n',
        ".jsonl": '{"path": "x/a.png", "label": "real", "split": "train", "generator": null}\n\n'
        '{"path": "x/b, c.png", "label": "fake", "split": "dev", "generator": "sd"}\n',
    }
    (tmp_path / f"t{suffix}").write_text(lines[suffix])
    found = load_set(tmp_path / f"t{suffix}")
    assert [(s.key, s.label, s.split, dict(s.columns)) for s in found] == [
        ("x/a.png", 0, "train", {"generator": None}),
        ("x/b, c.png", 1, "val", {"generator": "sd"}),
    ]
    assert found.samples[0].read() == (tmp_path / "x/a.png").read_bytes()


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("t.csv", "", "no records"),
        ("t.csv", "path,label\n", "no records"),
        ("t.csv", "pfad,label\na.png,real\n", "no column 'path'"),
        ("t.csv", "path,label\na.png,real,x\n", "line 2"),
        ("t.csv", "path,label\na.png,banana\n", "'banana'"),
        ("t.csv", "path,label\na.png,real\nno.png,ai\n", "are not there, the first is no.png"),
        ("t.jsonl", '{"path": "a.png"', "line 1"),
        ("t.jsonl", "[1]\n", "no JSON object"),
    ],
)
def test_damaged_table_is_refused(tmp_path, name, text, reason):
    tree(tmp_path, "a.png")
    (tmp_path / name).write_text(text)
    with pytest.raises(BadData, match=reason):
        load_set(tmp_path / name)


def test_binary_table_is_refused(tmp_path):
    (tmp_path / "t.csv").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(BadData, match="no text table"):
        load_set(tmp_path / "t.csv")


@pytest.fixture
def columned(tmp_path):
    return parquet(
        tmp_path / "d.parquet", [b"1", b"2", b"3", b"4"], ["real", "real", "ai", "ai"],
        style=["photo", None, "photo", "text"], generator=[None, None, "sd", "mj"], n=[1, 2, 3, 4],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("where", "rows"),
    [
        (["style=photo"], [0, 2]),
        (["style!=photo"], [1, 3]),
        (["generator!=mj"], [0, 1, 2]),
        (["generator=sd"], [2]),
        (["label=FAKE", "style=text"], [3]),
        (["n=2"], [1]),
    ],
)
def test_conditions_compare_a_records_own_value_and_nothing_never_equals_one(columned, where, rows):
    assert [s.row for s in load_set(columned, where=where)] == rows


@pytest.mark.parametrize(
    ("condition", "error", "told"),
    [
        ("stile=photo", BadData, "did you mean 'style'"),
        ("style=foto", BadData, "photo, text"),
        ("style", UsageError, "COLUMN=VALUE"),
        ("=x", UsageError, "COLUMN=VALUE"),
    ],
)
def test_condition_that_cannot_be_met_says_what_there_is(columned, condition, error, told):
    with pytest.raises(error) as caught:
        load_set(columned, where=[condition])
    assert told in caught.value.hint


@pytest.mark.parametrize(
    ("exclude", "rows"),
    [
        (["generator=mj"], [0, 1, 2]),
        (["style=text", "generator=sd"], [0, 1]),
        (["generator=sd", "style=photo"], [1, 3]),
        (["label=fake"], [0, 1]),
        (["n=2"], [0, 2, 3]),
        (["label=ai & generator=mj"], [0, 1, 2]),
        (["label=ai & generator=sd"], [0, 1, 3]),
        ([], [0, 1, 2, 3]),
    ],
)
def test_excluded_are_all_that_meet_some_condition(columned, exclude, rows):
    assert [s.row for s in load_sets([columned], exclude=exclude)] == rows


@pytest.mark.parametrize(
    ("exclude", "error", "told"),
    [
        (["generator=mjj"], BadData, "did you mean 'mj'"),
        (["generatr=mj"], BadData, "did you mean 'generator'"),
        (["generator!=mj"], UsageError, "COLUMN=VALUE"),
        (["generator"], UsageError, "COLUMN=VALUE"),
        (["label=ai", "label=real"], BadData, "less"),
        (["label=real & generator=mj"], BadData, "others"),
        (["label=ai & generator!=mj"], UsageError, "COLUMN=VALUE"),
    ],
)
def test_what_cannot_be_left_out_is_never_left_in_quietly(columned, exclude, error, told):
    with pytest.raises(error) as caught:
        load_sets([columned], exclude=exclude)
    assert told in caught.value.hint


def test_a_joined_column_can_be_excluded(tmp_path):
    parquet(tmp_path / "d.parquet", [b"1", b"2", b"3"], ["real", "ai", "ai"], generator=[None, "sd", "mj"])
    (tmp_path / "generators.csv").write_text("generator,generator_year,family\nsd,2022,x\nmj,2023,y\n")
    assert [s.row for s in load_sets([tmp_path], exclude=["year=2023"])] == [0, 1]
    assert [s.row for s in load_sets([tmp_path], exclude=["family=x"])] == [0, 2]


def test_generator_table_is_joined_and_a_records_own_value_wins(tmp_path):
    parquet(
        tmp_path / "d.parquet",
        [b"1", b"2", b"3"],
        ["real", "ai", "ai"],
        generator=[None, "sd", "mj"],
        family=[None, "own", None],
    )
    (tmp_path / "generators.csv").write_text(
        "generator,generator_year,family,train\nsd,2022,diffusion,5\nmj,2023,closed,7\n"
    )
    labelled = load_set(tmp_path)
    assert [(s.columns["year"], s.columns["family"]) for s in labelled] == [
        (None, None),
        ("2022", "own"),
        ("2023", "closed"),
    ]
    assert "train" not in labelled.column_names
    assert labelled.generator_table["mj"]["year"] == "2023"


def test_tags_are_joined_by_the_sha256_that_the_data_names(tmp_path):
    parquet(tmp_path / "d.parquet", [b"1", b"2"], ["real", "ai"], sha256=["aa", "bb"])
    (tmp_path / "tags.csv").write_text("sha256,tags\naa,dark phone\ncc,press\n")
    labelled = load_set(tmp_path, tags=tmp_path / "tags.csv")
    assert [s.columns["tags"] for s in labelled] == ["dark phone", None]


@pytest.mark.parametrize(
    ("table", "says"),
    [("sha256,tags\ncc,press\n", "tags no picture"), ("name,tag\n", "no columns"), ("", "no columns")],
)
def test_a_table_of_other_pictures_or_columns_is_refused(tmp_path, table, says):
    parquet(tmp_path / "d.parquet", [b"1"], ["real"], sha256=["aa"])
    (tmp_path / "tags.csv").write_text(table)
    with pytest.raises(BadData, match=says):
        load_set(tmp_path, tags=tmp_path / "tags.csv")


def test_fingerprint_follows_content_not_names(tmp_path):
    data = picture(1)
    tree(tmp_path / "one", "train/real/a.png", "train/fake/b.png", data=data)
    tree(tmp_path / "two", "train/nature/x.png", "train/ai/sd/y.png", data=data)
    tree(tmp_path / "three", "train/real/a.png", "train/fake/b.png", data=picture(2))
    one, two, three = (load_set(tmp_path / n).fingerprint() for n in ("one", "two", "three"))
    assert one == two != three


def test_vanished_file_is_an_unreadable_image(tmp_path):
    tree(tmp_path, "real/a.png", "fake/b.png")
    sample = load_set(tmp_path).samples[0]
    (tmp_path / sample.key).unlink()
    with pytest.raises(UnreadableImage, match="cannot read"):
        sample.read()


def test_missing_split_names_those_there_are(tmp_path):
    tree(tmp_path, "train/real/a.png", "test/fake/b.png")
    with pytest.raises(AivsrealError) as caught:
        load_set(tmp_path).of_split("vall")
    assert "train, test" in caught.value.hint


def test_photos_load_with_every_column(shared):
    photos = load_set(shared / "data/photos")
    assert (len(photos), photos.splits) == (5407, ("train", "val", "test", "unseen"))
    dalle = load_set(shared / "data/photos", where=["generator=dall-e-3"]).samples[0]
    assert (dalle.label, dalle.columns["year"]) == (1, "2023")
    assert len(load_set(shared / "data/photos", where=["generator!=midjourney", "label=real"])) == 2993


def test_a_recipes_condition_sets_apart_what_meets_all_of_it(tmp_path):
    tree(tmp_path, "train/REAL/a.png", "train/FAKE/b.png", "val/FAKE/c.png")

    kept, apart = set_apart(load_set(tmp_path), "label=fake & split=train")

    assert [s.key for s in kept] == ["train/REAL/a.png", "val/FAKE/c.png"]
    assert [s.key for s in apart] == ["train/FAKE/b.png"]


@pytest.mark.parametrize("condition", ["origin_kind=benchmark", "label=ai & generator=nobody"])
def test_a_recipes_condition_on_what_the_data_does_not_know_is_met_by_none(tmp_path, condition):
    tree(tmp_path, "train/REAL/a.png", "train/FAKE/b.png")

    kept, apart = set_apart(load_set(tmp_path), condition)

    assert (len(kept), len(apart)) == (2, 0)


def test_a_malformed_condition_of_a_recipe_is_refused(tmp_path):
    tree(tmp_path, "train/REAL/a.png", "train/FAKE/b.png")

    with pytest.raises(UsageError, match="cannot follow the condition 'label'"):
        set_apart(load_set(tmp_path), "label & split=train")


def test_a_recipes_condition_cannot_be_met_by_what_lacks_the_column(tmp_path):
    tree(tmp_path, "train/REAL/a.png", "train/FAKE/b.png")

    with pytest.raises(UsageError, match="cannot leave out"):
        set_apart(load_set(tmp_path), "origin_kind!=benchmark")
