"""A layout that is written out, so that what reads it reads in order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mapsto.core.spec import Spec
from mapsto.ir.formula import Formula, Load
from mapsto.ir.graph import Var, bind
from mapsto.ir.primitive import Case, prim
from mapsto.prims.kinds import Multilinear, case


@prim
class Contiguous(Multilinear):
    """The same elements, written one behind the other: what reads them later reads in order.

    A compiled program reads other layouts where the elements lie, in whatever order that is."""

    def type(self, *inputs: Spec) -> tuple[Spec, ...]:
        return (inputs[0],)

    def eval(self, *inputs: Any) -> Any:
        return np.array(inputs[0], order="C")

    def transpose(self, i: int, g: Var, *inputs: Var) -> Var:
        return g

    def batch(self, extent: int, batched: Sequence[bool], inputs: Sequence[Var]) -> tuple[tuple[Var, ...], bool]:
        return (bind(self, *inputs),), True

    def at(self, o: Sequence[Formula], inputs: Sequence[Spec]) -> Formula:
        return Load(0, tuple(o))

    @classmethod
    def cases(cls) -> list[Case]:
        return [case(cls(), "f64[2,3]"), case(cls(), "i64[4]"), case(cls(), "f32[0,2]"), case(cls(), "f32[]")]
