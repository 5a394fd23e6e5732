"""Sessions of ONNX Runtime that compute alike on every processor.

A tower multiplies in eight bits. x86 processors without an instruction for that (VNNI) add the products in pairs
and cut off what does not fit into sixteen bits, which turns verdicts to the wrong side. A small graph tells whether
this one does; where it does, ONNX Runtime is asked for exact products, which take longer.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

# ONNX Runtime's own name of it; it says "no effect on other platforms", but it slows processors with VNNI, too.
_EXACT_PRODUCTS = "session.x64quantprecision"
_LEVELS = np.full((16, 64), 255, np.uint8)
# What make_products.py wrote: 64 products of 255 and 127 each.
_SUM = 64 * 255 * 127


def open_session(graph: bytes, threads: int = 1) -> InferenceSession:
    """Return a session on the processor with so many threads; what a broken graph raises is ONNX Runtime's own."""
    return _session(graph, threads, exact_products=cuts_off_sums())


@cache
def cuts_off_sums() -> bool:
    """Return whether this processor's own products of eight bits are wrong where they are large."""
    graph = (files("aivsreal") / "products.onnx").read_bytes()
    (sums,) = _session(graph, 1, exact_products=False).run(None, {"levels": _LEVELS})
    return bool((sums != _SUM).any())


def _session(graph: bytes, threads: int, *, exact_products: bool) -> InferenceSession:
    from onnxruntime import InferenceSession, SessionOptions

    options = SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    # Threads that spin between two pictures take the core from whoever decodes the next one.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if exact_products:
        options.add_session_config_entry(_EXACT_PRODUCTS, "1")
    return InferenceSession(graph, options, providers=["CPUExecutionProvider"])
