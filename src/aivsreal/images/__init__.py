"""Bytes to a picture and back: every limit, every refusal, the one decoder, encoder and resizer.

The first step of a picture's way. Nothing else in the project opens an image file.

    picture = open_picture("photo.heic")
    picture.pixels        # uint8 [height, width, 3], sRGB, upright, on white
    picture.facts.camera  # "Canon EOS R6"
"""

from aivsreal.images.colour import srgb_profile
from aivsreal.images.encoding import Resample, encode, resize
from aivsreal.images.facts import Facts
from aivsreal.images.limits import Limits
from aivsreal.images.metadata import with_profile, without_metadata
from aivsreal.images.origin import ORIGINS_FOR_PEOPLE, Declared, Origin
from aivsreal.images.picture import Picture, inspect, open_picture
from aivsreal.images.source import Source

__all__ = [
    "ORIGINS_FOR_PEOPLE",
    "Declared",
    "Facts",
    "Limits",
    "Origin",
    "Picture",
    "Resample",
    "Source",
    "encode",
    "inspect",
    "open_picture",
    "resize",
    "srgb_profile",
    "with_profile",
    "without_metadata",
]
