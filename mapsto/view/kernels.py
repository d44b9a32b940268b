"""A plan as a table: its kernels in the order of their phases, what each took in, and what it costs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mapsto.compiler.account import Cost, Memory, cost_of, memory_of, nodes_in
from mapsto.compiler.bodies import BodyStep
from mapsto.compiler.groups import Group
from mapsto.compiler.kernels import Written
from mapsto.compiler.pipeline import Plan
from mapsto.ir.graph import Node
from mapsto.transform.loop import While
from mapsto.transform.scan import Scan
from mapsto.view.entries import Entry, entries_of
from mapsto.view.paint import as_html, as_text, memory, painted, rounded

SILENT = frozenset("const broadcast reshape cast transpose stop_gradient".split())  # they compute nothing
LONG = 6  # primitives in a row; of more, the line they came from is named
WIDE = 60  # signs that tell what a kernel took in, about
HOST = "by the host"


@dataclass(frozen=True)
class KernelRow:
    """A kernel, or a step without a cost of its own: one that the host does, or one of bodies, whose kernels follow.

    `number` is that of its name, k3. `takes` says what it took in, `over` what it runs over and in how many chunks. The
    cost is that of all turns, and so are the seconds, which are what one thread took.
    """

    number: int | str
    phase: int | str
    takes: str
    over: str
    cost: Cost | None
    seconds: float | None = None


@dataclass(frozen=True)
class KernelTable:
    """The kernels of a program, phase by phase, and the memory of a run."""

    name: str
    rows: tuple[KernelRow, ...]
    memory: Memory
    note: str = ""

    @property
    def total(self) -> Cost:
        costs = [row.cost for row in self.rows if row.cost is not None]
        flops, read, written = (sum(getattr(cost, field) for cost in costs) for field in ("flops", "read", "written"))
        return Cost(flops, read, written, max((cost.scratch for cost in costs), default=0))

    @property
    def measured(self) -> bool:
        return any(row.seconds is not None for row in self.rows)

    @property
    def title(self) -> str:
        kernels = sum(row.cost is not None for row in self.rows)
        phases = len({row.phase for row in self.rows if row.cost is not None or row.over == HOST})
        hosted = sum(row.over == HOST for row in self.rows)
        parts = [counted(kernels, "kernel"), counted(phases, "phase"), *([f"{hosted} by the host"] if hosted else [])]
        return f"{self.name}: {', '.join(parts)}"

    @property
    def caption(self) -> str:
        """The memory of a run, and where to go from here."""
        told = self.memory
        parts = (("inputs", told.inputs), ("results", told.results), ("arena", told.arena))
        first = f"memory: {', '.join(f'{name} {memory(size)}' for name, size in parts)}; peak {memory(told.peak)}"
        return "\n".join(filter(None, (first, self.note)))

    def cells(self) -> tuple[list[str], list[list[str]]]:
        """The headings and the lines, the last of them the total."""
        whole = self.total
        seconds = sum(row.seconds or 0 for row in self.rows)
        heads = ["kernel", "phase", "takes in", "over", "FLOPs", "share", "read", "written", "scratch"]
        total = KernelRow(-1, 0, "", "", whole, seconds if self.measured else None)
        lines = [self.line(row, whole.flops, seconds) for row in (*self.rows, total)]
        lines[-1][:3] = ["total", "", ""]
        return heads + (["ms", "GFLOP/s", "of time"] if self.measured else []), lines

    def line(self, row: KernelRow, flops: int, seconds: float) -> list[str]:
        cost = row.cost
        words = [f"k{row.number}" if cost else str(row.number), str(row.phase), row.takes, row.over]
        if cost is None:
            figures = ["–"] * 5
        else:
            bytes_ = [memory(size) if size else "–" for size in (cost.read, cost.written, cost.scratch)]
            figures = [rounded(cost.flops).strip() if cost.flops else "–", share(cost.flops, flops), *bytes_]
        if self.measured:
            took = row.seconds
            speed = f"{cost.flops / took / 1e9:.1f}" if cost and cost.flops and took else "–"
            figures += ["–", "–", "–"] if took is None else [f"{took * 1e3:.3f}", speed, share(took, seconds)]
        return [*words, *figures]

    def __rich__(self) -> Any:
        heads, lines = self.cells()
        return painted(self.title, heads, lines, [0] * len(self.rows), self.caption, words=("cyan", "", ""))

    def __str__(self) -> str:
        return as_text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return as_html(self)


def table_of_plan(plan: Plan, name: str, note: str = "") -> KernelTable:
    """A plan ↦ the table of its kernels.

    >>> import mapsto as mt
    >>> from mapsto.compiler.pipeline import planned
    >>> plan = planned(mt.graph(lambda x, y: mt.xp.exp(x) * y)(mt.xp.ones(3), mt.xp.ones(3)).graph)
    >>> [(row.takes, row.over) for row in table_of_plan(plan, "f").rows]
    [('exp mul ↦ f32[3]', '3 elements')]
    """
    return KernelTable(name, tuple(map(row_of, entries_of(plan))), memory_of(plan), note)


def row_of(entry: Entry) -> KernelRow:
    step, written = entry.step, entry.written
    if written is not None:
        cost, over = times(cost_of(entry.plan, written), entry.times), chunks_of(written)
    else:
        cost, over = None, turns_of(step) if isinstance(step, BodyStep) else HOST
    return KernelRow(entry.number, entry.phase, takes(entry.plan, entry.place), over, cost)


def times(cost: Cost, turns: int) -> Cost:
    """The cost of all turns."""
    return Cost(turns * cost.flops, turns * cost.read, turns * cost.written, cost.scratch)


def turns_of(step: BodyStep) -> str:
    """How often the bodies of a step run."""
    primitive = step.node.primitive
    if isinstance(primitive, Scan):
        return counted(primitive.length, "turn")
    if isinstance(primitive, While):
        return "while it holds"
    return "one of them" if len(step.plans) > 1 else "called"


def timed(table: KernelTable, seconds: dict[int | str, float], note: str) -> KernelTable:
    """A table with the seconds that its kernels took."""
    rows = tuple(replace(row, seconds=seconds.get(row.number)) for row in table.rows)
    return replace(table, rows=rows, note="\n".join(filter(None, (note, table.note))))


def chunks_of(written: Written) -> str:
    """What a kernel runs over, and in how many chunks."""
    group = written.group
    what = "tiles" if group.tiled else counted(group.rows, "element" if group.flat else "row")
    return what if written.chunks == 1 else f"{what} in {written.chunks}"


def takes(plan: Plan, place: int) -> str:
    """What a step took in and what it makes that lasts, within the width of a column."""
    step = plan.steps[place]
    if not isinstance(step, Group):
        return f"{step.node.primitive.name} ↦ {plan.specs[step.outputs[0]]}"
    lasting = [n for n in plan.written[place].arrays if n in {m.stage.array for m in step.members}]
    largest = max(lasting, key=lambda n: plan.specs[n].nbytes, default=None)
    more = f" + {len(lasting) - 1}" if len(lasting) > 1 else ""
    made = "" if largest is None else f" ↦ {plan.specs[largest]}{more}"
    words = list(labels(nodes_in(plan, step), step))
    return shortened(words, WIDE) + made


def shortened(words: Sequence[str], room: int) -> str:
    """Words with arrows between; where there is no room for all, the first and the last."""
    text = " → ".join(words)
    for kept in range(len(words) - 1, 1, -1):
        if len(text) <= room:
            break
        text = " → ".join([*words[: (kept + 1) // 2], "…", *words[len(words) - kept // 2 :]])
    return text


def labels(nodes: Sequence[Node], group: Group) -> Iterator[str]:
    """What nodes belong to, in their order: mappings by the last part of their path, others by their primitives."""
    last = ""
    run: list[Node] = []
    told = [node for node in nodes if node.primitive.name not in SILENT] or nodes
    for node in told:
        label = node.path.rsplit(".", 1)[-1]
        if run and label:
            yield in_short(run)
            run = []
        if label and label != last:
            yield label
        if not label:
            run.append(node)
        last = label
    if run:
        yield in_short(run)
    if any(member.stage.total for member in group.members):
        yield "Σ of chunks"
    if any(member.stage.flag is not None for member in group.members):
        yield "checks"


def in_short(run: Sequence[Node]) -> str:
    """Primitives in a row; many of them by the line of the program that they come from."""
    names = [node.primitive.name for node in run]
    lines = dict.fromkeys(node.line for node in run)
    if len(names) <= LONG:
        return " ".join(names)
    (line, *others) = lines
    return line if line and not others else f"{' '.join(names[: LONG - 2])} + {len(names) - LONG + 2} more"


def counted(count: int, word: str) -> str:
    return f"{count:,} {word}{'s' * (count != 1)}"


def share(part: float, whole: float) -> str:
    """A part of a whole in per cent."""
    return f"{100 * part / whole:.0f} %" if part and whole else "–"
