"""Lists and dicts that cannot be changed: what a mapping holds in place of those that it was given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from mapsto.core.errors import FrozenError


class FrozenList(list[Any]):
    """A list that refuses changes. Everything that only reads it is a list's own; `list(x)` is one that changes."""

    def __reduce_ex__(self, protocol: Any) -> Any:
        return FrozenList, (list(self),)


class FrozenDict(dict[Any, Any]):
    """A dict that refuses changes. Everything that only reads it is a dict's own; `dict(x)` is one that changes."""

    def __reduce_ex__(self, protocol: Any) -> Any:
        return FrozenDict, (dict(self),)


LIST_CHANGES = "append extend insert pop remove clear sort reverse __setitem__ __delitem__ __iadd__ __imul__"
DICT_CHANGES = "update setdefault pop popitem clear __setitem__ __delitem__ __ior__"


def refusing(kind: str, verb: str) -> Callable[..., Any]:
    """What stands in place of a method that would change a list or dict."""

    def refuse(self: Any, *args: Any, **kwargs: Any) -> Any:
        copy = "[*net.parts, …]" if kind == "list" else "{**net.parts, …}"
        fix = f"make a changed copy of the mapping: net = net.replace(parts={copy})"
        raise FrozenError("MAP-19", kind=kind, verb=verb, fix=fix)

    return refuse


for verb in LIST_CHANGES.split():
    setattr(FrozenList, verb, refusing("list", verb))
for verb in DICT_CHANGES.split():
    setattr(FrozenDict, verb, refusing("dict", verb))


def frozen(value: Any) -> Any:
    """A value ↦ the same with frozen copies of the lists and dicts in it; one that has none, or is frozen, is itself.

    Lists, dicts, tuples and named tuples are looked into; objects of other subclasses stay as they are.

    >>> frozen([1, {"a": 2}])
    [1, {'a': 2}]
    """
    kind: type[Any] = value.__class__
    if kind is list:
        return FrozenList(map(frozen, value))
    if kind is dict:
        return FrozenDict((key, frozen(part)) for key, part in cast("dict[Any, Any]", value).items())
    if kind is tuple or hasattr(kind, "_fields"):
        items = cast("tuple[Any, ...]", value)
        parts: Any = tuple(map(frozen, items))
        if all(map(same, parts, items)):
            return cast(Any, items)
        return parts if kind is tuple else cast(Any, kind)(*parts)
    return value


def same(left: Any, right: Any) -> bool:
    return left is right
