"""The words of the loops in LLVM IR: one table. Casts are in `casts`, the writing itself in `scribe`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mapsto.ir.loops import Type, Value
from mapsto.target.casts import cast_text
from mapsto.target.scribe import Args, Scribe, element, is_float, mangled, number_text, signed, text_of, zero

WORDS: dict[str, Callable[[Scribe, Value, Args, Any], str]] = {}


def word(name: str) -> Callable[[Any], Any]:
    def enter(write: Any) -> Any:
        WORDS[name] = write
        return write

    return enter


# arithmetic


def simple(name: str, floats: str, whole: str) -> None:
    """Two operands of one type: an instruction for floats, another for integers."""

    def write(s: Scribe, value: Value, args: Args, attribute: Any) -> str:
        x, y = (s.names[arg] for arg in args)
        return s.set(f"{floats if is_float(value.type) else whole} {text_of(value.type)} {x}, {y}")

    WORDS[name] = write


simple("add", "fadd", "add")
simple("sub", "fsub", "sub")
simple("mul", "fmul", "mul")
simple("div", "fdiv", "udiv")  # of floats only
simple("bit_and", "and", "and")
simple("bit_or", "or", "or")
simple("bit_xor", "xor", "xor")


@word("shift_left")
def shift_left(s: Scribe, value: Value, args: Args, attribute: Any) -> str:
    """Where the count is negative, or the width or more, every bit moves out; LLVM promises nothing there."""
    kind, x = text_of(value.type), s.names[args[0]]
    inside, count = safe_count(s, value.type, args[1], 0)
    moved = s.set(f"shl {kind} {x}, {count}")
    return s.choose(value.type, inside, moved, zero(value.type)) if inside else moved


@word("shift_right")
def shift_right(s: Scribe, value: Value, args: Args, attribute: Any) -> str:
    """The other way; the sign's bit moves in."""
    kind, x = text_of(value.type), s.names[args[0]]
    if signed(value.type):
        return s.set(f"ashr {kind} {x}, {safe_count(s, value.type, args[1], width(value.type) - 1)[1]}")
    inside, count = safe_count(s, value.type, args[1], 0)
    moved = s.set(f"lshr {kind} {x}, {count}")
    return s.choose(value.type, inside, moved, zero(value.type)) if inside else moved


def safe_count(s: Scribe, type: Type, count: Value, instead: int) -> tuple[str, str]:
    """Where a count of places is within the width ("" if it is known to be), and the count, `instead` elsewhere."""
    if count in s.numbers and 0 <= s.numbers[count] < width(type):
        return "", s.names[count]
    inside = s.set(f"icmp ult {text_of(type)} {s.names[count]}, {number_text(width(type), type)}")
    return inside, s.choose(type, inside, s.names[count], number_text(instead, type))


def width(type: Type) -> int:
    """Bits of an integer."""
    return int(type.dtype[1:])


@word("bit_not")
def bit_not(s: Scribe, value: Value, args: Args, attribute: Any) -> str:
    ones = number_text(True if value.type.dtype == "bool" else -1, value.type)
    return s.set(f"xor {text_of(value.type)} {s.names[args[0]]}, {ones}")


@word("neg")
def neg(s: Scribe, value: Value, args: Args, attribute: Any) -> str:
    kind, x = text_of(value.type), s.names[args[0]]
    return s.set(f"fneg {kind} {x}" if is_float(value.type) else f"sub {kind} {zero(value.type)}, {x}")


@word("fma")
def fma(s: Scribe, value: Value, args: Args, attribute: Any) -> str:
    return s.intrinsic("fma", value.type, *(s.names[arg] for arg in args))


@word("mul_add")
def mul_add(s: Scribe, value: Value, args: Args, attribute: Any) -> str:
    x, y, z = (s.names[arg] for arg in args)
    if s.fma and is_float(value.type):
        return s.intrinsic("fma", value.type, x, y, z)
    kind, letter = text_of(value.type), "f" if is_float(value.type) else ""
    return s.set(f"{letter}add {kind} {s.set(f'{letter}mul {kind} {x}, {y}')}, {z}")


def intrinsic(name: str, floats: str) -> None:
    def write(s: Scribe, value: Value, args: Args, attribute: Any) -> str:
        return s.intrinsic(floats, value.type, *(s.names[arg] for arg in args))

    WORDS[name] = write


intrinsic("sqrt", "sqrt")
intrinsic("floor", "floor")
intrinsic("ceil", "ceil")
intrinsic("round", "roundeven")
intrinsic("trunc", "trunc")
intrinsic("copysign", "copysign")


@word("abs")
def absolute(s: Scribe, value: Value, args: Args, attribute: Any) -> str:
    x = s.names[args[0]]
    if is_float(value.type):
        return s.intrinsic("fabs", value.type, x)
    if not signed(value.type):
        return x
    kind = text_of(value.type)
    negative = s.set(f"icmp slt {kind} {x}, {zero(value.type)}")
    return s.choose(value.type, negative, s.set(f"sub {kind} {zero(value.type)}, {x}"), x)


# order


def comparison(name: str, floats: str, whole: str) -> None:
    def write(s: Scribe, value: Value, args: Args, attribute: Any) -> str:
        return s.compare(args[0].type, floats, whole, *(s.names[arg] for arg in args))

    WORDS[name] = write


comparison("equal", "oeq", "eq")
comparison("less", "olt", "lt")
comparison("less_equal", "ole", "le")


@word("isnan")
def isnan(s: Scribe, value: Value, args: Args, attribute: Any) -> str:
    if not is_float(args[0].type):
        return number_text(False, value.type)
    return s.set(f"fcmp uno {text_of(args[0].type)} {s.names[args[0]]}, {s.names[args[0]]}")


def extreme(name: str, ties: str) -> None:
    """The first, where it wins, ties, or is NaN; else the second, which may be NaN.

    One instruction of x86 chooses by "wins, ties, or one is NaN"; what is left is a second that is NaN.
    """

    def write(s: Scribe, value: Value, args: Args, attribute: Any) -> str:
        type, (first, second) = value.type, args
        x, y = s.names[first], s.names[second]
        known = [arg in s.numbers and s.numbers[arg] == s.numbers[arg] for arg in args]
        if is_float(type) and known[0] and not known[1]:
            return s.choose(type, s.compare(type, f"o{ties}", "", x, y), x, y)
        better = s.choose(type, s.compare(type, f"u{ties}", ties, x, y), x, y)
        if known[1] or not is_float(type):
            return better
        return s.choose(type, s.set(f"fcmp uno {text_of(type)} {y}, {y}"), y, better)

    WORDS[name] = write


extreme("maximum", "ge")
extreme("minimum", "le")


# integers


def whole_division(s: Scribe, type: Type, x: str, y: str) -> tuple[str, str]:
    """Quotient rounded down and remainder with the divisor's sign; both 0 for the divisor 0."""
    kind = text_of(type)
    none = s.set(f"icmp eq {kind} {y}, {zero(type)}")
    one = number_text(1, type)
    safe = s.choose(type, none, one, y)
    if not signed(type):
        quotient, rest = s.set(f"udiv {kind} {x}, {safe}"), s.set(f"urem {kind} {x}, {safe}")
        return s.choose(type, none, zero(type), quotient), s.choose(type, none, zero(type), rest)
    # The smallest number by -1 would trap; it is its own negative.
    minus = s.set(f"icmp eq {kind} {y}, {number_text(-1, type)}")
    safe = s.choose(type, minus, one, safe)
    quotient, rest = s.set(f"sdiv {kind} {x}, {safe}"), s.set(f"srem {kind} {x}, {safe}")
    signs = s.set(f"xor {kind} {rest}, {safe}")
    truth = text_of(type.of("bool"))
    apart = s.set(f"icmp slt {kind} {signs}, {zero(type)}")
    left = s.set(f"icmp ne {kind} {rest}, {zero(type)}")
    down = s.set(f"and {truth} {apart}, {left}")
    quotient = s.choose(type, down, s.set(f"sub {kind} {quotient}, {one}"), quotient)
    rest = s.choose(type, down, s.set(f"add {kind} {rest}, {safe}"), rest)
    quotient = s.choose(type, minus, s.set(f"sub {kind} {zero(type)}, {x}"), quotient)
    return s.choose(type, none, zero(type), quotient), s.choose(type, none, zero(type), rest)


def by_known(s: Scribe, type: Type, x: str, divisor: Value) -> tuple[str, str] | None:
    """The same for a known divisor above 0, as loops over blocks have them; code generation then need not divide."""
    number = s.numbers.get(divisor, 0)
    if number <= 0:
        return None
    kind, y = text_of(type), number_text(number, type)
    sign = "s" if signed(type) else "u"
    if number & (number - 1) == 0:
        places = number_text(number.bit_length() - 1, type)
        quotient = s.set(f"{'ashr' if signed(type) else 'lshr'} {kind} {x}, {places}")
        return quotient, s.set(f"and {kind} {x}, {number_text(number - 1, type)}")
    quotient, rest = s.set(f"{sign}div {kind} {x}, {y}"), s.set(f"{sign}rem {kind} {x}, {y}")
    if not signed(type):
        return quotient, rest
    below = s.set(f"icmp slt {kind} {rest}, {zero(type)}")
    quotient = s.choose(type, below, s.set(f"sub {kind} {quotient}, {number_text(1, type)}"), quotient)
    return quotient, s.choose(type, below, s.set(f"add {kind} {rest}, {y}"), rest)


@word("floor_divide")
def floor_divide(s: Scribe, value: Value, args: Args, attribute: Any) -> str:
    x, y = (s.names[arg] for arg in args)
    return (by_known(s, value.type, x, args[1]) or whole_division(s, value.type, x, y))[0]


@word("remainder")
def remainder(s: Scribe, value: Value, args: Args, attribute: Any) -> str:
    x, y = (s.names[arg] for arg in args)
    return (by_known(s, value.type, x, args[1]) or whole_division(s, value.type, x, y))[1]


# from one value to another


@word("const")
def const(s: Scribe, value: Value, args: Args, attribute: Any) -> str:
    s.numbers[value] = attribute
    return number_text(attribute, value.type)


@word("lanes")
def lanes(s: Scribe, value: Value, args: Args, attribute: Any) -> str:
    kind = element(value.type.dtype)
    return "<" + ", ".join(f"{kind} {lane}" for lane in range(value.type.lanes)) + ">" if value.type.lanes > 1 else "0"


@word("splat")
def splat(s: Scribe, value: Value, args: Args, attribute: Any) -> str:
    kind, one = text_of(value.type), element(value.type.dtype)
    first = s.set(f"insertelement {kind} poison, {one} {s.names[args[0]]}, i64 0")
    zeros = f"<{value.type.lanes} x i32> zeroinitializer"
    return s.set(f"shufflevector {kind} {first}, {kind} poison, {zeros}")


@word("extract")
def extract(s: Scribe, value: Value, args: Args, attribute: Any) -> str:
    return s.set(f"extractelement {text_of(args[0].type)} {s.names[args[0]]}, i64 {attribute}")


@word("shuffle")
def shuffle(s: Scribe, value: Value, args: Args, attribute: Any) -> str:
    kind = text_of(args[0].type)
    order = ", ".join(f"i32 {lane}" for lane in attribute)
    x, y = s.names[args[0]], s.names[args[-1]] if len(args) > 1 else "poison"
    return s.set(f"shufflevector {kind} {x}, {kind} {y}, <{len(attribute)} x i32> <{order}>")


@word("select")
def select(s: Scribe, value: Value, args: Args, attribute: Any) -> str:
    condition, x, y = args
    return s.set(
        f"select {text_of(condition.type)} {s.names[condition]}, {text_of(x.type)} {s.names[x]}, "
        f"{text_of(y.type)} {s.names[y]}"
    )


@word("bitcast")
def bitcast(s: Scribe, value: Value, args: Args, attribute: Any) -> str:
    old, new = text_of(args[0].type), text_of(value.type)
    name = s.names[args[0]]
    return name if old == new else s.set(f"bitcast {old} {name} to {new}")


@word("cast")
def cast(s: Scribe, value: Value, args: Args, attribute: Any) -> str:
    return cast_text(s, args[0].type, value.type, s.names[args[0]])


# all lanes to one


def folding(name: str) -> None:
    """Halves first, so that the order is the same for every machine with as many lanes."""

    def write(s: Scribe, value: Value, args: Args, attribute: Any) -> str:
        current = Value(args[0].type)
        s.names[current] = s.names[args[0]]
        while current.type.lanes > 1:
            half = Type(current.type.dtype, current.type.lanes // 2)
            parts: list[Value] = []
            for first in (0, half.lanes):
                part = Value(half)
                order = tuple(range(first, first + half.lanes))
                if half.lanes == 1:
                    s.names[part] = extract(s, part, (current,), first)
                else:
                    s.names[part] = shuffle(s, part, (current,), order)
                parts.append(part)
            current = Value(half)
            s.names[current] = WORDS[name](s, current, tuple(parts), None)
        return s.names[current]

    WORDS[f"fold_{name}"] = write


def gathering(name: str, reduction: str) -> None:
    """Bits are combined in any order, so in the machine's own: of truth values it is one test."""

    def write(s: Scribe, value: Value, args: Args, attribute: Any) -> str:
        type, x = args[0].type, s.names[args[0]]
        if type.lanes == 1:
            return x
        one, many = element(type.dtype), text_of(type)
        full = f"llvm.vector.reduce.{reduction}.{mangled(type)}"
        s.declare(f"{one} @{full}({many})")
        return s.set(f"call {one} @{full}({many} {x})")

    WORDS[f"fold_{name}"] = write


for folded in ("add", "mul", "minimum", "maximum"):
    folding(folded)
gathering("bit_and", "and")
gathering("bit_or", "or")
