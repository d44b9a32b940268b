"""Composition: `f >> g`, `f + g`, `f * g`, `f & g`.

And the words chain, named, fn, each, residual, repeat, parallel, star.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mapsto.array.array import Array
from mapsto.array.manipulate import stack
from mapsto.compose.frame import current_frame
from mapsto.compose.mapping import OPERATORS, Mapping, behaves_differently
from mapsto.compose.misuse import refuse_misuse
from mapsto.compose.repeated import apply_copies
from mapsto.core.check import whole_number
from mapsto.core.errors import IndexRangeError, UsageError
from mapsto.core.tree import Tree, containers, fields, is_leaf, is_number
from mapsto.transform.vmap import vmap


class Chain(Mapping):
    """x ↦ fₙ(… f₂(f₁(x))): one mapping after another.

    The parts are attributes, `net.dense_1`, and the chain is a sequence of them: `len(net)`, `net[0]`, `net[:3]`.
    Anonymous parts are called by their class; those that own parameters or draw keys are numbered from 1, so that
    adding a relu renames nothing that is saved.
    """

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...  # the parts, by name

    def __init__(self, steps: Sequence[tuple[str | None, Mapping]]) -> None:
        given = tuple(name for name, _ in steps if name is not None)
        for name, (_, step) in zip(names_for(steps), steps, strict=True):
            vars(self)[name] = step
        self._given = given

    @property
    def steps(self) -> tuple[Mapping, ...]:
        return tuple(step for name, step in fields(self).items() if name != "_given")

    def named_steps(self) -> list[tuple[str | None, Mapping]]:
        """The parts with the names that were given to them."""
        return [(n if n in self._given else None, step) for n, step in fields(self).items() if n != "_given"]

    def __call__(self, x: Any) -> Any:
        for step in self.steps:
            x = step(x)
        return x

    def __len__(self) -> int:
        return len(self.steps)

    def __iter__(self) -> Iterator[Mapping]:
        return iter(self.steps)

    def __getitem__(self, key: int | slice) -> Any:
        steps = self.named_steps()
        if isinstance(key, slice):
            return Chain(steps[key])
        if not -len(steps) <= key < len(steps):
            fix = f"this chain has the parts 0 … {len(steps) - 1}"
            raise IndexRangeError("USE-04", index=key, extent=len(steps), fix=fix)
        return steps[key][1]


# A part called like one of these would hide it: net.init, net.cast, …
RESERVED = frozenset((*dir(Chain), "_given", "_meta"))


def names_for(steps: Sequence[tuple[str | None, Mapping]]) -> list[str]:
    """A name for every part: the given one, or its class in lower case, numbered."""
    names = [name for name, _ in steps]
    given = {name for name in names if name is not None}
    if len(given) < sum(name is not None for name in names):
        raise UsageError("MAP-14", names=", ".join(filter(None, names)), fix="give every part a name of its own")
    for name in sorted(given):
        if not name.isidentifier() or name.startswith("_") or name in RESERVED:
            fix = "use a word that is no attribute of every mapping, such as backbone or head"
            raise UsageError("MAP-15", name=name, fix=fix)
    taken, counts = given, dict[str, int]()
    for i, (name, step) in enumerate(steps):
        if name is None and owns(step):
            names[i] = unused(f"{step.label}_", taken, counts)
    taken, counts = {*RESERVED, *filter(None, names)}, {}
    for i, (_, step) in enumerate(steps):
        if names[i] is None:
            free = step.label not in taken
            names[i] = step.label if free else unused(f"{step.label}_", taken, counts, first=2)
            taken.add(str(names[i]))
    return [str(name) for name in names]


def unused(stem: str, taken: set[str], counts: dict[str, int], first: int = 1) -> str:
    """A stem with the next number that makes a name nobody has. `counts` has the last number of every stem."""
    number = counts.get(stem, first - 1) + 1
    while f"{stem}{number}" in taken:
        number += 1
    counts[stem] = number
    return f"{stem}{number}"


def owns(step: Any) -> bool:
    """Whether a part has leaves or draws keys anywhere in it."""
    if is_leaf(step) or (isinstance(step, Tree) and behaves_differently(step)):
        return True
    return any(owns(part) for _, part in containers(step) or ())


def mapping_of(value: Any, word: str, left: Any = None, right: Any = None) -> Mapping:
    """A mapping, or a function as one. Everything else does not compose.

    `word` is what composes it: an operator between `left` and `right`, or a function such as mt.each.
    """
    if isinstance(value, Mapping):
        return value
    if isinstance(value, type) and issubclass(value, Mapping):
        raise UsageError("MAP-13", name=value.__name__, fix=f"make one of it: {value.__name__}(…)")
    if callable(value):
        return fn(value)
    if word.startswith("mt."):
        raise UsageError("ARG-04", function=word, found=type(value).__name__, fix="give a mapping, or a function")
    fix = "call the net: net(x)" if is_leaf(value) else "compose mappings, or functions wrapped by mt.fn(f)"
    if word in "+*" and is_number(value):
        fix = f"say what is done to the output: net >> mt.fn(lambda y: {value} {word} y)"
    names = [type(side).__name__ for side in (left, right)]
    raise UsageError("MAP-01", left=names[0], operator=word, right=names[1], fix=fix)


def steps_of(mapping: Mapping) -> list[tuple[str | None, Mapping]]:
    return mapping.named_steps() if isinstance(mapping, Chain) else [(None, mapping)]


def compose(left: Any, right: Any) -> Chain:
    """f >> g: x ↦ g(f(x)). Chains within chains are one chain."""
    pair = [mapping_of(side, ">>", left, right) for side in (left, right)]
    return Chain([step for side in pair for step in steps_of(side)])


def chain(*steps: Any, **named_steps: Any) -> Chain:
    """f, g, … ↦ (x ↦ … g(f(x))); keywords name parts: `mt.chain(backbone=f, head=g)` has paths `backbone.…`, `head.…`.

    Raises UsageError for what is neither a mapping nor a function, and for names given twice.

    >>> from mapsto import nn
    >>> chain(nn.Flatten(), head=nn.Dense(2))
    Chain()
      flatten: Flatten()
      head: Dense(units=2, weight=param(?), bias=param(?))
    """
    made = [step for one in steps for step in steps_of(mapping_of(one, "mt.chain"))]
    return Chain([*made, *((name, mapping_of(one, "mt.chain")) for name, one in named_steps.items())])


def named(name: str, mapping: Any) -> Chain:
    """A name and a mapping ↦ the same mapping under that name: its paths begin with it.

    Raises UsageError for a name that is no word, or that every mapping has already, such as `init`.

    >>> from mapsto import nn
    >>> nn.Flatten() >> named("head", nn.Dense(2))
    Chain()
      flatten: Flatten()
      head: Dense(units=2, weight=param(?), bias=param(?))
    """
    return chain(**{name: mapping})


class Function(Mapping):
    """A plain function as a mapping."""

    function: Callable[..., Any]

    def __call__(self, *args: Any) -> Any:
        try:
            return self.function(*args)
        except TypeError as problem:
            refuse_misuse(self, self.function, args, {}, problem, own=0)
            raise

    @property
    def label(self) -> str:
        name: str = getattr(self.function, "__name__", "function")
        return name if name.isidentifier() else "function"


def fn(function: Callable[..., Any]) -> Function:
    """A function ↦ a mapping that composes: `mt.fn(f) >> g`. Raises UsageError for what cannot be called.

    >>> from mapsto import nn, xp
    >>> (fn(lambda x: -x) >> nn.relu)(xp.asarray([-3.0, 4.0]))
    array([3., 0.], f32[2])
    """
    if not callable(function):
        raise UsageError("ARG-03", function="mt.fn", found=type(function).__name__)
    return Function(function)


class Host(Mapping):
    """A step that runs on the host, outside of compiled code: decoding a picture, naming a class.

    Host steps stand at the two ends of a chain. `output` is the spec of what one example becomes, None where the
    result is not an array.
    """

    @property
    def output(self) -> Any:
        return None


class Each(Mapping):
    """A batch ↦ what a mapping of single examples makes of each."""

    mapping: Mapping

    def __call__(self, batch: Any) -> Any:
        if not isinstance(self.mapping, Host):
            return vmap(self.mapping)(batch)
        if isinstance(batch, (str, bytes, os.PathLike)) or not len(batch):
            raise UsageError("MAP-16", fix='answer(["digit.png"])')
        made = [self.mapping(one) for one in batch]
        if not made or not isinstance(made[0], (Array, np.ndarray)):
            return made
        return stack(made)


def each(mapping: Any) -> Each:
    """(f32[d] ↦ f32[k]) ↦ (f32[n, d] ↦ f32[n, k]): lift a mapping of one example to batches.

    By `vmap`; a host step such as `image.decode((28, 28), "L")` is called for one after another. Raises UsageError for
    what is neither a mapping nor a function.

    >>> from mapsto import xp
    >>> each(xp.sum)(xp.asarray([[1.0, 2.0], [3.0, 4.0]]))
    array([3., 7.], f32[2])
    """
    return Each(mapping_of(mapping, "mt.each"))


class Pointwise(Mapping):
    """x ↦ f(x) + g(x), or f(x) · g(x)."""

    word: str
    left: Mapping
    right: Mapping

    def __call__(self, *args: Any) -> Any:
        x, y = self.left(*args), self.right(*args)
        return x + y if self.word == "+" else x * y


class Both(Mapping):
    """x ↦ (f(x), g(x), …): the same input to several."""

    parts: tuple[Mapping, ...]

    def __call__(self, *args: Any) -> Any:
        return tuple(part(*args) for part in self.parts)


class Parallel(Mapping):
    """(x, y, …) ↦ (f(x), g(y), …): one mapping for each part of a tuple."""

    parts: tuple[Mapping, ...]

    def __call__(self, inputs: Any) -> Any:
        if len(inputs) != len(self.parts):
            raise UsageError("MAP-17", count=len(self.parts), found=len(inputs), fix="give one input to each mapping")
        return tuple(part(x) for part, x in zip(self.parts, inputs, strict=True))


class Star(Mapping):
    """(x, y, …) ↦ f(x, y, …): a tuple spread over a mapping's arguments."""

    mapping: Mapping

    def __call__(self, inputs: Any) -> Any:
        return self.mapping(*inputs)


class Residual(Mapping):
    """x ↦ x + f(x) (He et al., 2016, arXiv:1512.03385)."""

    mapping: Mapping

    def __call__(self, x: Any) -> Any:
        return x + self.mapping(x)


class Repeat(Mapping):
    """x ↦ f(… f(x)): copies of a mapping one after another, each with parameters of its own.

    Where they are compiled, they are traced and compiled once.
    """

    copies: tuple[Mapping, ...]

    def __call__(self, x: Any) -> Any:
        frame = current_frame()
        if frame is None or not frame.sees_every_call:
            return apply_copies(self, x)
        for copy in self.copies:
            x = copy(x)
        return x


def parallel(*mappings: Any) -> Parallel:
    """f, g, … ↦ ((x, y, …) ↦ (f(x), g(y), …)). Raises UsageError where a call gives more inputs or fewer.

    >>> from mapsto import nn
    >>> [float(one) for one in parallel(nn.relu, lambda y: 2 * y)((-1.0, 3.0))]
    [0.0, 6.0]
    """
    return Parallel(tuple(mapping_of(one, "mt.parallel") for one in mappings))


def star(mapping: Any) -> Star:
    """((x, y, …) ↦ z) ↦ a mapping of one tuple to z: `(f & g) >> mt.star(h)` is x ↦ h(f(x), g(x)).

    >>> from mapsto import nn, xp
    >>> ((nn.relu & fn(xp.square)) >> star(xp.add))([-1.0, 2.0])
    array([1., 6.], f32[2])
    """
    return Star(mapping_of(mapping, "mt.star"))


def residual(mapping: Any) -> Residual:
    """f ↦ (x ↦ x + f(x)), where f keeps the shape (He et al., 2016, arXiv:1512.03385).

    >>> from mapsto import nn, xp
    >>> residual(nn.relu)(xp.asarray([-1.0, 2.0]))
    array([-1.,  4.], f32[2])
    """
    return Residual(mapping_of(mapping, "mt.residual"))


def repeat(mapping: Any, count: int) -> Repeat:
    """f ↦ (x ↦ f(… f(x))): `count` copies one after another, each with parameters of its own.

    Raises UsageError for a count below 1.

    >>> from mapsto import nn
    >>> repeat(nn.Dense(4), 2)
    Repeat()
      copies.0: Dense(units=4, weight=param(?), bias=param(?))
      copies.1: Dense(units=4, weight=param(?), bias=param(?))
    """
    return Repeat((mapping_of(mapping, "mt.repeat"),) * whole_number("mt.repeat", "count", count))


def both(left: Any, right: Any) -> Both:
    """f & g: x ↦ (f(x), g(x)); flattens, so that f & g & h gives three outputs."""
    pair = [mapping_of(side, "&", left, right) for side in (left, right)]
    return Both(tuple(part for side in pair for part in (side.parts if isinstance(side, Both) else (side,))))


def pointwise(word: str) -> Callable[[Any, Any], Pointwise]:
    return lambda left, right: Pointwise(word, *(mapping_of(side, word, left, right) for side in (left, right)))


OPERATORS.update({">>": compose, "&": both, "+": pointwise("+"), "*": pointwise("*")})
