"""Data sets made of others: chosen rows, mapped, batched, zipped, one after another."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mapsto.array.array import Array as Key
from mapsto.array.random import fold, key
from mapsto.core.errors import UsageError
from mapsto.data.samples import Array, Samples, Skipped
from mapsto.data.stack import leaves_of, map_tree, type_of


@dataclass(frozen=True, eq=False, repr=False)
class Lazy(Samples):
    """index ↦ function(index)."""

    length: int
    function: Callable[[int], Any]
    classes: tuple[str, ...] = ()
    known_labels: Array | None = None
    name: str = "data"

    def __len__(self) -> int:
        return self.length

    def sample(self, index: int) -> Any:
        return self.function(index)

    @property
    def labels(self) -> Array | None:
        return self.known_labels


class Derived(Samples):
    """A data set made of another one, under its name."""

    parent: Samples

    @property
    def name(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.parent.name

    @property
    def classes(self) -> tuple[str, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.parent.classes

    @property
    def skipped(self) -> tuple[Skipped, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.parent.skipped

    @property
    def batched(self) -> bool:
        return self.parent.batched


@dataclass(frozen=True, eq=False, repr=False)
class Selected(Derived):
    """index ↦ parent[rows[index]]: some samples of another data set, in some order."""

    parent: Samples
    rows: Array
    skipped: tuple[Skipped, ...] = ()  # pyright: ignore[reportIncompatibleMethodOverride]

    def __len__(self) -> int:
        return len(self.rows)

    def sample(self, index: int) -> Any:
        return self.parent.sample(int(self.rows[index]))

    def gather(self, rows: Array) -> Any:
        return self.parent.gather(self.rows[rows])

    def where(self, index: int) -> str:
        return self.parent.where(int(self.rows[index]))

    @property
    def labels(self) -> Array | None:
        known = self.parent.labels
        return None if known is None else known[self.rows]

    def epoch(self, number: int) -> Samples:
        return replace(self, parent=self.parent.epoch(number))


@dataclass(frozen=True, eq=False, repr=False)
class Mapped(Derived):
    """index ↦ what functions make of parent[index]; with a seed they draw by (seed, epoch, index)."""

    parent: Samples
    function: Callable[..., Any] | None
    x: Callable[..., Any] | None
    y: Callable[..., Any] | None
    seed: int | None
    drawn_epoch: int = 0

    def __len__(self) -> int:
        return len(self.parent)

    def sample(self, index: int) -> Any:
        given = self.parent.sample(index)
        keys = () if self.seed is None else (self._key(index),)
        try:
            made = self._made(given, keys)
        except Exception as problem:
            if isinstance(problem, TypeError):
                self._check_arguments(given, len(keys))
            problem.add_note(f"while {self.where(index)} of the data set {self.name} was mapped")
            raise
        if made is None:
            raise UsageError("DATA-18", name=self.name, fix="is a return missing at the end of the function?")
        return made

    def where(self, index: int) -> str:
        return self.parent.where(index)

    def __repr__(self) -> str:
        named = (("", self.function), ("x=", self.x), ("y=", self.y))
        calls = [f"{word}{getattr(f, '__name__', type(f).__name__)}" for word, f in named if f is not None]
        return f"Mapped({self.name}: {len(self)} samples by {', '.join(calls)}, from {self.parent!r})"

    def _made(self, given: Any, keys: tuple[Key, ...]) -> Any:
        pair = isinstance(given, tuple) and len(given) == 2
        if self.function is not None:
            return self.function(*keys, *given) if pair else self.function(*keys, given)
        if not pair:
            if self.x is None or self.y is not None:
                raise UsageError("DATA-17", name=self.name, fix="map the whole sample: .map(f)")
            return self.x(*keys, given)
        x, y = given
        return (x if self.x is None else self.x(*keys, x)), (y if self.y is None else self.y(*keys, y))

    def _check_arguments(self, given: Any, keys: int) -> None:
        """Whether the functions take what they are given. Raises UsageError (DATA-23)."""
        pair = isinstance(given, tuple) and len(given) == 2
        calls = ((self.function, 2 if pair else 1), (self.x, 1), (self.y, 1))
        for function, count in calls:
            if function is not None and not takes(function, keys + count):
                found = "a key and " * keys + ("x and y" if count == 2 else "one value")
                fix = "a pair comes as two: lambda x, y: (x, y); .map(x=f) maps the inputs alone"
                if keys or count == 1:
                    wanted = ["key"] * keys + (["x", "y"] if count == 2 else ["value"])
                    fix = f"write it as lambda {', '.join(wanted)}: …"
                shown = getattr(function, "__name__", type(function).__name__)
                raise UsageError("DATA-23", name=self.name, function=shown, found=found, fix=fix)

    def _key(self, index: int) -> Key:
        assert self.seed is not None
        return fold(fold(key(self.seed), self.drawn_epoch), index)

    @property
    def labels(self) -> Array | None:
        return self.parent.labels if self.function is None and self.y is None else None

    def epoch(self, number: int) -> Samples:
        return replace(self, parent=self.parent.epoch(number), drawn_epoch=number)


def takes(function: Callable[..., Any], count: int) -> bool:
    """Whether a function can be called with so many arguments, as far as its signature says."""
    try:
        inspect.signature(function).bind(*range(count))
    except TypeError:
        return False
    except ValueError:  # there is none, as of some functions written in C
        return True
    return True


def all_skipped(*parts: Samples) -> tuple[Skipped, ...]:
    """What was left out of several data sets; what two parts of one set both name counts once."""
    return tuple({id(one): one for part in parts for one in part.skipped}.values())


@dataclass(frozen=True, eq=False, repr=False)
class Batched(Derived):
    """index ↦ the batch of `size` samples from index · size on."""

    parent: Samples
    size: int
    drop_last: bool

    def __len__(self) -> int:
        return len(self.parent) // self.size if self.drop_last else -(-len(self.parent) // self.size)

    def sample(self, index: int) -> Any:
        begin = index * self.size
        return self.parent.gather(np.arange(begin, min(begin + self.size, len(self.parent))))

    @property
    def batched(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"Batched({self.name}: {len(self)} batches of {self.size}, from {self.parent!r})"

    def epoch(self, number: int) -> Samples:
        return replace(self, parent=self.parent.epoch(number))


@dataclass(frozen=True, eq=False, repr=False)
class Zipped(Derived):
    """index ↦ (parent[index], right[index])."""

    parent: Samples
    right: Samples

    def __len__(self) -> int:
        return len(self.parent)

    def sample(self, index: int) -> Any:
        return self.parent.sample(index), self.right.sample(index)

    def gather(self, rows: Array) -> Any:
        return self.parent.gather(rows), self.right.gather(rows)

    @property
    def batched(self) -> bool:
        return self.parent.batched or self.right.batched

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        return all_skipped(self.parent, self.right)

    def epoch(self, number: int) -> Samples:
        return replace(self, parent=self.parent.epoch(number), right=self.right.epoch(number))


@dataclass(frozen=True, eq=False, repr=False)
class Joined(Derived):
    """The samples of one data set after those of another."""

    parent: Samples
    others: tuple[Samples, ...]

    @property
    def parts(self) -> tuple[Samples, ...]:
        return (self.parent, *self.others)

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def sample(self, index: int) -> Any:
        for part in self.parts:
            if index < len(part):
                return part.sample(index)
            index -= len(part)
        raise AssertionError("an index is checked before it comes here")

    def where(self, index: int) -> str:
        for part in self.parts:
            if index < len(part):
                return part.where(index)
            index -= len(part)
        raise AssertionError("an index is checked before it comes here")

    def gather(self, rows: Array) -> Any:
        """Each part's rows as one batch of its own, then all of them in the order that was asked for."""
        ends = np.cumsum([len(part) for part in self.parts])
        owner = np.searchsorted(ends, rows, side="right")
        places = [np.flatnonzero(owner == number) for number in range(len(self.parts))]
        trees = [
            part.gather(rows[place] - (end - len(part)))
            for part, end, place in zip(self.parts, ends, places, strict=True)
            if len(place)
        ]
        columns = [list(leaves_of(tree)) for tree in trees]
        alike = {tuple((path, leaf.shape[1:], type_of(leaf)) for path, leaf in leaves) for leaves in columns}
        if len(alike) > 1:
            return super().gather(rows)  # says which two differ
        order = np.argsort(np.concatenate(places), kind="stable")
        parts = zip(*([leaf for _, leaf in leaves] for leaves in columns), strict=True)
        made = iter([np.concatenate(pieces)[order] for pieces in parts])
        return map_tree(lambda _: next(made), trees[0])

    @property
    def labels(self) -> Array | None:
        known = [part.labels for part in self.parts]
        return None if any(one is None for one in known) else np.concatenate(known)  # type: ignore[arg-type]

    @property
    def batched(self) -> bool:
        return any(part.batched for part in self.parts)

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        return all_skipped(*self.parts)

    def epoch(self, number: int) -> Samples:
        return replace(self, parent=self.parent.epoch(number), others=tuple(part.epoch(number) for part in self.others))
