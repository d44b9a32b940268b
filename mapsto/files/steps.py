"""The host steps that a file can name: a closed table. A later host step enters itself here, and nowhere else.

A file holds a step's registered name and settings; it never names a class, a module or a path.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from mapsto.compose.combine import Each, Host, each
from mapsto.compose.mapping import Mapping
from mapsto.core.errors import UsageError
from mapsto.files.container import Refusal
from mapsto.image.decode import CHANNELS, Decode, decode
from mapsto.image.picture import LIMIT_PIXELS
from mapsto.nn.answer import TopK, top_k
from mapsto.text.join import Join, join
from mapsto.text.numbered import Characters, Words, characters, words
from mapsto.text.table import MOST_NUMBERS

End = Literal["before", "after"]
Settings = dict[str, Any]


@dataclass(frozen=True)
class HostStep:
    """How a file speaks of a host step: its class, the end it stands at, and its settings to JSON and back.

    `read` gets exactly the keys that `settings` writes, and raises ValueError for values that make no sense.
    """

    kind: type[Host]
    end: End
    settings: Callable[[Any], Settings]
    keys: frozenset[str]
    read: Callable[[Settings], Host]


def whole(value: Any, name: str, largest: int) -> int:
    """A whole number from 1 to `largest`; True is none."""
    if type(value) is not int or not 1 <= value <= largest:
        raise ValueError(f"{name} is a whole number from 1 to {largest}, not {str(value)[:60]}")
    return value


def read_decode(settings: Settings) -> Host:
    size, mode = settings["size"], settings["mode"]
    if not isinstance(size, list) or len(size) != 2:
        raise ValueError("size is [height, width]")
    height, width = (whole(side, "a side of size", LIMIT_PIXELS) for side in size)
    if height * width > LIMIT_PIXELS:
        raise ValueError(f"size {size} has more than {LIMIT_PIXELS} pixels")
    if mode not in list(CHANNELS):
        raise ValueError(f"mode is one of {', '.join(CHANNELS)}")
    return decode((height, width), mode)


def read_top_k(settings: Settings) -> Host:
    classes = settings["classes"]
    if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
        raise ValueError("classes is a list of strings")
    return top_k(whole(settings["k"], "k", 2**31), classes)


def read_characters(settings: Settings) -> Host:
    return characters(settings["alphabet"], whole(settings["length"], "length", MOST_NUMBERS))


def read_words(settings: Settings) -> Host:
    length = whole(settings["length"], "length", MOST_NUMBERS)
    return words(settings["vocabulary"], length, lower=settings["lower"])


HOST_STEPS: dict[str, HostStep] = {
    "decode": HostStep(
        Decode, "before", lambda s: {"size": list(s.size), "mode": s.mode}, frozenset({"size", "mode"}), read_decode
    ),
    "top_k": HostStep(
        TopK, "after", lambda s: {"k": s.k, "classes": list(s.classes)}, frozenset({"k", "classes"}), read_top_k
    ),
    "characters": HostStep(
        Characters,
        "before",
        lambda s: {"alphabet": s.alphabet, "length": s.length},
        frozenset({"alphabet", "length"}),
        read_characters,
    ),
    "words": HostStep(
        Words,
        "before",
        lambda s: {"vocabulary": list(s.vocabulary), "length": s.length, "lower": s.lower},
        frozenset({"vocabulary", "length", "lower"}),
        read_words,
    ),
    "join": HostStep(
        Join,
        "after",
        lambda s: {"entries": list(s.entries), "separator": s.separator},
        frozenset({"entries", "separator"}),
        lambda settings: join(settings["entries"], settings["separator"]),
    ),
}


def is_host(step: Mapping) -> bool:
    """Whether a step runs on the host, by itself or for each example."""
    return isinstance(step, Host) or (isinstance(step, Each) and isinstance(step.mapping, Host))


def host_of(step: Mapping) -> Host:
    """The host step, out of its `each`."""
    return cast(Host, step.mapping if isinstance(step, Each) else step)


def record(path: str, step: Mapping, end: End) -> Settings:
    """A host step ↦ what the file says of it. Raises UsageError for one that no file knows, or at the wrong end."""
    host = host_of(step)
    for name, known in HOST_STEPS.items():
        if type(host) is known.kind:
            if known.end != end:
                raise UsageError("SAVE-11", step=path, name=name, end=end, fix=f"{name} belongs {known.end} it")
            return {"step": name, "each": isinstance(step, Each), "settings": known.settings(host)}
    fix = f"the host steps that a file knows are {', '.join(HOST_STEPS)}"
    raise UsageError("SAVE-12", step=path, kind=type(host).__name__, fix=fix)


def steps_from(records: Sequence[Any], end: End) -> tuple[Mapping, ...]:
    """What the file says of its host steps at one end ↦ the steps. Raises Refusal."""
    return tuple(step_from(one, end, f"{end}[{i}]") for i, one in enumerate(records))


def step_from(one: Any, end: End, where: str) -> Mapping:
    if not isinstance(one, dict) or set(one) != {"step", "each", "settings"}:
        raise Refusal("FILE-16", step=where, detail="it is to have the keys step, each and settings")
    known = HOST_STEPS.get(one["step"]) if isinstance(one["step"], str) else None
    if known is None or known.end != end:
        names = ", ".join(name for name, step in HOST_STEPS.items() if step.end == end)
        raise Refusal("FILE-16", step=where, detail=f"{str(one['step'])[:60]!r}; those known there are {names}")
    settings = one["settings"]
    if not isinstance(settings, dict) or set(settings) != known.keys or not isinstance(one["each"], bool):
        wanted = ", ".join(sorted(known.keys))
        raise Refusal("FILE-16", step=where, detail=f"it is to have the settings {wanted}")
    try:
        host = known.read(settings)
    except (ValueError, UsageError) as problem:  # the latter by the step's own class
        raise Refusal("FILE-16", step=where, detail=problem) from problem
    return each(host) if one["each"] else host


def text_of(one: Settings) -> str:
    """What the file says of a host step, as a person would write it: `each(decode(size=[8, 8], mode='L'))`."""
    settings = ", ".join(f"{key}={shortened(value)}" for key, value in one["settings"].items())
    text = f"{one['step']}({settings})"
    return f"each({text})" if one["each"] else text


def shortened(value: Any) -> str:
    """A setting's value; of a long list or text only how long it is."""
    most = {list: 4, str: 40}.get(type(value))
    return repr(value) if most is None or len(value) <= most else f"<{len(value)}>"
