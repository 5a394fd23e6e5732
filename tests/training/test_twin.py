"""What a model's torch twin and its shuffled graph say beside the map that verdicts show."""

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from onnxruntime import InferenceSession

from aivsreal.bundle import load_bundle
from aivsreal.detector import Detector
from aivsreal.errors import BadBundle
from aivsreal.images import open_picture
from aivsreal.training.network import make_network
from aivsreal.training.recipe import load_recipe
from aivsreal.training.tower_twin import tower_twin
from aivsreal.training.twin import finer_layer, grad_cam, shuffled, twin
from aivsreal.views import make_views
from tests.data.draw import as_bytes, photo

VIEWS = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def small() -> Detector:
    return Detector.load("photos-small", threads=1, fast=True)


def test_a_twin_gives_the_logits_of_its_model(small: Detector) -> None:
    picture = open_picture(as_bytes(photo(300, 260), "PNG"))
    views = make_views(picture.pixels, small.bundle.card.views).batch
    with torch.no_grad():
        logits = twin(small.bundle)(torch.from_numpy(views)).numpy()
    # Weights beside the graph are kept in sixteen bits.
    assert np.allclose(logits, small.score(picture).view_logits, atol=0.05)


def test_a_towers_twin_differs_by_what_its_graph_rounds() -> None:
    detector = Detector.load("photos", threads=1, fast=True)
    # The last one is noise, of which the second judge has a doubt.
    noise = np.random.default_rng(0).integers(0, 256, (224, 224, 3), dtype=np.uint8)
    drawn = [*(photo(224, 224, seed) for seed in range(4)), noise]
    pictures = [open_picture(as_bytes(each, "PNG")) for each in drawn]
    views = np.stack([make_views(each.pixels, detector.bundle.card.views).batch[0] for each in pictures])
    with torch.no_grad():
        logits = twin(detector.bundle)(torch.from_numpy(views)).numpy()
    served = np.array([detector.score(each).view_logits[0] for each in pictures])
    assert np.allclose(logits, served, atol=0.6)


def test_a_towers_twin_has_the_gradient_of_its_logit() -> None:
    network = twin(load_bundle("photos"))
    pixels = torch.from_numpy(photo(224, 224).astype(np.float32))[None].requires_grad_(True)
    logit = network(pixels)
    (slope,) = torch.autograd.grad(logit.sum(), pixels)
    with torch.no_grad():
        moved = network(pixels + 0.05 * slope.sign())
    expected = 0.05 * slope.abs().sum()
    assert (moved - logit).item() == pytest.approx(expected.item(), rel=0.3)


def test_a_graph_of_another_kind_has_no_twin(small: Detector) -> None:
    with pytest.raises(BadBundle, match="no torch network"):
        tower_twin(small.bundle.onnx_bytes)


def test_grad_cam_of_pooled_features_is_the_map_without_its_bias() -> None:
    network = make_network(load_recipe("toy").network).eval()
    with torch.no_grad():
        output = network.explain(torch.from_numpy(VIEWS))
        bias = network.head[-1].bias
    maps = grad_cam(network, VIEWS)
    places = maps.shape[1] * maps.shape[2]
    assert np.allclose(maps * places, (output.map - bias).detach().numpy(), atol=1e-5)


def test_finer_maps_have_more_places() -> None:
    network = make_network(load_recipe("toy").network).eval()
    coarse, fine = grad_cam(network, VIEWS), grad_cam(network, VIEWS, finer_layer(network))
    assert fine.shape == (2, 2 * coarse.shape[1], 2 * coarse.shape[2])
    assert np.abs(fine).max() > 0


def weights_of(graph: bytes) -> dict[str, np.ndarray]:
    parts = onnx.load_from_string(graph).graph.initializer
    return {part.name: numpy_helper.to_array(part) for part in parts}


@pytest.mark.parametrize(("share", "more_than"), [(0.0, 0), (0.5, 20), (1.0, 45)])
def test_shuffling_begins_at_the_head_and_keeps_every_value(
    small: Detector, share: float, more_than: int
) -> None:
    before = weights_of(small.bundle.onnx_bytes)
    graph = shuffled(small.bundle.onnx_bytes, share, np.random.default_rng(0))
    after = weights_of(graph)
    changed = [name for name in before if not np.array_equal(before[name], after[name])]
    assert len(changed) > more_than
    assert any("head" in name for name in changed)
    assert all(np.array_equal(np.sort(before[n], None), np.sort(after[n], None)) for n in changed)
    assert InferenceSession(graph).get_inputs()[0].name == "views"


def test_a_head_alone_is_one_layer(small: Detector) -> None:
    graph = shuffled(small.bundle.onnx_bytes, 0.0, np.random.default_rng(0))
    before, after = weights_of(small.bundle.onnx_bytes), weights_of(graph)
    assert sum(not np.array_equal(before[name], after[name]) for name in before) == 1
