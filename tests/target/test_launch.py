"""What a launch does is the same for any number of threads, and for any number of Python threads at once."""

import threading
from collections.abc import Iterator

import numpy as np
import pytest

from mapsto.target.launch import Launch, Phase
from mapsto.target.state import CHUNKS_MOST
from mapsto.target.threads import Pool, threads
from tests.target.kernels import slots, task


@pytest.fixture(params=[1, 2, 3, 4], autouse=True)
def number(request: pytest.FixtureRequest) -> Iterator[int]:
    before = threads()
    yield threads(request.param)
    threads(before)


def walked(x: np.ndarray, steps: int) -> np.ndarray:
    """`uint64[n]` after that many steps of the kernel "walk", x ↦ m·x + c: doubling the step gives m² and c·(m + 1)."""
    m, c = 6364136223846793005, 1442695040888963407
    while steps:
        if steps & 1:
            x = x * np.uint64(m) + np.uint64(c)
        m, c, steps = m * m % 2**64, c * (m + 1) % 2**64, steps >> 1
    return x


def test_every_chunk_once() -> None:
    launch = Launch([Phase((task("count", [0], 64), task("count", [1], 1), task("count", [2], 0)))])
    a, b = np.zeros(64, np.int64), np.zeros(1, np.int64)
    for _ in range(500):
        launch.run(slots(a, b, 0))
    assert (a == 500).all() and b == 500


def test_a_phase_sees_the_one_before() -> None:
    """The first chunk takes much longer than all others together, so the last to be claimed is not the last done."""
    phases = [Phase((task("walk", [0, 2], 1), task("walk", [4, 3], 63))), Phase((task("total", [1, 0], 3),))]
    launch, a, b = Launch(phases * 5), np.arange(64), np.zeros(3, np.int64)
    given, expected = slots(a, b, 20_000, 20, a[1:]), np.arange(64, dtype=np.uint64)
    for _ in range(10):
        launch.run(given)
        expected = walked(expected, 5 * 20)
        expected[:1] = walked(expected[:1], 5 * (20_000 - 20))
        assert (b.view(np.uint64) == expected.sum()).all()


def test_bits_do_not_depend_on_threads() -> None:
    x = np.random.Generator(np.random.PCG64(4)).normal(size=64_000)
    launch = Launch([Phase((task("partial", [0, 1], 64),))])
    parts, expected = np.zeros(64), np.array([np.cumsum(part)[-1] for part in x.reshape(64, 1000)])
    for _ in range(50):
        parts[:] = np.nan
        launch.run(slots(parts, x))
        assert parts.tobytes() == expected.tobytes()


def test_work_space_is_each_threads_own(number: int) -> None:
    launch = Launch([Phase((task("space", [0], 64),))] * 10, scratch_bytes=4096)
    a = np.zeros(64, np.int64)
    for _ in range(50):
        launch.run(slots(a))
        assert (a > 0).all() and (a % 64 == 0).all() and len(set(a)) <= number


def test_work_space_grows_from_launch_to_launch() -> None:
    a = np.zeros(64, np.int64)
    for size in (4096, 1 << 16, 4096, 1 << 20):
        launch = Launch([Phase((task("space", [0], 64),))], scratch_bytes=size)
        for _ in range(20):
            launch.run(slots(a))
            assert (a > 0).all()


def test_nothing_to_do() -> None:
    Launch([]).run(slots())
    Launch([Phase(())], small=True).run(slots())


def test_as_many_chunks_as_can_be_counted() -> None:
    with pytest.raises(AssertionError, match="more than threads can count"):
        Launch([Phase((task("count", [0], CHUNKS_MOST + 1),))])


def test_other_slots_each_time() -> None:
    launch = Launch([Phase((task("count", [0], 8),))])
    arrays = np.zeros((10, 8), np.int64)
    for array in (*arrays, *arrays):
        launch.run(slots(array))
    assert (arrays == 2).all()


def test_several_python_threads_at_once() -> None:
    """One launch, by five Python threads: one of them has the workers, the others run alone, all get the same."""
    launch = Launch([Phase((task("walk", [0, 1], 16), task("space", [2], 16)))] * 10, scratch_bytes=4096)

    def once() -> np.ndarray:
        a, b = np.arange(16), np.zeros(16, np.int64)
        launch.run(slots(a, 500, b))
        assert (b > 0).all()
        return a

    expected, wrong = once(), []

    def often() -> None:
        try:
            wrong.extend([1 for _ in range(50) if not np.array_equal(once(), expected)])
        except AssertionError:
            wrong.append(1)

    callers = [threading.Thread(target=often) for _ in range(5)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert not wrong


def test_workers_that_sleep_in_python(number: int) -> None:
    """What systems other than Linux do."""
    pool = Pool(number, native_sleep=False)
    launch = Launch([Phase((task("count", [0], 64),))] * 3)
    a = np.zeros(64, np.int64)
    given = slots(a)
    for _ in range(300):
        pool.run(launch._program, given.ctypes.data, 0, 0)
    pool.stop()
    assert (a == 900).all()
    assert not any(worker.is_alive() for worker in pool._workers)
