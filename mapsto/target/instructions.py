"""What a launch does between its phases: words of its table that move addresses, count, jump, and call.

Whoever has done the last chunk of a phase opens the next, and nobody else is between a claim and its end then. So that
thread may change the slots: bind a loop's body to the next rows, begin its phases again, choose between bodies. A run
of a loop is therefore one run of one table. What differs from run to run stands in the slots, never in the table.

An **entry** of a table is four words: its kind, and three operands. Kinds above 0 are phases (`target.launch`), 0 ends
the run, and these are below. `s[a]` is slot a; jumps count in words from the entry they stand in.

| kind | what it does |
|---|---|
| `move` | s[a] ← s[b] + c |
| `set` | s[a] ← c |
| `swap` | s[a] and s[b] change places |
| `copy` | c bytes from address s[b] to address s[a], if these differ |
| `turn` | s[a] ← s[a] - 1; jump by c if it is above 0 still |
| `jump` | jump by c |
| `unless` | jump by c if the byte at address s[a] is 0 |
| `choose` | go on with the entry that follows by the i64 at address s[a], held within 0 … b - 1 |
| `call` | s[a] ← the address of the next entry; jump by c |
| `return` | go on at address s[a] |
| `check` | end the run if one of the b bytes at address s[a] is 0 |
| `pause` | s[a] ← s[a] - b; if that is below 0, s[a + 1] ← the address of the next entry, and the run ends |
| `do` | b chunks, whose table is at a, by this thread: for what takes less time than to tell others |
"""

from __future__ import annotations

from dataclasses import dataclass

from mapsto.target.state import field

KINDS = ("move", "set", "swap", "copy", "turn", "jump", "unless", "choose", "call", "return", "check", "pause", "do")
ENTRY = 4  # words


@dataclass(frozen=True, eq=False)
class Label:
    """A place in a table, to jump to."""


@dataclass(frozen=True)
class Instruction:
    """One entry that is no phase. A jump goes `to` a label; the kind `end` is what every table ends with."""

    kind: str
    a: int = 0
    b: int = 0
    c: int = 0
    to: Label | None = None


def code(kind: str) -> int:
    """The first word of an entry.

    >>> code("end"), code("move")
    (0, -1)
    """
    return 0 if kind == "end" else -1 - KINDS.index(kind)


BLOCKS = {
    "move": """
  %moved = load i64, ptr %sb
  %sum = add i64 %moved, %c
  store i64 %sum, ptr %sa
  br label %go""",
    "set": """
  store i64 %c, ptr %sa
  br label %go""",
    "swap": """
  %first = load i64, ptr %sa
  %second = load i64, ptr %sb
  store i64 %second, ptr %sa
  store i64 %first, ptr %sb
  br label %go""",
    "copy": """
  %target = load ptr, ptr %sa
  %origin = load ptr, ptr %sb
  %there = icmp eq ptr %target, %origin
  br i1 %there, label %go, label %copying
copying:
  call void @llvm.memcpy.p0.p0.i64(ptr %target, ptr %origin, i64 %c, i1 false)
  br label %go""",
    "turn": """
  %turns = load i64, ptr %sa
  %left = sub i64 %turns, 1
  store i64 %left, ptr %sa
  %more = icmp sgt i64 %left, 0
  br i1 %more, label %jump, label %go""",
    "jump": f"""
  {field("%landing", "%c", "%at")}
  br label %go""",
    "unless": """
  %truth_at = load ptr, ptr %sa
  %truth = load i8, ptr %truth_at
  %holds = icmp ne i8 %truth, 0
  br i1 %holds, label %go, label %jump""",
    "choose": f"""
  %number_at = load ptr, ptr %sa
  %number = load i64, ptr %number_at
  %low = call i64 @llvm.smax.i64(i64 %number, i64 0)
  %most = sub i64 %b, 1
  %chosen = call i64 @llvm.smin.i64(i64 %low, i64 %most)
  %words = mul i64 %chosen, {ENTRY}
  {field("%entry", "%words", "%after")}
  br label %go""",
    "call": """
  store ptr %after, ptr %sa
  br label %jump""",
    "return": """
  %back = load ptr, ptr %sa
  br label %go""",
    "check": """
  %bytes = load ptr, ptr %sa
  br label %byte
byte:
  %k = phi i64 [0, %check], [%k1, %holding]
  %all = icmp uge i64 %k, %b
  br i1 %all, label %go, label %test
test:
  %byte_at = getelementptr i8, ptr %bytes, i64 %k
  %one = load i8, ptr %byte_at
  %fails = icmp eq i8 %one, 0
  br i1 %fails, label %stop, label %holding
holding:
  %k1 = add i64 %k, 1
  br label %byte""",
    "pause": f"""
  %budget = load i64, ptr %sa
  %rest = sub i64 %budget, %b
  store i64 %rest, ptr %sa
  %enough = icmp slt i64 %rest, 0
  br i1 %enough, label %leave, label %go
leave:
  {field("%resume_at", 1, "%sa")}
  store ptr %after, ptr %resume_at
  br label %stop""",
    "do": f"""
  %rows = inttoptr i64 %a to ptr
  br label %chunk
chunk:
  %i = phi i64 [0, %do], [%i1, %chunk]
  %row_word = mul i64 %i, {ENTRY}
  {field("%row", "%row_word", "%rows")}
  call void @chunk(ptr %row, ptr %slots, ptr %scratch)
  %i1 = add i64 %i, 1
  %others = icmp ult i64 %i1, %b
  br i1 %others, label %chunk, label %go""",
}

# Where each block comes from that goes on, and with which entry.
NEXT = {
    "%0": "%start",
    "%jump": "%landing",
    "%choose": "%entry",
    "%return": "%back",
    "%chunk": "%after",
    "%byte": "%after",
    "%copying": "%after",
    **{f"%{kind}": "%after" for kind in ("move", "set", "swap", "copy", "turn", "unless", "pause")},
}

ADVANCE = f"""
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
declare i64 @llvm.smax.i64(i64, i64)
declare i64 @llvm.smin.i64(i64, i64)

@over = internal constant [{ENTRY} x i64] zeroinitializer

; Does what stands between phases, from an entry on ↦ the next phase, or the entry that ends the run.
define internal ptr @advance(ptr %start, ptr %slots, ptr %scratch) {{
  br label %go
go:
  %at = phi ptr {", ".join(f"[{value}, {block}]" for block, value in NEXT.items())}
  %kind = load i64, ptr %at
  {field("%a_at", 1, "%at")}
  %a = load i64, ptr %a_at
  {field("%b_at", 2, "%at")}
  %b = load i64, ptr %b_at
  {field("%c_at", 3, "%at")}
  %c = load i64, ptr %c_at
  {field("%after", ENTRY, "%at")}
  {field("%sa", "%a", "%slots")}
  {field("%sb", "%b", "%slots")}
  switch i64 %kind, label %out [{" ".join(f"i64 {code(kind)}, label %{kind}" for kind in KINDS)}]
{"".join(f"{kind}:{BLOCKS[kind]}{chr(10)}" for kind in KINDS)}
stop:
  ret ptr @over
out:
  ret ptr %at
}}
"""
