"""The words that the threads of a pool share, as the native driver and Python see them.

The state of a pool is an array of words in groups that share no cache line, because a line that another core has
written takes as long to come as hundreds of operations:

Phases are numbered for the whole life of a pool, over all runs: no number comes twice.

- `DONE`: chunks that were done since the pool was made, as far as those who did them have told. It only grows; a phase
  ends when it reaches what it was at the phase's begin plus the phase's chunks.
    - `MISSED`: the last phase of which somebody found a share that its owner had not begun.
- `BUSY`: 1 during a run; and in its line all that those who come to a phase from outside need:
    - `OPENED`: twice the number of the phase that is told of here. It is odd while these words change and between runs.
    - `SLOTS`, `PHASE`, `CHUNKS`, `ROWS`: the run's slots; the phase's entry, the number of its chunks and their table.
    - `START`: what `DONE` was when it began.
- `TAKEN`: 1 while a Python thread runs something on this pool.
- `SLEEPERS`, `BELL`, `STOP`: how many workers sleep; what they sleep on; 1 if they are to end.
- `COUNT`, `LOOK`: what stays the same: the number of threads, the caller included; for how many pauses a thread waits
  until it looks for what others have left to do.
- from `OWN` on, a group for every thread, the caller's first:
    - `CLAIMED`: phase · `CHUNKS_MOST` + how many chunks of its share are claimed in that phase, by it or by others. The
      phase is the last in which any were.
    - `SCRATCH`: the address of its work space.

What a thread knows of the phase it is in lies on its own stack, in the words of a `PLACE`: the phase's number, its
entry, chunks and their table, `DONE` at its begin, the run's slots, the thread's work space; and if the next entry of
the launch is a phase, its chunks and their table.
"""

from __future__ import annotations

LINE = 16  # words: two cache lines, since processors fetch them in pairs
DONE, BUSY, TAKEN, SLEEPERS, COUNT, OWN = (LINE * group for group in range(6))
MISSED = DONE + 1
OPENED, SLOTS, PHASE, CHUNKS, ROWS, START = (BUSY + 1 + place for place in range(6))
BELL, STOP = SLEEPERS + 1, SLEEPERS + 2
LOOK = COUNT + 1
CLAIMED, SCRATCH = 0, 1  # in a thread's own group

CHUNKS_MOST = 2**20  # in a phase: a share's number must leave the phase's alone

PLACE = ("number", "phase", "chunks", "rows", "start", "slots", "scratch", "next_chunks", "next_rows")


def own(thread: int, word: int) -> int:
    """Where a word of a thread's own group is."""
    return OWN + LINE * thread + word


def words(threads: int) -> int:
    """How many words the state of a pool has."""
    return own(threads, 0)


def field(name: str, word: int | str, of: str = "%state") -> str:
    """LLVM IR that calls the address of a word by a name."""
    return f"{name} = getelementptr i64, ptr {of}, i64 {word}"


def at(name: str) -> str:
    """LLVM IR that calls the address of a word of a thread's place `%NAME_here`."""
    return field(f"%{name}_here", PLACE.index(name), "%place")


def get(*names: str, kind: str = "i64") -> str:
    """LLVM IR that reads words of a thread's place, each by its name."""
    return "\n  ".join(f"{at(name)}\n  %{name} = load {kind}, ptr %{name}_here" for name in names)
