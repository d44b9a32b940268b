"""What schemathesis cannot know by itself: what the format `picture` of the schema looks like."""

import base64

import numpy as np
import schemathesis
from hypothesis import strategies as st

from tests.server.pictures import picture


def made(seed: int, height: int, width: int) -> str:
    """A picture of noise in base64."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 1), np.uint8)
    return base64.b64encode(picture(pixels)).decode()


sides = st.integers(1, 12)
schemathesis.openapi.format("picture", st.builds(made, st.integers(0, 99), sides, sides))
