"""Read a policy file strictly: a good policy, or every problem with its line."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from policies.schema import Policy

SIZE_LIMIT = 256 * 1024
"""Bytes; the shipped policies need about 10 KiB."""

DEPTH_LIMIT = 20
"""Levels of nesting; a policy needs 7."""

Location = tuple[str | int, ...]
Model = TypeVar("Model", bound=BaseModel)

_TAGS = {"map", "seq", "str", "int", "float", "bool", "null"}


class PolicyInvalid(Exception):
    """A policy file cannot be used.

    problems: each as "file:line: field: what was expected (found ...)".
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class PolicyInForce:
    """The policy that judges now. Each request takes `policy` once and keeps it to its end."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._replacing = threading.Lock()

    @property
    def policy(self) -> Policy:
        """The running policy."""
        return self._policy

    def replace_from(self, path: Path) -> Policy:
        """Put the policy of a file in force and return it.

        Raises PolicyInvalid, and leaves the running policy in force, when the file cannot be used or changes
        the running policy without raising its version.
        """
        new = load_policy(path)
        with self._replacing:
            running = self._policy.stamp
            if str(new.stamp) == str(running) and new.stamp.sha256 != running.sha256:
                raise PolicyInvalid([f"{path}:1: version: should be raised, other content already runs as {running}"])
            self._policy = new
        return new


def shipped_policies() -> dict[str, Path]:
    """Name -> file of the policies that come with gardefou."""
    return {path.stem: path for path in sorted(Path(__file__).parent.glob("*.yaml"))}


def load_policy(path: Path) -> Policy:
    """The policy in a YAML file.

    Raises PolicyInvalid listing every problem found: unreadable file or YAML, repeated, unknown or missing
    fields, values out of range and, once the fields are sound, every broken law of policies/schema.py.
    """
    return load_strictly(path, Policy)


def load_strictly(path: Path, model: type[Model]) -> Model:
    """What a YAML file holds of a kind whose broken laws are of the type `laws_broken`. Raises as `load_policy`."""
    root = _compose(path)
    if problems := [_at(path, root, *problem) for problem in _not_plain(root)]:
        raise PolicyInvalid(problems)
    try:
        return model.model_validate_json(json.dumps(_plain(root)))
    except ValidationError as invalid:
        problems = [_at(path, root, *problem) for details in invalid.errors() for problem in _problems(details)]
        raise PolicyInvalid(problems) from invalid


class _PlainTree(yaml.SafeLoader):
    """YAML as a tree: no aliases, which can grow a small file without end, and no bottomless nesting."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.MarkedYAMLError(problem="aliases are not allowed, write it out", problem_mark=self.get_mark())
        if self.depth == DEPTH_LIMIT:
            raise yaml.MarkedYAMLError(problem=f"nested deeper than {DEPTH_LIMIT}", problem_mark=self.get_mark())
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def _compose(path: Path) -> yaml.Node:
    text = _text(path)
    try:
        root = yaml.compose(text, Loader=_PlainTree)
    except yaml.MarkedYAMLError as broken:
        mark = broken.problem_mark or broken.context_mark
        line = mark.line + 1 if mark else 1
        said = ", ".join(part for part in (broken.context, broken.problem) if part)
        raise PolicyInvalid([f"{path}:{line}: not YAML: {said}"]) from broken
    except yaml.YAMLError as broken:
        raise PolicyInvalid([f"{path}:1: not YAML: {' '.join(str(broken).split())}"]) from broken
    if root is None:
        raise PolicyInvalid([f"{path}:1: should hold a policy (found nothing)"])
    return root


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(SIZE_LIMIT + 1)
        text = content.decode()
    except OSError as unreadable:
        raise PolicyInvalid([f"{path}:1: could not be read ({unreadable.strerror})"]) from unreadable
    except UnicodeDecodeError as undecodable:
        line = content.count(b"\n", 0, undecodable.start) + 1
        raise PolicyInvalid([f"{path}:{line}: should be UTF-8 text"]) from undecodable
    if len(content) > SIZE_LIMIT:
        raise PolicyInvalid([f"{path}:1: should be at most {SIZE_LIMIT} bytes"])
    if not text.endswith("\n"):
        line = text.count("\n") + 1
        raise PolicyInvalid([f"{path}:{line}: should end with a line break; a file without one may be half-written"])
    return text


def _not_plain(node: yaml.Node, location: Location = ()) -> Iterator[tuple[Location, str]]:
    """Keys given twice or that are not words, and values that JSON cannot hold."""
    if node.tag.removeprefix("tag:yaml.org,2002:") not in _TAGS:
        yield location, f"should be plain: words in quotes, no tags (found {node.tag})"
    elif isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                yield location, "should have words for keys"
                continue
            if key.value in seen:
                yield (*location, key.value), "given twice"
            seen.add(key.value)
            yield from _not_plain(value, (*location, key.value))
    elif isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            yield from _not_plain(item, (*location, number))
    else:
        try:
            _scalar(node)
        except (ValueError, KeyError):
            yield location, f"should be a word or a number (found {_short(node.value)})"


def _plain(node: yaml.Node) -> object:
    if isinstance(node, yaml.MappingNode):
        return {key.value: _plain(value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item) for item in node.value]
    return _scalar(node)


def _scalar(node: yaml.Node) -> object:
    value: object = yaml.constructor.SafeConstructor().construct_object(node)
    return value


def _problems(details: ErrorDetails) -> Iterator[tuple[Location, str]]:
    """The (location, sentence) pairs of one pydantic error."""
    match details["type"]:
        case "laws_broken":
            yield from details["ctx"]["broken"]
        case "missing":
            yield details["loc"], "should be given (found nothing)"
        case "extra_forbidden":
            yield details["loc"], "is no field here"
        case _:
            expected = details["msg"].removeprefix("Input ").removeprefix("Value error, ")
            yield details["loc"], f"{expected} (found {_short(details['input'])})"


def _short(found: object) -> str:
    text = json.dumps(found, ensure_ascii=True, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _at(path: Path, root: yaml.Node, location: Location, sentence: str) -> str:
    line, field = _place(root, location)
    return f"{path}:{line}: {field or 'file'}: {sentence}"


def _place(root: yaml.Node, location: Location) -> tuple[int, str]:
    """The line (from 1) and the dotted name of the deepest part of `location` that the file has.

    pydantic's locations also hold "[key]" and the tags of unions in brackets. What the file does not have is
    left out, except a last word, which is the missing field itself.
    """
    node, mark, field = root, root.start_mark, ""
    for number, part in enumerate(location):
        found = _child(node, part)
        if found:
            mark, node = found
            field += f"[{part}]" if isinstance(part, int) else f".{part}"
        elif number == len(location) - 1 and not str(part).startswith("["):
            field += f".{part}"
    return mark.line + 1, field.removeprefix(".")


def _child(node: yaml.Node, part: str | int) -> tuple[yaml.Mark, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        # the last of repeated keys: the first is the one its author knows about
        for key, value in reversed(node.value):
            if key.value == str(part):
                return key.start_mark, value
    elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
        return node.value[part].start_mark, node.value[part]
    return None
