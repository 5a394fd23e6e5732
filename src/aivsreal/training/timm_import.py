"""timm, importable also beside a CPU build of torch for which no torchvision with compiled operators exists.

timm imports torchvision, and torchvision registers a meta kernel for its own `nms` at import. Where only
its CUDA-linked build is to be had, that operator is missing and the import fails, although nothing here
ever calls it. Declaring the operator's schema is enough. With an ordinary torchvision this does nothing.
"""

from __future__ import annotations

from types import ModuleType

from aivsreal.errors import MissingDependency

_OPERATORS = ("nms", "qnms")
_declared: list[object] = []


def import_timm() -> ModuleType:
    """Return the module timm. Raises: MissingDependency."""
    try:
        import torch
    except ImportError as error:
        raise MissingDependency(
            "training needs torch, which is not installed", hint="pip install 'aivsreal[train]'"
        ) from error
    try:
        import torchvision  # noqa: F401
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
        library = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
        for name in _OPERATORS:
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")  # type: ignore[no-untyped-call]
        _declared.append(library)  # its declarations live as long as this object does
    except ImportError as error:
        raise MissingDependency(
            "training needs torchvision, which is not installed", hint="pip install 'aivsreal[train]'"
        ) from error
    try:
        import timm
    except ImportError as error:
        raise MissingDependency(
            "training needs timm, which is not installed", hint="pip install 'aivsreal[train]'"
        ) from error
    return timm
