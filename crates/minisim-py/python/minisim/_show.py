"""What a notebook shows of a recording."""

from __future__ import annotations

import base64
import html
import struct
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import _core

if TYPE_CHECKING:
    from ._recording import GroundTruth, Recording

#: Percentiles between which a frame is stretched, as on the contact sheet.
_STRETCH = (0.5, 99.8)
#: Longest side of the picture of a frame (px on the page).
_SIDE = 320

_STYLE = "border-collapse:collapse;font-size:90%"
_CELL = "text-align:left;padding:1px 10px 1px 0;vertical-align:top"


def recording_text(recording: Recording) -> str:
    """A line or two."""
    acquisition = recording.spec.acquisition
    n, height, width = recording.observed.shape
    return (
        f"<Recording: {n} frames of {height} × {width} px ({recording.observed.dtype}) at {acquisition.fps:g} fps, "
        f"{_cells(recording.ground_truth)}, cache key {recording.spec.cache_key()}>"
    )


def truth_text(truth: GroundTruth) -> str:
    """A line or two."""
    arrays = ", ".join(name for name, *_ in _present(truth))
    return f"<GroundTruth: {_cells(truth)}; {arrays}>"


def recording_html(recording: Recording) -> str:
    """The liveliest frame, the facts, and what is true."""
    acquisition = recording.spec.acquisition
    truth = recording.ground_truth
    n, height, width = recording.observed.shape
    fov = acquisition.fov_um
    facts = [
        ("film", f"{n} frames of {height} × {width} px, {recording.observed.dtype}"),
        ("length", f"{acquisition.duration_s:g} s at {acquisition.fps:g} fps"),
        ("field of view", f"{fov[0]:.0f} × {fov[1]:.0f} µm, {acquisition.pixel_size_um:.3g} µm/px"),
        ("cells", _cells(truth)),
    ]
    if truth.focal_depth_um is not None:
        facts.append(("focus", f"{truth.focal_depth_um:.1f} µm below the surface"))
    # Effects are no cell's own, so the cells' arrays need not be copied.
    shared = truth.subset(np.zeros(truth.n_units, dtype=bool))._parts()
    facts.extend((title.lower(), words) for title, words in _core.strengths(recording.spec._text(), shared))
    facts.append(("steps", ", ".join(step.kind for step in recording.spec.steps)))
    facts.append(("cache key", recording.spec.cache_key()))
    picture = ""
    if n and height and width:
        t = _liveliest(truth, n)
        png = base64.b64encode(_grey_png(np.asarray(recording.observed[t], dtype=np.float64))).decode()
        scale = _SIDE / max(height, width)
        at_s = t / acquisition.fps if truth.timestamps_s is None else truth.timestamps_s[t]
        picture = (
            f'<figure style="margin:0"><img alt="frame {t}" width="{width * scale:.0f}" height="{height * scale:.0f}" '
            f'style="image-rendering:auto" src="data:image/png;base64,{png}">'
            f"<figcaption>frame {t}, at {at_s:.2f} s</figcaption></figure>"
        )
    table = _table([[html.escape(a), html.escape(b)] for a, b in facts])
    return (
        f'<div style="display:flex;flex-wrap:wrap;gap:16px;align-items:flex-start">{picture}'
        f"<div><b>Recording</b>{table}</div></div>{truth_html(truth)}"
    )


def truth_html(truth: GroundTruth) -> str:
    """The arrays that are there, with what they mean."""
    rows = [
        [f"<code>{name}</code>", html.escape(f"({', '.join(dims)})"), "×".join(map(str, shape)), html.escape(unit), html.escape(doc)]
        for name, dims, unit, doc, shape in _present(truth)
    ]
    head = ["array", "axes", "shape", "unit", "meaning"]
    return f"<details><summary>ground truth: {_cells(truth)}, {len(rows)} arrays</summary>{_table(rows, head)}</details>"


def _cells(truth: GroundTruth) -> str:
    return f"{truth.n_units} cells, {int(np.count_nonzero(truth.detectable))} detectable"


def _present(truth: GroundTruth) -> list[tuple[str, list[str], str, str, tuple[int, ...]]]:
    found = []
    for name, dims, unit, doc in _core.declared_truth():
        value = getattr(truth, name, None)
        if value is not None:
            found.append((name, dims, unit, doc, value.shape))
    return found


def _liveliest(truth: GroundTruth, n_frames: int) -> int:
    """The frame in which the detectable cells shine most."""
    if truth.C.shape[1] != n_frames or not truth.n_units:
        return n_frames // 2
    chosen = truth.C[truth.detectable] if truth.detectable.any() else truth.C
    return int(np.argmax(chosen.sum(axis=0)))


def _table(rows: list[list[str]], head: list[str] | None = None) -> str:
    def line(tag: str, cells: list[str]) -> str:
        return "<tr>" + "".join(f'<{tag} style="{_CELL}">{cell}</{tag}>' for cell in cells) + "</tr>"

    top = line("th", head) if head else ""
    return f'<table style="{_STYLE}">{top}{"".join(line("td", row) for row in rows)}</table>'


def _grey_png(image: NDArray[Any]) -> bytes:
    """A grey PNG, stretched between the usual percentiles."""
    low, high = np.percentile(image, _STRETCH)
    grey = np.clip((image - low) * (255.0 / (high - low) if high > low else 0.0), 0, 255).astype(np.uint8)
    height, width = grey.shape
    rows = np.zeros((height, width + 1), dtype=np.uint8)
    rows[:, 1:] = grey

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = zlib.compress(rows.tobytes(), 1)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
