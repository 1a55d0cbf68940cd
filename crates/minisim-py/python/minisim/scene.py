"""A simulation before its frames."""

from ._simulate import (
    Scene as Scene,
    finalize as finalize,
    render as render,
)

__all__ = [
    "Scene",
    "finalize",
    "render",
]
