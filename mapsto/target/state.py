"""The words that the threads of a pool share, as the native driver and Python see them.

The state of a pool is an array of words in groups that share no cache line:

- `DONE`: chunks of the open phase that are done, as far as those who did them have told. The last opens the next phase.
- `BUSY`, and the rest of its line, which is all that has to travel to whoever waits for a phase: 1 during a run; then
  the slots, and the open phase with its chunks.
    - `OPENED`: how many phases were opened since the pool was made. Whoever finds nothing to claim waits for another.
- `TAKEN`: 1 while a Python thread runs something on this pool.
- `SLEEPERS`, `BELL`, `STOP`: how many workers sleep; what they sleep on; 1 if they are to end.
- `COUNT`: the number of threads, the caller included.
- from `OWN` on, a group for every thread, the caller's first:
    - `LEFT`: chunks of its share that nobody has claimed. Whoever lowers it from above 0 has claimed one, and nothing
      else of the state changes before all claimed chunks are done; at 0 or below there is nothing to claim.
    - `SCRATCH`: the address of its work space.
"""

from __future__ import annotations

LINE = 16  # words: two cache lines, since processors fetch them in pairs
DONE, BUSY, TAKEN, SLEEPERS, OWN = (LINE * group for group in range(5))
SLOTS, PHASE, CHUNKS, ROWS, COUNT, OPENED = (BUSY + 1 + place for place in range(6))
BELL, STOP = SLEEPERS + 1, SLEEPERS + 2
LEFT, SCRATCH = 0, 1  # in a thread's own group


def own(thread: int, word: int) -> int:
    """Where a word of a thread's own group is."""
    return OWN + LINE * thread + word


def words(threads: int) -> int:
    """How many words the state of a pool has."""
    return own(threads, 0)


def field(name: str, word: int | str, of: str = "%state") -> str:
    """LLVM IR that calls the address of a word by a name."""
    return f"{name} = getelementptr i64, ptr {of}, i64 {word}"
