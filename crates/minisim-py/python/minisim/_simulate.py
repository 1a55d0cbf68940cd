"""Running simulations."""

from __future__ import annotations

import os
import time
import warnings
from pathlib import Path
from typing import Any, Callable, Optional, Union

from numpy.typing import NDArray

from . import _core
from ._bounds import Bounds
from ._models import Spec
from ._models_ext import SpecWarning
from ._perf import PerfTracker
from ._recording import GroundTruth, Recording, StrPath, file_options

ProgressOption = Union[bool, Callable[[int, int], Any]]


class _Reporter:
    """Hands progress on, and notes when the scene stood."""

    def __init__(self, progress: ProgressOption) -> None:
        self.call: Optional[Callable[[int, int], Any]] = progress if callable(progress) else None
        self.bar: Any = None
        if progress is True:
            try:
                from tqdm.auto import tqdm  # type: ignore[import-untyped,unused-ignore]
            except ImportError as error:
                raise ImportError("progress=True needs tqdm: pip install tqdm (or pass a function)") from error
            self.bar = tqdm(unit="frame", desc="minisim")
        self.start = time.perf_counter()
        self.built: Optional[float] = None

    def __call__(self, done: int, n_frames: int) -> None:
        if self.built is None:
            self.built = time.perf_counter()
        if self.bar is not None:
            self.bar.total = n_frames
            self.bar.update(done - self.bar.n)
        if self.call is not None:
            self.call(done, n_frames)

    def close(self, perf: Optional[PerfTracker]) -> None:
        if self.bar is not None:
            self.bar.close()
        if perf is not None:
            end = time.perf_counter()
            built = self.built if self.built is not None else end
            perf.add("scene", built - self.start)
            perf.add("frames", end - built)


def _warn(notes: list[str]) -> None:
    for note in notes:
        warnings.warn(note, SpecWarning, stacklevel=3)


def simulate(
    spec: Spec,
    *,
    until: Optional[str] = None,
    bounds: bool = False,
    perf: Optional[PerfTracker] = None,
    progress: ProgressOption = False,
) -> Recording:
    """Simulates a recording in memory.

    ``until`` stops after a stage or a step's kind (``"leakage"`` for the film without noise). ``bounds`` adds those of an ideal
    observer to the ground truth (see `Bounds`). ``progress`` is ``True`` for a bar,
    or a function of (frames done, frames). Ctrl-C stops it. Other Python threads run meanwhile.
    """
    reporter = _Reporter(progress)
    try:
        parts, notes = _core.simulate(spec._text(), until, bounds, reporter)
    finally:
        reporter.close(perf)
    _warn(notes)
    return Recording._of(parts, spec)


def simulate_video(
    spec: Spec,
    path: StrPath,
    *,
    chunk_frames: Optional[int] = None,
    fps: Optional[float] = None,
    vmin: float = 0.0,
    vmax: Optional[float] = None,
    codec: str = "Y800",
    progress: ProgressOption = True,
    perf: Optional[PerfTracker] = None,
) -> Path:
    """Simulates straight into a film (``.avi`` or ``.mkv``, 8-bit grey), frame by frame, with the spec beside it. ``codec`` is
    ``"Y800"`` or ``"GREY"`` (uncompressed), ``"FFV1"`` (lossless; always in ``.mkv``) or ``"MJPG"`` (small, not exact). Memory does not grow with
    the film; ``chunk_frames`` is taken for compatibility and has no effect. Returns the path."""
    del chunk_frames
    target = Path(path)
    if target.suffix.lower() not in (".avi", ".mkv"):
        raise ValueError(f"{target}: a film's name must end in .avi or .mkv")
    if target.suffix.lower() == ".mkv" and codec == "Y800":
        codec = "FFV1"
    target.parent.mkdir(parents=True, exist_ok=True)
    if progress is True:
        try:
            import tqdm  # type: ignore[import-untyped,unused-ignore]  # noqa: F401
        except ImportError:
            # On by default, so not a reason to fail.
            progress = False
    reporter = _Reporter(progress)
    options = file_options(codec=codec, fps=fps, vmin=vmin, vmax=vmax)
    try:
        _, notes = _core.simulate_to_file(spec._text(), str(target), None, False, options, reporter)
    except OSError as error:
        if vmax is None and "vmax" in str(error):
            raise ValueError(str(error)) from None
        raise
    finally:
        reporter.close(perf)
    _warn(notes)
    return target


def simulate_to(
    spec: Spec,
    path: StrPath,
    *,
    format: Optional[str] = None,
    until: Optional[str] = None,
    bounds: bool = False,
    codec: Optional[str] = None,
    clip: Optional[int] = None,
    fps: Optional[float] = None,
    vmin: float = 0.0,
    vmax: Optional[float] = None,
    overwrite: bool = True,
    progress: ProgressOption = False,
) -> Path:
    """Simulates straight into a file of any format (see `Recording.export`), frame by frame; memory does not grow with the film.
    ``bounds`` adds those of an ideal observer to the ground truth (see `Bounds`). Returns where it is."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    options = file_options(format=format, codec=codec, clip=clip, fps=fps, vmin=vmin, vmax=vmax, overwrite=overwrite)
    reporter = _Reporter(progress)
    try:
        written, notes = _core.simulate_to_file(spec._text(), str(target), until, bounds, options, reporter)
    finally:
        reporter.close(None)
    _warn(notes)
    return written


def convert(
    recording: StrPath,
    path: StrPath,
    *,
    format: Optional[str] = None,
    codec: Optional[str] = None,
    clip: Optional[int] = None,
    fps: Optional[float] = None,
    vmin: float = 0.0,
    vmax: Optional[float] = None,
    overwrite: bool = True,
) -> Path:
    """Writes a recording on disk in another format (see `Recording.export`), a few frames at a time. Returns where it is."""
    options = file_options(format=format, codec=codec, clip=clip, fps=fps, vmin=vmin, vmax=vmax, overwrite=overwrite)
    return _core.convert(str(recording), str(path), options)


def clean_twin(of: Union[Spec, Recording]) -> Spec:
    """The spec of the same cells without haze, vessels, stray light and noise: the answer that a denoiser or a background model
    should give. Focus, traces, motion and every draw stay those of the recording."""
    if isinstance(of, Recording):
        spec, focus = of.spec, of.ground_truth.focal_depth_um
    else:
        spec, focus = of, Scene(of).ground_truth.focal_depth_um
    return Spec.model_validate_json(_core.clean_twin(spec._text(), focus))


def cache_dir() -> Path:
    """Where `simulate_cached` keeps recordings: ``$MINISIM_CACHE``, or ``~/.cache/minisim``."""
    given = os.environ.get("MINISIM_CACHE")
    return Path(given).expanduser() if given else Path.home() / ".cache" / "minisim"


def cache_path(spec: Spec, root: Optional[StrPath] = None) -> Path:
    """Where the recording of a spec is kept."""
    return Path(cache_dir() if root is None else root) / f"{spec.cache_key()}.zarr"


def simulate_cached(spec: Spec, *, root: Optional[StrPath] = None) -> Recording:
    """The recording of a spec, read from the cache where it is there, and put there where not."""
    path = cache_path(spec, root)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            _warn(_core.simulate_to_file(spec._text(), str(path), None, False, file_options(overwrite=False), None)[1])
        except FileExistsError:
            # Another process was faster; its recording is the same.
            pass
    return Recording.load(path)


class Scene:
    """A simulation before its frames: any frames of any stage, without those that come before them."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        """What is simulated."""
        self._scene = _core.Scene(spec._text())

    @property
    def n_frames(self) -> int:
        """Frames of the film."""
        return self._scene.n_frames

    @property
    def stages(self) -> list[str]:
        """Stages that make a film, in the order of light."""
        return self._scene.stages

    @property
    def ground_truth(self) -> GroundTruth:
        """What is true about the recording."""
        return GroundTruth._of(self._scene.truth())

    def bounds(self) -> Bounds:
        """What an ideal observer could make of the film."""
        return Bounds(**self._scene.bounds())

    def render(self, frames: Union[int, slice] = slice(None), *, stage: Optional[str] = None) -> NDArray[Any]:
        """Frames of the film after ``stage`` (the observed film if ``None``) on the field of view: (frame, height, width), or
        (height, width) for one."""
        n = self.n_frames
        if isinstance(frames, slice):
            start, stop, step = frames.indices(n)
            if step != 1:
                raise ValueError(f"frames are rendered one after the other; the step of {frames} must be 1")
            return self._scene.render(start, max(start, stop), stage)
        index = frames + n if frames < 0 else frames
        if not 0 <= index < n:
            raise IndexError(f"frame {frames} of a film of {n} frames")
        image: NDArray[Any] = self._scene.render(index, index + 1, stage)[0]
        return image


def render(spec: Spec, frames: Union[int, slice] = slice(None), *, stage: Optional[str] = None) -> NDArray[Any]:
    """Frames of a film that is not simulated whole: see `Scene`, which is faster for more than one call."""
    return Scene(spec).render(frames, stage=stage)


def finalize(scene: Scene, spec: Spec) -> Recording:
    """The whole recording of a scene."""
    if scene.spec != spec:
        raise ValueError("the scene was built from another spec")
    return simulate(spec)
