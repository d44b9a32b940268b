"""What there is of `xp.fft` against NumPy, and that the rest says why it is not there."""

from __future__ import annotations

import numpy as np
import pytest

import mapsto as mt
from mapsto import xp

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("n", [1, 2, 3, 8, 9, 1000])
@pytest.mark.parametrize("d", [1.0, 0.25, 3, -2.0])
def test_frequencies(n: int, d: float) -> None:
    for ours, theirs in ((xp.fft.fftfreq, np.fft.fftfreq), (xp.fft.rfftfreq, np.fft.rfftfreq)):
        np.testing.assert_allclose(ours(n, d=d, dtype="f64"), theirs(n, d), rtol=1e-15)
        assert ours(n, d=d).dtype == xp.float32
        np.testing.assert_allclose(ours(n, d=d), theirs(n, d), rtol=1e-6)


@pytest.mark.parametrize("axes", [None, 0, -1, (0, 2), (1,), ()])
def test_shifts(axes: object) -> None:
    x = RNG.integers(0, 9, (3, 4, 5))
    np.testing.assert_array_equal(xp.fft.fftshift(x, axes=axes), np.fft.fftshift(x, axes))  # pyright: ignore
    np.testing.assert_array_equal(xp.fft.ifftshift(x, axes=axes), np.fft.ifftshift(x, axes))  # pyright: ignore
    y = xp.asarray(x)
    np.testing.assert_array_equal(mt.compile(lambda x: xp.fft.ifftshift(xp.fft.fftshift(x)))(y), x)


def test_a_transform_as_a_product() -> None:
    """What the answer to `xp.fft.rfft` proposes."""
    x = RNG.standard_normal(8)
    turns = 2 * np.pi * np.outer(np.arange(8) * 1.0, xp.fft.rfftfreq(8, dtype="f64"))
    wanted = np.fft.rfft(x)
    np.testing.assert_allclose(x @ xp.cos(turns), wanted.real, atol=1e-12)
    np.testing.assert_allclose(x @ -xp.sin(turns), wanted.imag, atol=1e-12)


def test_refusals() -> None:
    for name in ("fft", "ifft", "rfftn", "hfft"):
        with pytest.raises(mt.MapstoError, match="complex numbers") as error:
            getattr(xp.fft, name)
        assert error.value.code == "NAME-04"
        assert not hasattr(xp.fft, name)
    for call in (lambda: xp.fft.fftfreq(0), lambda: xp.fft.fftfreq(3, d=0.0), lambda: xp.fft.rfftfreq(2.5)):
        with pytest.raises(mt.MapstoError, match=r"\[ARG-01\]"):
            call()
    with pytest.raises(mt.MapstoError, match=r"\[DTYPE-04\]"):
        xp.fft.fftfreq(3, dtype=xp.int64)
    with pytest.raises(mt.MapstoError, match=r"\[SHAPE-05\]"):
        xp.fft.fftshift(xp.ones(3), axes=1)
