"""How gradients and parameters travel between the processes of one job on one node: shared memory and
futexes."""
