"""Linear algebra on arrays, `xp.linalg`: the extension of the Python array API standard (2024.12) of that name.

Matrices stand in the last two axes, and leading axes number them. Products are contractions like all others; what needs
a factorisation is done by LAPACK through NumPy, in a compiled function as a step of the host, 16-bit floats in float32.
Everything has derivatives of every order, by the formulas that the functions name, and can be mapped (`mt.vmap`). A
matrix with a NaN or an infinity gives NaN; a singular one, where there must be none, is a DataError.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from mapsto.array.decompositions import cholesky, eigh, eigvalsh, matrix_rank, qr, svd, svdvals
from mapsto.array.diagonals import diagonal, trace
from mapsto.array.linear import cross, matmul, outer, tensordot, vecdot
from mapsto.array.manipulate import matrix_transpose
from mapsto.array.norms import matrix_norm, vector_norm
from mapsto.array.systems import det, inv, matrix_power, pinv, slogdet, solve
from mapsto.core.calls import explain_calls
from mapsto.core.names import answering


def __dir__() -> list[str]:
    return __all__


__all__ = [
    "cholesky", "cross", "det", "diagonal", "eigh", "eigvalsh", "inv", "matmul", "matrix_norm", "matrix_power",
    "matrix_rank", "matrix_transpose", "outer", "pinv", "qr", "slogdet", "solve", "svd", "svdvals", "tensordot",
    "trace", "vecdot", "vector_norm",
]  # fmt: skip

if not TYPE_CHECKING:
    __getattr__ = answering("mapsto.xp.linalg")
    explain_calls("mapsto.xp.linalg", __all__, globals())
