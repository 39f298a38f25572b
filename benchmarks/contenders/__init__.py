"""The libraries that `workloads.py` compares, one a file; each builds a workload from its description."""
