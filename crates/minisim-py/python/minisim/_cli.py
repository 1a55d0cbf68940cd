"""The command ``minisim``: the engine's own."""

from __future__ import annotations

import sys

from . import _core


def main() -> int:
    """Runs the command with the arguments of this process."""
    return _core.run_cli(["minisim", *sys.argv[1:]])


if __name__ == "__main__":
    raise SystemExit(main())
