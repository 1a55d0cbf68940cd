"""What an ideal observer could make of a film."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from ._truth import Floats

if TYPE_CHECKING:
    from pandas import DataFrame  # type: ignore[import-untyped,unused-ignore]


@dataclass(frozen=True, eq=False)
class Bounds:
    """The least errors that any method can make, from the Fisher information of the film (Cramér and Rao's bound): for an observer
    who knows all footprints, all maps of light and the noise of every pixel, at the mean light of the film."""

    trace_sd_bound: Floats
    """Least standard deviation of each cell's trace in a single frame, neighbours unknown. Shape (unit,), in fluorescence units;
    infinite where no pixel shows the cell."""
    demixing_snr: Floats
    """Each cell's largest transient divided by ``trace_sd_bound``; from 3 on a cell can be told from its neighbours. Shape (unit,)."""
    crosstalk: Floats
    """How many times larger ``trace_sd_bound`` is than if the other cells' traces were known. Shape (unit,); at least 1."""
    spike_amplitude_bound: Floats
    """Least standard deviation of a lone spike's size. Shape (unit,), in spikes."""
    spike_time_sd_bound_s: Floats
    """Least standard deviation of a lone spike's time. Shape (unit,), in s."""
    shift_sd_bound_px: Floats
    """Least standard deviation of the brain's displacement (dy, dx) in a frame. Shape (2,), in px."""

    def to_pandas(self) -> DataFrame:
        """A table with a row for each cell."""
        try:
            import pandas
        except ImportError as error:
            raise ImportError("to_pandas needs pandas: pip install pandas") from error
        columns = {name: getattr(self, name) for name in BOUNDS if name != "shift_sd_bound_px"}
        return pandas.DataFrame(columns, index=pandas.RangeIndex(len(self.trace_sd_bound), name="unit"))


#: The names of the bounds, as in the ground truth.
BOUNDS = tuple(field.name for field in fields(Bounds))
