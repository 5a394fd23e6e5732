"""Made-up fakes as augmentation: photographs that passed through an auto-encoder are learned as AI pictures, too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from aivsreal.data.labelled import Sample
from aivsreal.evaluation.compare.entry import Fitted, Work
from aivsreal.evaluation.compare.trained import Trained
from aivsreal.evaluation.intervals import Floats
from aivsreal.files import atomic_write_bytes, make_folder
from aivsreal.images import Picture, encode, open_picture
from aivsreal.training.autoencoder import Autoencoder, load_autoencoder

# One photograph in so many gets a made-up fake beside it.
EVERY = 4
GENERATOR = "made-up"


class WithMadeUpFakes:
    """A trained network, whose training set is enlarged; after the idea of Chatterjee et al."""

    def __init__(self, network: Trained, weights: str) -> None:
        self.network = network
        self.weights = weights

    def fit(self, work: Work) -> Fitted:
        """Make the fakes that the entry's folder lacks, and train within the same budget of pictures shown."""
        photographs = [sample for sample in work.training if not sample.label][::EVERY]
        fakes = made_up_fakes(photographs, load_autoencoder(self.weights), work.folder / "made-up")
        training = (*work.training, *fakes)
        enlarged = replace(
            work,
            labelled=work.labelled.with_samples([*training, *work.validation]),
            training=training,
            budget=replace(work.budget, pictures=None),
        )
        fitted = self.network.fit(enlarged)
        note = f"{len(fakes)} made-up fakes"
        return replace(fitted, note="; ".join(part for part in (fitted.note, note) if part))

    def predict_probability(self, pictures: Sequence[Picture]) -> Floats:
        """Return the network's probability."""
        return self.network.predict_probability(pictures)


def made_up_fakes(photographs: Sequence[Sample], autoencoder: Autoencoder, folder: Path) -> list[Sample]:
    """Return the photographs as they leave the auto-encoder, as AI pictures; those that lie in `folder` are used again.

    Each stays in its photograph's group, under the other label. Raises: UnreadableImage, CannotWrite.
    """
    make_folder(folder)
    made = []
    for number, photograph in enumerate(photographs):
        path = folder / f"{number:05}.jpg"
        if not path.exists():
            picture = open_picture(photograph.read())
            fake = autoencoder.reconstruct(picture.pixels)
            # As its photograph was saved, so that the quality does not tell them apart.
            atomic_write_bytes(path, encode(fake, quality=picture.facts.quality or 90))
        columns = {name: photograph.columns.get(name) for name in ("group", "kind")}
        made.append(
            Sample(f"made-up/{path.name}", 1, "train", {"generator": GENERATOR, **columns}, str(path))
        )
    return made
