"""A file of `bench.serving_peers` ↦ its table: printed, and in the README between two marks.

python -m bench.serving_table bench/results/serving/FILE.json README.md README.zh.md
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.networks import SERVED_NETS
from bench.table import NAMES, OURS, aligned, digits, replaced

MARK = "serving"
PEER = "onnxruntime"
# The words of a page, by its language.
WORDS = {
    "en": {
        "head": ["answers a second", "mapsto", NAMES[PEER], "×", "p99 in ms: mapsto", NAMES[PEER]],
        "connections": "{title}, {count} connections",
        "connection": "{title}, {count} connection",
        "foot": "PNG pictures over HTTP, both behind the same server and its batches, client and server on the same "
        "{cores} cores: {cpu}, {when}; medians of {rounds} alternating loads. × compares the answers. "
        "× of the net alone, at batch {batches}: {alone}. [How it is measured](bench/README.md).",
    },
    "zh": {
        "head": ["每秒回答数", "mapsto", NAMES[PEER], "×", "p99，毫秒：mapsto", NAMES[PEER]],
        "connections": "{title}，{count} 个连接",
        "connection": "{title}，{count} 个连接",
        "foot": "通过 HTTP 发送 PNG 图片，两者用同一个服务器和同样的批处理，客户端与服务器共用 {cores} 个核心："
        "{cpu}，{when}；取 {rounds} 轮交替测量的中位数。× 表示 mapsto 回答多少倍。"
        "单独运行网络，批大小 {batches}，吞吐量之比：{alone}。[测量方法](bench/README.md)。",
    },
}


def served(result: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The net, the number of connections, and the figures of both servers, row by row."""
    for name, found in result["end to end"].items():
        yield from ((name, count, both) for count, both in found.items() if count.isdigit())


def lines_of(result: dict[str, Any], language: str) -> list[list[str]]:
    """The head and a line of cells for each net and number of connections."""
    words: dict[str, Any] = WORDS[language]
    lines = [words["head"]]
    for name, count, both in served(result):
        mine, peer = both[OURS], both[PEER]
        title = words["connection" if count == "1" else "connections"].format(title=SERVED_NETS[name][0], count=count)
        rates = [f"{mine['rate']:,.0f}", f"{peer['rate']:,.0f}", f"{mine['rate'] / peer['rate']:.2f}"]
        lines.append([title, *rates, digits(mine["p99"]), digits(peer["p99"])])
    return lines


def facts(result: dict[str, Any], language: str) -> str:
    """The line under the table: what it was measured on, how, and how the nets alone compare."""
    words: dict[str, Any] = WORDS[language]
    ratios: dict[str, dict[int, str]] = {}
    for key, found in result["alone"].items():
        name, _, batch = key.split("-")
        ratios.setdefault(name, {})[int(batch)] = f"{found['ratio']:.2f}"
    batches = ", ".join(map(str, sorted({batch for of in ratios.values() for batch in of})))
    alone = [f"{SERVED_NETS[name][0]} {', '.join(of[batch] for batch in sorted(of))}" for name, of in ratios.items()]
    loads = [both[OURS]["blocks"] for _, _, both in served(result)]
    return words["foot"].format(
        cpu=result["machine"]["cpu"],
        cores=result["machine"]["cores"],
        when=result["when"].split()[0],
        rounds=min(map(len, loads)),
        batches=batches,
        alone="; ".join(alone),
    )


def markdown(result: dict[str, Any], language: str) -> str:
    """Results ↦ the table as a README has it."""
    head, *rows = lines_of(result, language)
    rule = ["---", *["--:"] * (len(head) - 1)]
    return "\n".join([*("| " + " | ".join(line) + " |" for line in [head, rule, *rows]), "", facts(result, language)])


def main(file: str, *pages: str) -> None:
    """Prints the table of a file, and writes it into pages; a page in Chinese has `.zh.` in its name."""
    result = json.loads(Path(file).read_text(encoding="utf-8"))
    print("\n".join(aligned(lines_of(result, "en"), "  ")))
    for name in pages:
        page = Path(name)
        table = markdown(result, "zh" if ".zh." in page.name else "en")
        page.write_text(replaced(page.read_text(encoding="utf-8"), table, MARK), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
