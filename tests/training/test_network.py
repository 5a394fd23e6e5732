from pathlib import Path

import numpy as np
import pytest
import torch

from aivsreal.errors import BadRecipe
from aivsreal.training.export import largest_difference, to_onnx
from aivsreal.training.network import make_network, set_training, shipped_trunk
from aivsreal.training.recipe import NetworkSection

SMALL = {"backbone": "mobilenetv2_035", "trunk": "scratch", "trunk_options": {"pad_type": "same"}}
PICTURES = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8))


def test_the_map_of_a_linear_head_averages_to_the_logit() -> None:
    network = make_network(NetworkSection(**SMALL)).eval()
    with torch.no_grad():
        output = network.explain(PICTURES)
    assert torch.allclose(output.map.mean(dim=(1, 2)), output.logit, atol=1e-5)
    assert torch.allclose(output.logit, network(PICTURES), atol=1e-5)


def test_a_hidden_layer_still_gives_a_map_over_the_picture() -> None:
    network = make_network(NetworkSection(**SMALL, hidden=16)).eval()
    with torch.no_grad():
        output = network.explain(PICTURES)
    assert output.map.shape == (2, 2, 2)
    assert output.embedding.shape[0] == 2


@pytest.mark.parametrize(("stages", "side"), [(0, 2), (1, 4), (2, 8)])
def test_full_resolution_stages_keep_the_feature_map_larger(stages: int, side: int) -> None:
    network = make_network(NetworkSection(**SMALL, full_resolution_stages=stages)).eval()
    with torch.no_grad():
        assert network.explain(PICTURES).map.shape == (2, side, side)


def test_the_shipped_trunk_is_what_the_default_network_starts_from() -> None:
    from safetensors.torch import load_file

    network = make_network(NetworkSection(trunk_options={"pad_type": "same", "bn_eps": 1e-3}))
    stored = load_file(shipped_trunk()[0])["conv_stem.weight"].float()
    assert torch.equal(network.trunk.conv_stem.weight, stored)


def test_the_shipped_trunk_is_refused_for_another_backbone() -> None:
    with pytest.raises(BadRecipe, match="mobilenetv2_035"):
        make_network(NetworkSection(backbone="mobilenetv2_035"))


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    path = tmp_path / "other.safetensors"
    save_file({"somewhere.weight": torch.zeros(3)}, path)
    with pytest.raises(BadRecipe, match="lacks"):
        make_network(NetworkSection(**{**SMALL, "trunk": str(path)}))


@pytest.mark.parametrize(
    "section",
    [
        {"backbone": "no_such_network", "trunk": "scratch"},
        {**SMALL, "trunk_options": {"no_such_option": 1}},
        {**SMALL, "trunk": "/no/such/file.safetensors"},
        {**SMALL, "freeze_stages": 99},
    ],
)
def test_what_cannot_be_made_is_a_bad_recipe(section: dict[str, object]) -> None:
    with pytest.raises(BadRecipe):
        make_network(NetworkSection.model_validate(section))


def test_frozen_stages_take_no_gradient_and_keep_their_statistics() -> None:
    network = make_network(NetworkSection(**SMALL, freeze_stages=2))
    set_training(network, 2)
    before = network.trunk.bn1.running_mean.clone()
    network(PICTURES).sum().backward()
    assert network.trunk.conv_stem.weight.grad is None
    assert network.trunk.blocks[0][0].conv_dw.weight.grad is None
    assert network.trunk.blocks[1][0].conv_dw.weight.grad is not None
    assert torch.equal(before, network.trunk.bn1.running_mean)


@pytest.mark.parametrize("hidden", [0, 8])
def test_the_exported_graph_says_what_torch_says(hidden: int) -> None:
    network = make_network(NetworkSection(**SMALL, full_resolution_stages=1, hidden=hidden)).eval()
    graph = to_onnx(network, 64)
    assert largest_difference(network, graph, 64) <= 1e-4


def test_a_graph_of_other_weights_is_told_apart() -> None:
    graph = to_onnx(make_network(NetworkSection(**SMALL)).eval(), 64)
    torch.manual_seed(5)
    assert largest_difference(make_network(NetworkSection(**SMALL)).eval(), graph, 64) > 1e-4


def test_the_exported_graph_tells_nothing_of_the_machine_that_made_it() -> None:
    graph = to_onnx(make_network(NetworkSection(**SMALL)).eval(), 64)
    assert str(Path(__file__).parents[2]).encode() not in graph
    assert b"site-packages" not in graph
