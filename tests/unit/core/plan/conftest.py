"""Makes importable what the tests of the plan share."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
