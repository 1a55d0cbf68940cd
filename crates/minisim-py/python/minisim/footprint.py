"""Footprints: weights on a small rectangle of the canvas, one a cell."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Union, overload

import numpy as np
from numpy.typing import NDArray

Shape = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Footprint:
    """One footprint: ``patch`` (height, width) with its first pixel at ``offset`` of a canvas of ``canvas_shape``."""

    offset: Shape
    patch: NDArray[np.float32]
    canvas_shape: Shape

    @property
    def is_empty(self) -> bool:
        """Whether it has no light."""
        return self.patch.size == 0 or not bool(np.any(self.patch))

    def to_dense(self, dtype: Any = None) -> NDArray[Any]:
        """The footprint on the whole canvas."""
        out = np.zeros(self.canvas_shape, dtype=self.patch.dtype if dtype is None else dtype)
        (r, c), (h, w) = self.offset, self.patch.shape
        out[r : r + h, c : c + w] = self.patch
        return out

    @property
    def bbox(self) -> tuple[int, int, int, int]:
        """Its rows and columns on the canvas, (first row, end, first column, end)."""
        (r, c), (h, w) = self.offset, self.patch.shape
        return r, r + h, c, c + w

    def add_into(self, canvas: NDArray[Any], weights: Any = None) -> None:
        """Adds the footprint to an image (height, width) of the canvas, in place; with one weight a frame, to a film (frame,
        height, width)."""
        weights = None if weights is None else np.asarray(weights)
        shape = self.canvas_shape if weights is None else (*weights.shape, *self.canvas_shape)
        if canvas.shape != shape:
            raise ValueError(f"an array of shape {canvas.shape} was given; this footprint is added to one of shape {shape}")
        r0, r1, c0, c1 = self.bbox
        canvas[..., r0:r1, c0:c1] += self.patch if weights is None else weights[:, None, None] * self.patch

    @classmethod
    def from_dense(cls, dense: Any) -> Footprint:
        """From an image (height, width): the smallest rectangle that holds all pixels that are not zero."""
        image = np.asarray(getattr(dense, "values", dense))
        if image.ndim != 2:
            raise ValueError(f"a footprint is an image (height, width), not an array of shape {image.shape}")
        canvas = (int(image.shape[0]), int(image.shape[1]))
        rows, cols = np.flatnonzero(image.any(axis=1)), np.flatnonzero(image.any(axis=0))
        if rows.size == 0:
            return cls((0, 0), np.zeros((0, 0), dtype=np.float32), canvas)
        patch = image[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1].astype(np.float32)
        return cls((int(rows[0]), int(cols[0])), patch, canvas)

    def crop_to(self, top: int, left: int, height: int, width: int) -> Footprint:
        """`crop`, by another name."""
        return self.crop(top, left, height, width)

    def crop(self, top: int, left: int, height: int, width: int) -> Footprint:
        """The part on a window of the canvas, in the window's coordinates."""
        (r, c), (h, w) = self.offset, self.patch.shape
        r0, r1 = max(r, top), min(r + h, top + height)
        c0, c1 = max(c, left), min(c + w, left + width)
        if r0 >= r1 or c0 >= c1:
            return Footprint((0, 0), np.zeros((0, 0), dtype=self.patch.dtype), (height, width))
        return Footprint((r0 - top, c0 - left), self.patch[r0 - r : r1 - r, c0 - c : c1 - c], (height, width))


@dataclass(frozen=True, eq=False)
class FootprintStack:
    """Footprints on one canvas: a sequence; slices and masks give stacks."""

    footprints: tuple[Footprint, ...]
    canvas_shape: Shape

    @property
    def n_units(self) -> int:
        """Number of footprints."""
        return len(self.footprints)

    def __len__(self) -> int:
        return len(self.footprints)

    def __iter__(self) -> Iterator[Footprint]:
        return iter(self.footprints)

    @overload
    def __getitem__(self, index: int) -> Footprint: ...

    @overload
    def __getitem__(self, index: Union[slice, Sequence[bool], Sequence[int], NDArray[Any]]) -> FootprintStack: ...

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, (int, np.integer)):
            return self.footprints[index]
        if isinstance(index, slice):
            return FootprintStack(self.footprints[index], self.canvas_shape)
        chosen = np.asarray(index)
        if chosen.dtype == bool:
            if chosen.shape != (len(self),):
                raise IndexError(f"a mask of shape {chosen.shape} does not fit {len(self)} footprints")
            chosen = np.flatnonzero(chosen)
        return FootprintStack(tuple(self.footprints[i] for i in chosen), self.canvas_shape)

    def to_dense(self, dtype: Any = None) -> NDArray[Any]:
        """All footprints on the whole canvas: (unit, height, width)."""
        out = np.zeros((len(self), *self.canvas_shape), dtype=np.float32 if dtype is None else dtype)
        for dense, one in zip(out, self.footprints):
            (r, c), (h, w) = one.offset, one.patch.shape
            dense[r : r + h, c : c + w] = one.patch
        return out

    def crop(self, top: int, left: int, height: int, width: int) -> FootprintStack:
        """The parts on a window of the canvas."""
        return FootprintStack(tuple(f.crop(top, left, height, width) for f in self.footprints), (height, width))

    def to_arrays(self) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float32]]:
        """Offsets (n, 2), shapes (n, 2) and all pixels, one footprint after the other."""
        offsets = np.array([f.offset for f in self.footprints], dtype=np.int32).reshape(-1, 2)
        shapes = np.array([f.patch.shape for f in self.footprints], dtype=np.int32).reshape(-1, 2)
        pixels = [f.patch.ravel() for f in self.footprints]
        data = np.concatenate(pixels).astype(np.float32, copy=False) if pixels else np.zeros(0, dtype=np.float32)
        return offsets, shapes, data

    @classmethod
    def from_arrays(
        cls,
        offsets: NDArray[Any],
        shapes: NDArray[Any],
        data: NDArray[Any],
        canvas_shape: Shape,
    ) -> FootprintStack:
        """The reverse of `to_arrays`; the patches are views of ``data``."""
        found = []
        at = 0
        for (r, c), (h, w) in zip(offsets.tolist(), shapes.tolist()):
            found.append(Footprint((r, c), data[at : at + h * w].reshape(h, w), canvas_shape))
            at += h * w
        if at != data.size:
            raise ValueError(f"the shapes ask for {at} pixels, there are {data.size}")
        return cls(tuple(found), canvas_shape)

    @classmethod
    def from_footprints(cls, footprints: Sequence[Footprint], canvas_shape: Shape) -> FootprintStack:
        """A stack of given footprints."""
        return cls(tuple(footprints), canvas_shape)

    @classmethod
    def from_dense(cls, dense: NDArray[Any]) -> FootprintStack:
        """From (unit, height, width): the smallest rectangles that hold all pixels that are not zero."""
        canvas = (int(dense.shape[1]), int(dense.shape[2]))
        return cls(tuple(Footprint.from_dense(image) for image in dense), canvas)
