"""Many specs from one. `minisim.sweep` itself is the function."""

from ._sweep import (
    SweptSpec as SweptSpec,
    sweep as sweep,
)

__all__ = [
    "SweptSpec",
    "sweep",
]
