"""Every primitive in every element type that its type rule accepts, with the numbers at the edges of each type.

A variant is a case of the primitive with other types: each group of inputs that share a type is given every other
type, and so is an attribute `dtype`. What the type rule refuses is left out. Functions of single elements get all
pairs of the type's special numbers, in shapes with no axis, no element, one and odd extents; the others, their own
or drawn ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np

from mapsto.core.errors import MapstoError
from mapsto.core.spec import BOOL, DTYPES, DType, Spec, float_info, is_float, is_integer
from mapsto.ir.primitive import PRIMITIVES, Case, Primitive, attributes
from mapsto.prims.kinds import Elementwise
from mapsto.prims.literal import Const, const
from tests.laws.samples import Array, values

ODD_SHAPES = (), (3, 0, 1), (1,), (5, 3)


def special_numbers(dtype: DType) -> Array:
    """The numbers of a type that rules are about: both zeros, denormals, the largest and smallest, NaN, infinities."""
    if dtype == BOOL:
        return np.array([False, True])
    if is_integer(dtype):
        info = np.iinfo(dtype)
        return np.array([0, 1, 2, 7, info.max, info.min, int(info.max) // 2, *([-1, -7] if info.min else [])], dtype)
    info = float_info(dtype)
    known = [info.max, info.min, info.smallest_normal, info.smallest_subnormal, info.eps]
    plain = [0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 7.0, np.nan, np.inf, -np.inf]
    return np.array([*plain, *map(float, known)], np.float64).astype(dtype)


def accepts(primitive: Primitive, specs: tuple[Spec, ...]) -> bool:
    try:
        primitive.type(*specs)
    except MapstoError:
        return False
    return True


def retyped(case: Case, new: DType) -> Iterator[tuple[Primitive, tuple[Spec, ...]]]:
    """A case with another type for each group of inputs that share one, and in every `dtype` that is an attribute."""
    targets = [case.primitive]
    if "dtype" in attributes(case.primitive):
        targets = [case.primitive.__class__(**{**attributes(case.primitive), "dtype": name}) for name in DTYPES]
    groups = sorted({spec.dtype for spec in case.inputs}, key=str)
    for target, old in product(targets, groups or [None]):
        specs = tuple(Spec(new if spec.dtype == old else spec.dtype, spec.shape) for spec in case.inputs)
        if accepts(target, specs):
            yield target, specs


def grid(specs: tuple[Spec, ...]) -> tuple[tuple[Spec, ...], tuple[Array, ...]]:
    """All combinations of the special numbers of some types, as flat arrays."""
    numbers = np.meshgrid(*(np.arange(len(special_numbers(spec.dtype))) for spec in specs), indexing="ij")
    arrays = tuple(special_numbers(s.dtype)[n.reshape(-1)] for s, n in zip(specs, numbers, strict=True))
    return tuple(Spec(array.dtype, array.shape) for array in arrays), arrays


def evaluable(primitive: Primitive, arrays: tuple[Array, ...]) -> tuple[Array, ...]:
    """A negative power of integers is an error by rule: the exponents become their magnitudes."""
    if primitive.name != "pow" or is_float(arrays[0].dtype):
        return arrays
    return arrays[0], np.where(arrays[1] < 0, 3, arrays[1]).astype(arrays[1].dtype)


def recast(case: Case, specs: tuple[Spec, ...]) -> tuple[Array, ...] | None:
    """The numbers of a case in other types, drawn ones where it has none; None if integers do not fit, as indices."""
    with np.errstate(all="ignore"):
        given = [np.asarray(array) for array in values(case)]
        made = [array.astype(spec.dtype) for array, spec in zip(given, specs, strict=True)]
    pairs = zip(given, made, strict=True)
    fit = all(np.array_equal(old, new) for old, new in pairs if is_integer(old.dtype) and is_integer(new.dtype))
    return tuple(made) if fit else None


def elementwise_variants(primitive: Primitive, specs: tuple[Spec, ...]) -> Iterator[Case]:
    """All pairs of special numbers; in one type of each kind the other shapes, too."""
    flat, arrays = grid(specs)
    yield Case(primitive, flat, evaluable(primitive, arrays))
    for shape in ODD_SHAPES if specs[-1].dtype in map(DTYPES.get, ("bool", "i64", "f32")) else ():
        some = tuple(np.resize(array[2:], shape) for array in arrays)
        yield Case(primitive, tuple(Spec(spec.dtype, shape) for spec in specs), evaluable(primitive, some))


def variants_of(kind: type[Primitive]) -> Iterator[Case]:
    """The variants of a primitive, each once. Of many cases, each type takes the first and another one in turn."""
    if kind is Const:
        for dtype in DTYPES.values():
            yield from (Case(const(number, dtype), ()) for number in special_numbers(dtype))
        return
    cases = [case for case in kind.cases() if not any(spec.weak for spec in kind.type(case.primitive, *case.inputs))]
    seen: set[tuple[Primitive, tuple[Spec, ...]]] = {(case.primitive, case.inputs) for case in cases}
    for turn, dtype in enumerate(DTYPES.values()):
        for case in cases[:1] + cases[1:][turn % max(len(cases) - 1, 1) :][:1]:
            for primitive, specs in retyped(case, dtype):
                if issubclass(kind, Elementwise):
                    specs = tuple(Spec(spec.dtype, ()) for spec in specs)
                if (primitive, specs) in seen:
                    continue
                seen.add((primitive, specs))
                if issubclass(kind, Elementwise):
                    yield from elementwise_variants(primitive, specs)
                elif (special := recast(case, specs)) is not None:
                    yield Case(primitive, specs, special, fitted=case.fitted)


def named_variants() -> dict[str, Case]:
    """Readable id ↦ variant."""
    found: dict[str, Case] = {}
    for name, kind in PRIMITIVES.items():
        for number, case in enumerate(variants_of(kind)):
            found[f"{name}-{number}({' '.join(map(str, case.inputs))})"] = case
    return found


VARIANTS = named_variants()
