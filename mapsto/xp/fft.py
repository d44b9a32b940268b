"""What `xp.fft` of the Python array API standard (2024.12) has that needs no complex numbers.

Arrays here have no complex element types, on purpose, and a Fourier transform yields nothing else. So there are the
frequencies and the shifts; everything else of the extension is an error that says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mapsto.array.frequencies import fftfreq, fftshift, ifftshift, rfftfreq
from mapsto.core.calls import explain_calls
from mapsto.core.names import answering


def __dir__() -> list[str]:
    return __all__


__all__ = ["fftfreq", "fftshift", "ifftshift", "rfftfreq"]

if not TYPE_CHECKING:
    __getattr__ = answering("mapsto.xp.fft")
    explain_calls("mapsto.xp.fft", __all__, globals())
