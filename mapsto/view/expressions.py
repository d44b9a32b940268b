"""A primitive applied, as a Python expression: an operator, a function of `xp`, or the primitive itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mapsto.core.spec import DTYPES
from mapsto.ir.graph import Node
from mapsto.ir.primitive import attributes

# How tightly an expression holds together; within a tighter one it stands in brackets.
ATOM, POWER, UNARY, PRODUCT, SUM, COMPARISON = 6, 5, 4, 3, 2, 1


@dataclass(frozen=True)
class Expression:
    """Source text, how tightly it holds together, and the imports it needs."""

    text: str
    strength: int
    imports: tuple[str, ...] = ()

    def within(self, strength: int) -> str:
        """The text as a part of something that holds this tightly."""
        return self.text if self.strength >= strength else f"({self.text})"


OPERATORS: dict[str, tuple[str, int]] = {
    "add": ("+", SUM), "sub": ("-", SUM), "mul": ("*", PRODUCT), "div": ("/", PRODUCT),
    "floor_divide": ("//", PRODUCT), "remainder": ("%", PRODUCT), "pow": ("**", POWER),
    "equal": ("==", COMPARISON), "less": ("<", COMPARISON), "less_equal": ("<=", COMPARISON),
}  # fmt: skip

# Primitives that are one function of `xp`, by its name.
FUNCTIONS = {
    "abs": "abs", "bit_and": "bitwise_and", "bit_not": "bitwise_invert", "bit_or": "bitwise_or",
    "bit_xor": "bitwise_xor", "ceil": "ceil", "cos": "cos", "erf": "erf", "exp": "exp", "expm1": "expm1",
    "floor": "floor", "log": "log", "log1p": "log1p", "maximum": "maximum", "minimum": "minimum", "round": "round",
    "select": "where", "shift_right": "bitwise_right_shift", "sigmoid": "sigmoid", "sign": "sign", "sin": "sin",
    "sqrt": "sqrt", "stop_gradient": "stop_gradient", "tan": "tan", "tanh": "tanh",
}  # fmt: skip


def call(function: str, *arguments: str) -> Expression:
    return Expression(f"{function}({', '.join(arguments)})", ATOM)


def expression(node: Node, operands: Sequence[Expression]) -> Expression:
    """A node and the expressions of its inputs ↦ the expression of what it makes."""
    made = in_words(node, operands)
    imports = tuple(dict.fromkeys((*(one for operand in operands for one in operand.imports), *made.imports)))
    return Expression(made.text, made.strength, imports)


def in_words(node: Node, operands: Sequence[Expression]) -> Expression:
    name = node.primitive.name
    texts = [operand.text for operand in operands]
    weak = any(var.spec.weak for var in (*node.inputs, *node.outputs))
    if weak:
        return itself(node, texts)
    if name in OPERATORS:
        symbol, strength = OPERATORS[name]
        # Floats do not associate: a + (b + c) keeps its brackets. A power stands to the right of nothing.
        left, right = operands[0].within(strength + (name == "pow")), operands[1].within(strength + 1)
        return Expression(f"{left} {symbol} {right}", strength)
    if name == "neg":
        return Expression(f"-{operands[0].within(UNARY)}", UNARY)
    if name == "zero_mul":
        return call("zero_mul", *texts)
    if name in FUNCTIONS:
        return call(f"xp.{FUNCTIONS[name]}", *texts)
    special = SPECIAL.get(name)
    return (special(node, operands) if special else None) or itself(node, texts)


def itself(node: Node, texts: Sequence[str]) -> Expression:
    """The primitive by its own name: `apply(Sort(axis=0), x)`."""
    kind = type(node.primitive)
    settings = ", ".join(f"{key}={value!r}" for key, value in attributes(node.primitive).items())
    function = "apply" if len(node.outputs) == 1 else "apply_all"
    imports = (f"from mapsto.array.trace import {function}", f"from {kind.__module__} import {kind.__qualname__}")
    return Expression(f"{function}({', '.join([f'{kind.__name__}({settings})', *texts])})", ATOM, imports)


def contract(node: Node, operands: Sequence[Expression]) -> Expression:
    x, y, out = (getattr(node.primitive, field) for field in ("x", "y", "out"))
    shared = x[-1:]
    plain = (len(x), len(y)) in ((2, 2), (2, 1), (1, 2), (1, 1)) and y[:1] == shared and out == x[:-1] + y[1:]
    if plain and len(set(x + y)) == len(x + y) - 1:
        return Expression(f"{operands[0].within(PRODUCT)} @ {operands[1].within(PRODUCT + 1)}", PRODUCT)
    return call("xp.einsum", f'"{x},{y}->{out}"', *(operand.text for operand in operands))


def reduction(function: str) -> Callable[[Node, Sequence[Expression]], Expression | None]:
    """`xp.sum(x, axis=0)`, where it keeps the type."""

    def write(node: Node, operands: Sequence[Expression]) -> Expression | None:
        (x,), (y,) = node.inputs, node.outputs
        axes: tuple[int, ...] = attributes(node.primitive)["axes"]
        widened = function in ("sum", "prod") and x.spec.dtype not in WIDE
        if widened or x.spec.dtype != y.spec.dtype or not axes:
            return None
        where = axes[0] if len(axes) == 1 else axes
        everything = len(axes) == x.spec.rank
        return call(f"xp.{function}", operands[0].text, *([] if everything else [f"axis={where}"]))

    return write


WIDE = {DTYPES[name] for name in ("i64", "u64", "f32", "f64")}


def broadcast(node: Node, operands: Sequence[Expression]) -> Expression:
    return call("xp.broadcast_to", before_broadcast(node, operands[0]).text, repr(node.outputs[0].spec.shape))


def before_broadcast(node: Node, operand: Expression) -> Expression:
    """What is repeated along axes, its own axes in their places: `x[:, None]`; the last axes need no word."""
    shape, axes = (attributes(node.primitive)[field] for field in ("shape", "axes"))
    first = min(axes, default=len(shape))
    if tuple(axes) == tuple(range(first, len(shape))):
        return operand
    places = ", ".join(":" if axis in axes else "None" for axis in range(first, len(shape)))
    return Expression(f"{operand.within(ATOM)}[{places}]", ATOM, operand.imports)


def cast(node: Node, operands: Sequence[Expression]) -> Expression:
    return call("xp.astype", operands[0].text, f"xp.{node.outputs[0].spec.dtype.name}")


def reshape(node: Node, operands: Sequence[Expression]) -> Expression:
    return call("xp.reshape", operands[0].text, repr(node.outputs[0].spec.shape))


def transpose(node: Node, operands: Sequence[Expression]) -> Expression:
    (order,) = attributes(node.primitive).values()
    return call("xp.permute_dims", operands[0].text, repr(order))


def integer_pow(node: Node, operands: Sequence[Expression]) -> Expression:
    n = attributes(node.primitive)["n"]
    return Expression(f"{operands[0].within(POWER + 1)} ** {n}", POWER)


def concat(node: Node, operands: Sequence[Expression]) -> Expression:
    joined = ", ".join(operand.text for operand in operands)
    return call("xp.concat", f"[{joined}]", f"axis={attributes(node.primitive)['axis']}")


def slice_(node: Node, operands: Sequence[Expression]) -> Expression:
    """`x[:, 3:6]`; the last axes need no word where they are whole."""
    places: list[str] = []
    for extent, start, stop, step in zip(node.inputs[0].spec.shape, *attributes(node.primitive).values(), strict=True):
        end = "" if stop == extent else str(stop)
        places.append(f"{start or ''}:{end}" + (f":{step}" if step != 1 else ""))
    while len(places) > 1 and places[-1] == ":":
        places.pop()
    return Expression(f"{operands[0].within(ATOM)}[{', '.join(places)}]", ATOM)


SPECIAL: dict[str, Callable[[Node, Sequence[Expression]], Expression | None]] = {
    "broadcast": broadcast,
    "cast": cast,
    "concat": concat,
    "contract": contract,
    "integer_pow": integer_pow,
    "max": reduction("max"),
    "min": reduction("min"),
    "prod": reduction("prod"),
    "reshape": reshape,
    "slice": slice_,
    "sum": reduction("sum"),
    "transpose": transpose,
}
