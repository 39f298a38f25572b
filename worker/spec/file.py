"""Reads a job file, YAML or JSON, into plain data; what is not a small plain mapping is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NoReturn

import yaml

from .errors import SpecError, Violation, shown

MAXIMUM_BYTES = 1_000_000
MAXIMUM_DEPTH = 32


def read_spec_file(path: Path) -> dict[str, Any]:
    """The mapping in a job file: JSON where the name ends in .json, else YAML."""
    text = _read_text(path)
    parse = _parse_json if path.suffix.lower() == ".json" else parse_yaml
    try:
        data = parse(text)
    except SpecError as error:
        _refuse(f"{path}: {error.violations[0].message}")
    if data is None:
        _refuse(f"{path} is empty: expected a job description of keys and values")
    if not isinstance(data, dict):
        _refuse(f"{path}: expected a job description of keys and values, got {shown(data)}")
    return data


def parse_yaml(text: str) -> Any:
    """Plain data from YAML with YAML 1.2's numbers and booleans; aliases, tags and duplicate keys are
    refused."""
    try:
        return yaml.load(text, Loader=_JobLoader)  # a SafeLoader with less in it
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        _refuse(f"not valid YAML: {where}{', '.join(filter(None, (error.context, error.problem)))}")
    except yaml.YAMLError as error:
        _refuse(f"not valid YAML: {' '.join(str(error).split())}")


def _refuse(message: str) -> NoReturn:
    raise SpecError([Violation("", message)]) from None


def _read_text(path: Path) -> str:
    try:
        if path.is_dir():
            _refuse(f"{path} is a folder: expected a job file")
        if path.exists() and not path.is_file():
            _refuse(f"{path} is not a regular file: expected a job file")
        with path.open("rb") as file:
            content = file.read(MAXIMUM_BYTES + 1)
        size = path.stat().st_size
    except FileNotFoundError:
        _refuse(f"no job file at {path}")
    except (OSError, ValueError) as error:
        _refuse(f"cannot read {path}: {getattr(error, 'strerror', None) or error}")
    if len(content) > MAXIMUM_BYTES:
        _refuse(
            f"{path} has {size:,} bytes, a job file at most {MAXIMUM_BYTES:,}: data belongs in files of its "
            "own, "
            "named under dataset"
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        _refuse(f"{path} is not UTF-8 text (byte {error.start}): save the job file as UTF-8")


def _parse_json(text: str) -> Any:
    if not text.strip():
        return None
    try:
        return json.loads(text, object_pairs_hook=_without_duplicates)
    except json.JSONDecodeError as error:
        _refuse(f"not valid JSON: line {error.lineno}, column {error.colno}: {error.msg}")
    except RecursionError:
        _refuse("not usable: nested too deeply")
    except ValueError as error:
        _refuse(f"not valid JSON: {error}")


def _without_duplicates(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    mapping: dict[str, Any] = {}
    for key, value in pairs:
        if key in mapping:
            _refuse(f"key {shown(key)} appears twice")
        mapping[key] = value
    return mapping


class _JobLoader(yaml.SafeLoader):
    """SafeLoader with YAML 1.2's scalars, and without aliases, merge keys, duplicate keys and deep
    nesting."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent):
            raise yaml.MarkedYAMLError(
                problem=f"alias *{event.anchor}: aliases are not accepted, write the value out",
                problem_mark=event.start_mark,
            )
        if self._depth >= MAXIMUM_DEPTH:
            raise yaml.MarkedYAMLError(
                problem=f"nested more than {MAXIMUM_DEPTH} levels deep", problem_mark=event.start_mark
            )
        self._depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1

    def construct_mapping(self, node: yaml.Node, deep: bool = False) -> dict[Any, Any]:
        mapping: dict[Any, Any] = {}
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        for key_node, value_node in pairs:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                problem = f"keys must be text, got {shown(key)}"
            elif key in mapping:
                problem = f"key {shown(key)} appears twice"
            else:
                mapping[key] = self.construct_object(value_node, deep=deep)
                continue
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=key_node.start_mark)
        return mapping


_JobLoader.yaml_implicit_resolvers = {}  # none of YAML 1.1's


def _scalar(tag: str, pattern: str, first: str, convert: Callable[[str], Any]) -> None:
    """Plain scalars that match `pattern` are of type `tag`; `first` lists the characters they may begin
    with."""

    def construct(loader: yaml.SafeLoader, node: yaml.Node) -> Any:
        try:
            return convert(node.value)
        except ValueError:
            problem = f"{shown(node.value)} is not a usable {tag}"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark) from None

    name = f"tag:yaml.org,2002:{tag}"
    _JobLoader.add_implicit_resolver(name, re.compile(rf"(?:{pattern})\Z"), list(first) or [""])
    _JobLoader.add_constructor(name, construct)


def _to_int(text: str) -> int:
    return int(text, 0) if text[:2] in ("0o", "0x") else int(text)


def _to_float(text: str) -> float:
    return float(text.replace(".inf", "inf").replace(".nan", "nan").lower())


def _to_bool(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text.lower() == "true"


def _to_none(text: str) -> None:
    return None


# YAML 1.2 core schema: so `on`, `yes` and 1:30 stay text, and 1e-3 is a number.
_scalar("bool", "true|True|TRUE|false|False|FALSE", "tTfF", _to_bool)
_scalar("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789", _to_int)
_scalar(
    "float",
    r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
    "-+.0123456789",
    _to_float,
)
_scalar("null", "~|null|Null|NULL", "~nN", _to_none)
_JobLoader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"\Z"), [""])
