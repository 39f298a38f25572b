"""Over which nodes a job is spread: how many workers each bundle of its placement group has room for."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..spec import PlacementSpec

NODE_LABEL = "ray.io/node-id"
"""The label by which Ray itself names each node."""


@dataclass(frozen=True)
class Share:
    """CPUs and GPUs that each worker asks for."""

    cpus: float
    gpus: float

    def of(self, workers: int) -> dict[str, float]:
        """What so many workers on one node ask for."""
        # Above one GPU, Ray gives whole ones only.
        gpus = round(self.gpus * workers, 4)
        amounts = {"CPU": round(self.cpus * workers, 4), "GPU": math.ceil(gpus) if gpus > 1 else gpus}
        return {name: amount for name, amount in amounts.items() if amount}

    def fits(self, resources: Mapping[str, float], most: int) -> int:
        """How many workers, at most `most`, there is room for."""
        for workers in range(most, 0, -1):
            if all(resources.get(name, 0) + 1e-6 >= amount for name, amount in self.of(workers).items()):
                return workers
        return 0


@dataclass(frozen=True)
class Node:
    """A node that lives: what it has, what of that is free, and its labels."""

    id: str
    address: str
    total: Mapping[str, float]
    free: Mapping[str, float]
    labels: Mapping[str, str]


@dataclass(frozen=True)
class Layout:
    """The bundles of a placement group: how many workers each has room for.

    The first is the home of coordinator and parameter server; on the node `pinned`, where that is given.
    """

    strategy: str
    share: Share
    workers: tuple[int, ...]
    pinned: str | None
    labels: Mapping[str, str]

    def bundles(self) -> list[dict[str, float]]:
        """What each bundle asks for."""
        # Ray takes no empty bundle, and one byte is to be had everywhere.
        return [self.share.of(workers) or {"memory": 1} for workers in self.workers]

    def of_one_more(self, home: str) -> Layout:
        """That of a worker beyond those that the job began with, in a group of its own."""
        pinned = home if self.strategy == "STRICT_PACK" else None
        return Layout("STRICT_PACK", self.share, (1,), pinned, self.labels)

    def selectors(self) -> list[dict[str, str]]:
        """The labels that the node of each bundle must have."""
        home = {NODE_LABEL: self.pinned} if self.pinned is not None else {}
        return [{**self.labels, **home}, *(dict(self.labels) for _ in self.workers[1:])]


def arrange(
    placement: PlacementSpec,
    share: Share,
    workers: int,
    nodes: Sequence[Node],
    driver: str,
    together: bool = False,
) -> Layout:
    """The layout of a job of so many workers on the nodes that are there now; `together`: on one node.

    Home is the node `driver`, which has the job's folder, if a worker ever has room there, else where Ray
    finds most room. `pack` takes few nodes, home first; `spread` deals workers out evenly.
    """
    labels = placement.node_labels
    eligible = [
        node for node in nodes if all(node.labels.get(name) == value for name, value in labels.items())
    ]
    able = [node for node in eligible if share.fits(node.total, 1)]
    here = next((node for node in able if node.id == driver), None)
    if together:
        fits = here is not None and share.fits(here.total, workers) == workers
        return Layout("STRICT_PACK", share, (workers,), driver if fits else None, labels)
    pinned = None if here is None else here.id
    if placement.strategy == "spread":
        parts = min(workers, max(1, len(able)))
        dealt = tuple(workers // parts + (part < workers % parts) for part in range(parts))
        return Layout("SPREAD", share, dealt, pinned, labels)
    # Where there is not enough room now, it is waited for: what a node has counts, not what is free.
    enough = sum(share.fits(node.free, workers) for node in able) >= workers
    candidates = able if here is None else [here]
    fitting = [share.fits(node.free if enough else node.total, workers) for node in candidates]
    at_home = max(fitting, default=workers)
    return Layout("PACK", share, (at_home, *(1,) * (workers - at_home)), pinned, labels)


def room(nodes: Sequence[Node], labels: Mapping[str, str]) -> str:
    """What the nodes have, for a message."""
    described: list[str] = []
    for node in nodes:
        amounts = ", ".join(
            f"{node.free.get(name, 0):g} of {node.total[name]:g} {name} free"
            for name in ("CPU", "GPU")
            if name in node.total
        )
        lacking = [f"{name}: {value}" for name, value in labels.items() if node.labels.get(name) != value]
        without = f", without the label {' and '.join(lacking)}" if lacking else ""
        described.append(f"{node.address} ({amounts or 'no CPU'}{without})")
    return "; ".join(described) or "none"
