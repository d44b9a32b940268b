"""Parameters that are declared but not made yet: what they will be, and who still has them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakSet

from mapsto.array.array import Array
from mapsto.array.convert import whole
from mapsto.core.errors import StateError, UsageError
from mapsto.core.spec import FLOAT32, DType, Shape
from mapsto.core.tree import Tree, Value, containers, fields, flatten

Initialiser = Callable[[Array, Shape, DType], Any]
ShapeRule = Shape | Callable[..., Shape]


@dataclass(frozen=True, eq=False)
class Declared(Value):
    """A parameter or state that `init` will make: its shape, or a function from the input specs to it."""

    kind: Literal["param", "state"]
    shape: ShapeRule
    init: Initialiser
    dtype: DType = FLOAT32

    def refuse(self, *args: Any, **kwargs: Any) -> Any:
        fix = "parameters are made when init calls the mapping they belong to: call it, do not reach into it"
        raise StateError("MAP-02", fix=fix)

    __array__ = __add__ = __sub__ = __mul__ = __truediv__ = __matmul__ = refuse
    __radd__ = __rsub__ = __rmul__ = __rtruediv__ = __rmatmul__ = refuse


def declaration(kind: Literal["param", "state"], shape: ShapeRule, initialiser: Initialiser) -> Declared:
    """What `param` and `state` return. Raises UsageError (ARG-01) for what is no shape or no initialiser."""
    if not callable(initialiser):
        wanted = "a function of key, shape and dtype, such as nn.zeros or nn.constant(0.5)"
        raise UsageError("ARG-01", function=f"mt.{kind}", name="initialiser", value=initialiser, wanted=wanted)
    if not callable(shape) and not is_shape(shape):
        wanted = "a tuple of whole numbers, or a function from the input's spec to one"
        raise UsageError("ARG-01", function=f"mt.{kind}", name="shape", value=shape, wanted=wanted)
    return Declared(kind, shape, initialiser)


def is_shape(value: Any) -> bool:
    """Whether a value is a tuple or list of whole numbers."""
    return isinstance(value, (tuple, list)) and all(whole(extent) is not None for extent in list[Any](value))


if TYPE_CHECKING:

    def param(shape: ShapeRule, initialiser: Initialiser, *, init: Literal[False] = False) -> Any: ...

    def state(shape: ShapeRule, initialiser: Initialiser, *, init: Literal[False] = False) -> Any: ...

else:

    def param(shape: ShapeRule, initialiser: Initialiser) -> Declared:
        """A shape and an initialiser ↦ the declaration of a trained array, f32[shape], made by `net.init`.

        `shape` is a tuple, or a function from the specs of the mapping's inputs (batch axis included) to one;
        `initialiser` maps (key, shape, dtype) to the array. A mapping called before `init` raises StateError (MAP-02).

        >>> from mapsto import Mapping, key, nn, xp
        >>> class Gain(Mapping):
        ...     def __init__(self):
        ...         self.gain = param(lambda x: x.shape[1:], nn.ones)
        ...     def __call__(self, x):
        ...         return x * self.gain
        >>> Gain().init(key(0), xp.ones((1, 3)))
        Gain(gain=f32[3])
        """
        return declaration("param", shape, initialiser)

    def state(shape: ShapeRule, initialiser: Initialiser) -> Declared:
        """A shape and an initialiser ↦ the declaration of an array that training updates without a gradient.

        Such as a running mean. Arguments and errors as for `param`.

        >>> from mapsto import Mapping, key, nn, training, xp
        >>> class Last(Mapping):
        ...     def __init__(self):
        ...         self.last = state((), nn.zeros)
        ...     def __call__(self, x):
        ...         return x - self.last
        ...     def training(self, key, x):
        ...         return self(x), self.replace(last=x[-1])
        >>> net = Last().init(key(0), xp.ones((2,)))
        >>> _, net = training(net)(key(0), xp.asarray([1.0, 3.0]))
        >>> net.last
        array(3., f32[])
        """
        return declaration("state", shape, initialiser)


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


_MADE: WeakSet[Tree] = WeakSet()  # mappings that were found to have all parameters; nobody takes them away again


def refuse_unmade(mapping: Tree) -> None:
    """Raise StateError if a mapping itself, its children apart, has no parameters yet."""
    if mapping in _MADE:
        return
    if any(declared(mapping)):
        fix = "call net = net.init(mt.key(0), example), or use learner.net: fit leaves the net you gave it as it was"
        raise StateError("MAP-02", fix=fix)
    _MADE.add(mapping)


def unmade(tree: Any) -> bool:
    """Whether some parameter of a tree is still to be made."""
    return any(isinstance(leaf.value, Declared) for leaf in flatten(tree)[0])
