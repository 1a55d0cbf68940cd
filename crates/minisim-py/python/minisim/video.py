"""Simulating straight into a film."""

from ._simulate import (
    simulate_video as simulate_video,
)

__all__ = [
    "simulate_video",
]
