"""minian on one film of the benchmark, in minian's own environment (requirements.txt):

    python run.py FILM.tif OUT

These are the steps and the settings of minian's own notebook, `pipeline.ipynb` of the package, without its pictures and without a
look in between. They are made for films of this kind and this scale (a Miniscope's pixels of about 2 µm).
"""

import json
import os
import pathlib
import sys
from importlib.metadata import version

os.environ.update(OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

import dask
import dask.array
import numpy as np
import tifffile
import xarray as xr
from dask.distributed import Client, LocalCluster
from minian.cnmf import (
    compute_trace,
    get_noise_fft,
    unit_merge,
    update_background,
    update_spatial,
    update_temporal,
)
from minian.initialization import initA, initC, ks_refine, pnr_refine, seeds_init, seeds_merge
from minian.motion_correction import apply_transform, estimate_motion
from minian.preprocessing import denoise, remove_background
from minian.utilities import get_optimal_chk, save_minian

MERGE = dict(thres_corr=0.8, chunk=600)
SPATIAL = dict(dl_wnd=10, sparse_penal=0.01, size_thres=(25, None))
TEMPORAL = dict(noise_freq=0.06, sparse_penal=1, p=1, add_lag=20)


def main(film: str, out: pathlib.Path) -> None:
    (out / "versions.json").write_text(json.dumps({n: version(n) for n in ("minian", "dask", "xarray", "numpy")}))
    inside = out / "intermediate"
    os.environ["MINIAN_INTERMEDIATE"] = str(inside)

    def keep(array, name, **chunks):
        """Puts an array on disk, where the next step reads it from."""
        if chunks:
            return save_minian(array.rename(name), str(inside), overwrite=True, mem_limit="1GB", chunks=chunks)
        return save_minian(array.rename(name), str(inside), overwrite=True)

    frames = tifffile.imread(film)
    axes = ("frame", "height", "width")
    coords = {axis: np.arange(n) for axis, n in zip(axes, frames.shape)}
    movie = xr.DataArray(dask.array.from_array(frames, chunks=(100, -1, -1)), dims=axes, coords=coords)
    chk, _ = get_optimal_chk(movie, dtype=float)
    movie = keep(movie.chunk({"frame": chk["frame"], "height": -1, "width": -1}), "varr")

    movie = movie - movie.min("frame").compute()
    movie = denoise(movie, method="median", ksize=7)
    movie = keep(remove_background(movie, method="tophat", wnd=15), "varr_ref")
    motion = estimate_motion(movie, dim="frame")
    motion = save_minian(motion.rename("motion").chunk({"frame": chk["frame"]}), str(out / "minian"), overwrite=True)
    Y_fm = keep(apply_transform(movie, motion, fill=0).astype(np.float32), "Y_fm_chk")
    Y_hw = keep(Y_fm, "Y_hw_chk", frame=-1, height=chk["height"], width=chk["width"])
    brightest = keep(Y_fm.max("frame"), "max_proj").compute()

    seeds = seeds_init(Y_fm, wnd_size=1000, method="rolling", stp_size=500, max_wnd=15, diff_thres=3)
    seeds, _, _ = pnr_refine(Y_hw, seeds, noise_freq=0.06, thres=1)
    seeds = ks_refine(Y_hw, seeds, sig=0.05)
    seeds = seeds[seeds["mask_ks"] & seeds["mask_pnr"]].reset_index(drop=True)
    seeds = seeds_merge(Y_hw, brightest, seeds, thres_dist=10, thres_corr=0.8, noise_freq=0.06, chunk=600)
    A = keep(initA(Y_hw, seeds[seeds["mask_mrg"]], thres_corr=0.8, wnd=10, noise_freq=0.06, chunk=600), "A_init")
    C = keep(initC(Y_fm, A), "C_init", unit_id=1, frame=-1)
    A, C = unit_merge(A, C, **MERGE)
    A, C = keep(A, "A"), keep(C, "C")
    C_chk = keep(C, "C_chk", unit_id=-1, frame=chk["frame"])
    b, f = update_background(Y_fm, A, C_chk)
    f, b = keep(f, "f"), keep(b, "b")

    noise = keep(get_noise_fft(Y_hw, noise_range=(0.06, 0.5)), "sn_spatial")
    for turn, jac_thres in enumerate((0.2, 0.4)):
        A, mask, norm = update_spatial(Y_hw, A, C, noise, **SPATIAL)
        C_new = keep(C.sel(unit_id=mask) * norm, "C_new")
        C_chk_new = keep(C_chk.sel(unit_id=mask) * norm, "C_chk_new")
        b_new, f_new = update_background(Y_fm, A, C_chk_new)
        A = keep(A, "A", unit_id=1, height=-1, width=-1)
        b, f = keep(b_new, "b"), keep(f_new.chunk({"frame": chk["frame"]}), "f")
        C, C_chk = keep(C_new, "C"), keep(C_chk_new, "C_chk")
        rest = keep(compute_trace(Y_fm, A, b, C_chk, f), "YrA", unit_id=1, frame=-1)
        C_new, S_new, b0, c0, _, mask = update_temporal(A, C, YrA=rest, jac_thres=jac_thres, **TEMPORAL)
        C = keep(C_new.chunk({"unit_id": 1, "frame": -1}), "C")
        C_chk = keep(C, "C_chk", unit_id=-1, frame=chk["frame"])
        S = keep(S_new.chunk({"unit_id": 1, "frame": -1}), "S")
        A = A.sel(unit_id=C.coords["unit_id"].values)
        if turn == 0:
            b0 = keep(b0.chunk({"unit_id": 1, "frame": -1}), "b0")
            c0 = keep(c0.chunk({"unit_id": 1, "frame": -1}), "c0")
            A, C, _ = unit_merge(A, C, [C + b0 + c0], **MERGE)
            A, C = keep(A, "A_mrg"), keep(C, "C_mrg")
            C_chk = keep(C, "C_mrg_chk", unit_id=-1, frame=chk["frame"])
    for array, name in ((A, "A"), (C, "C"), (S, "S")):
        save_minian(array.rename(name), str(out / "minian"), overwrite=True)


if __name__ == "__main__":
    dask.config.set({"distributed.worker.memory.terminate": False})
    workers = max(1, min(4, len(os.sched_getaffinity(0))))
    cluster = LocalCluster(n_workers=workers, memory_limit="4GB", threads_per_worker=2, dashboard_address=None)
    client = Client(cluster)
    main(sys.argv[1], pathlib.Path(sys.argv[2]).resolve())
    client.close()
    cluster.close()
