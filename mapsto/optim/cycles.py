"""Schedules that rise and fall: cosine, with restarts, one cycle, and warming up before another."""

from __future__ import annotations

from typing import Any

from mapsto.array.arithmetic import maximum, minimum, remainder
from mapsto.array.array import Array
from mapsto.array.comparison import where
from mapsto.core.check import real_number, whole_number
from mapsto.optim.schedule import Schedule, between, checked_rate, constant
from mapsto.optim.settings import refuse_net

LAST = 2**53  # the largest step that f64 counts exactly


def cosine_at(step: Array, rate: float, steps: int, end: float) -> Array:
    return between(rate, end, minimum(step / steps, 1.0))


def cosine(rate: float, steps: int, end: float = 0.0) -> Schedule:
    """step ↦ end + (rate − end)(1 + cos(π·step/steps))/2, and `end` from then on.

    Half a cosine from `rate` to `end` (Loshchilov and Hutter, 2017, arXiv:1608.03983, equation 5, one cycle). For
    `fit`, steps is epochs · batches: `epochs * math.ceil(len(data) / batch_size)`.

    Raises UsageError (ARG-01) unless rate and end are 0 or more, steps a whole number of 1 or more.

    >>> [round(float(cosine(0.8, 10)(step)), 4) for step in (0, 5, 10, 11)]
    [0.8, 0.4, 0.0, 0.0]
    """
    rate, end = checked_rate("cosine", "rate", rate), checked_rate("cosine", "end", end)
    return Schedule(cosine_at, rate=rate, steps=whole_number("cosine", "steps", steps), end=end)


def cosine_restarts_at(step: Array, rate: float, steps: int, growth: int, end: float) -> Array:
    if growth == 1:
        return between(rate, end, remainder(step, float(steps)) / steps)
    begin, length = 0, steps
    # Where the last cycle began that has begun: a sum over the few beginnings that 53 bits can count.
    began, lasts = 0.0 * step, 0.0 * step + steps
    while (begin := begin + length) < LAST:
        length = length * growth
        began, lasts = where(step >= begin, float(begin), began), where(step >= begin, float(length), lasts)
    return between(rate, end, (step - began) / lasts)


def cosine_restarts(rate: float, steps: int, growth: int = 1, end: float = 0.0) -> Schedule:
    """step ↦ cosines from `rate` to `end`, one after another: SGDR (Loshchilov and Hutter, 2017, arXiv:1608.03983).

    The first cycle has `steps` steps, and each next one `growth` times as many. Raises UsageError (ARG-01) unless rate
    and end are 0 or more, steps and growth whole numbers of 1 or more.

    >>> [round(float(cosine_restarts(0.8, 10, growth=2)(step)), 4) for step in (0, 5, 10, 20, 30)]
    [0.8, 0.4, 0.8, 0.4, 0.8]
    """
    settings: dict[str, Any] = {
        "rate": checked_rate("cosine_restarts", "rate", rate),
        "steps": whole_number("cosine_restarts", "steps", steps),
        "growth": whole_number("cosine_restarts", "growth", growth),
        "end": checked_rate("cosine_restarts", "end", end),
    }
    return Schedule(cosine_restarts_at, **settings)


def one_cycle_at(step: Array, rate: float, steps: int, rise: float, start: float, end: float) -> Array:
    top, last = rise * steps - 1.0, steps - 1.0
    up = between(start, rate, step / top)
    down = between(rate, end, minimum((step - top) / (last - top), 1.0))
    return where(step <= top, up, down)


def one_cycle(
    rate: float, steps: int, rise: float = 0.3, start: float | None = None, end: float | None = None
) -> Schedule:
    """step ↦ a rate that rises from `start` to `rate` and falls to `end`, along half cosines.

    Smith and Topin, 2018, arXiv:1708.07120, in the form of PyTorch's OneCycleLR: the top is at step rise·steps − 1, the
    end at steps − 1, and stays. Unless given, start is rate/25 and end is start/10⁴. The momentum does not cycle.
    Raises UsageError (ARG-01) unless the rates are 0 or more, 0 < rise < 1, and there are steps enough to rise:
    rise·steps above 1.

    >>> [round(float(one_cycle(0.5, 20, rise=0.55)(step)), 4) for step in (0, 5, 10, 19)]
    [0.02, 0.26, 0.5, 0.0]
    """
    rate, rise = checked_rate("one_cycle", "rate", rate), real_number("one_cycle", "rise", rise, above=0, below=1)
    steps = whole_number("one_cycle", "steps", steps, 2)
    real_number("one_cycle", "rise·steps", rise * steps, above=1, below=steps)
    start = rate / 25.0 if start is None else checked_rate("one_cycle", "start", start)
    end = start / 1e4 if end is None else checked_rate("one_cycle", "end", end)
    return Schedule(one_cycle_at, rate=rate, steps=steps, rise=rise, start=start, end=end)


def warm_up_at(step: Array, steps: int, schedule: Any, start: float) -> Array:
    factor = start + (1.0 - start) * minimum(step / steps, 1.0)
    return factor * schedule(maximum(step - steps, 0.0))


def warm_up(steps: int, schedule: Any, start: float = 0.0) -> Schedule:
    """step ↦ a linear rise to the first rate of another schedule, which begins after it: `warm_up(500, cosine(…))`.

    In step s < steps it is schedule(0)·(start + (1 − start)·s/steps), from there on schedule(s − steps). The schedule
    is a mapping of steps, or a number. Raises UsageError (ARG-01) unless steps is a whole number of 1 or more and
    0 ≤ start ≤ 1, (OPT-08) for a net.

    >>> [round(float(warm_up(4, 0.8)(step)), 4) for step in (0, 1, 2, 4, 9)]
    [0.0, 0.2, 0.4, 0.8, 0.8]
    """
    steps, start = whole_number("warm_up", "steps", steps), real_number("warm_up", "start", start, least=0, most=1)
    refuse_net("warm_up", schedule, "optim.adam(optim.warm_up(500, optim.cosine(1e-3, 10_000)))")
    return Schedule(
        warm_up_at, steps=steps, schedule=schedule if callable(schedule) else constant(schedule), start=start
    )
