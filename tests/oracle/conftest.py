"""Makes the oracle's own modules importable for its tests, and the yardstick for half precision."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "unit" / "core")]
