"""How good a pipeline is, on sets of recordings that never change: the command ``minisim benchmark`` from Python.

    from minisim import benchmark

    table = benchmark.run("standard-1", "python mine.py {film} {out}", out="bench")
    table.groupby("factor").f1.mean()

Tables are pandas DataFrames (``pip install 'minisim[pandas]'``).
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Optional, Union

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped,unused-ignore]

StrPath = Union[str, "PathLike[str]"]
Size = Literal["small", "full"]
FilmFormat = Literal["tiff", "avi", "mkv", "hdf5"]

__all__ = ["list", "make", "report", "run"]

#: What the command is called here: this very package's.
_COMMAND = [sys.executable, "-m", "minisim._cli", "benchmark"]


def _frame(rows: Any) -> pd.DataFrame:
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError("tables need pandas: pip install 'minisim[pandas]'") from error
    return pd.DataFrame(rows)


def _call(*arguments: str) -> str:
    """Runs the command in a process of its own, so that it can be interrupted and run twice; what it prints. What it says on
    the way is passed on."""
    said: Any = []
    # What is printed goes to a file: a pipe that nobody empties while the words are passed on would be full one day.
    with tempfile.TemporaryFile("w+", encoding="utf-8") as printed:
        with subprocess.Popen([*_COMMAND, *arguments], stdout=printed, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            try:
                for line in process.stderr:
                    said.append(line)
                    print(line, end="", file=sys.stderr)
            except BaseException:
                process.terminate()
                raise
        printed.seek(0)
        text = printed.read()
    code = process.returncode
    if code != 0:
        message = "".join(said).strip().removeprefix("error: ")
        raise (ValueError if code == 2 else RuntimeError)(message or f"minisim benchmark ended with code {code}")
    return text


def list(set: Optional[str] = None, *, size: Size = "small") -> pd.DataFrame:
    """The sets; or the recordings of ``set``, each with its factor, level and cache key."""
    chosen = () if set is None else (set, "--size", size)
    return _frame(json.loads(_call("list", *chosen, "--json")))


def _folder(set: str, size: str, out: Optional[StrPath]) -> Path:
    return Path(f"benchmark-{set}-{size}" if out is None else out)


def make(
    set: str,
    *,
    size: Size = "small",
    out: Optional[StrPath] = None,
    film_format: FilmFormat = "tiff",
    only: Sequence[str] = (),
) -> Path:
    """Makes the films of a set with their truth, keeps them in ``out`` (``benchmark-SET-SIZE`` if None), and returns that folder.
    What is there is not made again."""
    folder = _folder(set, size, out)
    names = [word for name in only for word in ("--only", name)]
    _call("make", set, "--size", size, "-o", str(folder), "--film-format", film_format, *names)
    return folder


def run(
    set: str,
    pipeline: str,
    *,
    name: Optional[str] = None,
    size: Size = "small",
    out: Optional[StrPath] = None,
    film_format: FilmFormat = "tiff",
    only: Sequence[str] = (),
    jobs: int = 1,
    shard: Optional[tuple[int, int]] = None,
    time_limit_s: float = 3600.0,
    keep_outputs: bool = False,
    retry: bool = False,
    again: bool = False,
    client: Any = None,
    shards: Optional[int] = None,
) -> pd.DataFrame:
    """Runs a pipeline on each recording of a set that it has no row for, scores what it leaves, and writes the page; returns its
    rows, one a recording, as `report` does.

    ``pipeline`` is a command with ``{film}`` and ``{out}``, run without a shell. ``jobs`` recordings at a time, at most; ``shard`` =
    (i, n) does the i-th of n parts, counted from 1. On ``client``, a ``dask.distributed.Client`` whose workers share the folder ``out``,
    ``shards`` parts are worked on where there is room (as many as there are workers if None). ``retry`` does again what failed,
    ``again`` everything.
    """
    folder = _folder(set, size, out)
    words = ["run", set, "--pipeline", pipeline, "--size", size, "--film-format", film_format]
    words += ["--jobs", str(jobs), "--time-limit", str(time_limit_s)]
    words += [] if name is None else ["--name", name]
    words += [word for one in only for word in ("--only", one)]
    words += [flag for flag, on in (("--keep-outputs", keep_outputs), ("--retry", retry), ("--again", again)) if on]
    if client is not None:
        # Every worker must find the same folder.
        folder = folder.resolve()
        n = shards if shards is not None else len(client.nthreads())
        parts = [[*words, "-o", str(folder), "--shard", f"{i + 1}/{n}"] for i in range(n)]
        client.gather(client.map(_part, parts, pure=False))
    else:
        part = [] if shard is None else ["--shard", f"{shard[0]}/{shard[1]}"]
        _call(*words, "-o", str(folder), *part)
    rows = report(folder)
    return rows[rows.command == pipeline].reset_index(drop=True)


def _part(words: Sequence[str]) -> None:
    _call(*words)


def report(folder: StrPath, page: Optional[StrPath] = None) -> pd.DataFrame:
    """Writes the page of all pipelines in ``folder`` (to ``page``; ``report.html`` in the folder if None) and its tables, and returns
    the rows: one a pipeline and recording, with the columns of ``results.csv``. Numbers that a pipeline did not estimate are NaN."""
    where = [] if page is None else ["-o", str(page), "--force"]
    return _frame(json.loads(_call("report", str(folder), *where, "--json"))["rows"])
