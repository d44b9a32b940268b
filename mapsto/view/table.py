"""A net as a table: what every mapping in it yields, how many parameters it has, what it costs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mapsto.compose.combine import Chain
from mapsto.compose.declare import Declared
from mapsto.compose.mapping import Mapping
from mapsto.core.errors import UsageError
from mapsto.core.tree import Leaf, flatten, join
from mapsto.view.paint import as_html, as_text, memory, number, painted, rounded
from mapsto.view.survey import Output, Survey, parts, survey


@dataclass(frozen=True)
class Row:
    """A mapping within a net. Numbers include everything within it; None is not known.

    `parameters` are trained; `frozen` counts frozen parameters and constants, `state` what training moves without a
    gradient. `output` is a spec without the batch axis, `flops` the operations on floats for one example.
    """

    path: str
    name: str
    depth: int
    kind: str
    output: Output
    parameters: int | None
    frozen: int
    state: int
    nbytes: int
    flops: int | None


@dataclass(frozen=True)
class NetTable:
    """The rows of a net, outermost mapping first, and `total`, the net as a whole. `str` and HTML are the table."""

    inputs: tuple[Output, ...]
    rows: tuple[Row, ...]
    total: Row

    @property
    def title(self) -> str:
        if not self.inputs and self.total.output is None:
            return self.total.kind
        return f"{self.total.kind}: {', '.join(map(yields, self.inputs)) or '?'} ↦ {yields(self.total.output)}"

    @property
    def caption(self) -> str:
        """Totals in words, and what a question mark in the table means."""
        if self.total.parameters is None:
            return "? comes with net = net.init(mt.key(0), x[:1]); what fit trained is learner.net"
        counts = [(self.total.parameters, "parameter"), (self.total.frozen, "frozen"), (self.total.state, "state")]
        words = [f"{count:,} {word}{'s' * (word == 'parameter' and count != 1)}" for count, word in counts]
        held = " + ".join([words[0], *(word for word, (count, _) in zip(words[1:], counts[1:], strict=True) if count)])
        text = f"{held} in {memory(self.total.nbytes)}"
        if self.total.flops is None:
            return f"{text}\n? is not known: init recorded no input there, or it takes more than arrays"
        return f"{text}, {rounded(self.total.flops)}FLOPs an example (a multiply-add counts as 2)"

    def cells(self) -> tuple[list[str], list[list[str]]]:
        """Headings, and the cells of every row and of the total; columns in which nothing stands are left out."""
        heads = ["path", "mapping", "output", "parameters", "frozen", "state", "FLOPs"]
        everything = [*self.rows, self.total]
        lines = [
            [
                "  " * row.depth + row.name,
                row.kind,
                yields(row.output),
                *map(number, (row.parameters, row.frozen, row.state, row.flops)),
            ]
            for row in everything
        ]
        lines[-1][:3] = ["total", "", ""]
        unused = {4: self.total.frozen, 5: self.total.state}
        kept = [i for i in range(len(heads)) if unused.get(i, 1)]
        return [heads[i] for i in kept], [[line[i] for i in kept] for line in lines]

    def __rich__(self) -> Any:
        heads, lines = self.cells()
        return painted(self.title, heads, lines, [row.depth for row in self.rows], self.caption)

    def __str__(self) -> str:
        return as_text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return as_html(self)


def table_of(net: Mapping) -> NetTable:
    """A net ↦ its table as data, one row for every mapping within it; print it, or read `rows` and `total`.

    Outputs and costs come from tracing the net once at batch 1, on the input that `init` recorded; nothing is computed.
    A net that is not initialised shows its structure, with None for what is not known yet.

    >>> from mapsto import key, nn, xp
    >>> table = table_of((nn.Dense(4) >> nn.relu >> nn.Dense(1)).init(key(0), xp.ones((1, 3))))
    >>> [(row.path, row.parameters, row.flops) for row in table.rows]
    [('dense_1', 16, 28), ('relu', 0, 4), ('dense_2', 5, 9)]
    """
    if not isinstance(net, Mapping):
        fix = "mt.show(net), or for a function mt.show(mt.graph(f)(x))"
        raise UsageError("ARG-04", function="mt.show", found=type(net).__name__, fix=fix)
    found = survey(net)
    leaves = flatten(net)[0]
    total = row_of(net, "", "net", 0, leaves, found)
    if isinstance(net, Chain):
        rows = tuple(rows_within(net, "", 0, leaves, found))
    else:
        rows = (total, *rows_within(net, "", 1, leaves, found))
    return NetTable(found.inputs.get("", ()), rows, total)


def rows_within(mapping: Mapping, path: str, depth: int, leaves: list[Leaf], found: Survey) -> Iterator[Row]:
    for name, part in parts(mapping):
        inner = join(path, name)
        yield row_of(part, inner, name, depth, leaves, found)
        yield from rows_within(part, inner, depth + 1, leaves, found)


def row_of(mapping: Mapping, path: str, name: str, depth: int, leaves: list[Leaf], found: Survey) -> Row:
    mine = [leaf for leaf in leaves if within(leaf.path, path)]
    made = [leaf for leaf in mine if not isinstance(leaf.value, Declared)]
    sizes = {kind: sum(leaf.value.size for leaf in made if leaf.kind == kind) for kind in ("param", "frozen", "state")}
    constants = sum(leaf.value.size for leaf in made if leaf.kind in ("array", "plain"))
    covered = [one for one in (*found.flops, *found.unknown) if within(one, path)]
    flops = None
    if covered and not any(one in found.unknown for one in covered):
        flops = sum(found.flops[one] for one in covered)
    return Row(
        path=path,
        name=name,
        depth=depth,
        kind=type(mapping).__name__,
        output=found.outputs.get(path),
        parameters=sizes["param"] if len(made) == len(mine) else None,
        frozen=sizes["frozen"] + constants,
        state=sizes["state"],
        nbytes=sum(leaf.value.size * leaf.value.dtype.itemsize for leaf in made),
        flops=flops,
    )


def within(path: str, outer: str) -> bool:
    return not outer or path == outer or path.startswith(outer + ".")


def yields(output: Output) -> str:
    """A spec, or a tree of specs, as text: `(f32[3], f32[4])`; ? if it is not known."""
    if isinstance(output, (tuple, list)):
        return f"({', '.join(map(yields, output))})"
    if isinstance(output, dict):
        return "{" + ", ".join(f"{name}: {yields(one)}" for name, one in output.items()) + "}"
    return "?" if output is None else str(output)
