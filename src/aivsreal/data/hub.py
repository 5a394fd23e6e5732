"""Public sets by name: `hub:cifake`, `hf:OWNER/NAME`, `kaggle:OWNER/NAME`, fetched once, read from disk.

A fetched set is a folder like any other (see sources.py); the hubs' own clients keep it in their caches.
"""

from __future__ import annotations

import errno
import re
from pathlib import Path

from aivsreal.errors import (
    AivsrealError,
    CannotWrite,
    HubUnavailable,
    MissingDependency,
    UsageError,
    first_line,
)

NAMED = {
    "cifake": "kaggle:birdy654/cifake-real-and-ai-generated-synthetic-images",
    "genimage": "hf:TheKernel01/Tiny-GenImage",
    "kaggle-ai-vs-real": "kaggle:tristanzhang32/ai-generated-images-vs-real-images",
}
"""Short names for the sets that people ask for: CIFAKE (Bird and Lotfi, 2024), a sample of 35,000 pictures of
GenImage (Zhu et al., 2023; all of it is 600 GB, to be fetched by hand and read as a folder), and the Kaggle
set of 60,000 pictures that MobileNetV2 detectors are often trained on."""

_FILES = ["*.parquet", "*.csv", "*.jsonl", "*.jpg", "*.jpeg", "*.png", "*.webp"]
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES)
_NAME = re.compile(r"[\w.-]+/[\w.-]+")


def fetch(name: str) -> Path:
    """Return the folder that holds a named set, after fetching what is not there yet.

    Raises: UsageError for a name of no known form; MissingDependency without the hub's client; HubUnavailable
    without network, login or such a set; CannotWrite without room for it.
    """
    hub, _, rest = name.partition(":")
    if hub == "hub":
        if rest not in NAMED:
            raise UsageError(
                f"there is no named set {rest!r}", hint=f"it is one of: {', '.join(sorted(NAMED))}"
            )
        hub, _, rest = NAMED[rest].partition(":")
    if not _NAME.fullmatch(rest):
        raise UsageError(
            f"{name!r} names no set",
            hint="write hf:OWNER/NAME or kaggle:OWNER/NAME, as its page's address ends",
        )
    return _from_hugging_face(rest) if hub == "hf" else _from_kaggle(rest)


def _from_hugging_face(name: str) -> Path:
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError
    except ImportError as error:
        raise MissingDependency(
            "fetching from Hugging Face needs huggingface_hub", hint="pip install 'aivsreal[hub]'"
        ) from error
    try:
        return Path(snapshot_download(name, repo_type="dataset", allow_patterns=_FILES))
    except HfHubHTTPError as error:
        raise HubUnavailable(
            f"Hugging Face has no data set {name} for you: {first_line(error)[:200]}",
            hint="check the name; if it asks for a login or for consent, run: hf auth login",
        ) from error
    except Exception as error:  # the client lets the errors of several network libraries through
        raise _unreachable(f"hf:{name}", "Hugging Face", error) from error


def _from_kaggle(name: str) -> Path:
    try:
        import kagglehub
    except ImportError as error:
        raise MissingDependency(
            "fetching from Kaggle needs kagglehub", hint="pip install 'aivsreal[hub]'"
        ) from error
    try:
        return Path(kagglehub.dataset_download(name))
    except _kaggle_refusals() as error:
        raise HubUnavailable(
            f"Kaggle has no data set {name} for you: {first_line(error)[:200]}",
            hint="check the name; if it asks for a login, put your API token into ~/.kaggle/kaggle.json",
        ) from error
    except Exception as error:  # the client lets the errors of several network libraries through
        raise _unreachable(f"kaggle:{name}", "Kaggle", error) from error


def _kaggle_refusals() -> tuple[type[Exception], ...]:
    from kagglehub import exceptions

    return (
        exceptions.KaggleApiHTTPError,
        exceptions.NotFoundError,
        exceptions.UnauthenticatedError,
        exceptions.CredentialError,
    )


def _unreachable(name: str, hub: str, error: Exception) -> AivsrealError:
    """Return what to say where nothing came: mostly the network is missing, sometimes room for what came."""
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        return CannotWrite(
            f"cannot keep {name}: {error.strerror}",
            hint="free some space, or move the hubs' caches: HF_HOME, KAGGLEHUB_CACHE",
        )
    return HubUnavailable(
        f"cannot fetch {name}: no connection to {hub} ({type(error).__name__})",
        hint="check the network and the proxy settings, or download the set by hand and give its folder",
    )
