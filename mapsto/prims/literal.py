"""Arrays from nothing: a number written in the program, and the count 0, 1, 2 …"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from mapsto.core.errors import DTypeError, ShapeError
from mapsto.core.numbers import converted
from mapsto.core.spec import BOOL, DTYPES, SHORT_NAMES, DType, Spec, float_info, is_float
from mapsto.ir.formula import Formula, Literal, as_index, word
from mapsto.ir.graph import Var, bind
from mapsto.ir.primitive import Case, prim
from mapsto.prims.kinds import Constant, case

INTEGER_TEXT = re.compile(r"0|-?[1-9][0-9]{0,19}")
FLOAT_TEXT = re.compile(r"-?[0-9]{1,17}(\.[0-9]{1,20})?(e[+-]?[0-9]{1,3})?")
NOT_FINITE = ("nan", "inf", "-inf")


class Nullary(Constant):
    """No inputs, so nothing to map over."""

    arity: ClassVar[int | None] = 0

    def batch(self, extent: int, batched: Sequence[bool], inputs: Sequence[Var]) -> tuple[tuple[Var, ...], bool]:
        return (bind(self),), False


@prim
class Const(Nullary):
    """A number of the program's text. `text` is its shortest exact form, so that 0.0, -0.0, 1 and True stay apart."""

    text: str
    dtype: str

    def type(self, *inputs: Spec) -> tuple[Spec, ...]:
        if not is_number(self.text, DTYPES[self.dtype]):
            raise DTypeError(
                "DTYPE-04", function="a constant", wanted=f"a number of {self.dtype}", found=self.text[:60]
            )
        return (Spec(DTYPES[self.dtype], ()),)

    @property
    def value(self) -> Any:
        dtype = DTYPES[self.dtype]
        if dtype == BOOL:
            return np.bool_(self.text == "True")
        return dtype.type(float(self.text) if is_float(dtype) else int(self.text))

    def eval(self, *inputs: Any) -> Any:
        return np.asarray(self.value)

    def at(self, o: Sequence[Formula], inputs: Sequence[Spec]) -> Formula:
        return Literal(self.value, self.dtype)

    @classmethod
    def cases(cls) -> list[Case]:
        texts = (
            ("0.5", "f32"),
            ("-0.0", "f64"),
            ("nan", "f32"),
            ("inf", "f16"),
            ("7", "i64"),
            ("True", "bool"),
            ("0.1", "bf16"),
        )
        return [case(cls(text, dtype)) for text, dtype in texts]


def is_number(text: str, dtype: DType) -> bool:
    """Whether a text is a number of an element type as Python writes it: no spaces, no underscores, in range.

    >>> [is_number(text, DTYPES["i8"]) for text in ("-128", "128", "1_0", "0x1")]
    [True, False, False, False]
    """
    if dtype == BOOL:
        return text in ("True", "False")
    if is_float(dtype):
        limit = float(float_info(dtype).max)
        return text in NOT_FINITE or (FLOAT_TEXT.fullmatch(text) is not None and abs(float(text)) <= limit)
    limits = np.iinfo(dtype)
    return INTEGER_TEXT.fullmatch(text) is not None and limits.min <= int(text) <= limits.max


def const(value: Any, dtype: DType) -> Const:
    """A Python or NumPy number ↦ the primitive that stands for it in `dtype`."""
    number = converted(np.asarray(value), dtype).item()
    return Const(repr(number), SHORT_NAMES[dtype])


@prim
class Iota(Nullary):
    """0, 1, 2, … along one axis of a shape."""

    shape: tuple[int, ...]
    axis: int
    dtype: str

    def type(self, *inputs: Spec) -> tuple[Spec, ...]:
        if not 0 <= self.axis < len(self.shape):
            raise ShapeError("SHAPE-05", function=self.name, axis=self.axis, rank=len(self.shape))
        if DTYPES[self.dtype] == BOOL:
            raise DTypeError("DTYPE-04", function="counting", wanted="numbers", found="bool")
        return (Spec(DTYPES[self.dtype], self.shape),)

    def eval(self, *inputs: Any) -> Any:
        count = converted(np.arange(self.shape[self.axis]), DTYPES[self.dtype])
        along = [1] * len(self.shape)
        along[self.axis] = -1
        return np.broadcast_to(count.reshape(along), self.shape)

    def at(self, o: Sequence[Formula], inputs: Sequence[Spec]) -> Formula:
        return word("cast", as_index(o[self.axis]), dtype=self.dtype)

    @classmethod
    def cases(cls) -> list[Case]:
        return [
            case(cls((5,), 0, "i64")),
            case(cls((2, 3), 1, "f32")),
            case(cls((0,), 0, "i32")),
            case(cls((300,), 0, "i8")),
        ]
