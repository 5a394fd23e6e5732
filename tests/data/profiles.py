"""ICC profiles built by code (ICC.1:2001-04, version 2.4): wide-gamut RGB, grey and ink."""

from __future__ import annotations

import struct

import numpy as np

D50 = (0.9642, 1.0, 0.8249)
ADOBE_RGB = np.array(  # XYZ of red, green and blue under D50: Adobe RGB (1998)
    [[0.60974, 0.31111, 0.01947], [0.20528, 0.62567, 0.06087], [0.14919, 0.06322, 0.74457]]
)
_SRGB = np.array(  # the same of sRGB
    [[0.43607, 0.22249, 0.01392], [0.38515, 0.71687, 0.09708], [0.14307, 0.06061, 0.71410]]
)


def wide_gamut(gamma: float = 563 / 256) -> bytes:
    """Return an RGB profile with Adobe RGB's primaries."""
    return _profile(b"mntr", b"RGB ", b"XYZ ", _matrix_tags(ADOBE_RGB, _power_curve(gamma)))


def nearly_srgb() -> bytes:
    """Return a profile that is sRGB in all but name: primaries rounded, the curve as a coarse table."""
    level = np.linspace(0, 1, 32)
    curve = np.round(_decode_srgb(level) * 65535).astype(">u2")
    table = b"curv" + struct.pack(">II", 0, len(curve)) + curve.tobytes()
    return _profile(b"mntr", b"RGB ", b"XYZ ", _matrix_tags(np.round(_SRGB, 4), table))


def grey(gamma: float = 1.0) -> bytes:
    """Return a grey profile with a power curve."""
    return _profile(b"mntr", b"GRAY", b"XYZ ", {b"kTRC": _power_curve(gamma)})


def ink(cyan_lab: tuple[float, float, float] = (55.0, -37.0, -50.0)) -> bytes:
    """Return a CMYK profile: paper is white, full cyan is `cyan_lab`, any other full ink is black."""
    lab = np.zeros((2, 2, 2, 2, 3))
    lab[0, 0, 0, 0] = (100, 0, 0)
    lab[1, 0, 0, 0] = cyan_lab
    stored = np.round((lab + np.array([0, 128, 128])) * np.array([65280 / 100, 256, 256])).astype(">u2")
    ramp = np.array([0, 65535], ">u2").tobytes()
    identity = struct.pack(">9i", *(np.eye(3) * 65536).astype(int).ravel())
    table = b"mft2" + struct.pack(">IBBBx", 0, 4, 3, 2) + identity + struct.pack(">HH", 2, 2)
    return _profile(b"prtr", b"CMYK", b"Lab ", {b"A2B0": table + ramp * 4 + stored.tobytes() + ramp * 3})


def adobe_rgb_to_srgb(colour: tuple[int, int, int]) -> np.ndarray:
    """Return what sRGB shows for an 8-bit Adobe RGB colour, worked out without any colour library."""
    xyz = (np.array(colour) / 255) ** (563 / 256) @ ADOBE_RGB
    linear = np.clip(xyz @ np.linalg.inv(_SRGB), 0, 1)
    encoded = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.round(encoded * 255)


def _decode_srgb(level: np.ndarray) -> np.ndarray:
    return np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)


def _matrix_tags(primaries: np.ndarray, curve: bytes) -> dict[bytes, bytes]:
    tags = {name: _xyz(row) for name, row in zip((b"rXYZ", b"gXYZ", b"bXYZ"), primaries, strict=True)}
    return tags | {b"rTRC": curve, b"gTRC": curve, b"bTRC": curve}


def _power_curve(gamma: float) -> bytes:
    return b"curv" + struct.pack(">IIH", 0, 1, round(gamma * 256)) + b"\0\0"


def _xyz(values: np.ndarray | tuple[float, ...]) -> bytes:
    return b"XYZ " + struct.pack(">I3i", 0, *(round(value * 65536) for value in values))


def _profile(kind: bytes, space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    tags = {b"wtpt": _xyz(D50), **tags}
    place = 128 + 4 + 12 * len(tags)
    index, content = struct.pack(">I", len(tags)), b""
    for name, data in tags.items():
        index += struct.pack(">4sII", name, place + len(content), len(data))
        content += data + b"\0" * (-len(data) % 4)
    header = struct.pack(">I4sI", place + len(content), b"\0" * 4, 0x02400000) + kind + space + connection
    header += struct.pack(">6H", 2020, 1, 1, 0, 0, 0) + b"acsp" + b"\0" * 28
    header += struct.pack(">3i", *(round(value * 65536) for value in D50))
    return header.ljust(128, b"\0") + index + content
