"""Whether eight-bit products come out alike on every processor."""

import platform
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from aivsreal import sessions
from aivsreal.bundle import load_bundle
from aivsreal.sessions import open_session
from tests.data.draw import photo
from tests.test_docs import ROOT, script

EMULATOR = shutil.which("qemu-x86_64")
PACKAGED = Path(sessions.__file__).parent / "products.onnx"
ASKED = "from aivsreal.sessions import cuts_off_sums; print(cuts_off_sums())"


def test_exact_products_give_the_logit_that_the_processor_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    graph, views = load_bundle("photos").onnx_bytes, {"views": photo(224, 224)[None]}
    (own,) = open_session(graph).run(["logit"], views)
    monkeypatch.setattr(sessions, "cuts_off_sums", lambda: True)
    session = open_session(graph)
    assert session.get_session_options().get_session_config_entry("session.x64quantprecision") == "1"
    assert np.allclose(session.run(["logit"], views)[0], own, atol=0.25)


def test_the_packaged_graph_is_the_one_that_its_script_makes(tmp_path: Path) -> None:
    script(ROOT / "research" / "make_products.py").main(["--out", str(tmp_path / "made.onnx")])
    assert (tmp_path / "made.onnx").read_bytes() == PACKAGED.read_bytes()


@pytest.mark.skipif(
    EMULATOR is None or platform.machine() != "x86_64",
    reason="needs qemu-user on x86-64, to be another processor",
)
def test_a_processor_that_cuts_off_sums_is_told() -> None:
    command = [str(EMULATOR), "-cpu", "Haswell", sys.executable, "-c", ASKED]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.stdout.strip() == "True", done.stderr[-2000:]
