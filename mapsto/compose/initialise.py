"""Making a mapping's parameters: `net.init(key, example)` traces the mapping once by the type rules alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mapsto.array.array import Array
from mapsto.array.convert import asarray, astype
from mapsto.array.random import is_key
from mapsto.array.trace import Frame, innermost, tracing, untraced
from mapsto.compose.combine import Host, Repeat
from mapsto.compose.declare import Declared, declared
from mapsto.compose.frame import CallFrame, calling, key_for, private_copy, put, stream_of
from mapsto.compose.mapping import OPERATORS, Mapping, set_meta
from mapsto.core.errors import ShapeError, StateError, TraceError, UsageError
from mapsto.core.notes import note
from mapsto.core.spec import FLOAT32, DType, Spec, dtype_of, is_float
from mapsto.core.tree import Leaf, containers, flatten, join, map_leaves


class InitFrame(CallFrame):
    """Resolves a mapping's declared leaves when it is first called, and records its input and output specs."""

    makes_parameters = True
    sees_every_call = True

    def __init__(self, key: Array, paths: dict[int, str], trace: Frame) -> None:
        self.key = key
        self.paths = paths
        self.trace = trace

    def call(
        self, mapping: Mapping, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        if id(mapping) not in self.paths:
            if any(declared(mapping)):
                name = type(mapping).__name__
                raise StateError(
                    "MAP-02", fix=f"make {name} an attribute of the mapping that calls it, or a step of a chain"
                )
            return function(mapping, *args, **kwargs)
        specs = [asarray(x).spec for x in (*args, *kwargs.values()) if isinstance(x, (Array, np.ndarray))]
        for relative, one in declared(mapping):
            put(mapping, relative, self.make(one, join(self.paths[id(mapping)], relative), specs))
        result = on_host(mapping, function, args, kwargs)
        if isinstance(result, Array):
            # Within `each` the batch axis is out of sight already.
            seen = as_it_is if innermost((*args, result)) is not self.trace else one_example
            set_meta(mapping, specs=(tuple(map(seen, specs)), seen(result.spec)))
        return result

    def make(self, one: Declared, path: str, specs: list[Spec]) -> Array:
        if callable(one.shape) and not specs:
            fix = "a tuple is spread over several inputs by mt.star, or joined: mt.fn(lambda p: xp.concat(p, axis=-1))"
            raise UsageError("INIT-04", leaf=path, fix=fix)
        shape = one.shape(*specs) if callable(one.shape) else one.shape
        with untraced():
            made = astype(asarray(one.init(key_for(self.key, stream_of(path)), tuple(shape), one.dtype)), one.dtype)
        if made.shape != tuple(shape):
            fix = "an initialiser maps (key, shape, dtype) to an array of that shape"
            raise ShapeError("INIT-05", leaf=path, found=made.spec, shape=tuple(shape), fix=fix)
        return made


def on_host(mapping: Mapping, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What a mapping makes of its arguments; a host step that needs their numbers is said to come after `init`."""
    try:
        return function(mapping, *args, **kwargs)
    except TraceError as problem:
        if not isinstance(mapping, Host):
            raise
        name = type(mapping).__name__
        fix = "host steps are added after init: net = net.init(mt.key(0), x[:1]) >> nn.top_k(3, names)"
        raise TraceError("TRACE-01", what=f"the host step {name} reads numbers", fix=fix) from problem


def as_it_is(spec: Spec) -> Spec:
    return spec


def one_example(spec: Spec) -> Spec:
    """The spec without its batch axis."""
    return Spec(spec.dtype, spec.shape[1:])


def example_spec(example: Any) -> Spec:
    """What `init` needs of an example; NumPy floats count as the net's default type, float32."""
    if isinstance(example, Spec):
        return example
    spec = asarray(example).spec
    cast_at_edge = isinstance(example, np.ndarray) and is_float(spec.dtype)
    return Spec(FLOAT32, spec.shape) if cast_at_edge else spec


def initialise(mapping: Mapping, arguments: tuple[Any, tuple[Any, ...]]) -> Mapping:
    """The mapping with every parameter made; see `Mapping.init`."""
    key, examples = arguments
    if not is_key(key):
        raise UsageError("INIT-01", found=type(key).__name__, fix="net.init(mt.key(0), x[:1])")
    if not examples:
        raise UsageError("INIT-02", fix="net.init(mt.key(0), x[:1])")
    specs = [example_spec(example) for example in examples]
    for spec in specs:
        if not spec.shape:
            raise UsageError("INIT-03", function="init", spec=spec, fix="give a batch: x[:1]")
    for first, second in standing_twice(mapping):
        note(
            f"{first} and {second} are one object and become two layers, each with parameters of its own; to share "
            "them, call one attribute twice in a mapping of your own, and for copies on purpose say mt.repeat",
            once=False,
        )
    copy, paths = private_copy(mapping)
    with tracing(keeps_values=False) as trace, calling(InitFrame(key, paths, trace)):
        copy(*(trace.input(spec, None) for spec in specs))
    missed = [leaf.path for leaf in flatten(copy)[0] if isinstance(leaf.value, Declared)]
    if missed:
        note(f"never called, so still without parameters: {', '.join(missed)}", once=False)
    return copy


def standing_twice(tree: Any) -> list[tuple[str, str]]:
    """The paths of mappings that stand at two places of a tree and are still to get parameters, `mt.repeat` apart."""
    places: dict[int, str] = {}
    found: list[tuple[str, str]] = []

    def visit(value: Any, path: str) -> None:
        if isinstance(value, Mapping) and any(declared(value)):
            if id(value) in places:
                found.append((places[id(value)], path))
                return
            places[id(value)] = path
        if isinstance(value, Repeat):
            visit(value.copies[0], join(path, "copies.0"))
            return
        for name, part in containers(value) or ():
            visit(part, join(path, name))

    visit(tree, "")
    return found


def cast_mapping(mapping: Mapping, dtype: Any) -> Mapping:
    wanted: DType = dtype_of(dtype)

    def changed(leaf: Leaf) -> Any:
        value = leaf.value
        if isinstance(value, Declared):
            return Declared(value.kind, value.shape, value.init, wanted) if is_float(value.dtype) else value
        return astype(value, wanted) if is_float(value.dtype) else value

    return map_leaves(changed, mapping)


OPERATORS.update(init=initialise, cast=cast_mapping)
