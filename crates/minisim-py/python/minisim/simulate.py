"""Running a simulation in memory. `minisim.simulate` itself is the function."""

from ._simulate import (
    finalize as finalize,
    simulate as simulate,
)

__all__ = [
    "finalize",
    "simulate",
]
