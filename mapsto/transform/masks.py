"""Masks of derivatives, such as x ≤ 0, made from another array, which is kept anyway or is smaller.

The derivative of `relu(x)` asks where x ≤ 0, which `relu(x)` can answer as well; and behind a pooling it is enough to
ask the largest element of every window, since all other elements get nothing. Both to the bit, also of NaN and -0.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from mapsto.ir.graph import Node, Var
from mapsto.ir.primitive import Primitive
from mapsto.prims.compare import Comparison, Less, LessEqual, Maximum, Minimum, Select
from mapsto.prims.elementwise import Mul
from mapsto.prims.layout import Broadcast
from mapsto.prims.literal import Const
from mapsto.prims.window import WindowPick
from mapsto.prims.window_max import WindowArgMax, WindowMax
from mapsto.transform.known import Producers, constant

Interned = dict[tuple[object, ...], tuple[Var, ...]]
Make = Callable[[Primitive, tuple[Var, ...], Node], Var]


class Clamps:
    """For every variable, its larger or smaller of it and a number, where a graph has such nodes."""

    def __init__(self, made_by: Producers) -> None:
        self.made_by = made_by
        self.found: dict[Var, list[tuple[Maximum | Minimum, Const, Var]]] = {}

    def note(self, primitive: Primitive, inputs: tuple[Var, ...], output: Var) -> None:
        """Remember a node, if it is one of these."""
        if isinstance(primitive, (Maximum, Minimum)):
            for x, other in (inputs, inputs[::-1]):
                bound = constant(other, self.made_by)
                if bound is not None and bound.value == bound.value and x.spec == output.spec:
                    self.found.setdefault(x, []).append((primitive, bound, output))

    def asked(self, comparison: Comparison, inputs: tuple[Var, ...]) -> tuple[Var, ...]:
        """The inputs of a comparison with a number c, an array x exchanged for its last clamp that answers the same.

        For y = maximum(a, x) these are x ≤ c where a ≤ c, and c ≤ x where not c ≤ a: everything below a is treated as
        a is. With `minimum` it is the other way round, and with < likewise. NaN stays NaN, and every answer False.
        """
        place = 0 if inputs[0] in self.found else 1
        number = constant(inputs[1 - place], self.made_by)
        if number is None or not isinstance(comparison, (Less, LessEqual)):
            return inputs
        x, i = inputs[place], 0
        while i < len(self.found.get(x, ())):
            clamp, bound, y = self.found[x][i]
            i += 1
            pair = (bound.value, number.value) if place == 0 else (number.value, bound.value)
            if bool(comparison.eval(*pair)) == (isinstance(clamp, Maximum) == (place == 0)):
                x, i = y, 0
        return (x, inputs[1]) if place == 0 else (inputs[0], x)


def masked_windows(inputs: tuple[Var, ...], made_by: Producers, interned: Interned, make: Make) -> Var | None:
    """A product of what a pooling hands back and a mask made of its input a ↦ what it hands back of a masked product.

    `pick(g, argmax(a)) · select(a ≤ c, 0, 1) = pick(g · select(max(a) ≤ c, 0, 1), argmax(a))`: what is picked stands
    where a is the largest of its window, and all else is 0. So it is if no windows overlap, and for any two numbers of
    the mask that are finite and have no minus (0 · -1 is not 0). None where the product is no such thing, or where the
    graph has no maximum yet.
    """
    for place in (0, 1):
        pick, mask = (made_by.get(inputs[i]) for i in (place, 1 - place))
        if pick is None or mask is None or not isinstance(pick.primitive, WindowPick):
            continue
        argmax = made_by.get(pick.inputs[1])
        if argmax is None or pick.primitive.out == "y" or not pick.primitive.is_apart:
            continue
        largest = interned.get((pooling(pick.primitive, WindowMax), *argmax.inputs))
        if largest is None or argmax.primitive != pooling(pick.primitive, WindowArgMax):
            continue
        smaller = asked_of(largest[0], argmax.inputs[0], mask, made_by, make)
        if smaller is not None:
            g = pick.inputs[0]
            product = make(Mul(), (g, smaller) if place == 0 else (smaller, g), mask)
            return make(pick.primitive, (product, pick.inputs[1]), pick)
    return None


def pooling(pick: WindowPick, kind: type[WindowMax | WindowArgMax]) -> WindowMax | WindowArgMax:
    """The pooling whose windows are those of a pick."""
    return kind(pick.size, pick.stride, pick.dilation, pick.before, pick.y_extent)


def asked_of(smaller: Var, array: Var, mask: Node, made_by: Producers, make: Make) -> Var | None:
    """A mask `select(array < c, a, b)` ↦ the same mask of a smaller array; None if it is not of this kind."""
    condition = made_by.get(mask.inputs[0]) if isinstance(mask.primitive, Select) else None
    if condition is None or not isinstance(condition.primitive, Comparison) or array not in condition.inputs:
        return None
    bound = constant(condition.inputs[1 - condition.inputs.index(array)], made_by)
    numbers = [constant(var, made_by) for var in mask.inputs[1:]]
    if bound is None or not all(number is not None and is_plain(number) for number in numbers):
        return None

    def full(number: Const | None) -> Var:
        assert number is not None
        return make(Broadcast(smaller.spec.shape, ()), (make(number, (), mask),), mask)

    asked = tuple(smaller if var is array else full(bound) for var in condition.inputs)
    return make(Select(), (make(condition.primitive, asked, condition), *map(full, numbers)), mask)


def is_plain(number: Const) -> bool:
    """Whether 0 times the number is 0, with the sign and all."""
    value = float(number.value)
    return math.isfinite(value) and math.copysign(1, value) > 0
