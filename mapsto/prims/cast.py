"""Element by element: casts, and the deliberate stop of derivatives."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from mapsto.core.numbers import converted
from mapsto.core.spec import DTYPES, SHORT_NAMES, Spec, is_float
from mapsto.ir.formula import Formula
from mapsto.ir.graph import Var, bind
from mapsto.ir.primitive import Case, prim
from mapsto.prims.elementwise import SPECIAL
from mapsto.prims.kinds import Elementwise, Vocabulary, case


@prim
class Cast(Elementwise):
    """To another element type, by the rules of `core.numbers.converted`: floats into the range of integers, NaN to 0,
    integers wrap."""

    dtype: str

    def type(self, *inputs: Spec) -> tuple[Spec, ...]:
        return (Spec(DTYPES[self.dtype], inputs[0].shape),)

    def eval(self, *inputs: Any) -> Any:
        return converted(inputs[0], DTYPES[self.dtype])

    def back(self, x: Var, g: Var | None) -> Var | None:
        if g is None or not (is_float(DTYPES[self.dtype]) and is_float(x.spec.dtype)):
            return None
        return bind(Cast(SHORT_NAMES[x.spec.dtype]), g)

    def jvp(self, outputs: Sequence[Var], inputs: Sequence[Var], tangents: Sequence[Var | None]) -> list[Var | None]:
        t = tangents[0]
        return [None if t is None or not is_float(DTYPES[self.dtype]) else bind(self, t)]

    def vjp(self, outputs: Sequence[Var], inputs: Sequence[Var], cotangents: Sequence[Var | None]) -> list[Var | None]:
        return [self.back(inputs[0], cotangents[0])]

    def scalar(self, e: Vocabulary, *terms: Formula) -> Formula:
        return e.cast(terms[0], self.dtype)

    @classmethod
    def cases(cls) -> list[Case]:
        return [
            case(cls("f64"), "f32[8]", special=(SPECIAL,)),
            case(cls("f32"), "f64[3]", special=([0.1, math.nan, 1e300],), differentiate=False),
            case(cls("f64"), "f64[3]"),
            case(cls("i64"), "f32[4]", special=([0.9, -0.9, 2.0, -3.5],)),
            case(cls("i8"), "f32[6]", special=([300.0, -300.0, math.nan, math.inf, -math.inf, -0.5],)),
            case(cls("u64"), "f64[4]", special=([1e30, -1.0, 2.0**63, math.nan],)),
            case(cls("u8"), "i32[4]", special=([300, -1, 255, 256],)),
            case(cls("bf16"), "f64[3]", special=([1 + 2**-8 + 2**-40, math.inf, 1e-40],), differentiate=False),
            case(cls("f32"), "u8[3]", special=([0, 128, 255],)),
            case(cls("bool"), "i32[3]", special=([0, 1, -2],)),
            case(cls("f32"), "bool[2]", special=([True, False],)),
        ]


@prim
class Weaken(Cast):
    """The same cast; the result is a weak number, which takes the type of what it meets."""

    name: ClassVar[str] = "weaken"

    def type(self, *inputs: Spec) -> tuple[Spec, ...]:
        return (Spec(DTYPES[self.dtype], inputs[0].shape, weak=True),)


@prim
class StopGradient(Elementwise):
    """x of any type, through which no derivative passes."""

    def eval(self, *inputs: Any) -> Any:
        return inputs[0]

    def scalar(self, e: Vocabulary, *terms: Formula) -> Formula:
        return terms[0]

    @classmethod
    def cases(cls) -> list[Case]:
        return [case(cls(), "f64[3]", differentiate=False), case(cls(), "i32[2]"), case(cls(), "bool[2]")]
