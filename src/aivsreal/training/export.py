"""From a run to a bundle: the chosen weights as an ONNX graph, checked against torch, with a first card.

The card leaves here uncalibrated; `evaluation.calibrate` fits probabilities and thresholds afterwards,
through the exported graph, as a user's verdict goes.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from aivsreal.bundle import Bundle, Card, is_version, save_bundle
from aivsreal.errors import BadRun, MissingDependency, UsageError
from aivsreal.training.network import Network, make_network
from aivsreal.training.run import Run, load_tensors, open_run
from aivsreal.training.tower import TOWER
from aivsreal.training.tower_graph import head_of, notice, parameters

OUTPUTS = ("logit", "map", "embedding")
TOLERANCE = 1e-4


@dataclass(frozen=True)
class Exported:
    """A bundle, and how far its graph is from torch on random input (see largest_difference).

    difference: None where torch had no part in it, the graph being a tower's
    """

    bundle: Bundle
    difference: float | None


def export(run_folder: Path, bundle_folder: Path, *, version: str = "1.0.0") -> Exported:
    """Return the bundle in `bundle_folder`, made from the chosen weights of the run in `run_folder`.

    Raises: UsageError for a version that is none; BadRun where the run has no finished epoch, or torch and
    ONNX differ; CannotWrite.
    """
    if not is_version(version):
        raise UsageError(f"{version!r} is no version", hint="write three numbers, as in 1.2.0")
    run = open_run(run_folder)
    return (
        _fitted(run, bundle_folder, version)
        if run.recipe.tower.graph
        else _trained(run, bundle_folder, version)
    )


def _trained(run: Run, bundle_folder: Path, version: str) -> Exported:
    chosen = load_tensors(run.weights)
    network = make_network(run.recipe.network, load_trunk=False)
    network.load_state_dict(chosen["weights"])
    network.eval()
    onnx_bytes = to_onnx(network, run.recipe.views.size)
    difference = largest_difference(network, onnx_bytes, run.recipe.views.size)
    if difference > TOLERANCE:
        raise BadRun(
            f"the exported graph differs from torch by {difference:.1e}",
            hint="a backbone with operators that ONNX Runtime computes otherwise cannot be shipped",
        )
    section = run.recipe.network
    facts = {
        "backbone": section.backbone,
        "parameters": sum(weight.numel() for weight in network.parameters()),
        "initialised_from": section.trunk,
    }
    card = _card(run, version, facts, notice=_notice(section.trunk), epoch=int(chosen["epoch"]))
    return Exported(
        save_bundle(bundle_folder, onnx=onnx_bytes, weights=_weights(network), card=card), difference
    )


def _fitted(run: Run, bundle_folder: Path, version: str) -> Exported:
    """The bundle of a run that fitted a tower's head. Raises: BadRun where it did not come so far."""
    from safetensors.numpy import save

    try:
        graph = (run.folder / TOWER).read_bytes()
    except FileNotFoundError as error:
        raise BadRun(
            f"the tower of {run.folder} is not fitted yet", hint="train further with --resume"
        ) from error
    whose = notice(graph)
    facts = {
        "backbone": "a frozen tower with a fitted head",
        "parameters": parameters(graph),
        "initialised_from": whose or str(run.recipe.tower.graph),
    }
    card = _card(run, version, facts, notice=f"Its tower is {whose}." if whose else "", epoch=0)
    return Exported(save_bundle(bundle_folder, onnx=graph, weights=save(head_of(graph)), card=card), None)


def to_onnx(network: Network, side: int) -> bytes:
    """Return the network as ONNX: uint8 [n, side, side, 3] in; logit, map and embedding out, n free."""
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise MissingDependency(
            "export needs onnx and onnxscript, which are not installed", hint="pip install 'aivsreal[train]'"
        ) from error
    example = torch.randint(0, 256, (2, side, side, 3), dtype=torch.uint8)
    # The convolutions see channels_last in training only; the exporter wants plain tensors.
    served = _Served(network).eval()
    served.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch's exporter calls torch's own deprecated parts
        program = torch.onnx.export(
            served,
            (example,),
            input_names=["views"],
            output_names=list(OUTPUTS),
            dynamic_shapes={"views": {0: torch.export.Dim("n", min=1, max=4096)}},
            dynamo=True,
            optimize=True,
            verbose=False,
        )
    if program is None:
        raise BadRun("torch exported no graph", hint="choose another backbone")
    return without_traces(program.model_proto.SerializeToString())


def without_traces(onnx_bytes: bytes) -> bytes:
    """Return the same graph without the exporter's notes, which name files of the machine that made it."""
    import onnx

    model = onnx.load_from_string(onnx_bytes)
    graph = model.graph
    for part in (
        model,
        graph,
        *graph.node,
        *graph.initializer,
        *graph.value_info,
        *graph.input,
        *graph.output,
    ):
        del part.metadata_props[:]
        part.doc_string = ""
    stripped: bytes = model.SerializeToString()
    return stripped


def largest_difference(network: Network, onnx_bytes: bytes, side: int) -> float:
    """Return the largest difference between torch's and the graph's outputs on random pictures.

    Of a map or an embedding whose largest value is above 1, as a share of that: float32 has so many digits, and no
    more. The logit is taken as it is, however large: verdicts are made of it, and thresholds know nothing of shares.
    """
    from onnxruntime import InferenceSession

    session = InferenceSession(onnx_bytes, providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(0)
    worst = 0.0
    for count in (1, 3):
        pictures = rng.integers(0, 256, (count, side, side, 3), dtype=np.uint8)
        with torch.no_grad():
            expected = _Served(network)(torch.from_numpy(pictures))
        found = session.run(list(OUTPUTS), {"views": pictures})
        for name, ours, theirs in zip(OUTPUTS, expected, found, strict=True):
            size = 1.0 if name == "logit" else max(1.0, float(ours.abs().max()))
            worst = max(worst, float(np.abs(ours.numpy() - theirs).max()) / size)
    return worst


class _Served(nn.Module):
    """What the graph computes: the three outputs as a tuple, in the order of their names."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network

    def forward(self, views: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        output = self.network.explain(views)
        return output.logit, output.map, output.embedding


def _weights(network: Network) -> bytes:
    """All weights as float16 safetensors: for going on training, at half the size."""
    from safetensors.torch import save

    state = {
        name: value.half().contiguous() if value.is_floating_point() else value
        for name, value in network.state_dict().items()
    }
    return save(state)


def _card(run: Run, version: str, network: dict[str, Any], *, notice: str, epoch: int) -> Card:
    recipe = run.recipe
    data: dict[str, Any] = run.facts["data"]
    content = {
        "schema_version": 1,
        "name": recipe.name,
        "version": version,
        "created": datetime.now(UTC).date().isoformat(),
        "summary": recipe.summary,
        "licence": recipe.licence,
        "notice": notice,
        "files": {},
        "network": {
            **network,
            "input_size": recipe.views.size,
            "recipe": recipe.model_dump(mode="json"),
        },
        "views": recipe.views.model_dump(),
        "calibration": {"scale": 1.0, "offset": 0.0, "fitted_on": None},
        "thresholds": {
            "real_below": 0.5,
            "ai_above": 0.5,
            "promise_ai": "Not calibrated: nothing is promised.",
            "promise_real": "Not calibrated: nothing is promised.",
            "fitted_on": None,
        },
        "stability": {"deliveries": list(recipe.stability.deliveries)},
        "training": {
            "data_name": data["name"],
            "data_fingerprint": data["fingerprint"],
            "counts": {"training": data["training"], "validation": data["validation"]},
            "generators": data["generators"],
            "seed": recipe.optimise.seed,
            "versions": run.facts["versions"],
            "git": run.facts["git"],
            "epochs": epoch,
            "where": data["where"],
            "excluded": list(run.excluded),
        },
        "figures": {},
        "reference": {},
        "limits": list(recipe.limits),
    }
    return Card.model_validate(content)


def _notice(trunk: str) -> str:
    if trunk != "imagenet":
        return ""
    from aivsreal.training.network import shipped_trunk

    _, description = shipped_trunk()
    return f"Trained from an ImageNet trunk ({description['licence']}): {description['origin']}"
