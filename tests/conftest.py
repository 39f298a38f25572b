"""Makes importable what tests of several folders share: the cases, the yardstick for half precision."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
