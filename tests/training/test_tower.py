import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnxruntime import InferenceSession
from PIL import Image
from sklearn.metrics import roc_auc_score

from aivsreal.bundle import load_bundle
from aivsreal.data.labelled import LabelledSet, Sample
from aivsreal.detector import Detector
from aivsreal.errors import BadRecipe, BadRun
from aivsreal.evaluation.finish import finish
from aivsreal.training.export import export
from aivsreal.training.judge import Judge, doubting, fit_head, fit_hidden, left_out, source_weights
from aivsreal.training.loop import train
from aivsreal.training.recipe import Recipe, load_recipe
from aivsreal.training.tower import SEEN_BY, fit_tower, learned_and_doubted, load_left_out, tower_graph
from aivsreal.training.tower_graph import NOTICE, Head, with_head
from tests.data.bundles import tiny_graph, tiny_tower, token_tower


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    file = tmp_path / "empty.onnx"
    model = onnx.load_from_string(tiny_tower(64))
    onnx.helper.set_model_props(model, {NOTICE: "drawn by a test"})
    file.write_bytes(model.SerializeToString())
    return file


@pytest.fixture
def bright_and_dark(tmp_path: Path) -> LabelledSet:
    """AI pictures bright and real ones dark, each of a source of its own."""
    samples = []
    for number in range(40):
        label, path = number % 2, tmp_path / f"{number}.png"
        level = 60 + 110 * label + number // 2
        Image.new("RGB", (80, 70), (level, 120, 120)).save(path)
        split = "val" if number >= 32 else "train"
        samples.append(Sample(path.name, label, split, {"source": path.name}, str(path)))
    return LabelledSet("bright and dark", tmp_path, tuple(samples))


def recipe(graph: Path | str, *overrides: str) -> Recipe:
    views = ["views.whole=square", "views.tiles=1", "tower.views=2", "tower.strength=1"]
    return load_recipe("toy", overrides=[f"tower.graph={graph}", *views, *overrides])


def logit(tower: Path, level: int) -> float:
    view = np.full((1, 64, 64, 3), 120, np.uint8)
    view[..., 0] = level
    return float(InferenceSession(tower.read_bytes()).run(["logit"], {"views": view})[0][0])


def test_a_fitted_head_tells_bright_from_dark(
    graph: Path, bright_and_dark: LabelledSet, tmp_path: Path
) -> None:
    fit_tower(bright_and_dark.samples, recipe(graph), tmp_path / "run", lambda _: None)
    assert logit(tmp_path / "run" / "tower.onnx", 200) > 0 > logit(tmp_path / "run" / "tower.onnx", 50)
    known = load_left_out(tmp_path / "run")
    assert (known.logits.shape, known.labels.shape) == ((1, 40), (40,))
    assert roc_auc_score(known.labels, known.logits[0]) == 1.0
    assert (known.drawn, known.looks_drawn.any()) == (None, False)


def test_drawings_are_told_by_their_style_and_not_by_who_made_them(graph: Path, tmp_path: Path) -> None:
    samples = []
    for number in range(48):
        label, drawn, path = number % 2, number % 4 > 1, tmp_path / f"{number}.png"
        Image.new("RGB", (80, 70), (60 + 110 * label, 60 + 110 * drawn, number)).save(path)
        columns = {"source": path.name, "style": "icon" if drawn else "photo"}
        samples.append(Sample(path.name, label, "train", columns, str(path)))
    fit_tower(samples, recipe(graph, 'tower.drawn_styles=["icon", "plot"]'), tmp_path / "run", lambda _: None)
    known = load_left_out(tmp_path / "run")
    assert known.looks_drawn.tolist() == [number % 4 > 1 for number in range(48)]
    red, green, blue = known.drawn.weight
    assert green > 10 * max(abs(red), abs(blue))
    assert 60 / 255 * green + known.drawn.bias < 0 < 170 / 255 * green + known.drawn.bias


def test_where_only_ai_pictures_are_drawn_nothing_tells_drawings(
    graph: Path, bright_and_dark: LabelledSet, tmp_path: Path
) -> None:
    styled = [
        replace(
            sample,
            columns={**sample.columns, "style": "icon" if sample.label and number % 4 == 1 else "photo"},
        )
        for number, sample in enumerate(bright_and_dark.samples)
    ]
    fit_tower(styled, recipe(graph, 'tower.drawn_styles=["icon"]'), tmp_path / "run", lambda _: None)
    known = load_left_out(tmp_path / "run")
    assert (known.drawn, known.looks_drawn.any()) == (None, False)


def test_the_head_is_fitted_on_worn_copies_too(
    graph: Path, bright_and_dark: LabelledSet, tmp_path: Path
) -> None:
    worn = recipe(graph, 'tower.deliveries=["aligned", "hard"]')
    fit_tower(bright_and_dark.samples, worn, tmp_path / "run", lambda _: None)
    embeddings = np.load(tmp_path / "run" / "tower" / "0000000.npy").astype(float)
    assert embeddings.shape == (40, 4, embeddings.shape[2])
    plain, aligned, hard = embeddings[:, :3].transpose(1, 0, 2)
    distance = [np.abs(plain - other).mean() for other in (aligned, hard)]
    assert 0 < max(distance) < 0.2 * np.abs(plain).mean()
    assert load_left_out(tmp_path / "run").logits.shape == (2, 40)


def test_larger_pictures_are_seen_in_tiles_too(graph: Path, tmp_path: Path) -> None:
    samples = []
    for number in range(8):
        label, path = number % 2, tmp_path / f"{number}.png"
        size = (430, 400) if number < 6 else (399, 900)
        Image.new("RGB", size, (60 + 110 * label, 120, 120)).save(path)
        samples.append(Sample(path.name, label, "train", {"source": path.name}, str(path)))
    fit_tower(samples, recipe(graph, "tower.tiles=true"), tmp_path / "run", lambda _: None)
    tiles = np.load(tmp_path / "run" / "tiles" / "0000000.npy")
    assert tiles.shape == (6, 5, 3)
    reds = tiles[..., 0].astype(float) * 255
    assert reds == pytest.approx(np.repeat([[60], [170]] * 3, 5, axis=1), abs=2)
    assert load_left_out(tmp_path / "run").logits.shape == (1, 8)


def test_embeddings_that_are_there_are_not_computed_again(
    graph: Path, bright_and_dark: LabelledSet, tmp_path: Path
) -> None:
    said: list[str] = []
    fit_tower(bright_and_dark.samples, recipe(graph), tmp_path / "run", lambda _: None)
    first = (tmp_path / "run" / "tower.onnx").read_bytes()
    fit_tower(bright_and_dark.samples, recipe(graph), tmp_path / "run", said.append)
    assert (tmp_path / "run" / "tower.onnx").read_bytes() == first
    assert not any("pictures seen" in line for line in said)


@pytest.fixture
def other_graph(tmp_path: Path) -> Path:
    """A tower that sees half of the light."""
    file = tmp_path / "other.onnx"
    model = onnx.load_from_string(tiny_tower(64))
    white = next(part for part in model.graph.initializer if part.name == "white")
    white.CopyFrom(onnx.numpy_helper.from_array(np.float32(510), "white"))
    file.write_bytes(model.SerializeToString())
    return file


def tower_of(samples: LabelledSet, graph: Path, folder: Path) -> list[str]:
    """Return what a fit into the folder says of pictures that it looked at."""
    said: list[str] = []
    fit_tower(samples.samples, recipe(graph), folder, said.append)
    return [line for line in said if "pictures seen" in line]


@pytest.mark.parametrize("noted", [True, False])
def test_embeddings_of_another_graph_are_computed_anew(
    graph: Path, other_graph: Path, noted: bool, bright_and_dark: LabelledSet, tmp_path: Path
) -> None:
    tower_of(bright_and_dark, graph, tmp_path / "run")
    if not noted:
        (tmp_path / "run" / "tower" / SEEN_BY).unlink()
    tower_of(bright_and_dark, other_graph, tmp_path / "run")
    tower_of(bright_and_dark, other_graph, tmp_path / "expected")
    seen, expected = (np.load(tmp_path / name / "tower" / "0000000.npy") for name in ("run", "expected"))
    assert np.array_equal(seen, expected)


def test_of_embeddings_that_are_half_of_another_graph_that_half_is_computed_anew(
    graph: Path,
    other_graph: Path,
    bright_and_dark: LabelledSet,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("aivsreal.training.tower.CHUNK", 20)
    tower_of(bright_and_dark, graph, tmp_path / "run")
    tower_of(bright_and_dark, other_graph, tmp_path / "other")
    shutil.copy(tmp_path / "other" / "tower" / "0000020.npy", tmp_path / "run" / "tower")
    (tmp_path / "run" / "tower" / SEEN_BY).unlink()
    assert tower_of(bright_and_dark, graph, tmp_path / "run") == ["  tower: 40 of 40 pictures seen"]


def test_embeddings_of_a_run_of_before_are_used_where_they_are_copied_to(
    graph: Path, bright_and_dark: LabelledSet, tmp_path: Path
) -> None:
    tower_of(bright_and_dark, graph, tmp_path / "before")
    (tmp_path / "before" / "tower" / SEEN_BY).unlink()
    shutil.copytree(tmp_path / "before" / "tower", tmp_path / "run" / "tower")
    # A graph sees nothing by the head that it came with.
    graph.write_bytes(with_head(graph.read_bytes(), Head(np.ones(3), 0.5)))
    assert tower_of(bright_and_dark, graph, tmp_path / "run") == []


def test_a_run_with_a_tower_ends_as_a_bundle_with_one(
    graph: Path, bright_and_dark: LabelledSet, tmp_path: Path
) -> None:
    chosen = recipe(graph, "optimise.epochs=1", "optimise.batch_size=8")
    run = train(bright_and_dark, chosen, tmp_path / "run", say=lambda _: None)
    export(run.folder, tmp_path / "bundle")
    bundle = load_bundle(tmp_path / "bundle")
    assert bundle.onnx_bytes == (run.folder / "tower.onnx").read_bytes()
    assert bundle.card.notice == "Its tower is drawn by a test."
    assert tower_graph(recipe(tmp_path / "bundle")) == bundle.onnx_bytes


def test_a_run_whose_tower_is_not_fitted_is_not_exported(
    graph: Path, bright_and_dark: LabelledSet, tmp_path: Path
) -> None:
    chosen = recipe(graph, "optimise.epochs=1", "optimise.batch_size=8")
    run = train(bright_and_dark, chosen, tmp_path / "run", say=lambda _: None)
    (run.folder / "tower.onnx").unlink()
    with pytest.raises(BadRun, match="not fitted yet"):
        export(run.folder, tmp_path / "bundle")


def test_sources_weigh_by_their_size_to_a_power_and_classes_alike() -> None:
    labels = np.array([0, 0, 0, 0, 1])
    sources = np.array(["a", "a", "a", "b", "c"])
    weights = source_weights(labels, sources, power=0.0)
    assert weights[labels == 0].sum() == pytest.approx(weights[labels == 1].sum())
    assert weights[:3].sum() == pytest.approx(weights[3])


def test_a_fitted_hidden_layer_stands_in_the_run(tmp_path: Path) -> None:
    """What the graph says is what the judge said of the same features."""
    file = tmp_path / "tokens.onnx"
    file.write_bytes(token_tower())
    rng = np.random.default_rng(6)
    samples = []
    for number in range(30):
        path = tmp_path / f"{number}.png"
        level = 40 if number % 2 else 200
        Image.fromarray(rng.integers(level - 30, level + 30, (8, 8, 3), dtype=np.uint8)).save(path)
        samples.append(Sample(path.name, number % 2, "train", {"source": path.name}, str(path)))
    chosen = ["views.size=8", "views.tiles=0", "tower.views=1", "tower.hidden=6", "tower.networks=2"]
    fit_tower(samples, recipe(file, *chosen), tmp_path / "run", lambda _: None)
    graph = (tmp_path / "run" / "tower.onnx").read_bytes()
    views = np.stack([np.asarray(Image.open(sample.path)) for sample in samples])
    logits, embeddings = InferenceSession(graph).run(["logit", "embedding"], {"views": views})
    assert embeddings.shape == (30, 6 + 12)
    assert roc_auc_score([sample.label for sample in samples], logits) == 1.0


def test_hidden_units_tell_what_no_line_can() -> None:
    rng = np.random.default_rng(8)
    x = rng.normal(3, 2, (4000, 2))
    labels = (((x - 3) ** 2).sum(axis=1) > 5).astype(int)
    judge = fit_hidden(x, labels, np.ones(4000), units=64, networks=2)
    assert judge.hidden.weight.shape == (2, 128)
    assert roc_auc_score(labels, judge(x)) > 0.95
    again = fit_hidden(x, labels, np.ones(4000), units=64, networks=2)
    assert np.array_equal(judge(x), again(x))


def test_several_networks_are_averaged_and_not_added() -> None:
    x = np.random.default_rng(9).normal(0, 1, (3000, 2))
    labels = (np.arange(3000) % 10 < 9).astype(int)
    one, eight = (fit_hidden(x, labels, np.ones(3000), units=8, networks=count) for count in (1, 8))
    assert np.median(eight(x)) == pytest.approx(np.median(one(x)), abs=0.5)
    assert abs(eight.head.bias) < 1


def test_weights_decide_what_hidden_units_learn() -> None:
    rng = np.random.default_rng(8)
    x = rng.normal(0, 1, (2000, 2))
    labels = (x[:, 0] > 0).astype(int)
    wrong = rng.random(2000) < 0.6
    spoiled = np.where(wrong, 1 - labels, labels)
    trusted = fit_hidden(x, spoiled, np.where(wrong, 0.0, 1.0), units=32, networks=1)
    misled = fit_hidden(x, spoiled, np.ones(2000), units=32, networks=1)
    assert roc_auc_score(labels, trusted(x)) > 0.95 > 0.5 > roc_auc_score(labels, misled(x))


def test_a_graph_without_a_head_is_refused() -> None:
    with pytest.raises(BadRecipe, match="without a head_bias"):
        with_head(tiny_graph(), Head(np.zeros(3), 0.0))


def test_a_head_of_another_width_is_refused() -> None:
    with pytest.raises(BadRecipe, match="head_weight has the shape"):
        with_head(tiny_tower(), Head(np.zeros(5), 0.0))


def test_who_alone_is_learned_by_the_second_judge_raises_a_doubt_and_no_more() -> None:
    """AI pictures to the right are known to both judges; those above to the second alone."""
    rng = np.random.default_rng(0)
    real, right, above = (rng.normal(centre, 0.5, (600, 2)) for centre in ((0, 0), (4, 0), (0, 4)))
    first = fit_hidden(
        np.concatenate([real, right]), np.repeat([0, 1], 600), np.ones(1200), units=16, networks=2
    )
    both = np.concatenate([real, right, above])
    second = fit_hidden(both, np.repeat([0, 1, 1], 600), np.ones(1800), units=16, networks=2)
    judge = doubting(first, second)
    assert first(above).mean() < -0.5
    assert -0.5 < np.median(judge(above)) <= 0
    assert judge(above).max() <= max(0, first(above).max()) + 1e-9
    assert (judge(real) > 0).mean() == (first(real) > 0).mean()
    assert judge(right)[first(right) > 0] == pytest.approx(first(right)[first(right) > 0])


def test_a_doubt_without_hidden_units_is_refused() -> None:
    linear = Judge(Head(np.ones(2), 0.0))
    with pytest.raises(BadRecipe, match="a doubt needs hidden units"):
        doubting(linear, linear)


def test_doubted_pictures_are_seen_but_set_no_threshold(tmp_path: Path) -> None:
    file = tmp_path / "tokens.onnx"
    file.write_bytes(token_tower())
    samples = []
    for number in range(60):
        kind, path = ("real", "known", "doubted")[number % 3], tmp_path / f"{number}.png"
        colour = {"real": (50, 50, 50), "known": (220, 50, 50), "doubted": (50, 220, 50)}[kind]
        Image.new("RGB", (8, 8), tuple(level + number // 3 for level in colour)).save(path)
        columns = {"source": path.name, "origin_kind": kind}
        split = "val" if number >= 45 else "train"
        samples.append(Sample(path.name, int(kind != "real"), split, columns, str(path)))
    labelled = LabelledSet("three kinds", tmp_path, tuple(samples))
    hidden = ["tower.hidden=8", "views.size=8", 'tower.doubted="label=ai & origin_kind=doubted"']
    run = train(labelled, recipe(file, *hidden), tmp_path / "run", say=lambda _: None)
    known = load_left_out(run.folder)
    assert known.logits.shape == (1, 30)
    assert np.load(run.folder / "doubted" / "0000000.npy").shape[0] == 15
    card = finish(run.folder, labelled, tmp_path / "bundle", say=lambda _: None).card
    assert "5 photographs and 5 AI pictures" in card.thresholds.fitted_on
    assert card.training.counts["training"] == {"real": 15, "ai": 15}
    verdict = Detector.load(tmp_path / "bundle").predict(samples[45].read())
    assert verdict.embedding.shape == (6 + 8 + 1,)


def test_a_condition_that_the_data_does_not_know_doubts_nothing(
    graph: Path, bright_and_dark: LabelledSet
) -> None:
    asked = recipe(graph, 'tower.doubted="label=ai & origin_kind=benchmark"')
    kept, doubted = learned_and_doubted(bright_and_dark, asked)
    assert (len(kept), len(doubted)) == (40, 0)


def test_a_source_that_alone_has_its_class_cannot_be_judged_without_it() -> None:
    x, labels = np.eye(6), np.array([0, 0, 0, 0, 1, 1])
    sources = np.array(["a", "a", "b", "b", "only AI", "only AI"])

    def fit(rows: np.ndarray) -> Judge:
        return Judge(fit_head(x[rows], labels[rows], np.ones(len(rows)), 1.0))

    logits = left_out(fit, x, labels, sources)
    assert (logits[:4] != 0).all()
    assert (logits[4:] == 0).all()
