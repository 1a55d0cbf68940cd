"""Where the time goes."""

from ._perf import (
    PerfTracker as PerfTracker,
    measure as measure,
)

__all__ = [
    "PerfTracker",
    "measure",
]
