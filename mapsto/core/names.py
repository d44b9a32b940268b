"""Names that are not here: those of other frameworks are answered with ours, all others get the usual AttributeError.

The answers stand in `foreign.txt`. Packages ask by a `__getattr__` of their own (`answering`), classes by theirs
(`missing`). An answer is an AttributeError too, so that `hasattr`, `copy`, `pickle` and notebooks notice nothing.
"""

from __future__ import annotations

import dis
import inspect
import sys
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from mapsto.core.errors import UnknownImportError, UnknownNameError
from mapsto.core.lazy import brought

# Where a name that another package has may stand; of several, the first counts.
PACKAGES = ("mt", "nn", "losses", "optim", "metrics", "xp", "data", "image", "text", "random")
CODES = {"(not needed)": "NAME-02", "(later)": "NAME-03", "(complex)": "NAME-04"}


class Reply(NamedTuple):
    """What a foreign word is answered with: the code, what it is here, and how to write it."""

    code: str
    ours: str
    write: str


def table() -> dict[tuple[str, str], Reply]:
    """Place and word ↦ the reply, for names."""
    return tables()[0]


def call_table() -> dict[tuple[str, str], Reply]:
    """The same for the keywords of calls, and under `count` for calls with too many arguments."""
    return tables()[1]


@cache
def tables() -> tuple[dict[tuple[str, str], Reply], dict[tuple[str, str], Reply]]:
    """What `foreign.txt` says of names, and of calls. Read when a name is first missed."""
    replies: dict[tuple[str, str], Reply] = {}
    for line in Path(__file__).with_name("foreign.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            places, words, ours, write = (part.strip() for part in line.split(" | "))
            reply = Reply(CODES.get(ours, "NAME-01"), ours, write)
            replies.update({(place, word): reply for place in places.split() for word in words.split()})
    of_calls = {key: reply for key, reply in replies.items() if key[0] in ("call", "count") or key[0].endswith("()")}
    return {key: reply for key, reply in replies.items() if key not in of_calls}, of_calls


def plain(name: str) -> str:
    """A name without capitals and underscores, by which `LeakyReLU` is `leaky_relu`."""
    return name.replace("_", "").lower()


def public(place: str) -> list[str]:
    """The public names of a package, functions first: of `sgd` and `Sgd` it is `sgd` that a person calls."""
    facade = sys.modules.get("mapsto")
    module = facade if place == "mt" else getattr(facade, place, None)  # where it may come only now
    return sorted(getattr(module, "__all__", ()), key=str.swapcase)


def answer_to(place: str, name: str) -> Reply | None:
    """A package and a word that it lacks ↦ the reply, None if nobody has that word. What `mt` answers, all answer."""
    return table().get((place, name)) or table().get(("mt", name)) or elsewhere(place, name)


def elsewhere(place: str, name: str) -> Reply | None:
    """The same name in another package, or in any of them with other capitals; None if there is none."""
    places = (place, *(one for one in PACKAGES if one != place))
    for same in (str, plain):
        for one in places:
            for ours in public(one):
                if same(ours) == same(name) and not (one == place and ours == name):
                    found = ours if one == "mt" and ours in PACKAGES else f"{one}.{ours}"
                    return Reply("NAME-01", found, found if one in (place, "mt") else f"from mapsto import {one}")
    return None


def answering(package: str, later: Mapping[str, str] = MappingProxyType({})) -> Callable[[str], Any]:
    """A package's name ↦ the `__getattr__` of its module: `mapsto.nn` answers `nn.Linear`.

    `later` has the package's own names that come when they are first asked for, and their modules.

    It raises UnknownNameError for a word of another framework, in `from package import word` UnknownImportError, and
    the usual AttributeError for everything else.
    """
    place = package.removeprefix("mapsto.").replace("mapsto", "mt")

    def __getattr__(name: str) -> Any:
        if name in later:
            return brought(package, name, later[name])
        reply = None if name.startswith("_") else answer_to(place, name)
        if reply is None:
            problem = f"module {package!r} has no attribute {name!r}"
            raise AttributeError(problem, name=name, obj=sys.modules.get(package))
        kind = UnknownImportError if imported_from(f"{package}.{name}") else UnknownNameError
        raise kind(reply.code, name=f"{place}.{name}", ours=reply.ours, fix=reply.write)

    return __getattr__


def imported_from(path: str) -> bool:
    """Whether the module's `__getattr__` was called by `from package import name`.

    That statement drops an AttributeError together with what it says, so it gets an ImportError instead. A submodule
    that is being imported is no name to answer for.
    """
    frame = inspect.currentframe()
    caller = frame.f_back.f_back if frame is not None and frame.f_back is not None else None
    if caller is None or path in sys.modules:
        return False
    return dis.opname[caller.f_code.co_code[caller.f_lasti]] == "IMPORT_FROM"


def method_answer(place: str, name: str) -> Reply | None:
    """A class and a method that it lacks ↦ the reply; a method of an array may be a function of `xp`."""
    known = table().get((place, name))
    if known is None and place == "Array" and name in public("xp"):
        return Reply("NAME-01", f"xp.{name}", f"xp.{name}(x)")
    return known


def missing(value: Any, place: str, name: str) -> Any:
    """What the `__getattr__` of a class does: answer another framework's method, else the usual AttributeError.

    Only the type is looked at, since an object may be missing attributes because it is not made yet.
    """
    kind = value.__class__
    if not name.startswith("_") and not hasattr(kind, name):
        reply = method_answer(place, name)
        if reply is not None:
            owner = place if place == "Array" else kind.__name__  # traced arrays are arrays to who reads it
            raise UnknownNameError(reply.code, name=f"{owner}.{name}", ours=reply.ours, fix=reply.write)
    return object.__getattribute__(value, name)  # raises, with Python's own words, or those of a property that failed
