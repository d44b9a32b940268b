"""Elementary functions, lane by lane and without branches where it can be: our own, so every machine has the same.

Each function takes and gives `Number`s of float32 or float64 with any number of lanes. How accurate each is, and how
fast, stands in docs/notes/0017-vector-math.md.
"""

from __future__ import annotations

from collections.abc import Callable

from mapsto.compiler.vector_math.error_function import erf, erf_inv
from mapsto.compiler.vector_math.exponential import exp, expm1, sigmoid, tanh
from mapsto.compiler.vector_math.hyperbolic import acosh, asinh, atanh, cosh, sinh
from mapsto.compiler.vector_math.inverse import acos, asin, atan, atan2
from mapsto.compiler.vector_math.logarithm import log, log1p, log2_of, log10_of
from mapsto.compiler.vector_math.number import Number
from mapsto.compiler.vector_math.root import hypot
from mapsto.compiler.vector_math.trigonometric import cos, sin, tan

FUNCTIONS: dict[str, Callable[..., Number]] = {
    "exp": exp,
    "expm1": expm1,
    "sigmoid": sigmoid,
    "tanh": tanh,
    "log": log,
    "log1p": log1p,
    "log2": log2_of,
    "log10": log10_of,
    "sin": sin,
    "cos": cos,
    "tan": tan,
    "asin": asin,
    "acos": acos,
    "atan": atan,
    "atan2": atan2,
    "sinh": sinh,
    "cosh": cosh,
    "asinh": asinh,
    "acosh": acosh,
    "atanh": atanh,
    "erf": erf,
    "erf_inv": erf_inv,
    "hypot": hypot,
}
