"""Calls that do not fit what is called: a wrong word, too many arguments, or too few.

Python's own TypeError says neither what the words are nor how another framework's word is said here. It is looked at
only after it was raised, so that a call that fits pays next to nothing.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from types import FunctionType
from typing import Any, ParamSpec, TypeVar

from mapsto.core.errors import UsageError
from mapsto.core.names import PACKAGES, call_table

P = ParamSpec("P")
R = TypeVar("R")
POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
NAMED = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def refuse_call(name: str, function: Any, args: Sequence[Any], kwargs: dict[str, Any], own: int = 0) -> None:
    """Raise UsageError if a function cannot be called with these arguments; if it can, return.

    `name` is what messages call it; the last word of it is looked up in `foreign.txt`. The first `own` arguments are
    not the caller's: the self of a method.
    """
    try:
        parameters = list(inspect.signature(function).parameters.values())[own:]
    except (TypeError, ValueError):  # a function written in C may not say
        return
    try:
        inspect.Signature(parameters).bind(*args[own:], **kwargs)
    except TypeError as problem:
        raise wrong_call(name, parameters, len(args) - own, kwargs, str(problem)) from None


def wrong_call(name: str, parameters: list[Any], count: int, kwargs: dict[str, Any], reason: str) -> UsageError:
    """What is wrong with a call that does not bind: a word, the number of arguments, or one that is missing."""
    kinds = {one.kind for one in parameters}
    by_name = [one.name for one in parameters if one.kind in NAMED]
    by_position = [one.name for one in parameters if one.kind in POSITIONAL]
    rows = (("takes", ", ".join(str(one.name) for one in parameters) or "no arguments", ""),)
    unknown = [word for word in kwargs if word not in by_name]
    if unknown and inspect.Parameter.VAR_KEYWORD not in kinds:
        word = unknown[0]
        fix = f"give {word} by position" if word in by_position else word_for(name, word, by_name)
        return UsageError("ARG-05", function=name, word=word, operands=rows, fix=fix)
    if count > len(by_position) and inspect.Parameter.VAR_POSITIONAL not in kinds:
        known = call_table().get(("count", last(name)))
        named = [one for one in by_name if one not in by_position]
        fix = known.write if known else f"give the rest by name: {', '.join(named)}" if named else "leave out the rest"
        return UsageError("ARG-06", function=name, most=len(by_position), count=count, operands=rows, fix=fix)
    needed = [one for one in parameters if one.default is one.empty and one.kind in (*NAMED, *POSITIONAL)]
    given = {*by_position[:count], *kwargs}
    missing = [one.name for one in needed if one.name not in given]
    if missing:
        fix = f"give {missing[0]}" + ("" if missing[0] in by_position else " by name")
        return UsageError("ARG-07", function=name, names=", ".join(missing), operands=rows, fix=fix)
    return UsageError("ARG-08", function=name, reason=reason, operands=rows, fix="give every argument once")


def word_for(name: str, word: str, known: Sequence[str]) -> str:
    """A word that a call does not know ↦ what to write: another framework's word here, or the nearest one."""
    for place in (f"{last(name)}()", "call"):
        reply = call_table().get((place, word))
        if reply is not None and reply.ours == "(not needed)":
            return f"leave it out: {reply.write}"
        if reply is not None and (reply.ours in known or not reply.ours.isidentifier()):
            return f"here it is {reply.ours}: {reply.write}"
    near = difflib.get_close_matches(word, known, n=1)
    return f"did you mean {near[0]!r}?" if near else "use one of these" if known else "give it nothing by name"


def last(name: str) -> str:
    """`optim.adam` ↦ `adam`; `a call of Dense` ↦ `net`, since every net is called alike."""
    return "net" if " " in name else name.rsplit(".", 1)[-1]


def class_name(kind: type) -> str:
    """A class ↦ what people write to make one: `nn.Dense`, or `Net` for a class of their own."""
    package = kind.__module__.removeprefix("mapsto.").split(".")[0]
    return f"{package}.{kind.__name__}" if package in PACKAGES else kind.__name__


def refuse_making(kind: type, args: Sequence[Any], kwargs: dict[str, Any]) -> None:
    """Raise UsageError if an object of a class cannot be made of these arguments; if it can, return."""
    written: Any = kind.__init__
    # The signature that Python gives for object.__init__ says that it takes anything.
    making = nothing if written is object.__init__ else written
    refuse_call(class_name(kind), making, (None, *args), kwargs, own=1)


def nothing(self: Any) -> None:
    """What a class is made with that has no `__init__`."""


def explained(name: str, own: int = 0) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A name ↦ the decorator of a function whose wrong calls are explained under it."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return function(*args, **kwargs)
            except TypeError:
                refuse_call(name, function, args, kwargs, own)
                raise

        return call

    return decorate


def explain_calls(package: str, names: Iterable[str], members: dict[str, Any]) -> None:
    """Replace the plain functions among a package's members by ones whose wrong calls are explained.

    Only who calls them by the package gets these; modules within mapsto import the functions themselves.
    """
    place = package.removeprefix("mapsto.")
    for name in names:
        if type(members[name]) is FunctionType:
            made: Any = explained(f"{place}.{name}")(members[name])
            made.__module__, made.__qualname__ = package, name  # where pickle finds it
            members[name] = made
