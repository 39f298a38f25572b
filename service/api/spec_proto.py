"""A job's spec as protobuf message and as the plain data of a job file: both have the same field names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from google.protobuf.descriptor import EnumDescriptor
from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet

from chainrule.v1 import convolutions_pb2, layers_pb2, spec_pb2

from ...worker.spec import JobSpec
from ...worker.spec.errors import SpecError, Violation
from ...worker.spec.file import MAXIMUM_DEPTH


class _Shorthand(NamedTuple):
    """A message for what a job file writes without keys: its fields from that, and that from its fields."""

    fields: Callable[[Any], dict[str, Any]]
    plain: Callable[[dict[str, Any]], Any]


_SHORTHANDS = {
    spec_pb2.BatchSize.DESCRIPTOR.full_name: _Shorthand(
        lambda size: {"full": True} if size == "full" else {"samples": size},
        lambda fields: "full" if fields.get("full") else fields.get("samples", 0),
    ),
    convolutions_pb2.Sizes.DESCRIPTOR.full_name: _Shorthand(
        lambda sizes: {"values": [sizes] if isinstance(sizes, int) else sizes},
        lambda fields: fields["values"][0] if len(fields["values"]) == 1 else fields["values"],
    ),
    convolutions_pb2.Padding.DESCRIPTOR.full_name: _Shorthand(
        lambda padding: {"same": True} if padding == "same" else {"sizes": padding},
        lambda fields: "same" if fields.get("same") else fields.get("sizes", []),
    ),
    layers_pb2.Branch.DESCRIPTOR.full_name: _Shorthand(
        lambda layers: {"layers": layers}, lambda fields: fields["layers"]
    ),
}


def spec_to_proto(spec: JobSpec | Mapping[str, Any]) -> spec_pb2.JobSpec:
    """The message of a spec, or of a spec's canonical form; every field that has a value is set."""
    data = dict(spec.model_dump_job() if isinstance(spec, JobSpec) else spec)
    if isinstance(data["model"], Mapping):
        data["python_model"] = data.pop("model")
    if isinstance(data.get("cluster", {}).get("workers"), Mapping):
        cluster = dict(data["cluster"])
        cluster["worker_range"] = cluster.pop("workers")
        data["cluster"] = cluster
    message = spec_pb2.JobSpec()
    _fill(message, data)
    return message


def spec_data_from_proto(message: spec_pb2.JobSpec) -> dict[str, Any]:
    """What a job file with the same content would hold; fields that are not set are left out.

    Raises SpecError for what this version does not know: it must not train something else than was asked for.
    """
    violations: list[Violation] = []
    data = _data(message, "", violations)
    if "python_model" in data:
        if data["model"]:
            violations.append(
                Violation("python_model", "there are layers in model too: leave one of them out")
            )
        data["model"] = data.pop("python_model")
    cluster = data.get("cluster", {})
    if "worker_range" in cluster:
        if "workers" in cluster:
            message_text = "there is a number in cluster.workers too: leave one of them out"
            violations.append(Violation("cluster.worker_range", message_text))
        cluster["workers"] = cluster.pop("worker_range")
    if violations:
        raise SpecError(violations)
    return data


def enum_name(enum: EnumDescriptor, number: int) -> str | None:
    """METRIC_ACCURACY -> "accuracy"; None for a number that the enum does not have."""
    value = enum.values_by_number.get(number)
    return value.name.removeprefix(_prefix(enum)).lower() if value is not None else None


def enum_number(enum: EnumDescriptor, name: str) -> int:
    """ "accuracy" -> METRIC_ACCURACY; raises KeyError for a name that the enum does not have."""
    return enum.values_by_name[_prefix(enum) + name.upper()].number


def _prefix(enum: EnumDescriptor) -> str:
    return enum.values_by_number[0].name.removesuffix("UNSPECIFIED")


def _is_map(field: Any) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def _fill(message: Message, data: Mapping[str, Any]) -> None:
    for name, value in data.items():
        field, target = message.DESCRIPTOR.fields_by_name[name], getattr(message, name)
        if _is_map(field):
            target.update(value)
        elif field.is_repeated:
            for item in value:
                if field.message_type is not None:
                    _fill_one(target.add(), item)
                else:
                    target.append(_scalar_to_proto(field, item))
        elif field.message_type is not None:
            target.SetInParent()
            _fill_one(target, value)
        else:
            setattr(message, name, _scalar_to_proto(field, value))


def _fill_one(message: Message, value: Any) -> None:
    shorthand = _SHORTHANDS.get(message.DESCRIPTOR.full_name)
    _fill(message, value if shorthand is None else shorthand.fields(value))


def _scalar_to_proto(field: Any, value: Any) -> Any:
    return enum_number(field.enum_type, value) if field.enum_type is not None else value


def _data(message: Message, path: str, violations: list[Violation]) -> Any:
    for unknown in UnknownFieldSet(message):
        number = unknown.field_number
        message_text = f"field number {number} is not known to this service: it may be older than the client"
        violations.append(Violation(path, message_text))
    data: dict[str, Any] = {
        field.name: {} if _is_map(field) else [] for field in message.DESCRIPTOR.fields if field.is_repeated
    }
    if path.count(".") + path.count("[") >= MAXIMUM_DEPTH:
        violations.append(Violation(path, f"nested more than {MAXIMUM_DEPTH} levels deep"))
        return data
    for field, value in message.ListFields():
        place = f"{path}.{field.name}" if path else field.name
        if _is_map(field):
            data[field.name] = dict(value)
        elif field.is_repeated:
            items = [_value(field, each, f"{place}[{index}]", violations) for index, each in enumerate(value)]
            data[field.name] = [item for item in items if item is not None]
        else:
            item = _value(field, value, place, violations)
            if item is not None:
                data[field.name] = item
    shorthand = _SHORTHANDS.get(message.DESCRIPTOR.full_name)
    return data if shorthand is None else shorthand.plain(data)


def _value(field: Any, value: Any, place: str, violations: list[Violation]) -> Any:
    if field.enum_type is not None:
        name = enum_name(field.enum_type, value)
        if name is None:
            violations.append(Violation(place, f"value {value} is not known to this service"))
        return None if name == "unspecified" and not field.is_repeated else name
    return _data(value, place, violations) if isinstance(value, Message) else value
