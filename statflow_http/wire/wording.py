"""What msgspec found wrong with a message, in words of the API. Pure.

msgspec tells where by a path, such as ``$.tiles[0].stats[1]``, and what in words for programmers. Here the place
becomes an item and a field of it, and what is wanted is read from the class of the message: its types, and what
`msgspec.Meta` says of a field. The description of the API is made of the same.
"""

import re
from collections.abc import Hashable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, cast

import msgspec
from msgspec import inspect

STEP = re.compile(r"\.(\w+)|\[(\d+)\]")
EXPLAINED = re.compile(r"Object (missing required|contains unknown) field `(.*)`", re.DOTALL)
# How much of a name that a client made up is said again.
NAME_MAX = 60

# Where a type does not say enough.
WANTED = {
    "count": "must be a number",
    "value": "must be a number",
    "t": "must be Unix seconds",
    "v": "must be a list of numbers",
    "vb": "must be 0 or 1",
    "threshold": "must be a number",
    "percentage": "must be a number",
    "expires_at": "must be a whole number of Unix seconds, or null",
    "grace_days": "must be a whole number of days",
    "scope": "must be write, read or full",
    "receivers": "must be a list of ids",
    "hours": "must be a number of hours",
    "grace_hours": "must be a whole number of hours",
}

WORDS: dict[type[inspect.Type], str] = {
    inspect.StructType: "an object",
    inspect.ListType: "a list",
    inspect.VarTupleType: "a list",
    inspect.StrType: "text",
    inspect.IntType: "a whole number",
    inspect.FloatType: "a number",
    inspect.BoolType: "true or false",
    inspect.BytesType: "bytes",
}


def choice(*words: str) -> Any:
    """Says of a field that it is one of a few words; whoever takes the message refuses others."""
    return msgspec.Meta(extra_json_schema={"enum": list(words)})


def worded(text: str, cls: type[Any], whole: str = "a JSON object") -> str:
    """What is wrong with a message, and what is wanted.

    Args:
        text: of a `msgspec.ValidationError`.
        cls: of the message.
        whole: what a message as a whole must be.
    """
    fault, _, where = text.rpartition(" - at `") if " - at `" in text else (text, "", "$`")
    if where.startswith("key`"):
        return "the names of fields must be text"
    steps = [name or int(index) for name, index in STEP.findall(where)]
    found = _at(_message_type(cast(Hashable, cls)), steps)
    explained = EXPLAINED.fullmatch(fault)
    if explained is not None:
        return _before(steps) + _of_field(found, explained[1], explained[2])
    if not steps:
        return f"the body must be {whole}"
    if _hint(found):
        return f"{_place(steps)} must be {_hint(found)}"
    return f"{_place(steps)} {WANTED.get(str(steps[-1])) or f'must be {_types(found)}'}"


def unknown_field(name: str, known: Iterable[str]) -> str:
    """What is said of a field that is none."""
    shown = name if len(name) <= NAME_MAX else name[:NAME_MAX] + "…"
    return f'unknown field "{shown}": may be {", ".join(known)}'


def _of_field(found: inspect.Type | None, fault: str, name: str) -> str:
    fields = {field.encode_name: field.type for node in _sorts(found) for field in _fields(node)}
    if fault.startswith("contains"):
        return unknown_field(name, fields)
    hint = _hint(fields.get(name))
    return f"{name} is missing: {hint}" if hint else f"{name} is missing"


@lru_cache(maxsize=256)
def _message_type(cls: Hashable) -> inspect.Type:
    return inspect.type_info(cls)


def _at(node: inspect.Type | None, steps: Sequence[str | int]) -> inspect.Type | None:
    """The type at a path; None where there is none."""
    for step in steps:
        node = next((found for each in _sorts(node) if (found := _into(each, step)) is not None), None)
    return node


def _sorts(node: inspect.Type | None) -> Iterator[inspect.Type]:
    """The plain types that something may be of."""
    if isinstance(node, inspect.Metadata):
        yield from _sorts(node.type)
    elif isinstance(node, inspect.UnionType):
        for each in node.types:
            yield from _sorts(each)
    elif node is not None:
        yield node


def _into(node: inspect.Type, step: str | int) -> inspect.Type | None:
    if isinstance(step, str):
        return next((field.type for field in _fields(node) if field.encode_name == step), None)
    return node.item_type if isinstance(node, inspect.ListType | inspect.VarTupleType) else None


def _fields(node: inspect.Type) -> tuple[inspect.Field, ...]:
    return node.fields if isinstance(node, inspect.StructType) else ()


def _hint(node: inspect.Type | None) -> str:
    """What the annotation of a field says that may be there; "" for nothing."""
    said = (node.extra_json_schema or {}) if isinstance(node, inspect.Metadata) else {}
    words = said.get("enum")
    return f"one of {', '.join(words)}" if words else said.get("description", "")


def _types(node: inspect.Type | None) -> str:
    words = dict.fromkeys(WORDS[type(each)] for each in _sorts(node) if type(each) in WORDS)
    return " or ".join(words) or "something else"


def _place(steps: Sequence[str | int]) -> str:
    """A path for people: ``tiles[0]: stats[1]``."""
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).removeprefix(".")
    return path.replace("].", "]: ", 1)


def _before(steps: Sequence[str | int]) -> str:
    return f"{_place(steps)}: " if steps else ""
