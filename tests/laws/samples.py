"""What the laws are tried on: every case of every primitive, as a graph of one node, with values for its inputs.

Values: a case's special numbers, or seeded ones. Lane b of a batch turns the special numbers by b places, so that
indices stay valid. Derivatives are taken in float64, at normals; or, where a float64 case has finite special numbers,
at these, which is how a case says that its function is not for all numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import mapsto.prims
import mapsto.transform.block
import mapsto.transform.branch
import mapsto.transform.loop
import mapsto.transform.own_rule
import mapsto.transform.scan
from mapsto.core.spec import FLOAT64, Spec, float_info, is_float
from mapsto.ir.graph import Builder, Graph, Var
from mapsto.ir.primitive import PRIMITIVES, Case

Array = np.ndarray[Any, Any]


def all_cases() -> dict[str, Case]:
    """Readable id ↦ case. Fails, and with it the collection, if a primitive has none."""
    found: dict[str, Case] = {}
    for name, kind in PRIMITIVES.items():
        cases = kind.cases()
        if not cases:
            raise TypeError(f"the primitive {name} has no cases: no law would be tried on it")
        for number, case in enumerate(cases):
            found[f"{name}{number}({' '.join(map(str, case.inputs))})"] = case
    return found


assert mapsto.prims  # imported for its effect: it fills the table
CASES = all_cases()


def one_node(case: Case, float64: bool = False) -> Graph:
    """The graph that applies the case's primitive once; with `float64`, all of its float inputs have that type."""
    specs = [Spec(FLOAT64, s.shape) if float64 and is_float(s.dtype) else s for s in case.inputs]
    inputs = tuple(map(Var, specs))
    builder = Builder()
    outputs = builder.add(case.primitive, inputs)
    return Graph(inputs, tuple(builder.nodes), outputs)


def drawn(spec: Spec, rng: np.random.Generator) -> Array:
    """Seeded numbers of a spec: normals, truth values, or integers from 0 to 3."""
    if is_float(spec.dtype):
        return rng.standard_normal(spec.shape).astype(spec.dtype)
    return rng.integers(0, 2 if spec.dtype.kind == "b" else 4, spec.shape).astype(spec.dtype)


def values(case: Case, lane: int = 0) -> list[Array]:
    """Numbers for the inputs of a case."""
    if case.special is None:
        rng = np.random.default_rng(lane)
        return fitted(case, [drawn(spec, rng) for spec in case.inputs])
    arrays = [np.asarray(v, s.dtype).reshape(s.shape) for v, s in zip(case.special, case.inputs, strict=True)]
    return fitted(case, [np.roll(array, lane) for array in arrays])


def fitted(case: Case, arrays: list[Array]) -> list[Array]:
    """The same, changed to what the case's primitive takes; worked out in float64 and rounded once."""
    if case.fitted is None:
        return arrays
    wide = [array.astype(FLOAT64) if is_float(array.dtype) else array for array in arrays]
    return [np.asarray(made, array.dtype) for made, array in zip(case.fitted(*wide), arrays, strict=True)]


def float_inputs(case: Case) -> list[int]:
    return [i for i, spec in enumerate(case.inputs) if is_float(spec.dtype)]


def is_differentiated(case: Case) -> bool:
    """Whether the derivative laws apply: floats in, floats out, and no special numbers but finite float64 ones."""
    floats = float_inputs(case)
    made = any(is_float(spec.dtype) for spec in case.primitive.type(*case.inputs))
    if not (case.differentiate and floats and made):
        return False
    return case.special is None or all(
        case.inputs[i].dtype == FLOAT64 and bool(np.isfinite(case.special[i]).all()) for i in floats
    )


DIFFERENTIATED = {name: case for name, case in CASES.items() if is_differentiated(case)}


def smooth_values(case: Case, lane: int = 0) -> list[Array]:
    """Values to differentiate at, all floats in float64."""
    return [value.astype(FLOAT64) if is_float(value.dtype) else value for value in values(case, lane)]


def assert_close(found: Array, wanted: Array, tolerance: float | None = None) -> None:
    """Same spec; same NaNs and infinities; elsewhere equal up to a tolerance relative to the largest entry."""
    assert (found.dtype, found.shape) == (wanted.dtype, wanted.shape)
    if not is_float(wanted.dtype):
        np.testing.assert_array_equal(found, wanted)
        return
    if tolerance is None:
        tolerance = 16 * float(float_info(wanted.dtype).eps)
    wanted, found = (array.astype(FLOAT64) for array in (wanted, found))  # NumPy knows no NaN of bfloat16 as equal
    finite = np.isfinite(wanted)
    np.testing.assert_array_equal(np.where(finite, 0, found), np.where(finite, 0, wanted))
    scale = max(1.0, float(np.max(np.abs(wanted[finite]), initial=0)))
    assert np.max(np.abs(found[finite] - wanted[finite]), initial=0) <= tolerance * scale


def spec_of(value: Array) -> Spec:
    """The spec of a NumPy array."""
    return Spec(value.dtype, value.shape)
