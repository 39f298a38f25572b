"""Writes docs/job_file.md, the reference of the job file, from the types that job files are read with.

    python docs/job_file.py

What a key or kind means stands in the comments of the .proto files and in the core's docstrings.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BeforeValidator
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from chainrule.core import losses, nn, optim
from chainrule.core.init import INITIALIZERS as INITIALIZER_FUNCTIONS
from chainrule.worker.spec import JobSpec
from chainrule.worker.spec.compression import COMPRESSIONS
from chainrule.worker.spec.consistency import CONSISTENCY
from chainrule.worker.spec.initializers import INITIALIZERS
from chainrule.worker.spec.layers import LAYERS, LayerSpec
from chainrule.worker.spec.losses import LOSSES, PENALTIES
from chainrule.worker.spec.optimizers import OPTIMIZERS
from chainrule.worker.spec.schedules import SCHEDULES
from chainrule.worker.spec.section import Kind, Section
from chainrule.worker.spec.sections import SECTIONS
from chainrule.worker.spec.transforms import TRANSFORMS

DOCS = Path(__file__).resolve().parent
REFERENCE = DOCS / "job_file.md"
PROTOS = DOCS.parent / "protos" / "chainrule" / "v1"
SHARED_BY_LAYERS = ("name", "repeat", "initializer")

INTRODUCTION = """\
# The job file

A job file is YAML (1.2) or JSON. `dataset`, `model`, `loss` and `optimizer` are required, the rest has
defaults; an unknown key is a mistake, and every mistake is named with its place, such as
`model[2].residual.body[1].conv2d.kernel`. A kind whose settings all have defaults may be written as its name
alone: `relu`, `adam`. Sizes that follow from the data are not written. Paths are taken from the job file's
folder. `chainrule validate job.yaml` says what would run; `--set training.epochs=40` changes a key.

This page is written by `python docs/job_file.py`.

## Three examples

A convolutional network:

```yaml
name: cnn
dataset: {source: digits}
model:
  - reshape: {shape: [1, 8, 8]}
  - conv2d: {filters: 16, kernel: 3, padding: same, bias: false}
  - batch_norm
  - relu
  - max_pool: {kernel: 2}
  - conv2d: {filters: 32, kernel: 3, padding: same}
  - relu
  - global_avg_pool
  - linear: {units: 10}
loss: {softmax_cross_entropy: {label_smoothing: 0.05}}
metrics: [accuracy]
optimizer: {sgd: {learning_rate: 0.05, momentum: 0.9, nesterov: true}}
training: {epochs: 20, schedule: one_cycle}
```

A recurrent network that predicts the next of 65 characters; the file holds ids `x` (samples, steps) and `y`,
the same one step later:

```yaml
name: characters
dataset: {source: npz, path: characters.npz}
model:
  - embedding: {rows: 65, units: 64}
  - lstm: {units: 256, layers: 2, truncate: 64}
  - dropout: {rate: 0.2}
  - time_linear: {units: 65}
loss: softmax_cross_entropy
optimizer: {adamw: {learning_rate: 0.002}}
training: {epochs: 20, clip_norm: 1.0, schedule: cosine, warm_up: {epochs: 1}}
```

A transformer that tells four kinds of texts apart: four blocks in a row, each with weights of its own, then a
residual part that uses one layer twice:

```yaml
name: texts
dataset: {source: npz, path: texts.npz}
model:
  - embedding: {rows: 20000, units: 64, padding: 0}
  - learned_positions
  - transformer_block: {heads: 4, hidden: 256, dropout: 0.1, repeat: 4}
  - residual:
      body:
        - layer_norm
        - time_linear: {units: 64, name: mix, initializer: orthogonal}
        - gelu
        - shared: {layer: mix}
  - permute: {axes: [1, 0]}
  - global_avg_pool
  - linear: {units: 4, name: head}
loss: softmax_cross_entropy
metrics: [accuracy]
optimizer: adamw
parameter_groups:
  - {parameters: "*.bias", weight_decay: 0}
training: {epochs: 10, precision: bfloat16, average: {decay: 0.999}}
```
"""

LAYERS_INTRODUCTION = """\
## Layers

Shapes begin with n, the number of samples. All layers but `shared` take two more keys, and those with weights
a third:
"""

CORE: dict[str, Mapping[str, Any]] = {
    "layer": {name.lower(): getattr(nn, name) for name in nn.__all__},
    "loss": vars(losses),
    "penalty": vars(losses),
    "optimizer": {name.lower(): getattr(optim, name) for name in optim.__all__},
    "initializer": INITIALIZER_FUNCTIONS,
}
"""What computes each kind, by the kind's name, with or without its underscores. Schedules are left out: those
of the core count steps, those of a job epochs."""


def main() -> None:
    """Writes the reference beside this file."""
    REFERENCE.write_text(reference(), encoding="utf-8")


def reference() -> str:
    """The whole page, as Markdown."""
    return "\n".join([INTRODUCTION, *_sections(), *_kinds()]) + "\n"


def _sections() -> Iterator[str]:
    yield from ("## Sections", "", *_section("The job", JobSpec, "JobSpec"))
    for path, section in SECTIONS.items():
        name = "python" if path == ("model",) else ".".join(path)
        title = "`model`, when it is written in Python" if name == "python" else f"`{name}`"
        yield from _section(title, section, section.__name__)


def _section(title: str, section: type[Section], message: str) -> Iterator[str]:
    yield from (f"### {title}", "")
    if section is not JobSpec and (text := _beyond_settings(section)):
        yield from (_escaped(text), "")
    yield from ("| key | value | default | |", "|---|---|---|---|")
    yield from (f"| {_row(section, name, message)} |" for name in section.model_fields)
    yield ""


def _kinds() -> Iterator[str]:
    yield from (LAYERS_INTRODUCTION,)
    yield from ("| key | value | default | |", "|---|---|---|---|")
    linear = LAYERS["linear"]
    yield from (f"| {_row(linear, name, 'LinearLayer')} |" for name in SHARED_BY_LAYERS)
    yield from ("", *_table("layer", LAYERS))
    for title, what, table in (
        ("Transforms", "transform", TRANSFORMS),
        ("Losses", "loss", LOSSES),
        ("Penalties", "penalty", PENALTIES),
        ("Optimizers", "optimizer", OPTIMIZERS),
        ("Schedules", "schedule", SCHEDULES),
        ("Consistency", "consistency", CONSISTENCY),
        ("Compression", "compression", COMPRESSIONS),
        ("Initializers", "initializer", INITIALIZERS),
    ):
        yield from (f"## {title}", "", *_table(what, table))


def _table(what: str, table: Mapping[str, type[Kind]]) -> Iterator[str]:
    yield from (f"| {what} | setting | value | default | |", "|---|---|---|---|---|")
    for name, kind in table.items():
        message = "".join(part[:1].upper() + part[1:] for part in name.split("_")) + what.capitalize()
        yield f"| `{name}` | | | | {_meaning(what, kind, message)} |"
        for field in kind.model_fields:
            if not (issubclass(kind, LayerSpec) and field in SHARED_BY_LAYERS):
                yield f"| | {_row(kind, field, message)} |"
    yield ""


def _meaning(what: str, kind: type[Kind], message: str) -> str:
    named = CORE.get(what, {})
    computes = named.get(kind.kind) or named.get(kind.kind.replace("_", ""))
    if computes is None:
        return _escaped(COMMENTS[message, ""])
    first = _one_line(inspect.cleandoc(computes.__doc__).split("\n\n")[0])
    own = next((_beyond_settings(base) for base in kind.__mro__ if "kind" in vars(base)), "")
    weights = "Takes `initializer`." if "initializer" in kind.model_fields else ""
    return _escaped(" ".join(filter(None, (re.sub(r" See `ops\.\w+`\.", "", first), own, weights))))


def _beyond_settings(section: type) -> str:
    """What the docstring says of the whole; what it says of a setting (`name: ...`) stands there."""
    text = _one_line(section.__doc__ or "")
    return "" if re.match(r"[a-z_]+[:,] ", text) else text


def _row(section: type[Section], name: str, message: str) -> str:
    field, comment = section.model_fields[name], COMMENTS.get((message, name), "")
    in_words = re.search(r" (?:Default|Not set):? ([^.]*)\.$", comment)
    default = _default(field) or (in_words[1] if in_words else "")
    meaning = _MEANING_ENDS.sub("", comment).rstrip(".")
    return " | ".join((f"`{name}`", _escaped(_value(field)), _escaped(default), _escaped(meaning)))


def _value(field: FieldInfo) -> str:
    """What may be written: what messages say is expected."""
    if get_origin(field.annotation) is Literal:
        return "one of " + ", ".join(f"`{choice}`" for choice in get_args(field.annotation))
    # The innermost comes first; what is said last is said of the whole.
    return field.description or [*_descriptions((field.annotation, *field.metadata))][-1]


def _descriptions(parts: tuple[Any, ...]) -> Iterator[str]:
    for part in parts:
        if isinstance(part, FieldInfo) and part.description:
            yield part.description
        elif isinstance(part, BeforeValidator):
            try:
                part.func(None)  # type: ignore[call-arg]
            except PydanticCustomError as error:
                yield error.message().removeprefix("expected ").rpartition(", got ")[0]
        else:
            yield from _descriptions(getattr(part, "__metadata__", ()) or get_args(part))


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    default: Any = field.get_default(call_default_factory=True, validated_data={})
    if default is None or default in ((), {}) or isinstance(default, Section):
        return ""
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    text = f"{default:g}".replace("e-0", "e-") if isinstance(default, float) else default
    return f"`{text}`"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _escaped(text: str) -> str:
    """Text for a cell of a table: formulas are not markup."""
    parts = re.split(r"(`[^`]*`)", text.replace("|", "\\|"))
    return "".join(
        part if part.startswith("`") else re.sub(r"[*<]|(?<!\w)_|_(?!\w)", r"\\\g<0>", part) for part in parts
    )


def _comments() -> dict[tuple[str, str], str]:
    """(message, field, or "" for the whole) -> the comment above it in the .proto files, in one line."""
    found: dict[tuple[str, str], str] = {}
    for path in PROTOS.glob("*.proto"):
        message, lines = "", []
        for line in map(str.strip, path.read_text(encoding="utf-8").splitlines()):
            if line.startswith("//"):
                lines.append(line[2:].strip())
                continue
            if match := re.match(r"message (\w+)", line):
                message = match[1]
                found[message, ""] = " ".join(lines)
            elif match := re.match(r"(?:\w+ )?\S.* (\w+) = \d+", line):
                found[message, match[1]] = " ".join(lines)
            lines = []
    return found


COMMENTS = _comments()
_MEANING_ENDS = re.compile(
    r"(: (at least|above|finite|\d|\[)|, at least \d\.| Default\b| Not set: | Either this).*$"
)
"""Where a comment goes on with limits and the default, which have columns of their own."""


if __name__ == "__main__":
    main()
