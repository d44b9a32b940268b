"""Arithmetic of indices, done while the kernel is written where the numbers are known."""

from __future__ import annotations

from collections.abc import Iterable

from mapsto.ir.build import Builder
from mapsto.ir.loops import Value

Index = Value | int


def affine(b: Builder, terms: Iterable[tuple[int, Index]], shift: int = 0) -> tuple[Value, int]:
    """Σ coefficient · index + shift ↦ a value, and the part of it that is known now."""
    unknown: list[tuple[int, Value]] = []
    for coefficient, index in terms:
        number = b.constants.get(index) if isinstance(index, Value) else index
        if number is None:
            unknown.append((coefficient, index))  # type: ignore[arg-type]
        else:
            shift += coefficient * number
    return b.affine(unknown), shift


def total(b: Builder, terms: Iterable[tuple[int, Index]], shift: int = 0) -> Index:
    """The same as one index: a number, if all is known."""
    known, shift = affine(b, terms, shift)
    if known in b.constants:
        return b.constants[known] + shift
    return b.affine([(1, known)], shift)


def value(b: Builder, index: Index) -> Value:
    return index if isinstance(index, Value) else b.const(index)


def number(b: Builder, index: Index) -> int | None:
    """What an index is, if that is known now."""
    return b.constants.get(index) if isinstance(index, Value) else index


def least(b: Builder, x: Index, y: Index) -> Index:
    known, other = number(b, x), number(b, y)
    if known is not None and other is not None:
        return min(known, other)
    return b.op("minimum", value(b, x), value(b, y))


def most(b: Builder, x: Index, y: Index) -> Index:
    known, other = number(b, x), number(b, y)
    if known is not None and other is not None:
        return max(known, other)
    return b.op("maximum", value(b, x), value(b, y))


def divided(b: Builder, index: Index, divisor: int) -> Index:
    """Rounded down."""
    if divisor == 1:
        return index
    known = number(b, index)
    if known is not None:
        return known // divisor
    return b.op("floor_divide", value(b, index), b.const(divisor))


def rest(b: Builder, index: Index, divisor: int) -> Index:
    """What is left of the division."""
    known = number(b, index)
    if known is not None:
        return known % divisor
    return b.op("remainder", value(b, index), b.const(divisor))
