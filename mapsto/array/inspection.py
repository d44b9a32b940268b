"""What a program can ask about `xp` before it computes: capabilities, devices, element types."""

from __future__ import annotations

from typing import Any

from mapsto.array.convert import on_processor
from mapsto.array.types import isdtype
from mapsto.core.spec import DTYPES, FLOAT32, INT64, DType

# The element types that the standard knows, by its names; float16 and bfloat16 are not among them.
STANDARD: dict[str, DType] = {
    "bool": DTYPES["bool"],
    **{f"int{bits}": DTYPES[f"i{bits}"] for bits in (8, 16, 32, 64)},
    **{f"uint{bits}": DTYPES[f"u{bits}"] for bits in (8, 16, 32, 64)},
    **{f"float{bits}": DTYPES[f"f{bits}"] for bits in (32, 64)},
}
MOST_AXES = 64  # NumPy's bound


class Info:
    """The answers; `xp.__array_namespace_info__()` gives one. Array API standard 2024.12, "Inspection"."""

    def capabilities(self) -> dict[str, Any]:
        """What is supported: masks as indices, shapes that depend on numbers, and up to how many axes.

        >>> Info().capabilities()
        {'boolean indexing': True, 'data-dependent shapes': True, 'max dimensions': 64}

        Within `mt.compile` and `mt.vmap` shapes are fixed at the trace: there both are errors that say so.
        """
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": MOST_AXES}

    def default_device(self) -> str:
        """Where arrays are."""
        return "cpu"

    def devices(self) -> list[str]:
        """Everywhere that arrays can be."""
        return ["cpu"]

    def default_dtypes(self, *, device: str | None = None) -> dict[str, DType]:
        """The element types of what is made of Python's numbers, and of indices.

        >>> Info().default_dtypes()
        {'real floating': dtype('float32'), 'integral': dtype('int64'), 'indexing': dtype('int64')}
        """
        on_processor(device)
        return {"real floating": FLOAT32, "integral": INT64, "indexing": INT64}

    def dtypes(self, *, device: str | None = None, kind: str | tuple[str, ...] | None = None) -> dict[str, DType]:
        """The standard's element types of a kind, or of several, or all of them, by name. Kinds are those of `isdtype`.

        >>> list(Info().dtypes(kind=("bool", "real floating")))
        ['bool', 'float32', 'float64']
        """
        on_processor(device)
        return {name: dtype for name, dtype in STANDARD.items() if kind is None or isdtype(dtype, kind)}


def __array_namespace_info__() -> Info:
    """Nothing ↦ the answers about this namespace: `xp.__array_namespace_info__().dtypes()`."""
    return Info()
