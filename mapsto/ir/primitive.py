"""What every primitive is: a frozen dataclass whose fields are the node's static attributes.

Equality, hashing, merging of equal nodes and cache keys come from the dataclass. Concrete primitives stand on the
floor above, one class each; this base only names the rules that the graph, the transforms and the laws ask for.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast, dataclass_transform

import numpy as np

from mapsto.core.spec import Spec
from mapsto.ir.formula import Formula

if TYPE_CHECKING:
    from mapsto.ir.graph import Var

Values = tuple[np.ndarray[Any, Any], ...]

PRIMITIVES: dict[str, type[Primitive]] = {}


@dataclass(frozen=True)
class Case:
    """One application of a primitive that every law is tried on.

    `special` feeds the type, `at` and `eval` laws with its own numbers; derivative laws draw seeded normals.
    """

    primitive: Primitive
    inputs: tuple[Spec, ...]
    special: tuple[Any, ...] | None = None
    differentiate: bool = True


@dataclass(frozen=True)
class Primitive:
    """A mapping of arrays that is not made of smaller ones."""

    name: ClassVar[str] = ""
    version: ClassVar[int] = 1

    def type(self, *inputs: Spec) -> tuple[Spec, ...]:
        """Specs of the inputs ↦ specs of the outputs. Raises ShapeError or DTypeError."""
        raise NotImplementedError

    def eval(self, *inputs: Any) -> Any:
        """The readable reference, run by NumPy: arrays ↦ one array, or a tuple of them for several outputs."""
        raise NotImplementedError

    def jvp(self, outputs: Sequence[Var], inputs: Sequence[Var], tangents: Sequence[Var | None]) -> list[Var | None]:
        """Tangents of the inputs ↦ tangents of the outputs."""
        raise NotImplementedError

    def vjp(self, outputs: Sequence[Var], inputs: Sequence[Var], cotangents: Sequence[Var | None]) -> list[Var | None]:
        """Cotangents of the outputs ↦ cotangents of the inputs."""
        raise NotImplementedError

    def batch(self, extent: int, batched: Sequence[bool], inputs: Sequence[Var]) -> tuple[tuple[Var, ...], bool]:
        """The same, mapped over a leading axis of the inputs marked in `batched`: outputs, and whether they have it."""
        raise NotImplementedError

    def at(self, o: Sequence[Formula], inputs: Sequence[Spec]) -> Formula | None:
        """The formula of the output element at index `o`; None for kinds that bring a kernel instead."""
        return None

    def flops(self, inputs: Sequence[Spec], outputs: Sequence[Spec]) -> int:
        """Arithmetic operations on floats, for tables; layout and index work counts 0."""
        return 0

    @classmethod
    def cases(cls) -> list[Case]:
        """The applications every law is tried on. A primitive without any fails the test collection."""
        return []


P = TypeVar("P", bound=Primitive)


@dataclass_transform(frozen_default=True)
def prim(cls: type[P]) -> type[P]:
    """Make a class a primitive: a frozen dataclass, entered under its serialised name (`Exp` ↦ `exp`)."""
    made = dataclass(frozen=True)(cls)
    made.name = made.name or re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).lower()
    if made.name in PRIMITIVES:
        raise TypeError(f"two primitives are named {made.name}")
    PRIMITIVES[made.name] = made
    return made


def attributes(primitive: Primitive) -> dict[str, Any]:
    """The static attributes of a primitive, by field name."""
    return {field.name: getattr(primitive, field.name) for field in dataclasses.fields(primitive)}


def outputs_of(primitive: Primitive, inputs: Sequence[np.ndarray[Any, Any]]) -> Values:
    """Evaluate a primitive on NumPy arrays; always a tuple."""
    with np.errstate(all="ignore"):
        out = primitive.eval(*inputs)
    outputs = cast(tuple[Any, ...], out) if isinstance(out, tuple) else (out,)
    return tuple(map(np.asarray, outputs))
