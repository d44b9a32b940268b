"""Tracing: the frame that records what is done to its arrays as a graph.

A traced array is a variable of its frame and, if the frame keeps values, the array it stands for, which may itself be
traced by an outer frame. Transforms open a frame, call the user's function, close it, transform the graph, and
evaluate the result on the outer arrays; so they nest in any order.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import numpy as np

from mapsto.array.array import Array
from mapsto.core import where
from mapsto.core.errors import TraceError
from mapsto.core.notes import note
from mapsto.core.spec import DType, Spec, is_float, is_integer
from mapsto.ir.graph import Builder, Graph, Node, Var, evaluate, run
from mapsto.ir.primitive import Primitive, outputs_of
from mapsto.prims.cast import StopGradient

# What of that which is done, while a frame is open, to arrays of frames further out belongs to it and not to these.
Claims = Literal["nothing", "what refuses", "everything"]


class Frame:
    """A trace in progress."""

    def __init__(self, keeps_values: bool, parent: Frame | None, claims: Claims = "nothing") -> None:
        self.keeps_values = keeps_values
        self.parent = parent
        self.claims: Claims = claims
        self.claiming: Frame | None = self if claims != "nothing" else parent.claiming if parent else None
        self.level: int = parent.level + 1 if parent else 0
        self.builder = Builder()
        self.values: dict[Var, Array] = {}
        self.hidden: dict[int, tuple[Var, Array]] = {}  # captured arrays by identity, kept alive here
        self.taken: dict[int, tuple[Any, Array]] = {}  # by identity of the NumPy array, kept alive until the end
        self.guards: list[tuple[str, Var]] = []
        self.makers: dict[Var, Node] = {}
        self.met = 0  # how many nodes are among the makers
        self.names: dict[Var, str] = {}  # of inputs that are one argument each, for errors
        self.lane: Traced | None = None  # within vmap: the number of the element that is mapped
        self.hides_batch = False  # within vmap: its arrays are those of one element
        self.open = True
        self.lost = False  # whether a number was taken out of it that the derivative does not follow

    def input(self, spec: Spec, value: Array | None) -> Traced:
        """A new input. It is a variable of its own, even where two inputs have the same value."""
        var = Var(spec)
        if value is not None:
            self.values[var] = value
        return Traced(self, var, value)

    def var_of(self, array: Array) -> Var:
        """The variable of an array; an array from outside becomes a hidden input."""
        if isinstance(array, Traced) and array.frame is self:
            return array.variable
        if isinstance(array, Traced) and not array.frame.open:
            raise TraceError("TRACE-02", fix="return it from the traced function instead of storing it elsewhere")
        if id(array) not in self.hidden:
            var = Var(array.spec)
            self.hidden[id(array)] = (var, array)
            self.values[var] = array
        return self.hidden[id(array)][0]

    def maker(self, var: Var) -> Node | None:
        """The node that makes a variable here."""
        for node in self.builder.nodes[self.met :]:
            self.makers.update(dict.fromkeys(node.outputs, node))
        self.met = len(self.builder.nodes)
        return self.makers.get(var)

    def record(self, primitive: Primitive, inputs: Sequence[Var], origin: tuple[str, str] | None) -> tuple[Array, ...]:
        """Apply a primitive to variables of this frame; what was applied to them before is not applied again."""
        key = (primitive, *inputs)
        outputs = self.builder.interned.get(key)
        if outputs is None:
            values: tuple[Array, ...] = ()
            if self.keeps_values:
                inner = [self.values[var] for var in inputs]
                values = _apply(primitive, inner, innermost(inner) if inner else self.parent, origin)
            path, line = origin or (where.current_path(), where.user_line())
            outputs = self.builder.insert(key, path, line)
            self.values.update(zip(outputs, values, strict=self.keeps_values))
        return tuple(Traced(self, var, self.values.get(var)) for var in outputs)

    def graph(self, inputs: Sequence[Var], outputs: Sequence[Var]) -> Graph:
        """What was recorded; hidden inputs follow the declared ones."""
        hidden = tuple(var for var, _ in self.hidden.values())
        return Graph((*inputs, *hidden), tuple(self.builder.nodes), tuple(outputs), tuple(self.guards))

    @property
    def captured(self) -> list[Array]:
        return [array for _, array in self.hidden.values()]


class Traced(Array):
    """An array within a trace."""

    __slots__ = ("frame", "value", "variable")
    _traced = True

    def __init__(self, frame: Frame, var: Var, value: Array | None) -> None:
        self.frame = frame
        self.variable = var
        self.value = value
        self._weak = var.spec.weak

    @property
    def data(self) -> np.ndarray[Any, Any]:
        raise TraceError("TRACE-01", what=str(self.spec), fix="only functions of xp apply to it")

    @property
    def spec(self) -> Spec:
        return self.variable.spec

    def __float__(self) -> float:
        remark_a_constant(self, "float()")
        return super().__float__()

    def __index__(self) -> int:
        if self.value is None and is_integer(self.variable.spec.dtype):
            name = self.frame.names.get(self.variable, "n")
            fix = f'range() and shapes need a number: mt.compile(f, static=("{name}",)) makes the argument one'
            raise TraceError("TRACE-01", what=f"{self.spec} used as a Python integer", fix=fix)
        return super().__index__()

    def item(self) -> Any:
        remark_a_constant(self, ".item()")
        return super().item()

    def tolist(self) -> Any:
        remark_a_constant(self, ".tolist()")
        return super().tolist()

    def __repr__(self) -> str:
        return f"traced({self.spec}{', ' + repr(self.value) if self.value is not None else ''})"


def remark_a_constant(array: Array, what: str) -> None:
    """A note where a number is taken out of a float that is being differentiated: what follows from it is constant."""
    if is_float(array.dtype) and differentiated(array):
        inner: Array | None = array
        while isinstance(inner, Traced):
            inner.frame.lost, inner = True, inner.value
        note(
            f"{where.user_line()}: {what} took a number out of a value that is being differentiated, and the "
            "derivative takes it for a constant. Compute with the functions of xp (xp.exp for math.exp), or say "
            "xp.stop_gradient(x) if a constant is meant; print(x) and f-strings need neither"
        )


def differentiated(array: Array | None) -> bool:
    """Whether an array depends on an input of a trace that keeps values: those are differentiated."""
    if not isinstance(array, Traced) or array.value is None:
        return False
    frame = array.frame
    made_by = {var: node for node in frame.builder.nodes for var in node.outputs}
    captured = {var: outside for var, outside in frame.hidden.values()}
    waiting, met = [array.variable], {array.variable}
    while waiting:
        var = waiting.pop()
        if var in captured:
            if differentiated(captured[var]):
                return True
        elif var not in made_by:
            return True
        elif not isinstance(made_by[var].primitive, StopGradient):
            waiting += [one for one in made_by[var].inputs if one not in met]
            met.update(made_by[var].inputs)
    return False


class _Frames(threading.local):
    def __init__(self) -> None:
        self.top: Frame | None = None


_frames = _Frames()


def top_frame() -> Frame | None:
    return _frames.top


@contextmanager
def tracing(keeps_values: bool, claims: Claims = "nothing") -> Generator[Frame, None, None]:
    """Open a frame for this block."""
    frame = Frame(keeps_values, _frames.top, claims)
    _frames.top = frame
    try:
        yield frame
    finally:
        _frames.top = frame.parent
        frame.open = False
        frame.taken.clear()


@contextmanager
def untraced() -> Generator[None, None, None]:
    """Within this block no frame is open: what does not depend on traced arrays is evaluated at once."""
    top, _frames.top = _frames.top, None
    try:
        yield
    finally:
        _frames.top = top


def taken_once(given: np.ndarray[Any, Any], dtype: DType, make: Callable[[], Array]) -> Array:
    """A NumPy array ↦ `make()`, the array for it; within a trace the one that was made for it before.

    What was written to since then is taken again. An array that a trace uses many times is so one hidden input of it.
    """
    frame = _frames.top
    if frame is None:
        return make()
    while frame.parent is not None:
        frame = frame.parent
    known = frame.taken.get(id(given))
    if known is not None and known[1].dtype == dtype and same_numbers(known[1].data, given):
        return known[1]
    made = make()
    frame.taken[id(given)] = (given, made)
    return made


def same_numbers(kept: np.ndarray[Any, Any], given: np.ndarray[Any, Any]) -> bool:
    """Whether an array still has the bytes of the one that was made of it; another dtype counts as changed."""
    if kept is given:
        return True
    return kept.shape == given.shape and kept.dtype == given.dtype and kept.tobytes() == given.tobytes()


def apply_all(primitive: Primitive, *arrays: Array, origin: tuple[str, str] | None = None) -> tuple[Array, ...]:
    """Apply a primitive: evaluate it, or record it in the innermost frame that one of the arrays belongs to.

    A primitive without inputs belongs to the innermost open frame; within a frame that claims one, it belongs to that.
    """
    frame = innermost(arrays) if arrays else _frames.top
    if frame is not None and _frames.top is not None and _frames.top.claiming is not None:
        frame = claimed(primitive, arrays, frame, _frames.top.claiming)
    return _apply(primitive, arrays, frame, origin)


def claimed(primitive: Primitive, arrays: Sequence[Array], frame: Frame, claiming: Frame | None) -> Frame:
    """The innermost open frame that records also what is done to arrays of frames further out; else that frame."""
    while claiming is not None and claiming.level > frame.level:
        if claiming.claims == "everything" or primitive.refuses([array.spec for array in arrays]):
            return claiming
        claiming = claiming.parent.claiming if claiming.parent else None
    return frame


def apply(primitive: Primitive, *arrays: Array) -> Array:
    """`apply_all` for primitives with one output."""
    return apply_all(primitive, *arrays)[0]


def innermost(arrays: Sequence[Array]) -> Frame | None:
    frames = [array.frame for array in arrays if isinstance(array, Traced)]
    return max(frames, key=lambda frame: frame.level, default=None)


def _apply(
    primitive: Primitive, arrays: Sequence[Array], frame: Frame | None, origin: tuple[str, str] | None
) -> tuple[Array, ...]:
    if frame is None:
        specs = primitive.type(*(array.spec for array in arrays))
        made = outputs_of(primitive, [array.data for array in arrays])
        return tuple(Array(data, spec.weak) for data, spec in zip(made, specs, strict=True))
    if not frame.open:
        raise TraceError("TRACE-02", fix="return it from the traced function instead of storing it elsewhere")
    return frame.record(primitive, [frame.var_of(array) for array in arrays], origin)


def evaluate_on(graph: Graph, arrays: Sequence[Array]) -> list[Array]:
    """Run a graph on arrays: by NumPy, or recorded by the frames that trace them. Returns the results."""
    if innermost(arrays) is None and _frames.top is None:
        made = run(graph, [array.data for array in arrays])
        return [Array(data, var.spec.weak) for data, var in zip(made, graph.results, strict=True)]

    def step(node: Node, *values: Array) -> tuple[Array, ...]:
        return apply_all(node.primitive, *values, origin=(node.path, node.line))

    return evaluate(graph, arrays, step)
