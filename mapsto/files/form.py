"""The form in which a graph stands in a file, line by line: that of `ir.show`, and nothing else.

The parser of graphs is written for people's text; here a stranger's is held to the lines that `show` writes, each
matched in linear time, before anything is read.
"""

from __future__ import annotations

import re

from mapsto.files.container import Refusal, too_large

MOST_LINES = 20_000  # reading them takes a second

DECLARED = r"\w+: \w+\*?\[[\d,]*\]"
HEAD = re.compile(rf"graph(?:_(?P<number>[1-9]\d{{0,4}}))?\((?:{DECLARED}(?:, {DECLARED})*)?\):")
NODE = re.compile(
    r"  [\w:\[\],* ]{1,10000} = [a-z0-9_]{1,60}(?:\.\d{1,9})?\((?:\w+(?:, \w+)*(?:; \w+=.{0,2000})?|\w+=.{0,2000})?\)"
)
ONE = re.compile(r"  return \w+")
SEVERAL = re.compile(r"  return \w+(?:, \w+)*")
NOT_WRITTEN = re.compile(r"[^\x00-\x7f]|\w{200}|(?:\d+,){64}|   # ")  # the third: arrays of more than 64 axes


def check_form(text: str) -> None:
    """The text is a graph that makes one array, and below it those that it names, numbered from 1. Raises Refusal."""
    lines = text.split("\n")
    if len(lines) > MOST_LINES:
        raise too_large(f"a graph of {len(lines)} lines", f"{MOST_LINES}")
    if NOT_WRITTEN.search(text):
        raise Refusal("FILE-18")
    sections, inside = 0, False
    for line in lines:
        if not inside:
            head = HEAD.fullmatch(line)
            if head is None or head["number"] != (str(sections) if sections else None):
                raise Refusal("FILE-18")
            sections, inside = sections + 1, True
        elif line.startswith("  return"):
            if not (ONE if sections == 1 else SEVERAL).fullmatch(line):
                raise Refusal("FILE-18")
            inside = False
        elif not NODE.fullmatch(line):
            raise Refusal("FILE-18")
    if inside:
        raise Refusal("FILE-18")


def nodes_in(text: str) -> int:
    """How many primitives the text of a graph applies, those of the graphs below it included."""
    return sum(line.startswith("  ") and not line.startswith("  return ") for line in text.split("\n"))
