"""How turns are taken and what is made of the times: nothing here knows what is measured.

Ours and a peer take turns, block by block, so that both meet the same machine: its clock, its heat, its other work.
A block's figure is the median of its steps, a contestant's the median of its blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median
from typing import Any

Block = dict[str, Any]  # at least "seconds", the median of its steps


def turns(ours: str | None, peers: Sequence[str], blocks: int) -> list[str]:
    """The order of blocks: ours before every peer, `blocks` rounds over all peers.

    >>> turns("ours", ["p", "q"], 2)
    ['ours', 'p', 'ours', 'q', 'ours', 'p', 'ours', 'q']
    >>> turns(None, ["p", "q"], 2), turns("ours", [], 2)
    (['p', 'q', 'p', 'q'], ['ours', 'ours'])
    """
    if ours is None:
        return [*peers] * blocks
    pairs = [name for peer in peers for name in (ours, peer)] or [ours]
    return pairs * blocks


def steps_for(step_seconds: float, block_seconds: float, most: int) -> int:
    """How many steps make a block of about that time: at least 3, and no more than `most`.

    >>> steps_for(0.05, 0.4, 500), steps_for(3.0, 0.4, 500), steps_for(1e-5, 0.4, 500)
    (8, 3, 500)
    """
    return max(3, min(most, round(block_seconds / max(step_seconds, 1e-9))))


def compete(order: Sequence[str], block: Callable[[str], Block]) -> dict[str, list[Block]]:
    """An order and a way to run one block ↦ the blocks of each name, as they came."""
    found: dict[str, list[Block]] = {}
    for name in order:
        found.setdefault(name, []).append(block(name))
    return found


def quietest(block: Callable[[], Block], times: int, share: float) -> Block:
    """A block during which others took no more than this share of the cores, or of so many the least disturbed.

    >>> blocks = iter([{"others": 0.4}, {"others": 0.01}, {"others": 0.0}])
    >>> quietest(lambda: next(blocks), 5, 0.05)
    {'others': 0.01}
    """
    found = [block()]
    while found[-1].get("others", 0.0) > share and len(found) < times:
        found.append(block())
    return min(found, key=lambda one: one.get("others", 0.0))


def quantile(values: Sequence[float], share: float) -> float:
    """By straight lines between the sorted values.

    >>> quantile([4.0, 1.0, 3.0, 2.0], 0.5), quantile([1.0], 0.25)
    (2.5, 1.0)
    """
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def summary(blocks: Sequence[Block]) -> dict[str, Any]:
    """The blocks of one contestant ↦ its figures. `noise` is half the middle half's width, as a share of the median.

    >>> summary([{"seconds": 0.010}, {"seconds": 0.012}, {"seconds": 0.030}])["ms"]
    12.0
    """
    seconds = [block["seconds"] for block in blocks]
    middle = median(seconds)
    found: dict[str, Any] = {
        "ms": round(1e3 * middle, 6),
        "noise": round((quantile(seconds, 0.75) - quantile(seconds, 0.25)) / 2 / middle, 4),
        "blocks_ms": [round(1e3 * one, 6) for one in seconds],
    }
    for name in ("busy", "faults", "others"):
        if name in blocks[0]:
            found[name] = round(median([block[name] for block in blocks]), 3)
    if "spun" in blocks[0]:
        found["spun_ms"] = round(1e3 * max(block["spun"] for block in blocks), 1)
    return found


def paired(ours: Sequence[Block], peers: Sequence[str], found: dict[str, list[Block]], peer: str) -> list[float]:
    """How many times longer each block of a peer took than ours just before it; `ours` in the order of `turns`.

    >>> ours = [{"seconds": 1.0}, {"seconds": 2.0}, {"seconds": 1.0}, {"seconds": 4.0}]
    >>> paired(ours, ["p", "q"], {"q": [{"seconds": 4.0}, {"seconds": 4.0}]}, "q")
    [2.0, 1.0]
    """
    place, width = list(peers).index(peer), len(peers)
    before = ours[place::width]
    return [theirs["seconds"] / mine["seconds"] for mine, theirs in zip(before, found[peer], strict=True)]
