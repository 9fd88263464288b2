"""The benchmarks' own modules stand beside the tests that they are measured with."""

import sys
from pathlib import Path

TESTS = Path(__file__).parents[2]
sys.path[:0] = [str(TESTS / folder) for folder in ("perf", "integration", "unit/placement")]
