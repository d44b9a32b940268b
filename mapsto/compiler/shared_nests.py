"""Stages of a group that share one nest of loops, since none needs more of another than the element that it is at."""

from __future__ import annotations

from collections.abc import Sequence

from mapsto.compiler.groups import Member
from mapsto.compiler.nests import Nest
from mapsto.compiler.terms import loads, rebuilt
from mapsto.ir.formula import Formula, Index, Load


def shared_nests(members: Sequence[Member]) -> list[list[Member]]:
    """Members in order ↦ lists of neighbours that can share a nest.

    These have the same domain, and of what one of them makes, another reads the element that it is at.
    """
    found: list[list[Member]] = []
    for member in members:
        if found and joins(member, found[-1]):
            found[-1].append(member)
        else:
            found.append([member])
    return found


def joins(member: Member, others: list[Member]) -> bool:
    """Whether a member can share the nest of others."""
    head = others[0]
    if (member.slots is None) != (head.slots is None) or has_own_loops(member) or has_own_loops(head):
        return False
    if shape_of(member) != shape_of(head):
        return False
    made = {other.stage.array for other in others}
    formula = moved(member.stage.formula, member, head)
    own = head.stage.domain
    return all(same_place(load, own) and load.guard is None for load in loads(formula) if load.input in made)


def moved(formula: Formula, member: Member, head: Member) -> Formula:
    """A formula of one member over the indices of another."""
    names: dict[Index, Formula] = dict(zip(member.stage.domain, head.stage.domain, strict=True))
    return rebuilt(formula, lambda term: names.get(term) if isinstance(term, Index) else None)


def nest_of(members: Sequence[Member]) -> Nest:
    """The nest that members share, over the indices of the first."""
    head = members[0]
    formulas = tuple([moved(member.stage.formula, member, head) for member in members])
    arrays = tuple([member.stage.array for member in members])
    return Nest(arrays, head.stage.domain, head.stage.domain, formulas)


def has_own_loops(member: Member) -> bool:
    """Whether a member has loops of its own: a contraction, a scattered fold, a running one."""
    stage = member.stage
    return stage.scatter is not None or stage.run is not None or stage.product() is not None


def same_place(load: Load, domain: Sequence[Index]) -> bool:
    """Whether an element read is the one that indices name; of an axis of extent 1 there is but one."""
    return all(part is axis or axis.extent == 1 for part, axis in zip(load.index, domain, strict=True))


def shape_of(member: Member) -> tuple[int, ...]:
    return tuple(axis.extent for axis in member.stage.domain)
