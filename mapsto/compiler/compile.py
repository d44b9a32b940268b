"""`mt.compile(f)`: trace once for every combination of types, shapes and static values; then run the graph."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial, update_wrapper
from types import MethodType
from typing import Any, overload

from mapsto.array.array import Array
from mapsto.array.convert import strong
from mapsto.array.trace import evaluate_on, innermost, top_frame, tracing
from mapsto.compiler.fast_path import Seen, Unknown, acquaint, borrowed, key_of, token
from mapsto.compiler.given import Arrays, Blocks, Given
from mapsto.compiler.interpret import interpreting
from mapsto.compiler.last_call import OTHER, LastCall, ready
from mapsto.compiler.outputs import Outputs
from mapsto.compiler.remarks import MANY, Key, remark_many, remark_surprise, surprising
from mapsto.compiler.traced import Program
from mapsto.core import where
from mapsto.core.collector import resting
from mapsto.core.errors import UsageError
from mapsto.core.static import static_key
from mapsto.core.tree import Structure, flatten, rebuild
from mapsto.ir.graph import Graph
from mapsto.transform.call import as_array, check_function, guarded, result_leaves
from mapsto.transform.simplify import simplify

MOST_SEEN = 64  # keys of calls that are kept; a net that is new in every call has a new one
BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
ONE_BY_ONE = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


@dataclass(frozen=True)
class Call:
    """The arguments of one call, taken apart. The key has an entry for every argument that was passed, by name.

    `donated` are places among the arrays, and so are `borrowed`, of those in the user's own memory, never donated.
    """

    key: Key
    arrays: list[Array]
    forms: dict[str, tuple[Structure, int]]
    donated: list[int]
    borrowed: list[int]


class Compiled:
    """A function that runs as one graph. Made by `compile`."""

    def __init__(self, function: Callable[..., Any], donate: Sequence[str], static: Sequence[str]) -> None:
        check_function("compile", function)
        self.function = function
        self.signature = inspect.signature(function)
        self.donate, self.static = named_arguments(self.signature, donate), named_arguments(self.signature, static)
        both = sorted(self.donate & self.static)
        if both:
            raise UsageError("COMPILE-01", name=both[0], fix="name it in one of the two; a static value is kept")
        self.programs: dict[Key, Program] = {}
        self.seen: dict[Any, Seen] = {}  # by quick keys
        self.last: LastCall | None = None
        self.before: tuple[int, ...] = ()  # the program and the trees of the last call that was found by its key,
        self.vain: tuple[int, ...] = ()  # and of the last one that was to be kept and cannot be
        self.calls = 0
        self.surprised = False
        self.outputs = Outputs(bool(self.donate))
        parameters = self.signature.parameters.values()
        self.order = {one.name: place for place, one in enumerate(parameters) if one.kind in BY_NAME}
        places = {place for place, one in enumerate(parameters) if one.kind in ONE_BY_ONE and one.name in self.static}
        self.fixed = frozenset[Any]((*places, *self.static))
        self.quick = all(one.kind in (*BY_NAME, *ONE_BY_ONE) for one in parameters if one.name in self.static)
        # Names and docstring only: a transform of a compiled function carries that one's attributes in its __dict__.
        update_wrapper(self, function, updated=())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.calls += 1
        if self.programs and top_frame() is None and not interpreting():
            last = self.last
            if last is not None:
                result = OTHER if kwargs else last.again(args)
                if result is not OTHER:
                    return result
                if last.program.idle:  # else another thread is in the midst of it
                    self.forget()
            given = Arrays() if self.donate else Blocks()
            seen = self.seen.get(self.quick_key(args, kwargs, given))
            if seen is not None:
                result = seen.run(given)
                if not (kwargs or self.fixed or self.donate):
                    self.keep(args, seen.program, given.trees)
                return result
        return self.at_length(args, kwargs)

    def keep(self, args: tuple[Any, ...], program: Program, trees: Sequence[int]) -> None:
        """Keep a call ready that was made twice with the same trees: with others in turn, it would be in vain."""
        kind = (id(program), *trees)
        if kind == self.before != self.vain and self.last is None:
            self.last = ready(args, program)
            if self.last is None:
                self.vain = kind
        self.before = kind

    def forget(self) -> None:
        """The last call is not made again."""
        last, self.last = self.last, None
        if last is not None:
            last.program.leave()

    def quick_key(self, args: tuple[Any, ...], kwargs: dict[str, Any], given: Given) -> Any:
        """The key of a call like one before, and what it is given in the order of the inputs; None if unknown."""
        try:
            if not (kwargs or self.fixed):  # most calls
                return tuple([token(value, given) for value in args])
            named = {name: kwargs[name] for name in sorted(kwargs, key=self.place_of)}
            return key_of(args, named, self.fixed, given) if self.quick else None
        except (Unknown, RecursionError):
            return None

    def place_of(self, name: str) -> int:
        """Where an argument by name comes among the program's inputs: names of `**rest` last, as they were given."""
        return self.order.get(name, len(self.signature.parameters))

    def at_length(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A call of a kind that was not met before, or that is recorded by a trace."""
        traced = top_frame() is not None
        call, program = self.prepare(args, kwargs, lent=not (traced or interpreting()))
        arrays = [*call.arrays, *program.captured]
        if traced or innermost(arrays) is not None:
            return rebuild(program.result, guarded(program.traced, evaluate_on(program.traced, arrays)))
        copied = [place for place in call.borrowed if place in program.native.passed] if call.borrowed else []
        seen = Seen(program, call.forms, call.donated, copied)
        key = None if interpreting() else self.key_again(args, kwargs, call, program)
        result = seen.run(Arrays(call.arrays), interpreting())
        if key is not None:
            if len(self.seen) >= MOST_SEEN:
                self.seen.clear()
            self.seen[key] = seen
        return result

    def key_again(self, args: tuple[Any, ...], kwargs: dict[str, Any], call: Call, program: Program) -> Any:
        """The quick key by which calls like this one are found; None if there is none."""
        if self.programs.get(call.key) is not program:
            return None
        if where.depth() == 0:  # within a mapping's call, trees may be private copies that change
            for value in (*args, *kwargs.values()):
                acquaint(value)
        given = Arrays()
        key = self.quick_key(args, kwargs, given)
        return key if [array.spec for array in given.arrays] == [array.spec for array in call.arrays] else None

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """As an attribute of a class: a method, whose `self` is the first argument."""
        return self if instance is None else MethodType(self, instance)

    def __repr__(self) -> str:
        """`<compiled step: donates net, opt; 2 programs>`."""
        named = (("donates", self.donate), ("static", self.static))
        words = [f"{word} {', '.join(sorted(names))}" for word, names in named if names]
        count = len(self.programs)
        return f"<compiled {self.name}: {'; '.join([*words, f'{count} program' + 's' * (count != 1)])}>"

    @property
    def name(self) -> str:
        return getattr(self.function, "__name__", type(self.function).__name__)

    def prepare(self, args: tuple[Any, ...], kwargs: dict[str, Any], lent: bool = False) -> tuple[Call, Program]:
        """Take a call apart, and find or trace its program. NumPy arrays are copied, unless they are `lent` for it."""
        try:
            bound = self.signature.bind(*args, **kwargs)
        except TypeError as problem:
            fix = "call it with the arguments that its definition names"
            signature = str(self.signature)
            raise UsageError(
                "COMPILE-02", function=self.name, signature=signature, reason=problem, fix=fix
            ) from problem
        call = self.take_apart(bound.arguments, lent)
        program = self.programs.get(call.key)
        if program is None:
            with resting():
                program = self.trace(bound, call)
            # What was captured from an open trace ends with it, so such a program serves this call alone.
            if innermost(program.captured) is None:
                self.remark(call.key)
                if not self.programs:
                    self.seen.clear()  # whoever has emptied the one means the others
                    self.forget()
                program = self.programs.setdefault(call.key, program)  # another thread may have traced it meanwhile
        return call, program

    def take_apart(self, arguments: dict[str, Any], lent: bool) -> Call:
        """Leaves as arrays, and a key of names, structures, specs and static values."""
        call = Call((), [], {}, [], [])
        key: list[tuple[str, Any]] = []
        for name, value in arguments.items():
            if name in self.static:
                key.append((name, static_key(value)))
                continue
            leaves, structure = flatten(value)
            start = len(call.arrays)
            for leaf in leaves:
                own = borrowed(leaf.value) if lent else None
                if own is not None:
                    call.borrowed.append(len(call.arrays))
                elif name in self.donate:
                    call.donated.append(len(call.arrays))
                call.arrays.append(as_array(leaf) if own is None else own)
            specs = tuple(array.spec for array in call.arrays[start:])
            call.forms[name] = (structure, len(leaves))
            key.append((name, (structure, specs)))
        return replace(call, key=tuple(key))

    def trace(self, bound: inspect.BoundArguments, call: Call) -> Program:
        with tracing(keeps_values=False) as frame:
            inputs = [frame.input(array.spec, None) for array in call.arrays]
            remaining = iter(inputs)
            for name, (structure, count) in call.forms.items():
                given = [next(remaining) for _ in range(count)]
                frame.names.update((x.variable, name) for x in given)
                bound.arguments[name] = rebuild(structure, given)
            arrays, structure = result_leaves(self.function(*bound.args, **bound.kwargs))
            outputs = [frame.var_of(strong(array)) for array in arrays]
        graph = frame.graph([x.variable for x in inputs], outputs)
        parameters = [*self.parameters(call), *range(len(inputs), len(graph.inputs))]
        return Program(self.name, graph, simplify(graph), frame.captured, structure, self.outputs, parameters)

    def parameters(self, call: Call) -> Iterator[int]:
        """The places of arrays that will be the same in many calls: in trees and lists, as a rule, if not donated."""
        place = 0
        for name, (structure, count) in call.forms.items():
            if structure.form in ("tree", list) and name not in self.donate:
                yield from range(place, place + count)
            place += count

    def remark(self, key: Key) -> None:
        """Notes on what is traced too often."""
        keys = list(self.programs)
        if len(keys) == MANY - 1:
            remark_many(self.name, keys[-1], key)
        before = None if self.surprised else surprising(keys, key, self.calls)
        if before is not None and not where.of_the_package(file_of(self.function)):
            self.surprised = True
            remark_surprise(self.name, before, key)

    def ready(self, *args: Any, **kwargs: Any) -> None:
        """Compile for a call with such arguments, without calling: what would surprise later takes its time now."""
        if not interpreting():
            _ = self.prepare(args, kwargs, lent=True)[1].native

    def graph_for(self, *args: Any, **kwargs: Any) -> Graph:
        """The simplified graph that a call with these arguments runs."""
        return self.prepare(args, kwargs)[1].graph


def file_of(function: Any) -> str:
    """Where a function is written, without what is filled in; empty for what has no code of its own."""
    while isinstance(function, partial):
        function = function.func
    return getattr(getattr(function, "__code__", None), "co_filename", "")


def named_arguments(signature: inspect.Signature, names: Sequence[str]) -> frozenset[str]:
    listed = (names,) if isinstance(names, str) else tuple(names)
    for name in listed:
        if name not in signature.parameters:
            known = ", ".join(signature.parameters)
            fix = f"the arguments are {known}"
            raise UsageError("ARG-02", function="mt.compile", name="argument", value=name, fix=fix)
    return frozenset(listed)


@overload
def compile(function: Callable[..., Any], /, *, donate: Sequence[str] = (), static: Sequence[str] = ()) -> Any: ...
@overload
def compile(*, donate: Sequence[str] = (), static: Sequence[str] = ()) -> Callable[[Callable[..., Any]], Any]: ...
def compile(function: Any = None, /, *, donate: Sequence[str] = (), static: Sequence[str] = ()) -> Any:
    """f ↦ f as one graph, traced once for every combination of structures, types and shapes.

    Python numbers among the arguments are traced, so that a new value does not trace anew; those named in `static` are
    part of the program instead, as are the defaults of arguments that are not passed, and numbers in mappings; those in
    optimizers are traced. Arrays that f closes over are captured at the trace. The arguments named in `donate` are
    given away: using their arrays afterwards is a DonatedError, unless the call failed; an array that is donated and
    passed again is a UsageError (COMPILE-05), and so is a view of it. A note names the argument that
    is to blame where one function is traced again and again. Methods are decorated like functions; a `self` that is not
    a mapping is static.

    Traced without values: `if` on an array's number is a TraceError that names `xp.where`.
    Raises NonFiniteError, with nothing donated, if a guarded value (see `optimizer.step`) is not finite.

    >>> from mapsto import xp
    >>> double = compile(lambda x: 2 * x)
    >>> double(xp.asarray([1.0, 2.0]))
    array([2., 4.], f32[2])
    """
    if function is None:
        return lambda function: Compiled(function, donate, static)
    return Compiled(function, donate, static)
