"""Moves of random graphs: contractions, windows, and elements by index."""

from __future__ import annotations

import math

from mapsto.core.spec import Shape
from mapsto.ir.graph import Var
from mapsto.prims.compare import Maximum
from mapsto.prims.contract import Contract
from mapsto.prims.conv import Conv
from mapsto.prims.elementwise import Mul
from mapsto.prims.index import PutAdd, Take
from mapsto.prims.layout import Reshape
from mapsto.prims.window import WindowPick, WindowSum
from mapsto.prims.window_max import WindowArgMax, WindowMax
from tests.laws.drawing import EXTENTS, Drawing


def product(d: Drawing) -> Var | None:
    """A contraction of letters in any order; the other side is an input, another variable, or the same one."""
    x = d.some()
    if x.spec.rank > 4:
        return None
    letters = "abcd"[: x.spec.rank]
    shared = {letter for letter in letters if d.chance(0.6)}
    extents = dict(zip(letters, x.spec.shape, strict=True))
    other = [*sorted(shared), *(letter for letter in "xy" if d.chance(0.5))]
    extents.update((letter, d.choice(EXTENTS)) for letter in "xy")
    d.rng.shuffle(other)
    y = d.fitted(d.some(), tuple(extents[letter] for letter in other))
    out = [letter for letter in (*letters, *sorted(set(other) - set(letters))) if letter not in shared or d.chance(0.3)]
    d.rng.shuffle(out)
    if math.prod(extents[letter] for letter in {*letters, *other}) > 20 * d.most:
        return None
    size = math.prod(extents[letter] for letter in shared - set(out))
    sides = (x, "".join(letters)), (y, "".join(other))
    (left, first), (right, second) = sides if d.chance(0.5) else sides[::-1]
    made = d.do(Contract(first, second, "".join(out)), left, right)
    return d.do(Mul(), made, d.number(1 / math.sqrt(size), made))


def pictures(d: Drawing, groups: bool) -> Var | None:
    """A variable as [n, *space, c], or [n, *space, g, c]."""
    x = d.some()
    shape = [1, *x.spec.shape, 1] if x.spec.rank < 3 else list(x.spec.shape)
    while len(shape) > 4:
        shape[:2] = [shape[0] * shape[1]]
    if groups:
        c = shape.pop()
        g = d.choice(d.factors(c))
        shape += [g, c // g] if d.chance(0.5) else [1, c]
    return d.do(Reshape(tuple(shape)), x)


def geometry(d: Drawing, space: Shape) -> tuple[Shape, ...] | None:
    """size, stride, dilation, before and the extents of the output; every window meets the input."""
    fields: list[tuple[int, ...]] = []
    for extent in space:
        size, dilation = d.choice((1, 2, 3)), d.choice((1, 1, 1, 2))
        before = int(d.rng.integers(0, size)) if dilation == 1 else 0
        stride = d.choice((1, 1, 2, 3))
        reach = extent + 2 * before - (size - 1) * dilation
        if reach < 1:
            return None
        fields.append((size, stride, dilation, before, (reach - 1) // stride + 1))
    if not fields:
        return None
    size, stride, dilation, before, made = (tuple(field) for field in zip(*fields, strict=True))
    return size, stride, dilation, before, made


def convolved(d: Drawing) -> Var | None:
    x = pictures(d, True)
    assert x is not None
    n, *space, g, c = x.spec.shape
    fields = geometry(d, tuple(space))
    if fields is None:
        return None
    size, stride, dilation, before, made = fields
    o = d.choice((1, 2, 3, 8, 17))
    if math.prod((n, *made, *size, g, c, o)) > 40 * d.most:
        return None
    way = Conv("y", stride, dilation, before, tuple(space), size, made)
    weight, result = (*size, g, c, o), (n, *made, g, o)
    role = d.choice(("y", "y", "w", "x"))
    if role == "y":
        found = d.do(way, x, d.fitted(d.some(), weight))
    elif role == "w":
        found = d.do(way.with_out("w"), x, d.fitted(d.some(), result))
    else:
        found = d.do(way.with_out("x"), d.fitted(d.some(), weight), d.fitted(d.some(), result))
    if role == "y" and d.chance(0.5):
        found = d.do(Maximum(), d.number(0.0, found), found)
    terms = {"y": (*size, c), "w": (n, *made), "x": (*size, o)}[role]
    return d.tamed(d.do(Mul(), found, d.number(1 / math.sqrt(math.prod(terms)), found)))


def pooled(d: Drawing) -> Var | None:
    x = pictures(d, False)
    assert x is not None
    space = x.spec.shape[1:-1]
    fields = geometry(d, space)
    if fields is None or any(before * 2 > size for size, before in zip(fields[0], fields[3], strict=True)):
        return None
    size, stride, dilation, before, made = fields
    if d.chance(0.4):
        return d.tamed(d.do(WindowSum("y", size, stride, dilation, before, space, made), x))
    found = d.do(WindowMax(size, stride, dilation, before, made), x)
    if d.chance(0.5):
        where = d.do(WindowArgMax(size, stride, dilation, before, made), d.input(x.spec.shape))
        pick = WindowPick("y", size, stride, dilation, before, space, made)
        back = WindowPick("x", size, stride, dilation, before, space, made)
        d.pool.append(d.do(pick, x, where) if d.chance(0.5) else d.do(back, found, where))
    return found


def taken(d: Drawing) -> Var | None:
    x = d.some()
    if not x.spec.rank:
        return None
    batch = int(d.rng.integers(x.spec.rank))
    shape = (*x.spec.shape[:batch], *((d.choice(EXTENTS),) if d.chance(0.6) else ()))
    found = d.do(Take(batch), x, d.index(x.spec.shape[batch], shape))
    return found if found.spec.size <= 4 * d.most else None


def put(d: Drawing) -> Var | None:
    g = d.some()
    batch = int(d.rng.integers(g.spec.rank + 1))
    more = int(d.rng.integers(g.spec.rank - batch + 1))
    size = d.choice(EXTENTS)
    index = d.index(size, g.spec.shape[: batch + more])
    found = d.do(PutAdd(batch, size), g, index)
    return d.tamed(found) if found.spec.size <= 4 * d.most else None
