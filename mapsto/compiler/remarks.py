"""Notes on tracing again and again, which costs a compilation each time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from mapsto.core.notes import note
from mapsto.core.spec import Spec
from mapsto.core.tree import Structure, join

MANY = 16  # programs of one function, after which a note says so
FEW = 3  # programs that differ in shapes alone: one for a batch, one for the last of an epoch, one too many
SELDOM = 20  # calls a program, from which on nobody minds another

Key = tuple[tuple[str, Any], ...]


def remark_many(function: str, before: Key, after: Key) -> None:
    """Say that a function is traced again and again, and which argument made it so the last time."""
    old, new = dict(before), dict(after)
    name = next((one for one in {**old, **new} if old.get(one) != new.get(one)), "")
    note(
        f"{function} was retraced {MANY} times, the last time because of {name!r}: every new structure, type, "
        "shape or static value is a new program. Numbers in mappings are static; pass what changes "
        "from call to call as an argument of its own"
    )


def surprising(keys: Sequence[Key], key: Key, calls: int) -> Key | None:
    """A new key ↦ the last known key that differs from it in shapes alone, if the user should be told; else None.

    `keys` are those of a function's programs, `calls` how often it was called. The user should be told when such
    programs come to three, and to one in every twenty calls or more. So a smaller last batch says nothing, nor another
    size of batch after some epochs, but lengths that change from batch to batch do.
    """
    alike = [one for one in keys if differences(one, key)]
    return alike[-1] if len(alike) + 1 >= FEW and calls < SELDOM * (len(keys) + 1) else None


def remark_surprise(function: str, before: Key, after: Key) -> None:
    """Say what changed, so that a function is compiled again."""
    changes = differences(before, after)
    path, old, new = changes[0]
    more = f", and {len(changes) - 1} more" if len(changes) > 1 else ""
    note(
        f"{function} is compiled once more: the shape of {path} changed from {old.shape} to {new.shape}{more}. Every "
        "shape of an argument is a program of its own: pad what differs in length, or give pieces of one size"
    )


def differences(before: Key, after: Key) -> list[tuple[str, Spec, Spec]]:
    """Two keys ↦ path, old and new spec of the arrays whose shapes differ; none if something else differs too."""
    found: list[tuple[str, Spec, Spec]] = []
    if [name for name, _ in before] != [name for name, _ in after]:
        return []
    for (name, old), (_, new) in zip(before, after, strict=True):
        if old == new:
            continue
        if not (isinstance(old[0], Structure) and isinstance(new[0], Structure)) or old[0] != new[0]:
            return []
        rows = zip(paths(new[0], name), old[1], new[1], strict=True)
        found += [(path, one, other) for path, one, other in rows if one != other]
    return found if all(old.dtype == new.dtype and old.weak == new.weak for _, old, new in found) else []


def paths(structure: Structure, path: str) -> Iterator[str]:
    """The paths of a structure's leaves."""
    if structure.form == "leaf":
        yield path
    for name, part in zip(structure.names, structure.parts, strict=True):
        yield from paths(part, join(path, str(name)))
