import numpy as np
import onnx
import pytest
from onnxruntime import InferenceSession

from aivsreal.errors import BadRecipe
from aivsreal.training.tower_graph import (
    Doubt,
    Head,
    Hidden,
    head_of,
    notice,
    parameters,
    with_head,
    with_judge,
    without_hidden,
)
from tests.data.bundles import tiny_tower, token_tower

SIDE, WIDTH, UNITS = 8, 3, 5


@pytest.fixture
def tokens() -> bytes:
    return token_tower()


@pytest.fixture
def pictures() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (4, SIDE, SIDE, 3), dtype=np.uint8)


def run(graph: bytes, views: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    onnx.checker.check_model(onnx.load_from_string(graph))
    return tuple(InferenceSession(graph).run(["logit", "map", "embedding"], {"views": views}))


def features(views: np.ndarray) -> np.ndarray:
    patches = views.astype(float).reshape(-1, 4, 2, 4, 2, 3).mean(axis=(2, 4)).reshape(-1, 16, 3)
    return np.concatenate([patches.max(axis=1), patches.mean(axis=1)], axis=1)


def judge() -> tuple[Head, Hidden]:
    rng = np.random.default_rng(4)
    head = Head(rng.normal(0, 0.1, 2 * WIDTH + UNITS), 0.7)
    return head, Hidden(rng.normal(0, 0.1, (2 * WIDTH, UNITS)), rng.normal(0, 5, UNITS))


def test_a_linear_judge_weighs_class_token_and_mean_of_patches(tokens: bytes, pictures: np.ndarray) -> None:
    head = Head(np.random.default_rng(5).normal(0, 0.1, 2 * WIDTH), -0.4)
    logit, _, embedding = run(with_judge(tokens, head), pictures)
    assert embedding == pytest.approx(features(pictures), rel=1e-5)
    assert logit == pytest.approx(features(pictures) @ head.weight + head.bias, rel=1e-4)


def test_hidden_units_stand_behind_the_features_and_the_head_judges_both(
    tokens: bytes, pictures: np.ndarray
) -> None:
    head, hidden = judge()
    logit, _, embedding = run(with_judge(tokens, head, hidden), pictures)
    units = np.maximum(features(pictures) @ hidden.weight + hidden.bias, 0)
    assert 0 < (units > 0).mean() < 1
    assert hidden(features(pictures)) == pytest.approx(units)
    assert embedding == pytest.approx(np.concatenate([features(pictures), units], axis=1), rel=1e-4)
    assert logit == pytest.approx(embedding @ head.weight + head.bias, rel=1e-4)


@pytest.mark.parametrize("with_units", [False, True])
def test_the_map_is_what_each_patch_adds_and_its_mean_the_logit(
    tokens: bytes, pictures: np.ndarray, with_units: bool
) -> None:
    head, hidden = judge()
    if not with_units:
        head, hidden = Head(head.weight[: 2 * WIDTH], head.bias), None
    graph = with_judge(tokens, head, hidden)
    logit, maps, _ = run(graph, pictures)
    assert maps.mean(axis=(1, 2)) == pytest.approx(logit, rel=1e-4)
    # A patch grown by a little, the class token staying as it is, moves the logit as its place in the map moves.
    grown = pictures.copy()
    grown[:, 4:6, 2:4] = np.minimum(grown[:, 4:6, 2:4], 200) + 1
    before = pictures.copy()
    before[:, 4:6, 2:4] = np.minimum(before[:, 4:6, 2:4], 200)
    (low, low_map, _), (high, high_map, _) = run(graph, before), run(graph, grown)
    same_token = features(before)[:, :3] == features(grown)[:, :3]
    kept = same_token.all(axis=1)
    assert kept.any()
    moved = (high_map - low_map)[:, 1, 0] - (high_map - low_map)[:, 0, 1]
    assert moved[kept] / 4 == pytest.approx((high - low)[kept], abs=1e-3)


def test_a_head_is_read_and_replaced_behind_hidden_units_too(tokens: bytes, pictures: np.ndarray) -> None:
    head, hidden = judge()
    graph = with_judge(tokens, head, hidden)
    assert head_of(graph)["head_weight"] == pytest.approx(head.weight)
    zero = with_head(graph, Head(np.zeros(2 * WIDTH + UNITS), 2.0))
    assert run(zero, pictures)[0] == pytest.approx(np.full(4, 2.0))
    assert parameters(graph) > 2 * WIDTH * UNITS


def test_hidden_units_are_taken_out_again_and_the_notice_stays(tokens: bytes, pictures: np.ndarray) -> None:
    bare = without_hidden(with_judge(tokens, *judge()))
    assert run(bare, pictures)[2] == pytest.approx(features(pictures), rel=1e-5)
    assert head_of(bare)["head_weight"].shape == (2 * WIDTH,)
    assert notice(bare) == "drawn by a test"
    assert without_hidden(tokens) == tokens


def doubting(shift: float) -> tuple[Head, Hidden, Doubt]:
    """A judge and a second one that is surer of AI by `shift`."""
    rng = np.random.default_rng(6)
    head, hidden = judge()
    head.weight[: 2 * WIDTH] = 0
    second = Hidden(rng.normal(0, 0.1, (2 * WIDTH, 4)), rng.normal(0, 5, 4))
    first_head = Head(head.weight[2 * WIDTH :], head.bias)
    doubt = Doubt(second, Head(rng.normal(0, 0.1, 4), shift), first_head)
    return Head(np.append(head.weight, 1.0), head.bias), hidden, doubt


@pytest.mark.parametrize("shift", [-30.0, 0.0, 3.0, 30.0])
def test_a_doubt_lifts_a_score_to_even_odds_at_most_and_lowers_none(
    tokens: bytes, pictures: np.ndarray, shift: float
) -> None:
    head, hidden, doubt = doubting(shift)
    logit, maps, embedding = run(with_judge(tokens, head, hidden, doubt), pictures)
    plain = run(with_judge(tokens, Head(head.weight[:-1], head.bias), hidden), pictures)[0]
    says = doubt.second(features(pictures)) @ doubt.second_head.weight + doubt.second_head.bias
    assert logit == pytest.approx(np.maximum(plain, np.log(1 / (1 + np.exp(-says)))), abs=1e-3)
    assert (logit >= plain - 1e-4).all()
    assert (logit <= np.maximum(plain, 0) + 1e-4).all()
    assert embedding.shape == (4, 2 * WIDTH + UNITS + 1)
    assert embedding @ head.weight + head.bias == pytest.approx(logit, abs=1e-3)
    assert maps.mean(axis=(1, 2)) == pytest.approx(logit, abs=1e-3)


def test_a_doubt_is_taken_out_with_the_hidden_units(tokens: bytes, pictures: np.ndarray) -> None:
    bare = without_hidden(with_judge(tokens, *doubting(3.0)))
    assert run(bare, pictures)[2].shape == (4, 2 * WIDTH)
    assert parameters(bare) < parameters(with_judge(tokens, *doubting(3.0)))


def test_a_graph_without_tokens_has_no_place_for_hidden_units() -> None:
    with pytest.raises(BadRecipe, match="names no class_token and patches"):
        with_judge(tiny_tower(), *judge())
