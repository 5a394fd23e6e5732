"""Public sets by name, as far as that goes without a network."""

import errno
from importlib.util import find_spec

import pytest

from aivsreal.data.hub import NAMED, _unreachable, fetch
from aivsreal.errors import CannotWrite, HubUnavailable, MissingDependency, UsageError


@pytest.mark.parametrize("name", ["hub:nope", "hub:", "hf:name", "kaggle:a/b/c", "hf:a/../b"])
def test_what_names_no_set_is_refused_before_any_hub_is_asked(name: str) -> None:
    with pytest.raises(UsageError):
        fetch(name)


def test_an_unknown_name_is_told_those_there_are() -> None:
    with pytest.raises(UsageError) as caught:
        fetch("hub:nope")
    assert all(name in caught.value.hint for name in NAMED)


@pytest.mark.parametrize(
    ("name", "client"), [("hub:cifake", "kagglehub"), ("hub:genimage", "huggingface_hub")]
)
def test_a_missing_client_is_told_with_the_command_that_installs_it(name: str, client: str) -> None:
    if find_spec(client):
        pytest.skip(f"{client} is installed here")
    with pytest.raises(MissingDependency) as caught:
        fetch(name)
    assert "aivsreal[hub]" in caught.value.hint


def test_a_full_disk_is_not_called_a_missing_network() -> None:
    full = OSError(errno.ENOSPC, "No space left on device")
    assert isinstance(_unreachable("hf:a/b", "Hugging Face", full), CannotWrite)
    assert isinstance(_unreachable("hf:a/b", "Hugging Face", ConnectionError("gone")), HubUnavailable)
