"""A discrete-event simulation of a cluster, driven by the coordinator's and the shards' own logic."""
