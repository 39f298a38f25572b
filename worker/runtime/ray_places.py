"""The nodes of a Ray cluster, and the places on them that a job's processes were given."""

from __future__ import annotations

from typing import Any

import ray
from ray._private.state import available_resources_per_node
from ray.util.placement_group import PlacementGroup, placement_group, placement_group_table
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from .placement import Layout, Node

PLACEMENT_SECONDS = 60.0
"""How long room is waited for."""

_HOME = 0


def actor_class(kind: type, **options: Any) -> Any:
    """The Ray actor class of `kind`; restarting what dies is the coordinator's decision, never Ray's."""
    return ray.remote(kind).options(max_restarts=0, max_task_retries=0, **options)


def nodes() -> list[Node]:
    """The nodes of the cluster that live."""
    # Ray's public functions tell what is free of all nodes together only.
    free: dict[str, dict[str, float]] = available_resources_per_node()
    return [
        Node(
            node["NodeID"],
            node["NodeManagerAddress"],
            node["Resources"],
            free.get(node["NodeID"], {}),
            node["Labels"],
        )
        for node in ray.nodes()
        if node["Alive"]
    ]


def ask_for(layout: Layout) -> PlacementGroup:
    """Ask Ray for all of these bundles or none."""
    return placement_group(
        layout.bundles(), strategy=layout.strategy, bundle_label_selector=layout.selectors()
    )


class Places:
    """Which worker has which place in a placement group; lives in the coordinator's process.

    Where a node is gone, Ray looks for room elsewhere for the bundles that were there; until it has found
    some, their workers have no node.
    """

    def __init__(self, layout: Layout, group: PlacementGroup) -> None:
        self._layout = layout
        self._group = group
        self._bundles: dict[int, int] = {}
        self.home = ray.get_runtime_context().get_node_id()

    def seat(self, worker: int) -> None:
        """Give a worker the first place that is free."""
        taken = list(self._bundles.values())
        rooms = enumerate(self._layout.workers)
        self._bundles[worker] = next(b for b, workers in rooms if taken.count(b) < workers)

    def leave(self, worker: int) -> None:
        """Free the place of a worker."""
        self._bundles.pop(worker, None)

    def node_of(self, worker: int) -> str | None:
        """The node of a worker's place; None while it has none."""
        bundle = self._bundles[worker]
        if bundle == _HOME:
            return self.home
        node = self._nodes().get(bundle)
        return node if any(node == each["NodeID"] and each["Alive"] for each in ray.nodes()) else None

    def workers_on(self, node: str) -> int:
        """How many places for workers there are on a node."""
        places = self._nodes()
        return sum(n for bundle, n in enumerate(self._layout.workers) if places.get(bundle) == node)

    def address(self, node: str) -> str:
        """The address of a node that is or was there."""
        found = (each["NodeManagerAddress"] for each in ray.nodes() if each["NodeID"] == node)
        return next(found, node)

    def _nodes(self) -> dict[int, str]:
        return {**placement_group_table(self._group)["bundles_to_node_id"], _HOME: self.home}

    def at_home(self) -> dict[str, Any]:
        """An actor's options that put it on the home node."""
        return in_bundle(self._group, _HOME)

    def beside(self, worker: int) -> dict[str, Any]:
        """An actor's options that put it on a worker's node."""
        return in_bundle(self._group, self._bundles[worker])

    def of_worker(self, worker: int) -> dict[str, Any]:
        """The options of a worker's own actor."""
        share = self._layout.share
        return {"num_cpus": share.cpus, "num_gpus": share.gpus, **self.beside(worker)}

    def wanted(self) -> str:
        """What a worker asks for, for a message."""
        return ", ".join(f"{amount:g} {name}" for name, amount in self._layout.share.of(1).items()) or "room"


def in_bundle(group: PlacementGroup, bundle: int) -> dict[str, Any]:
    """An actor's options that put it into a bundle of a placement group."""
    strategy = PlacementGroupSchedulingStrategy(group, placement_group_bundle_index=bundle)
    return {"scheduling_strategy": strategy}
