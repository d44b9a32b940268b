"""Sums that have a group of their own join another one that reads the same, so that it is read once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile

from mapsto.compiler.groups import Group, Step, reads_of, shares
from mapsto.core.spec import Spec
from mapsto.ir.formula import Index


def gather_sums(steps: Sequence[Step], made: Mapping[int, float], specs: Sequence[Spec]) -> dict[Index, Index]:
    """Let sums join groups that read the same ↦ the chunk index of each group that joined, and of the one it is in now.

    `made` says which step makes an array. Groups that joined another one are empty afterwards.
    """
    found: dict[Index, Index] = {}
    for place, group in enumerate(steps):
        if not isinstance(group, Group) or not group.sums_alone():
            continue
        first = int(max((made.get(number, -1) for number in reads_of(group)), default=-1) + 1)
        for other in (*until_read(steps, place), *steps[first:place]):
            if isinstance(other, Group) and takes(other, group, specs):
                other.add(*group.members)
                found[group.chunk] = other.chunk
                group.members = []
                break
    return found


def until_read(steps: Sequence[Step], place: int) -> Iterator[Step]:
    """The steps behind a group before the first that reads its sums."""
    group = steps[place]
    made = {member.slots for member in group.members} if isinstance(group, Group) else set[int | None]()
    return takewhile(lambda step: made.isdisjoint(reads_of(step)), steps[place + 1 :])


def takes(group: Group, sums: Group, specs: Sequence[Spec]) -> bool:
    """Whether a group can take in some sums: it runs over the same rows, and reads some of the same arrays."""
    if not group.members or group.tiled or group.blocks is not None:
        return False
    read = [number for number in reads_of(sums) if specs[number].size > 1]
    return (group.rows, group.flat) == (sums.rows, sums.flat) and shares(read, group)
