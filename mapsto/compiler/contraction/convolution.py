"""A convolution, whichever of its three factors is the result, as contractions.

From `i = s·j + d·k - p`: forward and for the weights, i is affine in j and k. For the input j = (i + p - d·k) / s must
be whole, so places i with the same remainder by the stride, and the offsets k that fit it, make a contraction of their
own: a phase. Nothing is multiplied by an inserted zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from math import gcd

from mapsto.compiler.contraction.letters import Contraction, Guard, Letter, dense
from mapsto.prims.conv import Conv


@dataclass(frozen=True)
class Part:
    """A contraction, and where its results lie: Σ stride · letter + shift."""

    contraction: Contraction
    out_strides: Mapping[str, int]
    out_shift: int


@dataclass(frozen=True)
class Axis:
    """One spatial axis of one part: its two letters, what they move in each factor, and the border between them."""

    letters: tuple[tuple[str, int, bool], ...]
    moves: Mapping[str, Mapping[str, int]]
    shifts: Mapping[str, int]
    border: Guard


def parts(conv: Conv, n: int, g: int, c: int, o: int, dtype: str) -> list[Part]:
    """A convolution, the extents of its other axes, the type of its sums ↦ contractions that make up the result.

    x of a contraction is the first input of the primitive, y the second.

    >>> found = parts(Conv("x", (2,), (1,), (0,), (7,), (3,), (3,)), 1, 1, 1, 1, "f32")
    >>> [(part.contraction.letter("i0").extent, part.contraction.letter("k0").extent, part.out_shift) for part in found]
    [(4, 2, 0), (3, 1, 1)]
    """
    rank = len(conv.stride)
    extents = {"n": n, "g": g, "c": c, "o": o}
    orders = {"x": ["n", *(f"i{a}" for a in range(rank)), "g", "c"]}
    orders["w"] = [*(f"k{a}" for a in range(rank)), "g", "c", "o"]
    orders["y"] = ["n", *(f"j{a}" for a in range(rank)), "g", "o"]
    for a in range(rank):
        extents |= {f"i{a}": conv.x_extent[a], f"k{a}": conv.w_extent[a], f"j{a}": conv.y_extent[a]}
    strides = {role: strides_of(order, extents) for role, order in orders.items()}
    choices = [phases(conv, a) if conv.out == "x" else [meeting(conv, a)] for a in range(rank)]
    return [part(conv, axes, orders[conv.out], extents, strides, dtype) for axes in product(*choices)]


def strides_of(order: list[str], extents: Mapping[str, int]) -> dict[str, int]:
    """Names of axes in order ↦ how far one step along each moves in a dense array."""
    short = {name: chr(97 + place) for place, name in enumerate(order)}
    found = dense("".join(short.values()), {short[name]: extents[name] for name in order})
    return {name: found[letter] for name, letter in short.items()}


def meeting(conv: Conv, a: int) -> Axis:
    """An axis where output places and offsets are the loops, and input places follow from them."""
    s, d, p = conv.stride[a], conv.dilation[a], conv.before[a]
    j, k = f"j{a}", f"k{a}"
    return Axis(
        ((j, conv.y_extent[a], conv.out == "y"), (k, conv.w_extent[a], conv.out == "w")),
        {"x": {j: s, k: d}, "w": {k: 1}, "y": {j: 1}},
        {"x": -p, "w": 0, "y": 0},
        Guard(((j, s), (k, d)), -p, conv.x_extent[a]),
    )


def phases(conv: Conv, a: int) -> list[Axis]:
    """An axis of the input gradient: one part for every remainder of the input place by the stride.

    Place i = ρ + s·i′ meets the offsets k = k₀ + (s/h)·t, h = gcd(s, d), at j = i′ - (d/h)·t + (ρ + p - d·k₀)/s.
    """
    s, d, p, extent = conv.stride[a], conv.dilation[a], conv.before[a], conv.w_extent[a]
    h = gcd(s, d)
    i, k = f"i{a}", f"k{a}"
    found: list[Axis] = []
    for remainder in range(min(s, conv.x_extent[a])):
        first = next((k0 for k0 in range(extent) if (remainder + p - d * k0) % s == 0), extent)
        shift = (remainder + p - d * first) // s
        places = len(range(remainder, conv.x_extent[a], s))
        found.append(
            Axis(
                ((i, places, True), (k, len(range(first, extent, s // h)), False)),
                {"x": {i: s}, "w": {k: s // h}, "y": {i: 1, k: -(d // h)}},
                {"x": remainder, "w": first if first < extent else 0, "y": shift},
                Guard(((i, 1), (k, -(d // h))), shift, conv.y_extent[a]),
            )
        )
    return found


def part(
    conv: Conv,
    axes: tuple[Axis, ...],
    order: list[str],
    extents: Mapping[str, int],
    strides: Mapping[str, Mapping[str, int]],
    dtype: str,
) -> Part:
    """The letters of all axes together."""
    moves: dict[str, dict[str, int]] = {
        role: {name: strides[role][name] for name in "ngco" if name in strides[role]} for role in "xwy"
    }
    shifts = dict.fromkeys("xwy", 0)
    is_out = {name: name in order for name in "ngco"}
    turns = dict(extents)
    for a, axis in enumerate(axes):
        for role, place in zip("xwy", "ikj", strict=True):
            step = strides[role][f"{place}{a}"]
            moves[role] |= {name: count * step for name, count in axis.moves[role].items()}
            shifts[role] += axis.shifts[role] * step
        for name, extent, out in axis.letters:
            turns[name], is_out[name] = extent, out
    spatial = [name for axis in axes for name, _, _ in axis.letters]
    outs = [name for name in order if is_out.get(name)]
    sums = [name for name in ("n", *spatial, "c", "o") if not is_out[name]]
    first, second = conv.roles
    letters = tuple(
        Letter(name, turns[name], moves[first].get(name, 0), moves[second].get(name, 0), is_out[name])
        for name in (*outs, *sums)
    )
    guards = tuple(axis.border for axis in axes if not holds(axis.border, turns))
    made = Contraction(letters, guards, dtype, shifts[first], shifts[second])
    return Part(made, {name: moves[conv.out][name] for name in outs}, shifts[conv.out])


def holds(guard: Guard, extents: Mapping[str, int]) -> bool:
    """Whether a border is never met.

    >>> holds(Guard((("j", 1), ("k", 1)), 0, 5), {"j": 3, "k": 3})
    True
    """
    ends = [sorted((0, coefficient * max(0, extents[name] - 1))) for name, coefficient in guard.terms]
    low, high = (guard.shift + sum(end[side] for end in ends) for side in (0, 1))
    return low >= 0 and high < guard.extent
