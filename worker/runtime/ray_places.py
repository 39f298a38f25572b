"""The nodes of a Ray cluster, and the places on them that a job's processes were given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import ray
from ray._private.state import available_resources_per_node
from ray.util.placement_group import (
    PlacementGroup,
    placement_group,
    placement_group_table,
    remove_placement_group,
)
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy, PlacementGroupSchedulingStrategy

from .placement import Layout, Node

PLACEMENT_SECONDS = 60.0
"""How long room for the workers that a job begins with is waited for."""

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
    some, their workers have no node. A worker for whom the job's group has no place gets a group of its own,
    and a node once one has room.
    """

    def __init__(self, layout: Layout, group: PlacementGroup) -> None:
        self._layout = layout
        self._group = group
        self._bundles: dict[int, int] = {}
        self._own: dict[int, PlacementGroup] = {}
        self.home = ray.get_runtime_context().get_node_id()

    def seat(self, worker: int) -> None:
        """Give a worker the first place that is free, or ask for one more."""
        taken = list(self._bundles.values())
        free = (b for b, workers in enumerate(self._layout.workers) if taken.count(b) < workers)
        if (bundle := next(free, None)) is not None:
            self._bundles[worker] = bundle
        else:
            self._own[worker] = ask_for(self._layout.of_one_more(self.home))

    def leave(self, worker: int, waiting: Sequence[int]) -> None:
        """Take the place of a worker back, and give it to the first of those that wait for one."""
        if (group := self._own.pop(worker, None)) is not None:
            remove_placement_group(group)
        if self._bundles.pop(worker, None) is None:
            return
        further = next((other for other in waiting if other in self._own), None)
        if further is not None:
            remove_placement_group(self._own.pop(further))
            self.seat(further)

    def close(self) -> None:
        """Take back all but the job's own group."""
        for group in self._own.values():
            remove_placement_group(group)
        self._own.clear()
        self._bundles.clear()

    def nodes_of(self, workers: Iterable[int]) -> dict[int, str]:
        """The nodes of those of these workers that have one."""
        alive = {node["NodeID"] for node in ray.nodes() if node["Alive"]}
        tables = placement_group_table()
        found: dict[int, str] = {}
        for worker in workers:
            if (bundle := self._bundles.get(worker)) == _HOME:
                found[worker] = self.home
                continue
            group = self._group if bundle is not None else self._own[worker]
            node = tables[group.id.hex()]["bundles_to_node_id"].get(bundle or 0)
            if node in alive:
                found[worker] = node
        return found

    def workers_on(self, node: str) -> int:
        """How many places for workers there are on a node."""
        places = {**placement_group_table(self._group)["bundles_to_node_id"], _HOME: self.home}
        return sum(n for bundle, n in enumerate(self._layout.workers) if places.get(bundle) == node)

    def address(self, node: str) -> str:
        """The address of a node that is or was there."""
        found = (each["NodeManagerAddress"] for each in ray.nodes() if each["NodeID"] == node)
        return next(found, node)

    def at_home(self) -> dict[str, Any]:
        """An actor's options that put it on the home node."""
        return in_bundle(self._group, _HOME)

    def of_worker(self, worker: int) -> dict[str, Any]:
        """The options of a worker's own actor."""
        share, bundle = self._layout.share, self._bundles.get(worker)
        place = in_bundle(self._own[worker], 0) if bundle is None else in_bundle(self._group, bundle)
        return {"num_cpus": share.cpus, "num_gpus": share.gpus, **place}


def on_node(node: str) -> dict[str, Any]:
    """An actor's options that put it on this node."""
    return {"scheduling_strategy": NodeAffinitySchedulingStrategy(node, soft=False)}


def in_bundle(group: PlacementGroup, bundle: int) -> dict[str, Any]:
    """An actor's options that put it into a bundle of a placement group."""
    strategy = PlacementGroupSchedulingStrategy(group, placement_group_bundle_index=bundle)
    return {"scheduling_strategy": strategy}
