"""Files that are almost sound: header, graph and tensors changed at will, with checksums that fit again.

What is changed is drawn from a stream of bytes, so that a fuzzer that watches which code runs can steer it, and a
seeded generator can stand in for one.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from typing import Any, Protocol

from mapsto.files.container import MAGIC, packed
from mapsto.ir.primitive import PRIMITIVES


class Source(Protocol):
    """Where choices come from."""

    def below(self, count: int) -> int: ...

    def raw(self, count: int) -> bytes: ...


class Stream:
    """Choices from bytes; when these are used up, every choice is 0."""

    def __init__(self, content: bytes) -> None:
        self.content, self.at = content, 0

    def raw(self, count: int) -> bytes:
        found = self.content[self.at : self.at + count]
        self.at += count
        return found.ljust(count, b"\0")

    def below(self, count: int) -> int:
        return int.from_bytes(self.raw(2), "little") % count

    @property
    def used_up(self) -> bool:
        return self.at >= len(self.content)


NUMBERS = [0, 1, 2, 3, -1, 7, 64, 255, 2**16, 2**31, 2**31 - 1, 2**32, 2**60, 2**62, 2**63, 2**64, -(2**63), 0.5, 1e308]
STRINGS = ["", "f32[2,1]", "f32[]", "f32*[2]", "f32[0]", "bf16[3]", "u8[8,8,1]", "f32[4294967296]", "weight", "decode",
           "top_k", "RGB", "ik", "\x00", "é", "\ud800", "../../etc/passwd", "http://localhost/", "os.system", "F32",
           "x" * 300]  # fmt: skip
SPECS = ["f32[1]", "f32[2]", "f32[1,1]", "f32[0]", "i64[2]", "bool[1]", "f64[1,2]", "u8[2,2,1]", "f32[65536,65536]"]
TOKEN = re.compile(r"\w+\*?\[[\d,]*\]|\"[^\"]*\"|\[[^\]]*\]|\w+|[^\w\s]|\s+")


BODIES = re.compile(r'"(graph_[0-9])"')


def value(source: Source, depth: int = 0) -> Any:
    """Any JSON."""
    kind = source.below(8 if depth < 3 else 5)
    if kind == 0:
        return (None, True, False)[source.below(3)]
    if kind <= 2:
        return NUMBERS[source.below(len(NUMBERS))]
    if kind <= 4:
        return STRINGS[source.below(len(STRINGS))]
    parts = [value(source, depth + 1) for _ in range(source.below(4))]
    return parts if kind <= 6 else {STRINGS[source.below(len(STRINGS))]: part for part in parts}


def changed(one: Any, source: Source) -> Any:
    """A JSON value with something in it changed: replaced, left out, added, doubled, moved."""
    if isinstance(one, (dict, list)) and one and source.below(6) != 1:
        place = list(one)[source.below(len(one))] if isinstance(one, dict) else source.below(len(one))
        action = source.below(8)
        made: Any = one.copy()
        if action == 0:
            del made[place]
        elif action == 1 and isinstance(made, list):
            made.insert(place, value(source) if source.below(2) else one[place])
        elif action == 1:
            made[STRINGS[source.below(len(STRINGS))]] = made.pop(place)
        else:
            made[place] = changed(one[place], source)
        return made
    if isinstance(one, str) and source.below(3):
        return changed_text(one, source)
    if isinstance(one, int) and source.below(2):
        return one + source.below(5) - 2
    return value(source)


def changed_text(text: str, source: Source) -> str:
    """A text with some of its words replaced by others: its own, names of primitives, specs, numbers."""
    tokens = TOKEN.findall(text)
    for _ in range(1 + source.below(3)):
        if tokens:
            place = source.below(len(tokens))
            tokens[place] = another(tokens, place, source)
    return "".join(tokens)


def another(tokens: list[str], place: int, source: Source) -> str:
    """What stands in the place of a word."""
    action = source.below(9)
    if action == 0:
        return tokens[source.below(len(tokens))]
    if action == 1:
        return list(PRIMITIVES)[source.below(len(PRIMITIVES))]
    if action == 2:
        return SPECS[source.below(len(SPECS))]
    if action == 3:
        return str(NUMBERS[source.below(len(NUMBERS))])
    if action == 4:
        return json.dumps(value(source))
    if action == 5:
        return source.raw(3).decode("latin-1")
    if action == 6:
        return tokens[place] * 2
    return application(source) if action == 7 else ""


def application(source: Source) -> str:
    """A line of a graph that fits, for some primitive and specs that go with it; the variables may not be there."""
    kind = list(PRIMITIVES.values())[source.below(len(PRIMITIVES))]
    cases = kind.cases()
    case = cases[source.below(len(cases))]
    body = lambda _: f"graph_{1 + source.below(5)}"  # one of the file's own, perhaps
    named = lambda match: match[1]
    written = {name: json.dumps(getattr(case.primitive, name), default=body) for name in kind.fields}
    fields = ", ".join(f"{name}={BODIES.sub(named, text)}" for name, text in written.items())
    letters = [chr(97 + source.below(8)) for _ in case.inputs]
    outputs = ", ".join(f"z{i}{source.below(9)}: {spec}" for i, spec in enumerate(case.primitive.type(*case.inputs)))
    return f"\n  {outputs} = {kind.name}({'; '.join(filter(None, (', '.join(letters), fields)))})\n"


def changed_bytes(content: bytes, source: Source) -> bytes:
    """Bytes with one replaced, some cut out, some put in, or cut off."""
    place = source.below(len(content) + 1)
    action = source.below(5)
    if action == 0:
        return content[:place]
    if action == 1:
        return content[:place] + source.raw(1 + source.below(9)) + content[place:]
    if action == 2:
        return content[:place] + content[place + 1 + source.below(9) :]
    return content[:place] + source.raw(1) + content[place + 1 :]


def split_blob(blob: bytes) -> tuple[Any, bytes]:
    length = int.from_bytes(blob[:8], "little")
    return json.loads(blob[8 : 8 + length]), blob[8 + length :]


def joined_blob(header: Any, numbers: bytes) -> bytes:
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + numbers


def changed_file(content: bytes, source: Source, sha256: Any) -> bytes:
    """A sound file ↦ one that is changed in one place or more, and has checksums that fit, mostly."""
    end = 16 + int.from_bytes(content[8:16], "little")
    header, blob = json.loads(content[16:end]), content[end + 32 :]
    for _ in range(1 + source.below(3)):
        where = source.below(10)
        if where <= 3:
            header = changed(header, source)
        elif where <= 6 and isinstance(header, dict) and isinstance(header.get("graph"), str):
            header["graph"] = changed_text(header["graph"], source)
        elif where == 7 and blob[8:9] == b"{":
            try:
                own, numbers = split_blob(blob)
            except ValueError:
                continue
            blob = joined_blob(changed(own, source), numbers)
        elif where == 8:
            blob = changed_bytes(blob, source)
    if isinstance(header, dict) and isinstance(header.get("blob"), dict) and source.below(8) != 1:
        header["blob"] = {"size": len(blob), "sha256": sha256(blob).hexdigest()}
    try:
        made = packed(header, blob)
    except ValueError:  # a number or a letter that no JSON has
        text = json.dumps(header).encode()
        made = MAGIC + b"\x01" + len(text).to_bytes(8, "little") + text + sha256(text).digest() + blob
    if source.below(10) == 1:  # the text itself, which then reads as JSON or not
        begin, end = 16, 16 + int.from_bytes(made[8:16], "little")
        text = changed_bytes(made[begin:end], source)
        made = made[:8] + len(text).to_bytes(8, "little") + text + sha256(text).digest() + made[end + 32 :]
    return changed_bytes(made, source) if source.below(10) == 1 else made


def changed_tensors(content: bytes, source: Source) -> bytes:
    """A safetensors file with its header changed, or its bytes."""
    own, numbers = split_blob(content)
    made = joined_blob(changed(own, source), numbers)
    return changed_bytes(made, source) if source.below(3) == 1 else made


def changed_archive(content: bytes, source: Source) -> bytes:
    """A zip archive whose members are changed, renamed, linked or left out, or its bytes."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(file, "w") as new:
        for info in old.infolist():
            inside, name, action = old.read(info), info.filename, source.below(8)
            if action == 1:
                inside = changed_bytes(inside, source)
            elif action == 2:
                name = ("../x.npy", "/x.npy", "a/b.npy", "x.pkl", "model.weights.h5", "weight.npy")[source.below(6)]
            elif action == 3:
                continue
            made = zipfile.ZipInfo(name)
            made.compress_type = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)[source.below(2)]
            made.external_attr = source.below(2**16) << 16 if action == 4 else 0
            if name not in new.namelist():
                new.writestr(made, inside)
    return changed_bytes(file.getvalue(), source) if source.below(4) == 1 else file.getvalue()
