"""The command ``minisim``: the engine's own."""

from __future__ import annotations

import sys
from pathlib import Path

from . import _core


def main() -> int:
    """Runs the command with the arguments of this process; its exit code."""
    arguments = sys.argv[1:]
    code = _core.run_cli(["minisim", *arguments])
    if code == 0 and arguments[:2] == ["sweep", "run"]:
        _as_parquet(arguments)
    return code


def _as_parquet(arguments: list[str]) -> None:
    """Puts ``results.parquet`` beside a sweep's ``results.csv``, where pyarrow is installed."""
    try:
        from pyarrow import csv, parquet  # type: ignore[import-untyped,unused-ignore]
    except ImportError:
        return
    out = [b for a, b in zip(arguments, arguments[1:]) if a == "--out"]
    out += [a.removeprefix("--out=") for a in arguments if a.startswith("--out=")]
    table = Path(out[-1]) / "results.csv"
    if table.is_file():
        parquet.write_table(csv.read_csv(table), table.with_suffix(".parquet"))


if __name__ == "__main__":
    raise SystemExit(main())
