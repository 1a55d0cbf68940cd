"""A pytest fixture: ``minisim_recording(n_cells=6, motion=True)`` makes a small recording, once a session for the same arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ._recording import Recording


@pytest.fixture(scope="session")
def minisim_recording() -> Callable[..., Recording]:
    """A function that makes recordings, with the arguments of `minisim.testing.make_recording`. They are shared by the
    session's tests: do not write into their arrays."""
    from .testing import make_recording

    made: dict[str, Recording] = {}

    def make(**arguments: Any) -> Recording:
        key = repr(sorted(arguments.items()))
        if key not in made:
            made[key] = make_recording(**arguments)
        return made[key]

    return make
