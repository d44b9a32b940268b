"""What every primitive is: frozen fields, the node's static attributes, and the rules that are asked of it.

Equality, hashing, merging of equal nodes and cache keys come from the fields. Concrete primitives stand on the floor
above, one class each; this base only names the rules that the graph, the transforms and the laws ask for.

The fields work as those of a frozen dataclass do, and type checkers are told so. `@dataclass` itself writes and
compiles five methods for every class, 0.2 ms each time, which for a hundred primitives was an eighth of the import.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import FrozenInstanceError, dataclass
from inspect import get_annotations
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast, dataclass_transform

import numpy as np

from mapsto.core.spec import Spec
from mapsto.ir.formula import Formula, Run

if TYPE_CHECKING:
    from mapsto.ir.body import Body
    from mapsto.ir.graph import Var

Values = tuple[np.ndarray[Any, Any], ...]

PRIMITIVES: dict[str, type[Primitive]] = {}


@dataclass(frozen=True)
class Case:
    """One application of a primitive that every law is tried on.

    `special` feeds the type, `at` and `eval` laws with its own numbers; derivative laws draw seeded normals. `fitted`
    maps drawn arrays to such as the primitive takes, where it does not take any.
    """

    primitive: Primitive
    inputs: tuple[Spec, ...]
    special: tuple[Any, ...] | None = None
    differentiate: bool = True
    fitted: Callable[..., Any] | None = None


class Primitive:
    """A mapping of arrays that is not made of smaller ones.

    Two are equal if they are of one class and their fields are equal.
    """

    name: ClassVar[str] = ""
    version: ClassVar[int] = 1
    fields: ClassVar[tuple[str, ...]] = ()
    arity: ClassVar[int | None] = 1  # how many inputs; None: any number from 1 on
    __match_args__: ClassVar[tuple[str, ...]] = ()

    _values: tuple[Any, ...]
    _hash: int

    def __init__(self, *values: Any, **named: Any) -> None:
        if named or len(values) != len(self.fields):
            values = completed(self.__class__, values, named)
        keep = object.__setattr__  # past the one below
        for name, value in zip(self.fields, values, strict=True):
            keep(self, name, value)
        keep(self, "_values", values)
        keep(self, "_hash", hash((self.__class__, values)))  # kept, for graphs and kernels are merged by it

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Primitive) or self.__class__ is not other.__class__:
            return NotImplemented
        return self._values == other._values

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={value!r}" for name, value in attributes(self).items())
        return f"{self.__class__.__qualname__}({fields})"

    def __reduce__(self) -> tuple[Any, ...]:
        return self.__class__, self._values  # without the hash, which is another one in another process

    def __setattr__(self, name: str, value: Any) -> None:
        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> None:
        raise FrozenInstanceError(f"cannot delete field {name!r}")

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

    def run(self, o: Sequence[Formula], inputs: Sequence[Spec]) -> Run | None:
        """The outputs' elements at index `o` for kinds that go along an axis, each place in need of the one before."""
        return None

    def ranges(self, inputs: Sequence[Spec]) -> tuple[tuple[int, int], ...]:
        """(number of an input, extent): integers that must lie in 0 … extent - 1, or `eval` raises an error."""
        return ()

    def inner(self) -> tuple[Body, ...]:
        """The bodies among its fields."""
        return ()

    def refuses(self, inputs: Sequence[Spec]) -> bool:
        """Whether there are numbers, of the right types and shapes, for which `eval` is an error or does not end."""
        return bool(self.ranges(inputs)) or any(body.refuses for body in self.inner())

    def flops(self, inputs: Sequence[Spec], outputs: Sequence[Spec]) -> int:
        """Arithmetic operations on floats, for tables; layout and index work counts 0."""
        return 0

    @classmethod
    def cases(cls) -> list[Case]:
        """The applications every law is tried on. A primitive without any fails the test collection."""
        return []


P = TypeVar("P", bound=Primitive)


def completed(kind: type[Primitive], values: tuple[Any, ...], named: Mapping[str, Any]) -> tuple[Any, ...]:
    """Arguments by position and by name ↦ a value for every field, in order; defaults are attributes of the class."""
    given = dict(zip(kind.fields, values, strict=False))
    fits = len(values) <= len(kind.fields) and not named.keys() & given.keys() and named.keys() <= set(kind.fields)
    given.update(named)
    if not fits or not all(name in given or hasattr(kind, name) for name in kind.fields):
        raise TypeError(f"{kind.__name__} takes ({', '.join(kind.fields)}), not {values} and {dict(named)}")
    return tuple(given[name] if name in given else getattr(kind, name) for name in kind.fields)


@dataclass_transform(frozen_default=True)
def fielded(cls: type[P]) -> type[P]:
    """Give a class fields: those of the class that it stands on, then the names that it annotates itself."""
    own = (name for name, kind in get_annotations(cls).items() if not str(kind).startswith("ClassVar"))
    cls.fields = cls.__match_args__ = tuple(dict.fromkeys((*cls.fields, *own)))
    return cls


@dataclass_transform(frozen_default=True)
def prim(cls: type[P]) -> type[P]:
    """Make a class a primitive: give it fields, enter it under its serialised name (`Exp` ↦ `exp`)."""
    made = fielded(cls)
    made.name = made.name or re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", cls.__name__).lower()
    if made.name in PRIMITIVES:
        raise TypeError(f"two primitives are named {made.name}")
    PRIMITIVES[made.name] = made
    return made


def attributes(primitive: Primitive) -> dict[str, Any]:
    """The static attributes of a primitive, by field name."""
    return {name: getattr(primitive, name) for name in primitive.fields}


def outputs_of(primitive: Primitive, inputs: Sequence[np.ndarray[Any, Any]]) -> Values:
    """Evaluate a primitive on NumPy arrays; always a tuple."""
    with np.errstate(all="ignore"):
        out = primitive.eval(*inputs)
    outputs = cast(tuple[Any, ...], out) if isinstance(out, tuple) else (out,)
    return tuple(map(np.asarray, outputs))
