"""Made-up fakes as augmentation: photographs that passed through an auto-encoder are learned as AI pictures, too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from aivsreal.data.labelled import Sample
from aivsreal.evaluation.compare.entry import Fitted, Work
from aivsreal.evaluation.compare.trained import Trained
from aivsreal.evaluation.intervals import Floats
from aivsreal.files import atomic_write_bytes
from aivsreal.images import Picture, encode, open_picture
from aivsreal.training.autoencoder import load_autoencoder

# One photograph in so many gets a made-up fake beside it.
EVERY = 4


class WithMadeUpFakes:
    """A trained network, whose training set is enlarged; after the idea of Chatterjee et al."""

    def __init__(self, network: Trained, weights: str) -> None:
        self.network = network
        self.weights = weights

    def fit(self, work: Work) -> Fitted:
        """Make the fakes that the entry's folder lacks, and train within the same budget of pictures shown."""
        fakes = self._made(work)
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

    def _made(self, work: Work) -> list[Sample]:
        autoencoder = load_autoencoder(self.weights)
        place = work.folder / "made-up"
        place.mkdir(parents=True, exist_ok=True)
        made = []
        for number, photograph in enumerate([s for s in work.training if not s.label][::EVERY]):
            path = place / f"{number:05}.jpg"
            if not path.exists():
                picture = open_picture(photograph.read())
                fake = autoencoder.reconstruct(picture.pixels)
                # As its photograph was saved, so that the quality does not tell them apart.
                atomic_write_bytes(path, encode(fake, quality=picture.facts.quality or 90))
            made.append(_fake_of(photograph, path))
        return made


def _fake_of(photograph: Sample, path: Path) -> Sample:
    """The same scene under the other label: it stays in the photograph's group."""
    columns = {
        "generator": "made-up",
        "group": photograph.columns.get("group"),
        "kind": photograph.columns.get("kind"),
    }
    return Sample(f"made-up/{path.name}", 1, "train", columns, str(path))
