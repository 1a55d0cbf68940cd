"""Recordings and sweeps on a dask cluster."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Optional

import numpy as np

from ._models import Spec
from ._recording import Recording
from ._simulate import Scene, simulate
from ._sweep import sweep


def _need() -> Any:
    try:
        import dask
        import dask.array
    except ImportError as error:
        raise ImportError("this needs dask: pip install 'minisim[dask]'") from error
    return dask


@lru_cache(maxsize=2)
def _scene(text: str) -> Scene:
    """A scene, built once on each worker."""
    return Scene(Spec.model_validate_json(text))


def _frames(text: str, stage: Optional[str], start: int, stop: int) -> np.ndarray[Any, Any]:
    return _scene(text).render(slice(start, stop), stage=stage)


def to_dask(spec: Spec, *, stage: Optional[str] = None, chunk_frames: int = 64) -> Any:
    """The film of a spec as a dask array, (frame, height, width), whose frames are rendered where and when they are needed and
    stored nowhere."""
    dask = _need()
    text = spec._text()
    scene = _scene(text)
    n = scene.n_frames
    first = scene.render(slice(0, 1), stage=stage)
    frames = dask.delayed(_frames, pure=True)
    parts = [
        dask.array.from_delayed(
            frames(text, stage, start, min(start + chunk_frames, n)),
            shape=(min(chunk_frames, n - start), *first.shape[1:]),
            dtype=first.dtype,
        )
        for start in range(0, n, chunk_frames)
    ]
    return dask.array.concatenate(parts) if parts else dask.array.zeros(first.shape, dtype=first.dtype)


def _simulate(text: str) -> Recording:
    return simulate(Spec.model_validate_json(text))


def simulate_delayed(spec: Spec) -> Any:
    """A recording, simulated when it is asked for."""
    return _need().delayed(_simulate, pure=True)(spec._text())


def sweep_table(
    base: Spec,
    axes: Mapping[str, Sequence[Any]],
    fn: Callable[[Recording], Mapping[str, Any]],
    client: Any = None,
) -> list[dict[str, Any]]:
    """One row for each point of a sweep: its axes, its cache key, and what ``fn`` says of its recording. On ``client`` (a
    ``dask.distributed.Client``), or here."""
    points = list(sweep(base, axes))
    texts = [point._text() for point in points]
    if client is None:
        results = [_row(text, fn) for text in texts]
    else:
        results = client.gather(client.map(_row, texts, fn=fn))
    return [{**point.axes, "cache_key": point.cache_key(), **row} for point, row in zip(points, results)]


def _row(text: str, fn: Callable[[Recording], Mapping[str, Any]]) -> dict[str, Any]:
    return dict(fn(_simulate(text)))
