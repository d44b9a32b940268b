"""Where in the result an accumulator belongs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from mapsto.compiler.contraction.index import Index, affine, divided, rest, total, value
from mapsto.compiler.contraction.merge import Group
from mapsto.ir.build import Builder
from mapsto.ir.loops import Value


class Place(Mapping[str, Value]):
    """Letter of the result ↦ its index; of the letter in the lanes, that of lane 0. Made when it is asked for.

    `offset` is the cheaper way to an address: what all accumulators of a tile share is computed once.
    """

    def __init__(
        self,
        b: Builder,
        names: Sequence[str],
        groups: Sequence[Group],
        at: Mapping[str, Index],
        steps: Mapping[str, int],
    ) -> None:
        self.b, self.names, self.at, self.steps = b, tuple(names), at, steps
        self.groups = {part: group for group in groups for part, _ in group.parts}

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, name: str) -> Value:
        if name not in self.names:
            raise KeyError(name)
        group = self.groups.get(name)
        if group is None:
            return value(self.b, self._whole(name))
        index, after = self._whole(group.name), 1
        for part, extent in reversed(group.parts):
            if part == name:
                index = divided(self.b, index, after)
                return value(self.b, index if part == group.parts[0][0] else rest(self.b, index, extent))
            after *= extent
        raise KeyError(name)

    def _whole(self, name: str) -> Index:
        return total(self.b, [(1, self.at.get(name, 0))], self.steps.get(name, 0))

    def offset(self, strides: Mapping[str, int], shift: int = 0) -> tuple[Value, int]:
        """Σ stride · index + shift ↦ a value, and the part that is known: the `shift` of a load or store."""
        terms: list[tuple[int, Index]] = []
        for name, stride in strides.items():
            group = self.groups.get(name)
            if group is None or not dense(group, strides):
                whole, steps = (self.at.get(name, 0), self.steps.get(name, 0)) if group is None else (self[name], 0)
            elif name == group.parts[-1][0]:
                whole, steps = self.at.get(group.name, 0), self.steps.get(group.name, 0)
            else:
                continue
            terms.append((stride, whole))
            shift += stride * steps
        return affine(self.b, terms, shift)


def dense(group: Group, strides: Mapping[str, int]) -> bool:
    """Whether the parts of a merged letter lie behind one another under these strides."""
    pairs = zip(group.parts, group.parts[1:], strict=False)
    return all(strides.get(slow, 0) == strides.get(fast, 0) * extent for (slow, _), (fast, extent) in pairs)
