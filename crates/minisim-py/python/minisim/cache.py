"""Recordings that are kept on disk."""

from ._simulate import (
    cache_dir as cache_dir,
    cache_path as cache_path,
    simulate_cached as simulate_cached,
)

__all__ = [
    "cache_dir",
    "cache_path",
    "simulate_cached",
]
