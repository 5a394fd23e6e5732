from pathlib import Path

import numpy as np
import pytest
import torch

from aivsreal.data.labelled import LabelledSet
from aivsreal.data.sources import load_set
from aivsreal.data.toy import draw_toy_set
from aivsreal.errors import BadRecipe
from aivsreal.training.export import export
from aivsreal.training.loop import train
from aivsreal.training.network import make_network
from aivsreal.training.recipe import load_recipe
from aivsreal.training.teacher import Student, Teacher, load_teacher, save_teacher


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> LabelledSet:
    return load_set(draw_toy_set(tmp_path_factory.mktemp("toy") / "set", n=48, size=80))


def seen(count: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(3.0, 2.0, (count, 5)).astype(np.float32), rng.random(count).astype(np.float32)


def test_features_find_their_pictures_in_any_order(toy: LabelledSet, tmp_path: Path) -> None:
    save_teacher(tmp_path / "t", toy.samples, *seen(len(toy)))
    forwards = load_teacher(tmp_path / "t", toy.samples)
    backwards = load_teacher(tmp_path / "t", toy.samples[::-1])
    assert torch.allclose(forwards.features, backwards.features.flip(0), atol=1e-5)


def test_features_are_standardised_over_the_pictures_that_are_known(toy: LabelledSet, tmp_path: Path) -> None:
    save_teacher(tmp_path / "t", toy.samples[:20], *seen(20))
    teacher = load_teacher(tmp_path / "t", toy.samples)
    known = teacher.features[teacher.known]
    assert int(teacher.known.sum()) == 20
    assert torch.allclose(known.mean(dim=0), torch.zeros(5), atol=1e-5)
    assert torch.allclose(known.std(dim=0, unbiased=False), torch.ones(5), atol=1e-4)


def test_pictures_that_the_teacher_has_not_seen_add_nothing_to_the_loss() -> None:
    teacher = Teacher(torch.tensor([[1.0], [2.0], [9.0]]), torch.zeros(3), torch.tensor([True, True, False]))
    projected = torch.tensor([[2.0], [5.0], [5.0]])
    assert teacher.loss(projected, torch.tensor([0, 2, 2])).item() == 1.0
    assert teacher.loss(projected, torch.tensor([2, 2, 2])).item() == 0.0


def test_an_opinion_softens_the_label_of_a_picture_that_the_teacher_has_seen() -> None:
    teacher = Teacher(torch.zeros(2, 1), torch.tensor([0.2, 0.2]), torch.tensor([True, False]))
    targets = teacher.soften(torch.tensor([1, 1]), torch.tensor([0, 1]), share=0.5)
    assert targets.tolist() == pytest.approx([0.6, 1.0])


def test_a_file_that_is_no_teacher_is_refused(toy: LabelledSet, tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes(b"not a teacher")
    with pytest.raises(BadRecipe, match="holds no teacher's features"):
        load_teacher(tmp_path / "t", toy.samples)


def test_a_teacher_of_other_pictures_is_refused(toy: LabelledSet, tmp_path: Path) -> None:
    save_teacher(tmp_path / "t", toy.samples[:5], *seen(5))
    with pytest.raises(BadRecipe, match="knows none"):
        load_teacher(tmp_path / "t", toy.samples[5:])


def test_a_taught_run_ends_as_a_bundle_without_the_projection(toy: LabelledSet, tmp_path: Path) -> None:
    save_teacher(tmp_path / "t", toy.samples, *seen(len(toy)))
    recipe = load_recipe(
        "toy", overrides=[f"teacher.features={tmp_path / 't'}", "optimise.epochs=1", "data.limit=32"]
    )
    run = train(toy, recipe, tmp_path / "run", say=lambda _: None)
    network = make_network(recipe.network, load_trunk=False)
    parameters = sum(weight.numel() for weight in network.parameters())
    assert export(run.folder, tmp_path / "bundle").bundle.card.network.parameters == parameters


def test_the_projection_learns_what_the_teacher_sees() -> None:
    torch.manual_seed(0)
    network = make_network(load_recipe("toy").network)
    pictures = torch.randint(0, 256, (8, 64, 64, 3), dtype=torch.uint8)
    teacher = Teacher(torch.randn(8, 3), torch.zeros(8), torch.ones(8, dtype=torch.bool))
    student, everyone = Student(network, teacher), torch.arange(8)
    optimiser = torch.optim.Adam(student.parameters(), lr=1e-2)
    losses = []
    for _ in range(30):
        loss = teacher.loss(student(pictures)[1], everyone)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2
