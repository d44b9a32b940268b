"""A contraction described by its letters: `out[o…] = Σ_r x[affine in o, r] · y[affine in o, r]`.

Matrix products, convolutions and their gradients are all of this form. A letter is a loop; a guard says which terms of
the sum exist, which is how a convolution meets the border of its input.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Letter:
    """One loop: how often it turns, and how many elements one turn moves in each operand (0: not at all)."""

    name: str
    extent: int
    x: int
    y: int
    out: bool  # whether the result has this axis; else it is summed over


@dataclass(frozen=True)
class Guard:
    """`0 ≤ Σ coefficient · letter + shift < extent` must hold; else the term is 0.

    An operand that moves with all letters of a guard is not read where it does not hold. The other one, which is the
    same for terms that exist and terms that do not, may be.
    """

    terms: tuple[tuple[str, int], ...]
    shift: int
    extent: int

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.terms)

    def coefficient(self, name: str) -> int:
        return next((coefficient for letter, coefficient in self.terms if letter == name), 0)


@dataclass(frozen=True)
class Contraction:
    """Letters, guards, the type of the sums, and where the first element of each operand is."""

    letters: tuple[Letter, ...]
    guards: tuple[Guard, ...]
    dtype: str
    x_shift: int = 0
    y_shift: int = 0

    def letter(self, name: str) -> Letter:
        return next(letter for letter in self.letters if letter.name == name)

    @property
    def outs(self) -> tuple[Letter, ...]:
        return tuple(letter for letter in self.letters if letter.out)

    @property
    def sums(self) -> tuple[Letter, ...]:
        return tuple(letter for letter in self.letters if not letter.out)

    def guards_of(self, name: str) -> tuple[Guard, ...]:
        return tuple(guard for guard in self.guards if guard.coefficient(name))

    def swapped(self) -> Contraction:
        """The same with its operands exchanged."""
        letters = tuple(replace(letter, x=letter.y, y=letter.x) for letter in self.letters)
        return Contraction(letters, self.guards, self.dtype, self.y_shift, self.x_shift)


def product(x: str, y: str, out: str, extents: dict[str, int], dtype: str = "f32") -> Contraction:
    """Axes of two dense arrays and of the result by letters, as in `einsum` ↦ their contraction.

    >>> found = product("mk", "kn", "mn", dict(m=2, k=3, n=4)).letters
    >>> [(letter.name, letter.x, letter.y, letter.out) for letter in found]
    [('m', 3, 0, True), ('n', 0, 1, True), ('k', 1, 4, False)]
    """
    in_x, in_y = dense(x, extents), dense(y, extents)
    names = (*out, *(name for name in dict.fromkeys(x + y) if name not in out))
    letters = tuple(Letter(name, extents[name], in_x.get(name, 0), in_y.get(name, 0), name in out) for name in names)
    return Contraction(letters, (), dtype)


def dense(axes: str, extents: dict[str, int]) -> dict[str, int]:
    """How far one step along each axis of a dense array moves; an axis named twice is a diagonal.

    >>> dense("ab", dict(a=2, b=3))
    {'b': 1, 'a': 3}
    """
    strides: dict[str, int] = {}
    step = 1
    for name in reversed(axes):
        strides[name] = strides.get(name, 0) + step
        step *= extents[name]
    return strides
