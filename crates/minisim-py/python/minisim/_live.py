"""Recordings that come frame after frame, as from a camera."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

from numpy.typing import NDArray

from . import _core

if TYPE_CHECKING:
    from ._models import Spec


class LiveFrame(NamedTuple):
    """A frame that has come."""

    image: NDArray[Any]
    """The pixels (height, width), as `Recording.observed` holds them."""
    index: int  # type: ignore[assignment]
    """Its number since the start. Where the recording is repeated, ``index % n_frames`` is the recording's frame."""
    time_s: float
    """When it was taken, since the recording's start (s)."""


def live(
    spec: Spec, *, stage: Optional[str] = None, realtime: bool = False, loop: bool = False
) -> Generator[LiveFrame, None, None]:
    """The frames of a recording one after the other: ``for image, index, time_s in live(spec)``.

    Some are rendered ahead, by other threads, so memory does not grow with the film. ``realtime=True`` holds each one back until
    its time has come, as a camera would; a loop that is slower than the film falls behind and misses none. ``stage`` shows the film
    after a stage (``"leakage"``: without noise); ``loop=True`` begins again after the last frame. Leaving the loop ends the
    rendering; Ctrl-C, too.
    """
    return _frames(_core.Live(spec._text(), stage, realtime, loop))


def _frames(source: _core.Live) -> Generator[LiveFrame, None, None]:
    try:
        while (frame := source.next()) is not None:
            yield LiveFrame(*frame)
    finally:
        source.close()
