"""What the scripts share that study a finished run of a tower: its training pictures, and what it kept of them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aivsreal.data.labelled import LabelledSet, Sample
from aivsreal.data.sources import load_sets
from aivsreal.data.split import with_validation
from aivsreal.errors import BadData
from aivsreal.training.run import Run
from aivsreal.training.tower import learned_and_doubted


def pictures_of(run: Run, data: Sequence[str]) -> LabelledSet:
    """Return what the run learned from and chose by, its splits in its order; data: the sets it was given, in theirs."""
    labelled = load_sets(data, where=run.facts["data"]["where"], exclude=run.excluded)
    section = run.recipe.data
    cut = with_validation(labelled, fraction=section.validation_fraction, drop_copies=section.drop_copies)
    return learned_and_doubted(cut, run.recipe)[0]


def kept_embeddings(folder: Path, samples: Sequence[Sample]) -> NDArray[np.float16]:
    """Return what a run in `folder` kept of its training pictures, [n, views, d]. Raises: BadData."""
    chunks = [np.load(path) for path in sorted((folder / "tower").glob("*.npy"))]
    if sum(map(len, chunks)) != len(samples) or not chunks:
        raise BadData(
            f"{folder} kept {sum(map(len, chunks)):,} embeddings, and DATA has {len(samples):,} training pictures",
            hint="give a run of a recipe with a tower, and the sets of `aivsreal train` in the same order",
        )
    return np.concatenate(chunks)
