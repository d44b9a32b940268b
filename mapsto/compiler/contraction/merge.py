"""Letters that lie one behind the other everywhere are one longer letter: fewer loops, and fuller tiles."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from mapsto.compiler.contraction.letters import Contraction, Letter


@dataclass(frozen=True)
class Group:
    """A merged letter, and the letters it stands for with their extents, the slowest first."""

    name: str
    parts: tuple[tuple[str, int], ...]


def merge(
    contraction: Contraction, out_strides: Mapping[str, int], keep: Collection[str] = ()
) -> tuple[Contraction, tuple[Group, ...]]:
    """A contraction, the strides of its result ↦ the same with fewer letters, and what the new ones stand for.

    Two letters merge if one turn of the slower moves as far as all turns of the faster, in both operands and in the
    result. Guarded letters, and those in `keep`, stay as they are.

    >>> from mapsto.compiler.contraction.letters import product
    >>> merged, groups = merge(product("abk", "kn", "abn", dict(a=2, b=3, k=4, n=5)), dict(a=15, b=5, n=1))
    >>> [letter.name for letter in merged.letters], groups
    (['a.b', 'n', 'k'], (Group(name='a.b', parts=(('a', 2), ('b', 3))),))
    """
    fixed = {name for guard in contraction.guards for name in guard.names} | set(keep)
    letters = [letter for letter in contraction.letters if letter.extent != 1 or letter.out or letter.name in fixed]
    parts: dict[str, tuple[tuple[str, int], ...]] = {letter.name: ((letter.name, letter.extent),) for letter in letters}

    def follow(slow: Letter, fast: Letter) -> bool:
        if slow is fast or slow.out != fast.out or slow.name in fixed or fast.name in fixed or fast.extent < 1:
            return False
        strides = [(slow.x, fast.x), (slow.y, fast.y)]
        if slow.out:
            strides.append((last_stride(parts[slow.name], out_strides), last_stride(parts[fast.name], out_strides)))
        return all(a == b * fast.extent for a, b in strides)

    while pair := next(((a, b) for a in letters for b in letters if follow(a, b)), None):
        slow, fast = pair
        name = f"{slow.name}.{fast.name}"
        parts[name] = parts.pop(slow.name) + parts.pop(fast.name)
        letters[letters.index(slow)] = Letter(name, slow.extent * fast.extent, fast.x, fast.y, fast.out)
        letters.remove(fast)
    groups = tuple(Group(letter.name, parts[letter.name]) for letter in letters if len(parts[letter.name]) > 1)
    made = Contraction(tuple(letters), contraction.guards, contraction.dtype, contraction.x_shift, contraction.y_shift)
    return made, groups


def last_stride(parts: tuple[tuple[str, int], ...], out_strides: Mapping[str, int]) -> int:
    """How far one turn of a merged letter moves in the result: as far as its fastest part."""
    return out_strides[parts[-1][0]]
