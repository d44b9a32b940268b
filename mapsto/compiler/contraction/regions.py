"""How the extent of a letter is cut into tiles, so that few kinds of tile are written."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Region:
    """Tiles from `start` to `stop`, `count` rows (or vectors) each and `step` turns apart.

    `inside`: all their terms exist, wherever the tile is. `valid`: how many lanes of a tile's last vector exist.
    """

    start: int
    stop: int
    step: int
    count: int
    inside: bool = True
    valid: int = 0

    @property
    def single(self) -> bool:
        return self.start + self.step >= self.stop


def row_regions(extent: int, count: int, inside: tuple[int, int]) -> tuple[Region, ...]:
    """Rows in all, rows a tile, the range of rows without borders ↦ tiles: alike ones together, others by themselves.

    >>> [(region.start, region.stop, region.count) for region in row_regions(15, 4, (1, 14))]
    [(0, 4, 4), (4, 12, 4), (12, 15, 3)]
    """
    found: list[Region] = []
    for start in range(0, extent, count):
        rows = min(count, extent - start)
        free = inside[0] <= start and start + rows <= inside[1]
        if found and free and found[-1].inside and found[-1].count == rows:
            found[-1] = Region(found[-1].start, start + rows, rows, rows)
        else:
            found.append(Region(start, start + rows, rows, rows, free))
    return tuple(found)


def vector_regions(extent: int, lanes: int, vectors: int) -> tuple[Region, ...]:
    """Elements in all, lanes a vector, vectors a tile ↦ full tiles, then one with what is left.

    >>> [(region.start, region.stop, region.count, region.valid) for region in vector_regions(100, 16, 4)]
    [(0, 64, 4, 0), (64, 100, 3, 4)]
    """
    step = lanes * vectors
    full = extent // step * step
    found = [Region(0, full, step, vectors)] if full else []
    if full < extent:
        left = extent - full
        found.append(Region(full, extent, step, -(-left // lanes), valid=left % lanes))
    return tuple(found)
