"""Where the time goes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Optional


@dataclass
class PerfTracker:
    """Wall time by phase: pass one to `minisim.simulate` and print its `summary`."""

    spans: dict[str, float] = field(default_factory=dict)
    """Seconds by phase, in the order in which they began."""
    calls: dict[str, int] = field(default_factory=dict)
    """How often each phase ran."""

    @contextmanager
    def measure(self, name: str, *, domain: Optional[str] = None) -> Iterator[None]:
        """Adds the time of a ``with`` block to the phase ``name``."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.add(name, time.perf_counter() - start)

    def add(self, name: str, seconds: float) -> None:
        """Adds time to a phase."""
        self.spans[name] = self.spans.get(name, 0.0) + seconds
        self.calls[name] = self.calls.get(name, 0) + 1

    @property
    def total_seconds(self) -> float:
        """Time of all phases."""
        return sum(self.spans.values())

    def summary(self) -> str:
        """A table, longest phase first."""
        total = self.total_seconds
        lines = [f"{'phase':<20}{'calls':>6}{'seconds':>11}{'%':>8}"]
        for name, seconds in sorted(self.spans.items(), key=lambda item: -item[1]):
            share = 100 * seconds / total if total else 0.0
            lines.append(f"{name:<20}{self.calls[name]:>6}{seconds:>11.4f}{share:>7.1f}%")
        lines.append(f"{'total':<20}{sum(self.calls.values()):>6}{total:>11.4f}{100.0 if total else 0.0:>7.1f}%")
        return "\n".join(lines)

    report = summary


@contextmanager
def measure(perf: Optional[PerfTracker], name: str, *, domain: Optional[str] = None) -> Iterator[None]:
    """Adds the time of a ``with`` block to a phase of ``perf``; does nothing where that is ``None``."""
    if perf is None:
        yield
    else:
        with perf.measure(name, domain=domain):
            yield
