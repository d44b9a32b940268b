"""The mapping: an immutable tree that can be called and composed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from dataclasses import dataclass as make_dataclass
from functools import partial, wraps
from inspect import get_annotations
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast, dataclass_transform

import numpy as np

from mapsto.array.array import Array
from mapsto.array.convert import asarray, astype
from mapsto.array.trace import Traced, top_frame
from mapsto.compose.frame import current_frame
from mapsto.core import where
from mapsto.core.errors import DTypeError, StateError, UsageError
from mapsto.core.notes import note
from mapsto.core.spec import FLOAT32, SHORT_NAMES, DType, Shape, is_float
from mapsto.core.tree import FreezeAfterInit, Tree, Value, containers, fields, flatten, meta_of

if TYPE_CHECKING:
    from mapsto.compose.combine import Both, Chain, Pointwise

Initialiser = Callable[[Array, Shape, DType], Any]
ShapeRule = Shape | Callable[..., Shape]
M = TypeVar("M", bound="Mapping")
T = TypeVar("T")

# Composition makes mappings of its own; `combine` enters how, by operator.
OPERATORS: dict[str, Callable[[Any, Any], Any]] = {}


@dataclass(frozen=True, eq=False)
class Declared(Value):
    """A parameter or state that `init` will make: its shape, or a function from the input specs to it."""

    kind: Literal["param", "state"]
    shape: ShapeRule
    init: Initialiser
    dtype: DType = FLOAT32

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise StateError("MAP-02", fix="call net = net.init(mt.key(0), example) first")


if TYPE_CHECKING:

    def param(shape: ShapeRule, initialiser: Initialiser, *, init: Literal[False] = False) -> Any: ...

    def state(shape: ShapeRule, initialiser: Initialiser, *, init: Literal[False] = False) -> Any: ...

else:

    def param(shape: ShapeRule, initialiser: Initialiser) -> Declared:
        """A trained array, made by `net.init`.

        `shape` is a tuple, or a function from the specs of the mapping's inputs (batch axis included) to one;
        `initialiser` maps (key, shape, dtype) to the array.
        """
        return Declared("param", shape, initialiser)

    def state(shape: ShapeRule, initialiser: Initialiser) -> Declared:
        """An array that training updates without a gradient, such as a running mean. Arguments as for `param`."""
        return Declared("state", shape, initialiser)


@dataclass_transform(frozen_default=False, eq_default=False, field_specifiers=(param, state))
class Mapping(Tree, metaclass=FreezeAfterInit):
    """x ↦ f(x): the base of layers, networks and steps.

    A subclass sets its parts in `__init__` (or declares them as annotated fields) and says in `__call__` what it maps
    to what. Attributes that are arrays or mappings are its leaves and children; everything else is static. Once made it
    cannot change: `init`, `replace` and training return new ones.

    A layer that behaves differently in training also has `training(self, key, x) ↦ (y, self')`.

    >>> class Twice(Mapping):
    ...     def __call__(self, x):
    ...         return 2 * x
    >>> Twice()(asarray([1.0, 2.0]))
    array([2., 4.], f32[2])
    """

    __array_ufunc__ = None  # an ndarray beside >> leaves the operator to us

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "__call__" in cls.__dict__:
            cls.__call__ = entered_call(cls.__dict__["__call__"])
        own = get_annotations(cls)
        instance = [n for n in own if not n.startswith("_") and "ClassVar" not in str(own[n])]
        if "__init__" not in cls.__dict__ and instance:
            for name in instance:
                declared = cls.__dict__.get(name)
                if isinstance(declared, Declared):
                    # A factory, because __init__ sets nothing for a plain default that is no argument.
                    setattr(cls, name, field(init=False, default_factory=partial(itself, declared)))
            make_dataclass(eq=False, repr=False)(cls)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise UsageError("USE-01", problem=f"{type(self).__name__} does not say what it maps", fix="define __call__")

    if TYPE_CHECKING:
        # Children of chains are attributes by name: net.dense_1.weight.
        def __getattr__(self, name: str) -> Any: ...

    def init(self: M, key: Array, *examples: Any) -> M:
        """A key and an example of each input ↦ the same mapping with its parameters made.

        Only the examples' types and shapes matter; a Spec will do. The first axis is the batch. Every parameter has a
        stream of its own by its path, so that adding a layer changes no other.

        Raises ShapeError where the shapes do not fit, naming the layer.
        """
        return OPERATORS["init"](self, (key, examples))

    def cast(self: M, dtype: Any) -> M:
        """The same mapping with its floating-point leaves in another type, for example float64."""
        return OPERATORS["cast"](self, dtype)

    @property
    def label(self) -> str:
        """What a chain calls it, before numbering."""
        return type(self).__name__.lower()

    def __rshift__(self, other: Any) -> Chain:
        return OPERATORS[">>"](self, other)

    def __rrshift__(self, other: Any) -> Chain:
        return OPERATORS[">>"](other, self)

    def __add__(self, other: Any) -> Pointwise:
        return OPERATORS["+"](self, other)

    def __mul__(self, other: Any) -> Pointwise:
        return OPERATORS["*"](self, other)

    def __radd__(self, other: Any) -> Pointwise:
        return OPERATORS["+"](other, self)

    def __rmul__(self, other: Any) -> Pointwise:
        return OPERATORS["*"](other, self)

    def __rand__(self, other: Any) -> Both:
        return OPERATORS["&"](other, self)

    def __and__(self, other: Any) -> Both:
        return OPERATORS["&"](self, other)

    def __repr__(self) -> str:
        return "\n".join(structure_lines(self, ""))


def itself(value: T) -> T:
    return value


def structure_lines(value: Any, indent: str) -> list[str]:
    """Structure without weights: one line for every mapping that has parts."""
    if not isinstance(value, Tree):
        return [indent + describe(value)]
    statics = [f"{n}={describe(v)}" for n, v in fields(value).items() if not (has_trees(v) or n.startswith("_"))]
    lines = [f"{indent}{type(value).__name__}({', '.join(statics)})"]
    for name, part in fields(value).items():
        if has_trees(part):
            nested = (
                [(f"{name}.{n}", p) for n, p in containers(part) or ()]
                if not isinstance(part, Tree)
                else [(name, part)]
            )
            for label, one in nested:
                first, *rest = structure_lines(one, "")
                lines += [f"{indent}  {label}: {first}", *(f"{indent}  {line}" for line in rest)]
    return lines


def has_trees(value: Any) -> bool:
    if isinstance(value, Tree):
        return True
    return any(has_trees(part) for _, part in containers(value) or ())


def describe(value: Any) -> str:
    if isinstance(value, Array):
        return str(value.spec)
    if isinstance(value, np.ndarray):
        return f"{SHORT_NAMES.get(value.dtype, value.dtype)}[{','.join(map(str, value.shape))}]"
    if isinstance(value, Declared):
        return f"{value.kind}(?)"
    if callable(value):
        return getattr(value, "__name__", type(value).__name__)
    return repr(value)


def entered_call(function: Callable[..., Any]) -> Callable[..., Any]:
    """A class's `__call__` ↦ the same within the frame of the call, and with its path known to errors."""

    @wraps(function)
    def call(self: Mapping, *args: Any, **kwargs: Any) -> Any:
        if where.innermost() is self:  # super().__call__, or a class that calls itself
            return function(self, *args, **kwargs)
        frame = current_frame()
        if where.depth() == 0 and frame is None and top_frame() is None:
            args = at_the_edge(self, args)
        with where.entered(self):
            if frame is not None:
                return frame.call(self, function, args, kwargs)
            check_evaluation(self)
            return function(self, *args, **kwargs)

    return call


def check_evaluation(mapping: Mapping) -> None:
    """Refuse what cannot be evaluated: no parameters yet, or differentiated where training is meant."""
    if any(declared(mapping)):
        fix = "call net = net.init(mt.key(0), example), or use learner.net: fit leaves the net you gave it as it was"
        raise StateError("MAP-02", fix=fix)
    if meta_of(mapping).differentiated and behaves_differently(mapping):
        fix = "call mt.training(net)(key, x) in the objective, or mt.evaluation(net)(x) if evaluation is meant"
        raise StateError("MAP-05", name=type(mapping).__name__, fix=fix)


def behaves_differently(mapping: Any) -> bool:
    """Whether a layer has a training mode of its own."""
    return callable(getattr(type(mapping), "training", None))


def declared(mapping: Tree) -> Iterator[tuple[str, Declared]]:
    """The leaves of a mapping itself, not of its children, that are not made yet."""

    def search(value: Any, path: str) -> Iterator[tuple[str, Declared]]:
        if isinstance(value, Declared):
            yield path, value
        elif not isinstance(value, Tree):
            for name, part in containers(value) or ():
                yield from search(part, f"{path}.{name}")

    for name, value in fields(mapping).items():
        yield from search(value, name)


def float_type(mapping: Any, also: tuple[type, ...] = ()) -> DType | None:
    """The element type of a mapping's first floating-point array; `also` names other leaves that count."""
    for leaf in flatten(mapping)[0]:
        dtype = getattr(leaf.value, "dtype", None)
        if isinstance(leaf.value, (Array, *also)) and dtype is not None and is_float(cast(DType, dtype)):
            return cast(DType, dtype)
    return None


def at_the_edge(mapping: Mapping, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """Arguments of an outermost call: NumPy arrays become arrays, in the mapping's floating-point type."""
    if not any(isinstance(x, (np.ndarray, Array)) for x in args):
        return args
    wanted = float_type(mapping)
    return tuple(edge_cast(x, wanted) if isinstance(x, (np.ndarray, Array)) else x for x in args)


def edge_cast(x: Any, wanted: DType | None) -> Array:
    """One input in the type a network computes in: NumPy floats are cast with a note, others must agree."""
    if isinstance(x, np.ndarray) and x.dtype.kind not in "biuf":
        return x  # type: ignore[return-value]
    array = asarray(x)
    if wanted is None or not is_float(array.dtype) or array.dtype == wanted or isinstance(array, Traced):
        return array
    if isinstance(x, np.ndarray):
        note(f"input of {SHORT_NAMES[array.dtype]} was cast to {SHORT_NAMES[wanted]}, the net's type")
        return astype(array, wanted)
    fix = f"xp.astype(x, xp.{wanted.name}), or net.cast(xp.{array.dtype.name})"
    rows = (("input", array.spec, ""), ("net", SHORT_NAMES[wanted], ""))
    raise DTypeError("DTYPE-03", function="the net", operands=rows, fix=fix)


def set_meta(mapping: Mapping, **changes: Any) -> None:
    """Let a mapping in a private copy know something else of itself."""
    vars(mapping)["_meta"] = replace(meta_of(mapping), **changes)
