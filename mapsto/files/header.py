"""The C header of an exported net: one function, its workspace, and what to know of x and y."""

from __future__ import annotations

import json
from dataclasses import dataclass

from mapsto.core.spec import SHORT_NAMES, Spec
from mapsto.core.version import VERSION
from mapsto.files.contents import Contents
from mapsto.files.steps import text_of
from mapsto.target.host import KINDS as X86
from mapsto.target.host import Host

KINDS = {"bool": "uint8_t", "f16": "uint16_t", "bf16": "uint16_t", "f32": "float", "f64": "double"}
VALUES = {
    "bool": "0 or 1",
    "f16": "the bits of a float16",
    "bf16": "the bits of a bfloat16, the upper half of a float's",
}

LONGEST = 200  # letters of a line

HEADER = """\
/* {title}
 *
{facts}
 */
#ifndef {guard}
#define {guard}

#include <stdint.h>

#ifdef __cplusplus
extern "C" {{
#endif

/* How many bytes the workspace has. It may begin at any address, and nobody else may use it during a call. */
#define {name}_workspace_bytes {workspace}

/* x to y. Returns 0; or 1 if an index in x is out of range: what is in y then means nothing.
 *
 * It allocates nothing, keeps nothing between calls, and writes to y and the workspace only: several threads may call
 * it at once, each with a y and a workspace of its own. x, y and the workspace must not overlap, and x and y must begin
 * where C would put them, at a multiple of an element's size. */
int {name}_run(const {x_type} x[{x_size}], {y_type} y[{y_size}], void *workspace);
{classes}
#ifdef __cplusplus
}}
#endif

#endif
"""


@dataclass(frozen=True)
class Made:
    """What a header tells: the name in C, the file it was, x and y with the batch axis, workspace, processor."""

    name: str
    source: str
    x: Spec
    y: Spec
    workspace: int
    machine: Host
    classes: tuple[str, ...]

    @property
    def cpu(self) -> str:
        """The kind of processor, or the one on which the code was made."""
        return self.machine.cpu if self.machine.cpu in X86 else f"the {self.machine.cpu} on which it was made"


def header(made: Made, contents: Contents) -> str:
    """What was made of a file, and the file's contents ↦ the text of the header."""
    count = len(made.classes)
    classes = f"\n/* The classes by name, in UTF-8: the last axis of y runs over them. */\nextern {declared(made)};\n"
    return HEADER.format(
        title=in_comment(f"{made.name}: {made.source} as a function, written by mapsto {VERSION}."),
        facts="\n".join(f" * {in_comment(line)}".rstrip() for line in facts(made, contents)),
        name=made.name,
        guard=f"mapsto_{made.name}_h",
        workspace=made.workspace,
        x_type=c_type(made.x),
        x_size=extents(made.x),
        y_type=c_type(made.y),
        y_size=extents(made.y),
        classes=classes if count else "",
    )


def declared(made: Made) -> str:
    return f"const char *const {made.name}_classes[{len(made.classes)}]"


def facts(made: Made, contents: Contents) -> list[str]:
    """Lines about x, y, what is left to the caller, where it runs, and how it was trained."""
    lines = [f"x  {of_array(made.x)}", f"y  {of_array(made.y)}", "", "The last index runs fastest."]
    for end, steps in (("before", contents.before), ("after", contents.after)):
        lines += [f"Left to the caller {end} it: {text_of(step)}" for step in steps]
    lines += ["", f"Runs on {made.machine.triple}, on processors that have all instructions of {made.cpu}."]
    lines += ["Link with -lm."]
    if contents.recipe:
        lines += ["", "Trained:"]
        lines += [f"  {key} {json.dumps(value, ensure_ascii=False)}" for key, value in contents.recipe.items()]
    return lines


def of_array(spec: Spec) -> str:
    """A spec as a C programmer reads it: `f32[1,10]: 10 of float`."""
    dtype = SHORT_NAMES[spec.dtype]
    values = f", each {VALUES[dtype]}" if dtype in VALUES else ""
    return f"{spec}: {spec.size} of {c_type(spec)}{values}"


def c_type(spec: Spec) -> str:
    """The type of an element in C.

    >>> from mapsto.core.spec import parse_spec
    >>> c_type(parse_spec("f32[3]")), c_type(parse_spec("u8[3]"))
    ('float', 'uint8_t')
    """
    dtype = SHORT_NAMES[spec.dtype]
    return KINDS.get(dtype) or f"{'u' if dtype[0] == 'u' else ''}int{dtype[1:]}_t"


def extents(spec: Spec) -> str:
    """How many elements there are, as a product.

    >>> from mapsto.core.spec import parse_spec
    >>> extents(parse_spec("f32[2,10]"))
    '2 * 10'
    """
    return " * ".join(map(str, spec.shape)) or "1"


def in_comment(text: str) -> str:
    """A text that neither ends a comment nor begins one, on one line; a long one is cut off.

    >>> in_comment("a */ b")
    'a *_/ b'
    """
    plain = "".join(letter if letter.isprintable() else "?" for letter in text)
    while "*/" in plain or "/*" in plain:
        plain = plain.replace("*/", "*_/").replace("/*", "/_*")
    return plain if len(plain) <= LONGEST else f"{plain[:LONGEST]} …"
