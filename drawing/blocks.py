"""What a picture shows of a graph: boxes in boxes, as the layers are in one another, and values between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise

from ..core.tracing import ComputationalGraph, GraphNode, NodeKind
from .diagram import Box, Carried, Chip, Content, Link, group, leaf, text_width

MOST_STEPS = 16
"""A layer unrolled over more steps than that is one box, unless each operation is asked for."""

_WEIGHTS = {"": 1.0, "gradient": 0.3, "saved": 0.1}
"""Of lines, by their style: the forward pass goes straight down first."""
_Path = tuple[str, ...]


@dataclass
class _View:
    """A graph at a level of detail: the box of each node, the nodes that lead back through it, and how many
    operations of the forward pass read it."""

    nodes: Sequence[GraphNode]
    operations: bool
    boxes: dict[int, Box] = field(default_factory=dict)
    derivatives: dict[int | None, list[GraphNode]] = field(default_factory=dict)
    readers: dict[int, int] = field(default_factory=dict)

    def parameters(self, nodes: Sequence[GraphNode]) -> list[GraphNode]:
        """Those that the nodes read, each once."""
        read = dict.fromkeys(source for node in nodes for source in node.inputs)
        return [self.nodes[source] for source in read if self.nodes[source].kind is NodeKind.PARAMETER]


def amount(value: int, unit: str = "") -> str:
    """`812`, `38.2 k`, `1.4 MB`."""
    scaled, prefixes = float(value), iter("kMGTPE")
    prefix = ""
    while scaled >= 999.5:
        scaled, prefix = scaled / 1000, next(prefixes)
    return f"{scaled:.3g} {prefix}{unit}".rstrip()


def shape_text(node: GraphNode) -> str:
    """`32×16×28×28`, with the dtype where it is not float32."""
    shape = "×".join(map(str, node.shape)) or "scalar"
    return shape if node.dtype == "float32" else f"{shape} {node.dtype}"


def blocks(graph: ComputationalGraph, operations: bool) -> tuple[Box, list[Link]]:
    """The boxes of a picture and the links between them: a box a layer, or, if `operations`, one for each."""
    view = _View(graph.nodes, operations)
    forward = [node for node in graph.nodes if node.kind is NodeKind.FORWARD]
    for node in graph.nodes:
        if node.kind is NodeKind.BACKWARD:
            view.derivatives.setdefault(node.derivative_of, []).append(node)
    for source in (source for node in forward for source in set(node.inputs)):
        view.readers[source] = view.readers.get(source, 0) + 1
    ends = [
        leaf(Content(title, style="end", about=_about(title, [node]), round=True))
        for title, node in zip(("input", "output"), (graph.nodes[0], *forward[-1:]), strict=False)
    ]
    view.boxes[0] = ends[0]
    inside = _nested(view, [(node, _path(node.layer)) for node in forward], 0)
    rest = [_box(view, [node], node.name, "") for node in view.derivatives.get(None, [])]
    return Box(inside=[ends[0], *inside, *rest, *ends[1:]]), _links(view, forward[-1:], ends[-1])


def _path(layer: str) -> _Path:
    """`layers.3.body.layers.0.relu` -> ("layers.3", "body", "layers.0"); one alone is named by its kind."""
    *parts, kind = layer.split(".")
    places: list[str] = []
    for part in parts:
        places[len(places) - part.isdigit() :] = [f"{places[-1]}.{part}" if part.isdigit() else part]
    return tuple(places) or (kind or "outside",)


def _nested(view: _View, run: Sequence[tuple[GraphNode, _Path]], depth: int) -> list[Box]:
    """Boxes for operations computed one after another: those of one layer, and of all in it, in one box."""
    boxes: list[Box] = []
    for here, same in groupby(run, key=lambda each: each[1][depth : depth + 1]):
        part = list(same)
        nodes = [node for node, _ in part]
        if not here:
            boxes += _leaves(view, nodes, _names(nodes), "")
            continue
        path, end = part[0][1], depth + 1
        while all(each[end : end + 1] == path[end : end + 1] != () for _, each in part):
            end += 1
        kind = next((node.layer.rpartition(".")[2] for node, each in part if len(each) == end), "")
        place = ".".join(path[depth:end]) if path != (kind,) else ""
        if any(len(each) > end for _, each in part):
            boxes.append(group(Content(kind, place), _nested(view, part, end)))
            continue
        steps = _steps(view, nodes)
        last = max(step for _, step in steps)
        if not view.operations and not 0 < last <= MOST_STEPS:
            boxes += _leaves(view, nodes, kind, place)
            continue
        learned = amount(sum(source.parameters for source in view.parameters(nodes)))
        place += f" · {learned} parameters, the same in each step" * (last > 0)
        boxes.append(group(Content(kind, place), [box for part in steps for box in _step(view, *part)]))
    return boxes


def _steps(view: _View, run: Sequence[GraphNode]) -> list[tuple[Sequence[GraphNode], int]]:
    """The run in parts, each with its number if it is a step of a layer unrolled over time, else 0.

    A step begins where the parameters that were read before are read again, and is as long as the first.
    """
    readings: dict[tuple[int, ...], list[int]] = {}
    for index, node in enumerate(run):
        readings.setdefault(tuple(source.id for source in view.parameters([node])), []).append(index)
    parts: list[tuple[Sequence[GraphNode], int]] = []
    done = 0
    for read, starts in readings.items():
        lengths = {after - start for start, after in pairwise(starts)}
        if read and len(lengths) == 1 and starts[0] >= done:
            length = lengths.pop()
            parts += [(run[done : starts[0]], 0)] if starts[0] > done else []
            parts += [(run[start : start + length], number + 1) for number, start in enumerate(starts)]
            done = starts[-1] + length
    return [*parts, (run[done:], 0)] if done < len(run) else parts


def _step(view: _View, run: Sequence[GraphNode], step: int) -> list[Box]:
    boxes = _leaves(view, run, f"step {step}" if step else _names(run), "", bool(step))
    if step and view.operations:
        boxes = [group(Content("", f"step {step}"), boxes)]
    for box in boxes * bool(step):
        box.row = (view.parameters(run)[0].id, box.upward)
    return boxes


def _names(nodes: Sequence[GraphNode], separator: str = " · ") -> str:
    return separator.join(dict.fromkeys(node.name for node in nodes))


def _leaves(view: _View, run: Sequence[GraphNode], title: str, place: str, step: bool = False) -> list[Box]:
    """A box for the run, or for each operation of it, and beside it one for what leads back through it."""
    boxes: list[Box] = []
    for nodes in [[node] for node in run] if view.operations else [run]:
        back = [node for source in reversed(nodes) for node in view.derivatives.get(source.id, [])]
        if view.operations:
            around = [_box(view, [node], node.name, "") for node in (*nodes, *reversed(back))]
        else:
            around = [_box(view, nodes, title, place, step)]
            around += [_box(view, back, f"∂ {title}", "")] if back else []
        for box in around[1:]:
            box.partner = around[0]
        boxes += around
    return boxes


def _box(view: _View, nodes: Sequence[GraphNode], title: str, place: str, step: bool = False) -> Box:
    upward = nodes[0].kind is NodeKind.BACKWARD
    read = view.parameters(nodes)
    others = [source for node in nodes for source in node.inputs if view.readers.get(source, 0) > 1]
    chips, notes = [], []
    if view.operations:
        for source in (view.nodes[source] for source in dict.fromkeys(nodes[0].inputs)):
            if source.kind in (NodeKind.PARAMETER, NodeKind.CONSTANT):
                shared = " shared" * (source.kind is NodeKind.PARAMETER and source.id in others)
                text = f"{source.name.rpartition('.')[2]} {shape_text(source)}"
                chips.append(Chip(text, source.kind.value + shared))
    else:
        if read and not upward and not step:
            shared = any(view.readers[source.id] > others.count(source.id) > 0 for source in read)
            learned = amount(sum(source.parameters for source in read))
            notes.append(f"{learned} parameters" + ", shared" * shared)
        notes += [f"{amount(cost)} FLOPs" for cost in [sum(node.flops for node in nodes)] if cost]
    about = _about(title, nodes)
    stripe = "parameter" if read and not view.operations else ""
    style = nodes[0].kind.value
    box = leaf(Content(title, place, style, " · ".join(notes), tuple(chips), about, stripe), upward)
    view.boxes.update({node.id: box for node in nodes})
    return box


def _about(title: str, nodes: Sequence[GraphNode]) -> str:
    """All there is to know, in lines."""
    last = nodes[-1]
    lines = [f"{title}, {last.layer}" if last.layer else title]
    lines += [f"{len(nodes)} operations: {_names(nodes, ', ')}"] if len(nodes) > 1 else []
    lines.append(f"gives {shape_text(last)}, {last.dtype}, {last.bytes:,} bytes")
    lines.append(f"reads {max(node.parameters for node in nodes):,} parameters")
    lines.append(f"takes {sum(node.flops for node in nodes):,} FLOPs")
    return "\n".join(lines)


def _links(view: _View, last: Sequence[GraphNode], output: Box) -> list[Link]:
    """What each box takes from each other one: a line a value, or, between layers, one for several.

    What gradients take from the forward pass has a text only where no other line has it.
    """
    taken: dict[tuple[Box, Box], dict[int, None]] = {}
    for node in view.nodes:
        for source in node.inputs if node.id in view.boxes else ():
            if source in view.boxes and view.boxes[source] is not view.boxes[node.id]:
                taken.setdefault((view.boxes[source], view.boxes[node.id]), {})[source] = None
    taken.update({(view.boxes[node.id], output): {node.id: None} for node in last})
    flowing = {
        value for ends, values in taken.items() if ends[0].upward == ends[1].upward for value in values
    }
    links = []
    for (source, target), values in taken.items():
        saved = source.upward != target.upward
        style = "saved" if saved else "gradient" * source.upward
        texts = {(value, saved): shape_text(view.nodes[value]) for value in values}
        if saved:
            texts = {key: text * (view.operations and key[0] not in flowing) for key, text in texts.items()}
        if not view.operations and (saved or len(values) > 1):
            texts = {(source, None if saved else target): f"{len(values)} values" * (not saved)}
        for key, text in texts.items():
            links.append(Link(source, target, Carried(key, style, text), text_width(text), _WEIGHTS[style]))
    return links
