"""Models whose graphs are drawn, and the boxes, lines and words of a drawing, read back from the SVG."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from chainrule.core import ComputationalGraph, Tensor, losses, nn, trace

SVG = "{http://www.w3.org/2000/svg}"
IMAGES = np.ones((4, 1, 16, 16), np.float32)
SEQUENCES = np.ones((4, 10, 3), np.float32)
VECTORS = np.ones((4, 6), np.float32)


def _cnn() -> nn.Sequential:
    """Twenty layers."""
    layers: list[nn.Module] = []
    for inputs, channels in ((1, 4), (4, 8), (8, 8), (8, 4)):
        layers += [
            nn.Conv2d(inputs, channels, 3, padding=1),
            nn.BatchNorm(channels),
            nn.ReLU(),
            nn.MaxPool(2),
        ]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))


def _residual(inputs: int, channels: int) -> nn.Residual:
    body = [nn.Conv2d(inputs, channels, 3, padding=1), nn.BatchNorm(channels), nn.ReLU()]
    body += [nn.Conv2d(channels, channels, 3, padding=1), nn.BatchNorm(channels)]
    return nn.Residual(nn.Sequential(*body), nn.Conv2d(inputs, channels, 1) if inputs != channels else None)


def _resnet() -> nn.Sequential:
    blocks = [_residual(4, 4), nn.ReLU(), _residual(4, 8), nn.ReLU()]
    return nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), *blocks, nn.GlobalAvgPool(), nn.Linear(8, 3))


def _parallel() -> nn.Sequential:
    deep = nn.Sequential(nn.Conv2d(1, 4, 1), nn.ReLU(), nn.Conv2d(4, 2, 5, padding=2))
    short = nn.Sequential(nn.Conv2d(1, 2, 1), nn.Parallel(nn.ReLU(), nn.Tanh(), combine="sum"))
    return nn.Sequential(nn.Parallel(nn.Conv2d(1, 2, 1), short, deep), nn.GlobalAvgPool(), nn.Linear(6, 3))


def _transformer() -> nn.Sequential:
    block = nn.TransformerBlock(8, 2, 16, causal=True, dropout=0.1)
    return nn.Sequential(
        nn.Embedding(9, 8), nn.SinusoidalPositions(10, 8), block, nn.Flatten(), nn.Linear(80, 3)
    )


def _shared() -> nn.Sequential:
    layer = nn.Linear(6, 6)
    return nn.Sequential(layer, nn.Tanh(), layer, layer, nn.Tanh(), nn.Linear(6, 3))


MODELS: dict[str, tuple[Callable[[], nn.Module], np.ndarray]] = {
    "mlp": (
        lambda: nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 5), nn.ReLU(), nn.Linear(5, 3)),
        VECTORS,
    ),
    "cnn": (_cnn, IMAGES),
    "resnet": (_resnet, IMAGES),
    "parallel": (_parallel, IMAGES),
    "transformer": (_transformer, np.ones((4, 10), np.int64)),
    "rnn": (lambda: nn.Sequential(nn.RNN(3, 4), nn.Flatten(), nn.Linear(40, 3)), SEQUENCES),
    "lstm": (lambda: nn.Sequential(nn.LSTM(3, 4, outputs="last"), nn.Linear(4, 3)), SEQUENCES),
    "gru in two directions": (
        lambda: nn.Sequential(nn.GRU(3, 4, layers=2, bidirectional=True, outputs="last"), nn.Linear(8, 3)),
        SEQUENCES,
    ),
    "shared": (_shared, VECTORS),
    "one layer": (lambda: nn.Linear(6, 3), VECTORS),
}


def traced(name: str, backward: bool = False) -> ComputationalGraph:
    """The graph of one of the models, with a loss, in training."""
    build, x = MODELS[name]
    labels = np.arange(len(x)) % 3
    context = nn.ForwardContext(training=True)
    return trace(build(), Tensor(x), context, lambda y: losses.softmax_cross_entropy(y, labels), backward)


@dataclass(frozen=True)
class Area:
    """A rectangle, and what is in it."""

    left: float
    top: float
    right: float
    bottom: float
    words: str = ""

    def holds(self, other: Area) -> bool:
        across = self.left <= other.left + 0.01 and other.right <= self.right + 0.01
        return across and self.top <= other.top + 0.01 and other.bottom <= self.bottom + 0.01


def _rectangle(element: ElementTree.Element, words: str) -> Area:
    x, y, width, height = (float(element.attrib[name]) for name in ("x", "y", "width", "height"))
    return Area(x, y, x + width, y + height, words)


def _word(element: ElementTree.Element) -> Area:
    """The place of a text, each character 0.6 of its size wide."""
    x, y, words = float(element.attrib["x"]), float(element.attrib["y"]), element.text or ""
    size = 12.0 if element.attrib["class"] == "title" else 10.0
    return Area(x, y - 0.8 * size, x + 0.6 * size * len(words), y + 0.2 * size, words)


@dataclass(frozen=True)
class Drawing:
    """What is in an SVG of a graph: boxes with nothing inside, groups, words on lines and of groups."""

    page: Area
    nodes: tuple[Area, ...]
    groups: tuple[Area, ...]
    values: tuple[Area, ...]
    titles: tuple[Area, ...]
    inner_words: tuple[tuple[Area, Area], ...]
    lines: tuple[Area, ...]


def read(svg: str) -> Drawing:
    """The drawing in an SVG; its parts are found by their classes."""
    root = ElementTree.fromstring(svg)
    by_class: dict[str, list[ElementTree.Element]] = {}
    for element in root.iter():
        by_class.setdefault(element.get("class", "").split(" ")[0], []).append(element)
    nodes, words = [], []
    for element in by_class.get("node", []):
        texts = [_word(text) for text in element.iter(f"{SVG}text")]
        node = _rectangle(element.findall(f"{SVG}rect")[0], " ".join(text.words for text in texts))
        nodes.append(node)
        words += [(text, node) for text in texts]
    groups = by_class.get("group", [])
    titles = [_word(text) for element in groups for text in element.iter(f"{SVG}text")]
    frames = [_rectangle(element.findall(f"{SVG}rect")[0], "") for element in groups]
    drawn = [line for element in by_class["edge"] for line in _pieces(element.attrib["d"])]
    width, height = (float(root.attrib[name]) for name in ("width", "height"))
    values = tuple(_word(element) for element in by_class.get("value", []))
    page = Area(0.0, 0.0, width, height)
    return Drawing(page, tuple(nodes), tuple(frames), values, tuple(titles), tuple(words), tuple(drawn))


def _pieces(path: str) -> Iterator[Area]:
    points = [(float(x), float(y)) for x, y in re.findall(r"([-\d.e]+),([-\d.e]+)", path)]
    for (a, b), (c, d) in pairwise(points):
        yield Area(min(a, c) - 0.05, min(b, d), max(a, c) + 0.05, max(b, d))


def _meetings(first: Sequence[Area], second: Sequence[Area], margin: float = 0.01) -> list[tuple[Area, Area]]:
    """All pairs that overlap by more than `margin`; for one list and itself each pair once."""
    edges = np.array([(area.left, area.top, area.right, area.bottom) for area in second]).reshape(-1, 4)
    pairs = []
    for index, area in enumerate(first):
        across = (area.left < edges[:, 2] - margin) & (edges[:, 0] < area.right - margin)
        down = (area.top < edges[:, 3] - margin) & (edges[:, 1] < area.bottom - margin)
        others = np.flatnonzero(across & down)
        pairs += [(area, second[int(other)]) for other in others if first is not second or other > index]
    return pairs


def faults(drawing: Drawing) -> list[str]:
    """What overlaps but must not, or is not in what it belongs to."""
    nodes, groups, words = drawing.nodes, drawing.groups, (*drawing.values, *drawing.titles)
    found = [f"boxes overlap: {a}, {b}" for a, b in _meetings(nodes, nodes)]
    found += [f"a box is half in a group: {a}, {b}" for a, b in _meetings(nodes, groups) if not b.holds(a)]
    around = [(a, b) for a, b in _meetings(groups, groups) if not a.holds(b) and not b.holds(a)]
    found += [f"groups overlap: {a}, {b}" for a, b in around]
    found += [f"words overlap: {a}, {b}" for a, b in _meetings(words, words)]
    found += [f"words on a box: {a}, {b}" for a, b in _meetings(words, nodes)]
    found += [f"words on a border: {a}, {b}" for a, b in _meetings(words, groups) if not b.holds(a)]
    found += [
        f"words do not fit: {word}, {node}" for word, node in drawing.inner_words if not node.holds(word)
    ]
    found += [f"a line crosses {what}" for what, _ in _meetings((*nodes, *words), drawing.lines, 0.1)]
    return found
