"""`mt.compile(f)`: trace once for every combination of types, shapes and static values; then run the graph."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, update_wrapper
from types import MethodType
from typing import Any, overload

import numpy as np

from mapsto.array.array import Array, donate
from mapsto.array.convert import strong
from mapsto.array.trace import Traced, evaluate_on, innermost, top_frame, tracing
from mapsto.compiler.interpret import interpreting
from mapsto.compiler.program import Native, Refused
from mapsto.core.errors import IndexRangeError, UsageError
from mapsto.core.notes import note
from mapsto.core.static import static_key
from mapsto.core.tree import Structure, flatten, rebuild
from mapsto.ir.graph import Graph, run
from mapsto.transform.call import as_array, check_function, guard, guarded, not_finite, result_leaves
from mapsto.transform.simplify import simplify

MANY = 16  # programs of one function, after which a note says so
Key = tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class Program:
    """A traced function: its graph as traced, the simplified one that runs, what it closed over, its result's form."""

    traced: Graph
    graph: Graph
    captured: list[Array]
    result: Structure

    @cached_property
    def native(self) -> Native:
        """The machine code, made when it is first run."""
        return Native(self.graph)

    def run(self, arrays: Sequence[Array]) -> list[Array]:
        """The graph's inputs ↦ its outputs; raises what the reference would."""
        inputs = [array.data for array in arrays]
        if interpreting():
            made = [Array(data) for data in run(self.graph, inputs)]
            check_guards(self.graph, made)
            return made
        try:
            return [Array(data) for data in self.native.run(inputs)]
        except Refused as refused:
            problem = self.refusal(refused, inputs)
        raise problem

    def refusal(self, refused: Refused, inputs: Sequence[np.ndarray[Any, Any]]) -> Exception:
        """Why a run does not count: the reference finds the place of an index that is out of range."""
        if refused.flag.name is not None:
            return not_finite(refused.flag.name)
        try:
            run(self.graph, inputs)
        except IndexRangeError as error:
            return error
        return IndexRangeError("USE-04", index="an index", extent="its array's extent", fix="indices run from 0")


@dataclass(frozen=True)
class Call:
    """The arguments of one call, taken apart. The key has an entry for every argument that was passed, by name."""

    key: Key
    arrays: list[Array]
    forms: dict[str, tuple[Structure, int]]
    donated: list[Array]
    lent: list[Array]


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
        # Names and docstring only: a transform of a compiled function carries that one's attributes in its __dict__.
        update_wrapper(self, function, updated=())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        call, program = self.prepare(args, kwargs)
        arrays = [*call.arrays, *program.captured]
        recorded = top_frame() is not None or innermost(arrays) is not None
        if recorded:
            made = guarded(program.traced, evaluate_on(program.traced, arrays))
        else:
            made = program.run(arrays)
        result = rebuild(program.result, made[: len(program.graph.outputs)])
        if not recorded:
            consume(call, program)  # at the very end: a call that fails leaves its arguments as they were
        return result

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

    def prepare(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Call, Program]:
        """Take a call apart, and find or trace its program."""
        try:
            bound = self.signature.bind(*args, **kwargs)
        except TypeError as problem:
            fix = "call it with the arguments that its definition names"
            signature = str(self.signature)
            raise UsageError(
                "COMPILE-02", function=self.name, signature=signature, reason=problem, fix=fix
            ) from problem
        call = self.take_apart(bound.arguments)
        program = self.programs.get(call.key)
        if program is None:
            program = self.trace(bound, call)
            # What was captured from an open trace ends with it, so such a program serves this call alone.
            if innermost(program.captured) is None:
                if len(self.programs) == MANY - 1:
                    self.remark(call.key)
                self.programs[call.key] = program
        return call, program

    def take_apart(self, arguments: dict[str, Any]) -> Call:
        """Leaves as arrays, and a key of names, structures, specs and static values."""
        arrays: list[Array] = []
        forms: dict[str, tuple[Structure, int]] = {}
        donated: list[Array] = []
        lent: list[Array] = []
        key: list[tuple[str, Any]] = []
        for name, value in arguments.items():
            if name in self.static:
                key.append((name, static_key(value)))
                continue
            leaves, structure = flatten(value)
            made = [as_array(leaf) for leaf in leaves]
            arrays += made
            forms[name] = (structure, len(made))
            key.append((name, (structure, tuple(array.spec for array in made))))
            (donated if name in self.donate else lent).extend(made)
        return Call(tuple(key), arrays, forms, donated, lent)

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
        return Program(graph, simplify(graph), frame.captured, structure)

    def remark(self, key: Key) -> None:
        """Say that the function is traced again and again, and which argument made it so the last time."""
        before, after = dict(list(self.programs)[-1]), dict(key)
        name = next((name for name in {**before, **after} if before.get(name) != after.get(name)), "")
        note(
            f"{self.name} was retraced {MANY} times, the last time because of {name!r}: every new structure, type, "
            "shape or static value is a new program. Numbers in mappings are static; pass what changes "
            "from call to call as an argument of its own"
        )

    def graph_for(self, *args: Any, **kwargs: Any) -> Graph:
        """The simplified graph that a call with these arguments runs."""
        return self.prepare(args, kwargs)[1].graph


def named_arguments(signature: inspect.Signature, names: Sequence[str]) -> frozenset[str]:
    listed = (names,) if isinstance(names, str) else tuple(names)
    for name in listed:
        if name not in signature.parameters:
            known = ", ".join(signature.parameters)
            fix = f"the arguments are {known}"
            raise UsageError("ARG-02", function="mt.compile", name="argument", value=name, fix=fix)
    return frozenset(listed)


def check_guards(graph: Graph, results: Sequence[Array]) -> None:
    """Raise NonFiniteError for the first guarded value that is not finite; nothing was updated by then."""
    for (name, _), value in zip(graph.guards, results[len(graph.outputs) :], strict=True):
        guard(name, value)


def consume(call: Call, program: Program) -> None:
    """Donated arrays are gone after a successful call, unless they were also passed or closed over undonated."""
    kept = {id(array) for array in (*program.captured, *call.lent)}
    for array in call.donated:
        if id(array) not in kept and not isinstance(array, Traced):
            donate(array)


@overload
def compile(function: Callable[..., Any], /, *, donate: Sequence[str] = (), static: Sequence[str] = ()) -> Any: ...
@overload
def compile(*, donate: Sequence[str] = (), static: Sequence[str] = ()) -> Callable[[Callable[..., Any]], Any]: ...
def compile(function: Any = None, /, *, donate: Sequence[str] = (), static: Sequence[str] = ()) -> Any:
    """f ↦ f as one graph, traced once for every combination of structures, types and shapes.

    Python numbers among the arguments are traced, so that a new value does not trace anew; those named in `static` are
    part of the program instead, as are the defaults of arguments that are not passed, and numbers in mappings; those in
    optimizers are traced. Arrays that f closes over are captured at the trace. The arguments named in `donate` are
    given away: using their arrays afterwards is a DonatedError, unless the call failed. A note names the argument that
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
