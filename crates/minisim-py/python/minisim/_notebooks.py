"""The command ``minisim-notebooks``: lists the notebooks that come with the package, and copies one to work on."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

#: Where the notebooks lie, one folder each.
HOME = Path(__file__).parent / "notebooks"


def names() -> list[str]:
    """Names of the notebooks."""
    return sorted(folder.name for folder in HOME.iterdir() if any(folder.glob("*.ipynb")))


def copy(name: str, target: Optional[Path] = None, *, force: bool = False) -> Path:
    """Copies the notebook ``name`` to ``target`` (``./minisim-notebooks/NAME`` if not given); the folder."""
    if name not in names():
        raise ValueError(f"there is no notebook {name!r}; there are {', '.join(names())}")
    target = Path("minisim-notebooks") / name if target is None else target
    if target.exists() and not force:
        raise FileExistsError(f"{target} exists; --force replaces the files in it, or give another folder")
    shutil.copytree(HOME / name, target, dirs_exist_ok=True)
    return target


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Runs the command; its exit code."""
    parser = argparse.ArgumentParser(prog="minisim-notebooks", description="Notebooks that come with minisim.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="list the notebooks")
    one = commands.add_parser("copy", help="copy a notebook to work on")
    one.add_argument("name", help="the notebook, as list shows it")
    one.add_argument("folder", nargs="?", type=Path, help="where to; ./minisim-notebooks/NAME if not given")
    one.add_argument("--force", action="store_true", help="replace files that are there")
    given = parser.parse_args(arguments)
    if given.command == "list":
        print("\n".join(names()))
        return 0
    try:
        folder = copy(given.name, given.folder, force=given.force)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2 if isinstance(error, ValueError) else 1
    first = next(iter(sorted(folder.glob("*.ipynb"))))
    print(f"{folder}\nnext: jupyter lab {first}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
