"""The formula of one output element, as plain data, with a small interpreter that only tests use.

A formula is a term over loop indices: literals, loads from the inputs (each with a guard and a fill), words of the
scalar vocabulary, and reductions over a new index. Compilers read formulas; the interpreter checks them against
`eval`, so that a rule nothing runs cannot rot.

Terms are interned: an equal term is the same object, so comparing and hashing cost the same for terms of any size.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from threading import Lock
from typing import Any, ClassVar, cast
from weakref import WeakValueDictionary

import numpy as np


class Formula:
    """A term; `+ - * // %` build index arithmetic."""

    def __add__(self, other: Formula | int) -> Formula:
        return word("add", self, as_index(other))

    def __radd__(self, other: int) -> Formula:
        return word("add", as_index(other), self)

    def __sub__(self, other: Formula | int) -> Formula:
        return word("sub", self, as_index(other))

    def __rsub__(self, other: int) -> Formula:
        return word("sub", as_index(other), self)

    def __mul__(self, other: Formula | int) -> Formula:
        return word("mul", self, as_index(other))

    def __rmul__(self, other: int) -> Formula:
        return word("mul", as_index(other), self)

    def __floordiv__(self, divisor: int) -> Formula:
        return word("floor_divide", self, as_index(divisor))

    def __mod__(self, divisor: int) -> Formula:
        return word("remainder", self, as_index(divisor))


@dataclass(frozen=True, eq=False)
class Index(Formula):
    """A loop index, running from 0 to its extent."""

    extent: int


# Every living term by its class and fields. Within a key, terms count by identity: they are interned themselves.
_TERMS: WeakValueDictionary[tuple[Any, ...], Formula] = WeakValueDictionary()
_LOCK = Lock()


class Interned(type):
    """Makes a class whose calls with equal fields give one object."""

    # Unannotated on purpose: type checkers then use the constructor of the class itself.
    def __call__(cls, *args, **kwargs):  # type: ignore[no-untyped-def]
        known = None if kwargs else known_term(cls, cast(Any, args))
        if known is not None:
            return known
        made = super().__call__(*args, **kwargs)
        with _LOCK:
            return _TERMS.setdefault((cls, *made.key()), made)


def known_term(kind: Any, args: tuple[Any, ...]) -> Formula | None:
    """A term with these fields, if there is one: most are there already, and looking is quicker than making."""
    if not kind.keyed_by_fields:
        return None
    left_out = kind.width - len(args)
    return _TERMS.get((kind, *args, *kind.last[len(kind.last) - left_out :]))


class Term(Formula, metaclass=Interned):
    """A formula that is equal to another by its fields; all but indices are.

    There are `width` fields; `last` are the defaults of the last ones.
    """

    keyed_by_fields: ClassVar[bool] = True
    width: ClassVar[int] = 4
    last: ClassVar[tuple[Any, ...]] = ()

    def key(self) -> tuple[Any, ...]:
        return tuple(vars(self).values())


@dataclass(frozen=True, eq=False)
class Literal(Term):
    """A number of a given dtype (short name); with no dtype it takes the type of what it meets."""

    value: Any
    dtype: str
    keyed_by_fields: ClassVar[bool] = False

    def key(self) -> tuple[Any, ...]:
        """By type and bits, so that 0.0 and -0.0, or 1 and True, stay apart, and NaN is itself."""
        return self.value.__class__, np.asarray(self.value).tobytes(), self.dtype


@dataclass(frozen=True, eq=False)
class Load(Term):
    """Element `index` of input number `input`, where `guard` holds; `fill` elsewhere (and nothing is read there)."""

    input: int
    index: tuple[Formula, ...]
    guard: Formula | None = None
    fill: Formula | None = None
    last: ClassVar[tuple[Any, ...]] = (None, None)


@dataclass(frozen=True, eq=False)
class Word(Term):
    """A word of the scalar vocabulary applied to terms. `dtype` is set for `cast` only."""

    word: str
    terms: tuple[Formula, ...]
    dtype: str = ""
    width: ClassVar[int] = 3
    last: ClassVar[tuple[Any, ...]] = ("",)


@dataclass(frozen=True, eq=False)
class Reduce(Term):
    """`word` folded over an index, beginning from `start`: Σ, Π, max, min."""

    word: str
    index: Index
    start: Formula
    body: Formula


@dataclass(frozen=True, eq=False)
class Run:
    """What is made along an axis one after another, from the last place on if `reverse`: elements of type `dtype`.

    In formulas, an element at the output's index of the input after the last one is that of the run. `step` makes it of
    the one before, which at the first place is `start`; `outputs` are made of it where it stands.
    """

    axis: int
    reverse: bool
    dtype: str
    start: Formula
    step: Formula
    outputs: tuple[Formula, ...]


# The scalar vocabulary. Every backend implements each word in one table of its own; a test demands completeness.
VOCABULARY = tuple(
    "add sub mul div floor_divide remainder neg abs sign floor ceil round next_after pow sqrt hypot exp expm1 log "
    "log1p log2 log10 sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh atanh sigmoid erf erf_inv "
    "maximum minimum equal less less_equal isnan sign_bit bit_and bit_or bit_xor bit_not shift_left shift_right "
    "select cast".split()
)


WORDS = frozenset(VOCABULARY)


def word(name: str, *terms: Formula, dtype: str = "") -> Word:
    if name not in WORDS:
        raise ValueError(f"{name} is not a word of the scalar vocabulary")
    return Word(name, terms, dtype)


def as_index(value: Formula | int) -> Formula:
    """An integer as a term; a term as it is."""
    return value if isinstance(value, Formula) else integer(value)


@lru_cache(2**12, typed=True)
def integer(value: int) -> Formula:
    return Literal(value, "i64")


def total(extent: int, start: Formula, body: Callable[[Index], Formula], fold: str = "add") -> Reduce:
    """Σ (or another fold) of `body(index)` for an index from 0 to `extent`."""
    index = Index(extent)
    return Reduce(fold, index, start, body(index))


def within(index: Formula, extent: int) -> Formula:
    """0 ≤ index < extent, as a guard."""
    return word("bit_and", word("less_equal", as_index(0), index), word("less", index, as_index(extent)))


def both(left: Formula | None, right: Formula | None) -> Formula | None:
    """Two guards in one."""
    if left is None or right is None:
        return left or right
    return word("bit_and", left, right)


def met(name: str, values: list[Any]) -> list[Any]:
    """Bare numbers take the type of what they meet: the first operand that has one, a condition apart."""
    operands = values[1:] if name == "select" else values
    types = [value.dtype for value in operands if not is_bare(value)]
    return [types[0].type(value) if types and is_bare(value) else value for value in values]


def is_bare(value: Any) -> bool:
    """Whether a value is a number of Python, without a type of its own; NumPy's float64 is one of Python's, too."""
    return isinstance(value, (int, float)) and not isinstance(value, np.generic)


def interpret(
    formula: Formula,
    indices: Mapping[Index, Any],
    inputs: Sequence[np.ndarray[Any, Any]],
    words: Mapping[str, Callable[..., Any]],
) -> Any:
    """Evaluate a formula for whole grids of indices at once, given a table of the vocabulary in NumPy."""

    def visit(term: Formula, env: Mapping[Index, Any], memo: dict[Formula, Any]) -> Any:
        if term not in memo:
            memo[term] = step(term, env, memo)
        return memo[term]

    def step(term: Formula, env: Mapping[Index, Any], memo: dict[Formula, Any]) -> Any:
        match term:
            case Index():
                return env[term]
            case Literal(value, dtype):
                return words["cast"](np.asarray(value), dtype) if dtype else value
            case Load(number, index, guard, fill):
                where = [visit(part, env, memo) for part in index]
                if guard is None:
                    return inputs[number][tuple(where)]
                inside = visit(guard, env, memo)
                safe = tuple(np.where(inside, part, 0) for part in where)
                outside = visit(fill, env, memo) if fill is not None else 0
                outside = inputs[number].dtype.type(outside) if is_bare(outside) else outside
                if 0 in inputs[number].shape:
                    shapes = (np.shape(part) for part in (inside, outside, *where))
                    return np.broadcast_to(np.asarray(outside, inputs[number].dtype), np.broadcast_shapes(*shapes))
                return np.where(inside, inputs[number][safe], outside)
            case Word("cast", terms, dtype):
                return words["cast"](visit(terms[0], env, memo), dtype)
            case Word(name, terms, _):
                return words[name](*met(name, [visit(part, env, memo) for part in terms]))
            case Reduce(name, index, start, body):
                value = visit(start, env, memo)
                for position in range(index.extent):
                    # What does not mention the index could be kept; clarity wins in a test interpreter.
                    value = words[name](*met(name, [value, visit(body, {**env, index: np.int64(position)}, {})]))
                return value
            case _:
                raise TypeError(f"not a formula: {term!r}")

    with np.errstate(all="ignore"):
        return visit(formula, indices, {})
