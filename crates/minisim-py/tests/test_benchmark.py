"""minisim.benchmark: the command, as tables."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

pd = pytest.importorskip("pandas")

from minisim import benchmark  # noqa: E402

#: A pipeline that finds nothing, at once.
NOTHING = f"""{sys.executable} -c "
import sys, numpy
numpy.savez(sys.argv[2] + '/estimate.npz', A=numpy.zeros((0, 256, 256)))
" {{film}} {{out}}"""


def test_sets_and_their_recordings() -> None:
    assert "standard-1" in benchmark.list()["set"].values
    small, full = (benchmark.list("standard-1", size=size) for size in ("small", "full"))
    assert len(small) == 24 and (small.recording == full.recording).all()
    assert (small.spec_cache_key != full.spec_cache_key).all()
    with pytest.raises(ValueError, match="standard-1"):
        benchmark.list("standard-0")


def test_a_pipeline_is_run_and_its_rows_come_back(tmp_path: Path) -> None:
    out = tmp_path / "bench"
    rows = benchmark.run("standard-1", NOTHING, name="nothing", out=out, only=["density-5000"])
    assert rows[["recording", "status", "n_est", "recall"]].values.tolist() == [["density-5000", "ok", 0, 0]]
    assert (out / "report.html").is_file()
    again = benchmark.run("standard-1", NOTHING, name="nothing", out=out, only=["density-5000"], shard=(1, 1))
    assert (again.finished_unix_s == rows.finished_unix_s).all()
    assert len(benchmark.report(out, tmp_path / "page.html")) == 1
    assert (tmp_path / "page.html").is_file()
    with pytest.raises(ValueError, match="another command"):
        benchmark.run("standard-1", NOTHING + " x", name="nothing", out=out, only=["density-5000"])


def test_films_are_made_once(tmp_path: Path) -> None:
    folder = benchmark.make("standard-1", out=tmp_path, only=["density-5000"], film_format="avi")
    film = folder / "films" / "density-5000" / "film" / "film.avi"
    made = film.stat().st_mtime_ns
    benchmark.make("standard-1", out=tmp_path, only=["density-5000"], film_format="avi")
    assert film.stat().st_mtime_ns == made
    # Nothing beside the film says what is true.
    assert [p.name for p in film.parent.iterdir()] == ["film.avi"]


def test_on_dask(tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    with distributed.Client(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0") as client:
        names = ["density-5000", "density-10000"]
        rows = benchmark.run("standard-1", NOTHING, name="nothing", out=tmp_path, only=names, client=client, shards=2)
    assert sorted(rows.recording) == sorted(names)


def test_the_example_in_the_docs_is_the_one_in_the_repository() -> None:
    root = Path(__file__).parents[3]
    example = (root / "benchmarks" / "example" / "run.py").read_text()
    assert f'```py title="mine.py"\n{example}```' in (root / "docs" / "benchmark" / "add-a-pipeline.md").read_text()
