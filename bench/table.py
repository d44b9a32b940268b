"""A file of results ↦ tables: printed, and in the README between two marks.

python -m bench.table bench/results/FILE.json                            # prints it
python -m bench.table bench/results/FILE.json README.md README.zh.md     # and writes it into these pages
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

OURS = "mapsto"
MARK = "speed"
NAMES = {"mapsto": "mapsto", "torch": "PyTorch", "jax": "JAX", "onnxruntime": "ONNX Runtime"}
NONE = "–"
QUIET = 0.05  # noise of the peak's blocks, and the share of the cores that others took; both are 1 % as a rule
# The words of a page, by its language.
WORDS = {
    "en": {
        "head": ["one step, in ms", "mapsto", "best peer, as installed", "×", "best peer, allocator tuned", "×"]
        + ["of the peak: ours, peer"],
        "inference, ": "inference, ",
        "batch": "batch",
        "foot": "{cpu}, {threads} threads, {versions}, {when}. × says how many times faster mapsto is, of the medians "
        "of {blocks} alternating blocks; the peak is that of an FMA loop, {peak} GFLOP/s; "
        "its share counts the operations of plain sums, of which ours need fewer for convolutions and gathered rows. "
        "[How it is measured](bench/README.md).",
    },
    "zh": {
        "head": ["一步，毫秒", "mapsto", "最快的同类，默认安装", "×", "最快的同类，调优分配器", "×"]
        + ["占峰值：我们，同类"],
        "inference, ": "推理，",
        "batch": "批大小",
        "foot": "{cpu}，{threads} 线程，{versions}，{when}。× 表示 mapsto 快多少倍，取 {blocks} 轮交替测量的中位数；"
        "峰值由 FMA 循环测得，{peak} GFLOP/s；占比按普通求和的运算量计，我们的卷积和查表乘积用更少的运算。"
        "[测量方法](bench/README.md)。",
    },
}


def best(row: dict[str, Any], setting: str) -> dict[str, Any] | None:
    """The fastest peer of a row as installed, or, if the allocator may be tuned, the fastest of all."""
    settings = {"installed", setting}
    peers = [one for one in row["contestants"] if one["framework"] != OURS and one["setting"] in settings]
    return min(peers, key=lambda one: one["ms"], default=None)


def ours(row: dict[str, Any]) -> dict[str, Any] | None:
    """mapsto in a row, if it took part."""
    return next((one for one in row["contestants"] if one["framework"] == OURS), None)


def digits(ms: float) -> str:
    """Milliseconds with three digits that count.

    >>> digits(45.678), digits(1.6049), digits(0.01234), digits(123.4)
    ('45.7', '1.60', '0.0123', '123')
    """
    places = 0 if ms >= 99.95 else 1 if ms >= 9.995 else 2 if ms >= 0.9995 else 3 if ms >= 0.09995 else 4
    return f"{ms:.{places}f}"


def name_of(one: dict[str, Any]) -> str:
    """`PyTorch channels_last`: the framework as it writes itself, and the variant."""
    return f"{NAMES[one['framework']]} {one['variant']}"


def share(row: dict[str, Any], one: dict[str, Any] | None) -> str:
    """The arithmetic of a step over its time, as a share of the machine's peak in the same row."""
    if one is None or not row.get("peak_gflops"):
        return NONE
    return f"{row['flops'] / one['ms'] / 1e6 / row['peak_gflops']:.0%}"


def cells(row: dict[str, Any]) -> list[str]:
    """A row's figures: ours; the best peer and the ratio, in both settings; shares of the peak."""
    mine = ours(row)
    found = [digits(mine["ms"]) if mine else NONE]
    for setting in ("installed", "tuned"):
        peer = best(row, setting)
        found.append(f"{digits(peer['ms'])} ({name_of(peer)})" if peer else NONE)
        found.append(f"{peer['ms'] / mine['ms']:.2f}" if peer and mine else NONE)
    return [*found, f"{share(row, mine)}, {share(row, best(row, 'tuned'))}"]


def width(text: str) -> int:
    """Columns on a screen: those of Chinese take two.

    >>> width("ms"), width("毫秒")
    (2, 4)
    """
    return sum(2 if ord(letter) > 0x2E7F else 1 for letter in text)


def aligned(lines: Sequence[Sequence[str]], between: str) -> list[str]:
    """Rows of cells ↦ lines whose columns stand under each other."""
    widths = [max(map(width, column)) for column in zip(*lines, strict=True)]
    return [
        between.join(cell + " " * (wide - width(cell)) for cell, wide in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]


def facts(result: dict[str, Any], language: str) -> str:
    """The line under the table: what it was measured on, with what, how."""
    peaks = [row["peak_gflops"] for row in result["rows"] if row.get("peak_gflops")]
    shown = {NAMES[name]: result["versions"][name] for name in NAMES if name in result["versions"]}
    return WORDS[language]["foot"].format(
        cpu=result["machine"]["cpu"],
        threads=result["threads"],
        versions=", ".join(f"{name} {version}" for name, version in shown.items()),
        when=result["when"].split()[0],
        blocks=result["blocks"],
        peak=f"{max(peaks):.0f}" if peaks else NONE,
    )


def lines_of(result: dict[str, Any], language: str) -> list[list[str]]:
    """The head and a line of cells for each row."""
    words = WORDS[language]
    titles = [row["title"].replace("inference, ", words["inference, "]) for row in result["rows"]]
    titles = [title.replace("batch", words["batch"]) for title in titles]
    return [words["head"], *([title, *cells(row)] for title, row in zip(titles, result["rows"], strict=True))]


def text(result: dict[str, Any]) -> str:
    """Results ↦ the table as it is printed."""
    return "\n".join([*aligned(lines_of(result, "en"), "  "), "", re.sub(r" \[.*", "", facts(result, "en"))])


def markdown(result: dict[str, Any], language: str) -> str:
    """Results ↦ the table as a README has it."""
    head, *rows = lines_of(result, language)
    rule = ["---", *["--:"] * (len(head) - 1)]
    table = ["| " + " | ".join(line) + " |" for line in [head, rule, *rows]]
    return "\n".join([*table, "", facts(result, language)])


def marks(mark: str) -> tuple[str, str]:
    """What stands in a page before a table and after it."""
    return f"<!-- {mark} -->", f"<!-- /{mark} -->"


def replaced(page: str, table: str, mark: str = MARK) -> str:
    """A page with the table between its marks. Raises ValueError if it does not have both marks, once, in order.

    >>> replaced("a\\n<!-- speed -->\\nold\\n<!-- /speed -->\\nb", "new")
    'a\\n<!-- speed -->\\nnew\\n<!-- /speed -->\\nb'
    """
    begin, end = marks(mark)
    before, found, rest = page.partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed) or begin in rest or end in after:
        raise ValueError(f"the page needs {begin} and {end}, each once and on a line of its own")
    return f"{before}{begin}\n{table}\n{end}{after}"


def peak_of(row: dict[str, Any]) -> list[str]:
    """A line on the peak, and whether the machine was quiet: nothing but other work slows a loop in registers."""
    if not row.get("peak_gflops"):
        return []
    busy = ": others were using this machine" if max(row["peak_noise"], row["peak_others"]) > QUIET else ""
    return [f"peak {row['peak_gflops']:.0f} GFLOP/s, noise {row['peak_noise']:.1%}{busy}"]


def details(row: dict[str, Any]) -> str:
    """Every contestant of a row, a line each, the fastest first."""
    head = [
        "",
        "ms",
        "noise",
        "ratio",
        "of peak",
        "memory",
        "faults",
        "busy",
        "others",
        "spun",
        "first",
        "losses",
        "weights",
    ]
    lines = [head]
    for one in sorted(row["contestants"], key=lambda one: one["ms"]):
        ratios = one.get("ratios")
        lines.append(
            [
                " ".join([name_of(one), "" if one["setting"] == "installed" else one["setting"]]),
                digits(one["ms"]),
                f"{one['noise']:.1%}",
                f"{min(ratios):.2f}–{max(ratios):.2f}" if ratios else NONE,
                share(row, one),
                f"{one['peak_mib']:.0f} MiB",
                f"{one['faults']:.0f}",
                f"{one['busy']:.2f}",
                f"{one['others']:.0%}",
                f"{one['spun_ms']:.0f} ms",
                f"{one['first_seconds']:.2f} s",
                f"{one['difference']:.0e}",
                f"{one['drift']:.0e}" if "drift" in one else NONE,
            ]
        )
    return "\n".join("    " + line for line in [*aligned(lines, "  "), *peak_of(row)])


def main(file: str, *pages: str) -> None:
    """Prints the table of a file, and writes it into pages; a page in Chinese has `.zh.` in its name."""
    result = json.loads(Path(file).read_text(encoding="utf-8"))
    print(text(result))
    for name in pages:
        page = Path(name)
        language = "zh" if ".zh." in page.name else "en"
        page.write_text(replaced(page.read_text(encoding="utf-8"), markdown(result, language)), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
