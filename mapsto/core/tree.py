"""Trees: mappings, optimizers, tuples, lists and dicts whose leaves are arrays.

Flattening gives the leaves, each with its path and kind, and the structure; rebuilding is the way back. What is not
an array is static and part of the structure, which compares by value.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any, Literal, NamedTuple, TypeVar, cast

import numpy as np

from mapsto.core import where
from mapsto.core.calls import refuse_making
from mapsto.core.errors import FrozenError, PathError, UsageError
from mapsto.core.frozen import frozen
from mapsto.core.spec import BFLOAT16, is_float
from mapsto.core.static import ENTERED, Met, Same, key_of

Kind = Literal["param", "state", "frozen", "array", "plain"]
T = TypeVar("T")
TreeT = TypeVar("TreeT", bound="Tree")

DEEP = 100  # parts within parts, from which on it is the nesting that Python's limit of about 1000 calls is about
FLATTER = "a chain of many steps is flat: mt.chain(*blocks); else sys.setrecursionlimit(10_000)"


class Value:
    """What stands at a leaf: arrays, and parameters that are declared but not made yet."""

    __slots__ = ()


class Leaf(NamedTuple):
    """A leaf of a tree. `kind` is "plain" outside of mappings and optimizers."""

    path: str
    kind: Kind
    value: Any


@dataclass(frozen=True)
class Meta:
    """What a tree knows of itself besides its fields; kept apart from them.

    `kinds` has the kind of every leaf that is directly in this object, by relative path. `specs` are the input and
    output specs that `init` recorded, without the batch axis. `differentiated` is set on copies that `grad` makes.
    """

    kinds: tuple[tuple[str, Kind], ...] = ()
    specs: Any = None
    differentiated: bool = False


class FreezeAfterInit(type):
    """Makes an object immutable once its `__init__` has run."""

    # Unannotated on purpose: type checkers then use the constructor of the class itself.
    def __call__(cls, *args, **kwargs):  # type: ignore[no-untyped-def]
        try:
            self = super().__call__(*args, **kwargs)
        except TypeError:
            refuse_making(cls, cast("tuple[Any, ...]", args), cast("dict[str, Any]", kwargs))  # if the call is at fault
            raise
        if "_meta" not in vars(self):
            own = cast("dict[str, Any]", vars(self))
            own.update((name, frozen(value)) for name, value in list(own.items()))
            own["_meta"] = Meta(tuple((path, kind_of(leaf)) for path, leaf in direct_leaves(own)))
        return self

    @property
    def __signature__(cls) -> inspect.Signature:
        """What the constructor takes, for help in editors and notebooks; `__call__` above would hide it."""
        return inspect.Signature(list(inspect.signature(cls.__init__).parameters.values())[1:])


class Tree(metaclass=FreezeAfterInit):
    """An immutable object whose attributes are its children, leaves and statics."""

    __slots__ = ("__dict__", "__weakref__", "_known_leaves")  # the last is for `core.flat`; copies lack it

    _known_leaves: Any
    _meta: Meta

    def __setattr__(self, name: str, value: Any) -> None:
        if "_meta" in vars(self):
            raise FrozenError("MAP-03", name=name, fix=f"make a changed copy: .replace({name}=…)")
        vars(self)[name] = value

    def __delattr__(self, name: str) -> None:
        raise FrozenError("MAP-03", name=name, fix="make a changed copy with .replace(…)")

    def replace(self: TreeT, **changes: Any) -> TreeT:
        """A copy with other values for some attributes.

        A leaf keeps the kind of the one in its place; one that is declared anew (`mt.param`) has the kind it says.
        """
        unknown = [name for name in changes if name not in vars(self)]
        if unknown:
            raise PathError("MAP-06", pattern=unknown[0], fix="the attributes are " + ", ".join(fields(self)))
        return replaced(self, {**fields(self), **changes})

    def __copy__(self: TreeT) -> TreeT:
        return self  # immutable

    def __getstate__(self) -> dict[str, Any]:
        return dict(vars(self))

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)


def fields(tree: Tree) -> dict[str, Any]:
    """The attributes of a tree, by name."""
    return {name: value for name, value in vars(tree).items() if name != "_meta"}


def meta_of(tree: Tree) -> Meta:
    """What a tree knows of itself."""
    return tree._meta  # pyright: ignore[reportPrivateUsage]


def remake(tree: TreeT, values: dict[str, Any], meta: Meta) -> TreeT:
    """An object of the same class with these attributes, without running `__init__`."""
    return made_of(type(tree), values, meta)


def made_of(kind: type[TreeT], values: dict[str, Any], meta: Meta) -> TreeT:
    """A class, attributes and meta ↦ an object, without running `__init__`."""
    made = object.__new__(kind)
    vars(made).update(values)
    vars(made)["_meta"] = meta
    return made


def replaced(tree: TreeT, values: dict[str, Any]) -> TreeT:
    """An object of the same class with these attributes, and the kinds that follow from them.

    A leaf that stays keeps its kind, and so does another array in its place: what is frozen stays frozen. A leaf that
    is declared anew has the kind that it was declared with.
    """
    values = {name: frozen(value) for name, value in values.items()}
    old = dict(direct_leaves(fields(tree)))
    known = dict(meta_of(tree).kinds)
    kinds: list[tuple[str, Kind]] = []
    for path, leaf in direct_leaves(values):
        stays = path in known and (leaf is old.get(path) or not hasattr(leaf, "kind"))
        kinds.append((path, known[path] if stays else kind_of(leaf)))
    return remake(tree, values, replace(meta_of(tree), kinds=tuple(kinds)))


def is_leaf(value: Any) -> bool:
    return isinstance(value, (Value, np.ndarray))


def is_number(value: Any) -> bool:
    return isinstance(value, (bool, int, float, np.bool_, np.integer, np.floating, BFLOAT16.type))


def containers(value: Any) -> list[tuple[str, Any]] | None:
    """The named parts of a tuple, list, dict or tree; None for everything else."""
    if isinstance(value, Tree):
        return list(fields(value).items())
    if isinstance(value, (tuple, list)):
        items = cast(Sequence[Any], value)
        names: Sequence[str] = getattr(items, "_fields", ()) or [str(i) for i in range(len(items))]
        return list(zip(names, items, strict=True))
    if isinstance(value, dict):
        entries = cast(dict[Any, Any], value)
        return [(str(key), item) for key, item in entries.items()]
    return None


def container_of(kind: Any, keys: Iterable[Any], parts: Iterable[Any]) -> Any:
    """A tuple, named tuple, list or dict of the class `kind` with these parts; only a dict has use for the keys."""
    if issubclass(kind, dict):
        return cast(Any, kind)(zip(keys, parts, strict=True))
    return kind(*parts) if hasattr(kind, "_fields") else kind(parts)


def direct_leaves(values: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Relative path and value of the leaves among an object's own attributes and in their containers."""

    def walk(value: Any, path: str) -> Iterator[tuple[str, Any]]:
        if is_leaf(value):
            yield path, value
        elif not isinstance(value, Tree):
            for name, part in containers(value) or ():
                yield from walk(part, f"{path}.{name}")

    for name, value in values.items():
        yield from walk(value, name)


def kind_of(leaf: Any) -> Kind:
    """The kind that a leaf was declared with; "array" for one that is simply there."""
    return getattr(leaf, "kind", "array")


@dataclass(frozen=True, eq=False)
class Structure:
    """The shape of a tree: its class, its parts' names and structures, and its statics. It holds no leaf and no tree.

    Two structures are equal if their keys are. A key is made when it is first asked for, and then stays as it is.
    """

    form: Any  # "leaf", "static", "tree", or the container's class
    names: tuple[Any, ...] = ()
    parts: tuple[Structure, ...] = ()
    value: Any = None  # of a static; of a tree, (class, meta)

    @cached_property
    def key(self) -> Any:
        met = Met()
        return (structure_key(self, met, inside=False), met.keys())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Structure) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


LEAF = Structure("leaf")


def structure_key(structure: Structure, met: Met, inside: bool) -> Any:
    """A structure ↦ what it compares by. Raises UsageError for a static that is not hashable, unless `inside`."""
    if structure.form == "leaf":
        return "leaf"
    if structure.form == "static":
        return ("static", key_of(structure.value, met, inside))
    own = structure.value if structure.form == "tree" else structure.form
    return (own, structure.names, tuple(structure_key(part, met, inside) for part in structure.parts))


def held_key(tree: Tree, met: Met) -> Any:
    """A tree that a function holds ↦ what it compares by: its structure, and its leaves by identity."""
    leaves, structure = flatten(tree)
    return (structure_key(structure, met, inside=True), tuple(Same(leaf.value) for leaf in leaves))


ENTERED.append((Tree, held_key))


def flatten(value: Any) -> tuple[list[Leaf], Structure]:
    """A tree ↦ its leaves in order, and its structure. Python numbers are leaves outside of mappings.

    Raises UsageError (MAP-22) for a tree that is nested deeper than Python's calls may be.
    """
    leaves: list[Leaf] = []
    try:
        structure = _flatten(value, "", None, "", leaves)
    except RecursionError:
        if is_deep(value):  # rather than met at the end of another recursion
            raise UsageError("MAP-22", path="", name=type(value).__name__, fix=FLATTER) from None
        raise
    return leaves, structure


def is_deep(value: Any) -> bool:
    """Whether a tree has parts within parts, `DEEP` times."""
    level = [value]
    for _ in range(DEEP):
        level = [part for one in level for _, part in containers(one) or ()][:1000]  # a circle would grow without end
    return bool(level)


def _flatten(value: Any, path: str, owner: dict[str, Kind] | None, relative: str, leaves: list[Leaf]) -> Structure:
    if is_leaf(value) or (owner is None and is_number(value)):
        leaves.append(Leaf(path, "plain" if owner is None else owner.get(relative, "array"), value))
        return LEAF
    if isinstance(value, Tree):
        meta = meta_of(value)
        kinds = dict(meta.kinds)
        parts = [(name, _flatten(part, join(path, name), kinds, name, leaves)) for name, part in fields(value).items()]
        return Structure("tree", tuple(n for n, _ in parts), tuple(p for _, p in parts), (type(value), meta))
    named = containers(value)
    if named is not None:
        kind = value.__class__
        parts = tuple(_flatten(part, join(path, n), owner, f"{relative}.{n}", leaves) for n, part in named)
        names = tuple(value if issubclass(kind, dict) else (n for n, _ in named))
        return Structure(kind, names, parts)
    return Structure("static", value=value)


def join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def rebuild(structure: Structure, leaves: Sequence[Any], **meta: Any) -> Any:
    """A structure and one value for each leaf ↦ the tree. `meta` changes what every mapping knows of itself."""
    remaining = iter(leaves)

    def build(node: Structure) -> Any:
        if node.form == "leaf":
            return next(remaining)
        if node.form == "static":
            return node.value
        parts = [build(part) for part in node.parts]
        if node.form == "tree":
            kind, own = node.value
            return made_of(kind, dict(zip(node.names, parts, strict=True)), replace(own, **meta) if meta else own)
        return container_of(node.form, node.names, parts)

    return build(structure)


def map_leaves(function: Callable[[Leaf], Any], tree: T) -> T:
    """A tree ↦ the same tree with `function(leaf)` at every leaf."""
    leaves, structure = flatten(tree)
    return rebuild(structure, [function(leaf) for leaf in leaves])


def trainable(leaf: Leaf) -> bool:
    """Whether training changes a leaf: parameters of mappings, and floats in plain trees."""
    if leaf.kind != "plain":
        return leaf.kind == "param"
    return is_float(np.dtype(getattr(leaf.value, "dtype", leaf.value.__class__)))


def matches(path: str, pattern: str) -> bool:
    """Whether a path fits a pattern: `*` is one segment, `**` any number of them.

    >>> matches("encoder.dense_1.weight", "**.weight"), matches("weight", "**.weight"), matches("a.b", "*")
    (True, True, False)
    """

    def fits(path: list[str], pattern: list[str]) -> bool:
        if not pattern:
            return not path
        if pattern[0] == "**":
            return any(fits(path[i:], pattern[1:]) for i in range(len(path) + 1))
        return bool(path) and fnmatchcase(path[0], pattern[0]) and fits(path[1:], pattern[1:])

    return fits(path.split("."), pattern.split("."))


def select(tree: Any, pattern: str) -> dict[str, Any]:
    """A tree and a pattern ↦ the leaves whose paths fit it, by path. Raises PathError if there are none.

    >>> select({"encoder": {"weight": 1.0, "bias": 2.0}, "scale": 3.0}, "**.weight")
    {'encoder.weight': 1.0}
    """
    leaves, _ = flatten(tree)
    found = {leaf.path: leaf.value for leaf in leaves if matches(leaf.path, pattern)}
    if not found:
        known = ", ".join(leaf.path for leaf in leaves[:8])
        raise PathError("MAP-06", pattern=pattern, fix=f"the paths are {known}" + (" …" if len(leaves) > 8 else ""))
    return found


def name_of(parent: Any, child: Any) -> str | None:
    """How `child` is called within `parent`, if it is one of its parts."""

    def search(value: Any, path: str) -> str | None:
        for name, part in containers(value) or ():
            if part is child:
                return join(path, name)
            if not isinstance(part, Tree):
                found = search(part, join(path, name))
                if found is not None:
                    return found
        return None

    return search(parent, "")


where.set_namer(name_of)
