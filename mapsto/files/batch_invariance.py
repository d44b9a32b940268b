"""The check of batch invariance: whether a net treats every example by itself, as a file promises.

A file holds the graph of one example, traced at batch 1. Whether the net makes the same of three together is asked of
numbers: a batch of one is traced with layouts of its own, so no proof compares these two. That the net, which is a
Python function and may do something else for each count, makes the same of two and of five as of three is proved
(`compiler/batch_proof.py`), or where there is no proof, asked of more numbers.

Both graphs are run in float64 on the same batches, element by element, so that what differs is seen far below what
float32 would round off (note 0045).
"""

from __future__ import annotations

from collections.abc import Iterable

from mapsto.array.array import Array
from mapsto.array.convert import asarray
from mapsto.compiler.batch_axis import NO_AXIS, BatchAxis, BatchSizes
from mapsto.compiler.batch_proof import proved_batch_axes, same_bits
from mapsto.compose.frame import CallFrame
from mapsto.compose.mapping import Mapping
from mapsto.core.errors import MapstoError, UsageError
from mapsto.core.spec import Spec
from mapsto.files.batches import Numbers, alike, unlike
from mapsto.files.expected import Expected
from mapsto.files.float64 import in_float64, wide_numbers
from mapsto.files.mixing import mixing_layer
from mapsto.files.recorded import Recorded, recorded
from mapsto.ir.graph import Graph, run
from mapsto.transform.simplify import simplify

MIXING = "a file maps each example by itself, in batches of any size; leave out the step that mixes them"
EXAMPLES = 3
PROVED = ((3, 2), (5, 3))  # counts for which a proof is looked for: with the trial, all of 2, 3 and 5 are alike
OTHERS = (2, 5)  # counts that the net is tried with where there is none; the program treats all counts alike
NAMES = {1: "one", 2: "two", 3: "three", 5: "five"}


def check_batch_invariance(
    mapping: Mapping, frame: CallFrame, spec: Spec, graph: Graph, tensors: Iterable[Array]
) -> None:
    """The graph of one example must say what the net, called through `frame`, makes of each of any batch.

    Tried with three examples; with two and five by proof, or by numbers. Raises UsageError (SAVE-08, SAVE-09, SAVE-10),
    which names the first layer that mixes examples.
    """
    trial = Trial(mapping, frame, spec, graph, [wide_numbers(array) for array in tensors])
    trial.compare(EXAMPLES, alike(spec, EXAMPLES))
    if all(trial.is_proved(BatchSizes(*sizes)) for sizes in PROVED):
        return
    trial.compare(EXAMPLES, unlike(spec, EXAMPLES), all_taken=False)
    for count in OTHERS:
        trial.compare(count, alike(spec, count))
        trial.compare(count, unlike(spec, count), all_taken=False)


class Trial:
    """A net, and the graph of one example that is to stand for it, tried on batches."""

    def __init__(self, mapping: Mapping, frame: CallFrame, spec: Spec, graph: Graph, tensors: list[Numbers]) -> None:
        self.mapping, self.frame, self.spec = mapping, frame, spec
        self.graph, self.tensors = graph, tensors
        self.nets: dict[int, Recorded] = {}

    def net(self, count: int) -> Recorded:
        """The graph of the net for so many examples. Raises UsageError (SAVE-08) if it refuses them."""
        if count not in self.nets:
            batch = Spec(self.spec.dtype, (count, *self.spec.shape))
            try:
                found = recorded(self.mapping, self.frame, batch, lambda net, x: net(x))
            except MapstoError as problem:
                raise self.refusal(count, problem) from problem
            self.nets[count] = Recorded(simplify(found.graph), found.leaves, found.hidden)
        return self.nets[count]

    def is_proved(self, sizes: BatchSizes) -> bool:
        """Whether it is proved that the net does the same for each example of a batch of either size."""
        full, fewer = self.net(sizes.full), self.net(sizes.fewer)
        if len(full.arrays) != len(fewer.arrays) or not all(map(same_bits, full.arrays, fewer.arrays)):
            return False
        given = [BatchAxis(0), *[NO_AXIS] * len(full.arrays)]
        return proved_batch_axes(sizes, full.graph, fewer.graph, given) == [BatchAxis(0)]

    def compare(self, count: int, batches: Iterable[Numbers], all_taken: bool = True) -> None:
        """The net must make of these batches, of so many examples, what the graph makes of each example.

        A batch that the net does not take, for an index is out of range or a matrix singular, says nothing if not
        `all_taken`. Raises UsageError (SAVE-08, SAVE-09, SAVE-10).
        """
        net = self.net(count)
        together = list(net.graph.outputs[0].spec.shape)
        apart = [count, *self.graph.outputs[0].spec.shape]
        if together != apart:
            x = asarray(next(iter(batches)))
            path = mixing_layer(self.mapping, self.frame, x)
            raise UsageError("SAVE-09", path=path, count=NAMES[count], together=together, apart=apart, fix=MIXING)
        wide_net, arrays = in_float64(net.graph), [wide_numbers(array) for array in net.arrays]
        expected = Expected(self.graph, self.tensors, count)
        for x in batches:
            try:
                (found,) = run(wide_net, [wide_numbers(x), *arrays])
            except MapstoError as problem:
                if all_taken:
                    raise self.refusal(count, problem) from problem
                continue
            if not expected.agrees(found, x):
                path = mixing_layer(self.mapping, self.frame, asarray(x))
                raise UsageError("SAVE-10", path=path, count=NAMES[count], fix=MIXING)

    def refusal(self, count: int, problem: MapstoError) -> UsageError:
        reason = problem.headline
        return UsageError("SAVE-08", path=problem.path, count=NAMES[count], reason=reason, fix=MIXING)
