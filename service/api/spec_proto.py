"""A job's spec as protobuf message and as the plain data of a job file: both have the same field names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf.descriptor import EnumDescriptor
from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet

from chainrule.v1 import spec_pb2

from ...worker.spec import JobSpec
from ...worker.spec_errors import SpecError, Violation


def spec_to_proto(spec: JobSpec | Mapping[str, Any]) -> spec_pb2.JobSpec:
    """The message of a spec, or of a spec's canonical form; every field that has a value is set."""
    message = spec_pb2.JobSpec()
    _fill(message, spec.model_dump_job() if isinstance(spec, JobSpec) else spec)
    return message


def spec_data_from_proto(message: spec_pb2.JobSpec) -> dict[str, Any]:
    """What a job file with the same content would hold; fields that are not set are left out.

    Raises SpecError for what this version does not know: it must not train something else than was asked for.
    """
    violations: list[Violation] = []
    data = _data(message, "", violations)
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


def _fill(message: Message, data: Mapping[str, Any]) -> None:
    for name, value in data.items():
        field = message.DESCRIPTOR.fields_by_name[name]
        if field.is_repeated:
            target = getattr(message, name)
            for item in value:
                if field.message_type is not None:
                    _fill(target.add(), item)
                else:
                    target.append(_scalar_to_proto(field, item))
        elif field.message_type is spec_pb2.BatchSize.DESCRIPTOR:
            size = spec_pb2.BatchSize(full=True) if value == "full" else spec_pb2.BatchSize(samples=value)
            getattr(message, name).CopyFrom(size)
        elif field.message_type is not None:
            getattr(message, name).SetInParent()
            _fill(getattr(message, name), value)
        else:
            setattr(message, name, _scalar_to_proto(field, value))


def _scalar_to_proto(field: Any, value: Any) -> Any:
    return enum_number(field.enum_type, value) if field.enum_type is not None else value


def _data(message: Message, path: str, violations: list[Violation]) -> dict[str, Any]:
    for unknown in UnknownFieldSet(message):
        number = unknown.field_number
        message_text = f"field number {number} is not known to this service: it may be older than the client"
        violations.append(Violation(path, message_text))
    data: dict[str, Any] = {field.name: [] for field in message.DESCRIPTOR.fields if field.is_repeated}
    for field, value in message.ListFields():
        place = f"{path}.{field.name}" if path else field.name
        if field.is_repeated:
            items = [_value(field, each, f"{place}[{index}]", violations) for index, each in enumerate(value)]
            data[field.name] = [item for item in items if item is not None]
        else:
            item = _value(field, value, place, violations)
            if item is not None:
                data[field.name] = item
    return data


def _value(field: Any, value: Any, place: str, violations: list[Violation]) -> Any:
    if field.enum_type is not None:
        name = enum_name(field.enum_type, value)
        if name is None:
            violations.append(Violation(place, f"value {value} is not known to this service"))
        return None if name == "unspecified" and not field.is_repeated else name
    if isinstance(value, spec_pb2.BatchSize):
        _data(value, place, violations)
        return "full" if value.full else value.samples
    return _data(value, place, violations) if isinstance(value, Message) else value
