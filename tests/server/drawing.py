"""Digits as somebody writes them: strokes of points (x, y) from 0 to 1, y downwards."""

import math

Stroke = list[tuple[float, float]]


def arc(x: float, y: float, width: float, height: float, begin: float, end: float) -> Stroke:
    """A piece of an ellipse around (x, y), from one angle to another in degrees; 90 is below."""
    angles = [math.radians(begin + (end - begin) * i / 14) for i in range(15)]
    return [(x + width * math.cos(angle), y + height * math.sin(angle)) for angle in angles]


EIGHT: Stroke = [(0.5 + 0.2 * math.sin(math.pi * t / 6), 0.5 - 0.38 * math.cos(math.pi * t / 12)) for t in range(25)]

DIGITS: dict[str, list[Stroke]] = {
    "0": [arc(0.5, 0.5, 0.26, 0.38, -90, 270)],
    "1": [[(0.35, 0.28), (0.52, 0.12), (0.52, 0.88)]],
    "2": [[*arc(0.5, 0.32, 0.22, 0.2, -170, 30), (0.3, 0.86), (0.76, 0.86)]],
    "3": [arc(0.47, 0.3, 0.22, 0.18, -150, 90) + arc(0.47, 0.68, 0.25, 0.2, -90, 150)],
    "4": [[(0.32, 0.12), (0.3, 0.5), (0.72, 0.5)], [(0.66, 0.14), (0.62, 0.9)]],
    "5": [[(0.34, 0.14), (0.31, 0.46), *arc(0.47, 0.65, 0.23, 0.22, -110, 150)], [(0.34, 0.14), (0.72, 0.14)]],
    "6": [[(0.62, 0.12), (0.42, 0.32), (0.31, 0.58), *arc(0.5, 0.68, 0.2, 0.19, -180, 180)]],
    "7": [[(0.27, 0.14), (0.74, 0.14), (0.44, 0.88)], [(0.38, 0.5), (0.7, 0.5)]],
    "8": [EIGHT],
    "9": [[*arc(0.5, 0.32, 0.2, 0.19, 0, -360), (0.68, 0.6), (0.62, 0.88)]],
}


def smaller(strokes: list[Stroke]) -> list[Stroke]:
    """The same at a third of the size, in the lower right corner."""
    return [[(0.64 + x / 3, 0.64 + y / 3) for x, y in stroke] for stroke in strokes]
