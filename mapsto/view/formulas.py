"""Formulas of elements as a person writes them: `exp(a0[i, j] - t1[i])`, `Σ(r<16: a0[i, r] * a1[r, j])`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import chain, count
from math import inf

from mapsto.compiler.affine import Affine, Atom, Part, affine
from mapsto.compiler.conditions import INDEX_WORDS, decided, of_indices
from mapsto.compiler.terms import children, loads, parts
from mapsto.ir.formula import Formula, Index, Literal, Load, Reduce, Word
from mapsto.view.expressions import ATOM, COMPARISON, OPERATORS, PRODUCT, SUM, UNARY, Expression, call

CONDITION = 0  # holds less together than a comparison: `a if b else c`
FOLDS = {"add": "Σ", "mul": "Π", "maximum": "max", "minimum": "min", "bit_and": "all", "bit_or": "any"}
NEUTRAL = {("add", 0), ("mul", 1), ("maximum", -inf), ("minimum", inf), ("bit_and", True), ("bit_or", False)}
MANY = 200  # words; a formula of more (a random generator's) is only described
LETTERS = "ijklmno", "rstuvwxyz"  # of the element's place, and of what is folded


class Indices:
    """The names of indices: i, j, k … of the element's place, r, s, t … of folds; `rows` runs over a chunk's alone."""

    def __init__(self, domain: Sequence[Index], rows: Index | None = None) -> None:
        self.names: dict[Index, str] = {}
        self.rows = rows
        self.domain, self.folded = (fresh(letters) for letters in LETTERS)
        for index in domain:
            self.names.setdefault(index, next(self.domain))

    def __getitem__(self, index: Index) -> str:
        if index not in self.names:
            self.names[index] = next(self.folded)
        return self.names[index]


def fresh(letters: str) -> chain[str]:
    return chain(letters, (f"{letter}{turn}" for turn in count(1) for letter in letters))


def formula_lines(formula: Formula, indices: Indices, name_of: Callable[[int], str]) -> list[str]:
    """A formula ↦ its text, and a line for every part that occurs several times; `name_of` names arrays by number."""
    words = sum(isinstance(part, Word) for part in parts(formula))
    if words > MANY:
        reads = ", ".join(dict.fromkeys(name_of(load.input) for load in loads(formula)))
        return [f"a formula of {words} words over {reads}"]
    formula = decided(formula)
    writer, names = Writer(indices, name_of), fresh("pqefgh")
    writer.short = {term: next(names) for term in shared_parts(formula)}
    first = writer.text(formula, spelt=True).text
    return [first, *(f"{name} = {writer.text(term, spelt=True).text}" for term, name in writer.short.items())]


def shared_parts(formula: Formula) -> list[Formula]:
    """What is computed once and used several times, the whole before its parts; index arithmetic apart."""
    uses: Counter[Formula] = Counter()
    order: list[Formula] = []

    def visit(term: Formula) -> None:
        uses[term] += 1
        if uses[term] > 1:
            return
        for part in operands(term):
            visit(part)
        order.append(term)

    visit(formula)
    return [term for term in reversed(order) if uses[term] > 1 and is_long(term)]


def operands(term: Formula) -> tuple[Formula, ...]:
    """The parts of a term that are values of elements."""
    match term:
        case Load():
            return tuple(part for part in (term.guard, term.fill) if part is not None)
        case Reduce():
            return term.start, term.body
        case _:
            return children(term)


def is_long(term: Formula) -> bool:
    """Whether a name is shorter to read than the term itself."""
    if isinstance(term, Word) and term.word in ("cast", "neg"):
        return is_long(term.terms[0])
    return isinstance(term, Word | Reduce) and any(isinstance(part, Load) for part in parts(term))


class Writer:
    """Terms ↦ expressions; `short` has the names of those that are written elsewhere."""

    def __init__(self, indices: Indices, name_of: Callable[[int], str]) -> None:
        self.indices, self.name_of = indices, name_of
        self.short: dict[Formula, str] = {}

    def text(self, term: Formula, spelt: bool = False) -> Expression:
        if term in self.short and not spelt:
            return Expression(self.short[term], ATOM)
        match term:
            case Index():
                return Expression(self.indices[term], ATOM)
            case Literal(value, _):
                return number(value)
            case Load():
                return self.load(term)
            case Reduce():
                return self.fold(term)
            case Word("select", (condition, one, other), _):
                return self.choice(condition, self.text(one), self.text(other))
            case Word("cast", (inner,), dtype):
                return call(dtype, self.text(inner).text)
            case Word("neg", (inner,), _):
                return Expression(f"-{self.text(inner).within(UNARY)}", UNARY)
            case Word("bit_and", (Word("less_equal", (zero, low), _), Word("less", (high, extent), _)), _) if (
                low is high
            ):
                return Expression(
                    f"{self.text(zero).text} ≤ {self.text(low).within(SUM)} < {self.text(extent).text}", COMPARISON
                )
            case Word(name, _, _) if name in INDEX_WORDS and of_indices(term):
                return Expression(self.place(term), SUM)
            case Word(name, terms, _):
                return self.word(name, terms)
            case _:
                raise TypeError(f"not a formula: {term!r}")

    def word(self, name: str, terms: Sequence[Formula]) -> Expression:
        if name in ("bit_and", "bit_or"):
            sign = " and " if name == "bit_and" else " or "
            return Expression(sign.join(self.text(term).within(COMPARISON) for term in terms), CONDITION)
        if name not in OPERATORS:
            return call(name, *(self.text(term).text for term in terms))
        sign, strength = OPERATORS[name]
        left, right = (self.text(term) for term in terms)
        return Expression(f"{left.within(strength)} {sign} {right.within(strength + 1)}", strength)

    def choice(self, condition: Formula, one: Expression, other: Expression) -> Expression:
        test = self.text(condition).within(CONDITION)
        return Expression(f"{one.within(COMPARISON)} if {test} else {other.within(CONDITION)}", CONDITION - 1)

    def load(self, term: Load) -> Expression:
        place = ", ".join(self.place(part) for part in term.index)
        element = Expression(f"{self.name_of(term.input)}[{place}]" if place else self.name_of(term.input), ATOM)
        if term.guard is None:
            return element
        return self.choice(term.guard, element, Expression("0", ATOM) if term.fill is None else self.text(term.fill))

    def place(self, index: Formula) -> str:
        """An index as the sum that it is: `2*i + r - 1`."""
        return self.sum_text(affine(index))

    def sum_text(self, found: Affine) -> str:
        text = ""
        for atom, factor in found.terms:
            own = self.atom(atom)
            own = own.within(PRODUCT) if abs(factor) == 1 else f"{abs(factor)}*{own.within(ATOM)}"
            text += (" - " if text else "-") + own if factor < 0 else (" + " if text else "") + own
        if found.constant and text:
            return f"{text} {'-' if found.constant < 0 else '+'} {abs(found.constant)}"
        return text or str(found.constant)

    def atom(self, atom: Atom) -> Expression:
        """An index, a quotient or remainder, or what is read from memory."""
        if not isinstance(atom, Part):
            return self.text(atom)
        inner = Expression(
            self.sum_text(atom.number), SUM if len(atom.number.terms) > 1 or atom.number.constant else PRODUCT
        )
        text = inner.within(PRODUCT)
        text += f" // {atom.divisor}" if atom.divisor != 1 else ""
        low, high = atom.number.range()
        if atom.modulus is not None and not 0 <= low <= high < atom.divisor * atom.modulus:
            text += f" % {atom.modulus}"
        return Expression(text, PRODUCT)

    def fold(self, term: Reduce) -> Expression:
        """A fold, and the folds directly within it that do the same: `Σ(r<3, s<3: …)`."""
        ranges: list[str] = []
        body: Formula = term
        while isinstance(body, Reduce) and body.word == term.word and (body is term or body not in self.short):
            ranges.append(self.range_of(body.index))
            begin, body = body.start, body.body
            if not is_neutral(term.word, begin):
                ranges[-1] += f" from {self.text(begin).text}"
        sign = FOLDS.get(term.word, term.word)
        return Expression(f"{sign}({', '.join(ranges)}: {self.text(body).text})", ATOM)

    def range_of(self, index: Index) -> str:
        """An index and how far it runs."""
        name = self.indices[index]
        return f"{name} of the chunk" if index is self.indices.rows else f"{name}<{index.extent}"


def is_neutral(word: str, start: Formula) -> bool:
    return isinstance(start, Literal) and (word, start.value) in NEUTRAL


def number(value: object) -> Expression:
    """A number, in the shortest way that is not misread."""
    text = f"{value:.9g}" if isinstance(value, float) else str(value)
    return Expression(text, PRODUCT if text.startswith("-") else ATOM)
