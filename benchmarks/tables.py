"""Prints the figures of a file of results as the tables that the README has.

python benchmarks/tables.py benchmarks/results/DATE.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import consistency
import distributed
import first_step
import memory
import scale
import turns


def main() -> None:
    results = json.loads(Path(sys.argv[1]).read_text())
    parts = [turns.text(run) for name in ("workloads", "shapes") for run in results.get(name, [])]
    for name, table in (
        ("first_step", first_step.table),
        ("memory", memory.table),
        ("distributed", distributed.text),
        ("scale", scale.text),
        ("consistency", consistency.table),
    ):
        if rows := results.get(name):
            parts.append(table(rows))
    print("\n\n".join(parts))


if __name__ == "__main__":
    main()
