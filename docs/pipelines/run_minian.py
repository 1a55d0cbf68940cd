"""minian on a simulated recording, in minian's own environment (pip install minian==2.0.2 xarray==2024.7.0 pandas==2.2.3):

    python run_minian.py RECORDING.zarr FOLDER [--middle PX]

With --middle, only a square of PX pixels in the middle of the film is analysed.
"""

import os
import pathlib
import shutil
import sys

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"
recording, folder = sys.argv[1], pathlib.Path(sys.argv[2]).resolve()
work = folder / "intermediate"
folder.mkdir(parents=True, exist_ok=True)
os.environ["MINIAN_INTERMEDIATE"] = str(work)

import numpy as np
import xarray as xr
import zarr
from dask.distributed import Client, LocalCluster
from minian.cnmf import compute_trace, get_noise_fft, unit_merge, update_background, update_spatial, update_temporal
from minian.initialization import initA, initC, ks_refine, pnr_refine, seeds_init, seeds_merge
from minian.motion_correction import apply_transform, estimate_motion
from minian.preprocessing import denoise, remove_background
from minian.utilities import get_optimal_chk, save_minian


def keep(array, name, chunks=None, dpath=work):
    """Computes an array and reads it back, as minian's own notebook does after every step."""
    return save_minian(array.rename(name), dpath=str(dpath), overwrite=True, chunks=chunks)


def main():
    film = zarr.open(recording, mode="r")["observed"][:]
    # minian's notebook reads AVI films, which have eight bits.
    film = np.round(film).clip(0, 255).astype(np.uint8)
    if "--middle" in sys.argv:
        px = int(sys.argv[sys.argv.index("--middle") + 1])
        top, left = ((side - px) // 2 for side in film.shape[1:])
        film = film[:, top : top + px, left : left + px]
    frames, height, width = film.shape
    varr = xr.DataArray(
        film, dims=["frame", "height", "width"], coords={"frame": range(frames), "height": range(height), "width": range(width)}, name="varr"
    )
    varr = varr.chunk({"frame": 200, "height": -1, "width": -1})
    chunk, _ = get_optimal_chk(varr, dtype=float)
    by_frame, by_place = {"frame": chunk["frame"], "height": -1, "width": -1}, {"frame": -1, "height": chunk["height"], "width": chunk["width"]}
    varr = keep(varr.chunk(by_frame), "varr")

    # Every number below is that of minian's notebook pipeline.ipynb.
    clean = varr - varr.min("frame").compute()
    clean = denoise(clean, method="median", ksize=7)
    clean = remove_background(clean, method="tophat", wnd=15)
    clean = keep(clean, "varr_ref")
    motion = keep(estimate_motion(clean, dim="frame").chunk({"frame": chunk["frame"]}), "motion", dpath=folder)
    moved = apply_transform(clean, motion, fill=0)
    Y_fm = keep(moved.astype(np.float32), "Y_fm_chk")
    Y_hw = keep(Y_fm, "Y_hw_chk", by_place)

    brightest = keep(Y_fm.max("frame"), "max_proj").compute()
    seeds = seeds_init(Y_fm, wnd_size=1000, method="rolling", stp_size=500, max_wnd=15, diff_thres=3)
    seeds, *_ = pnr_refine(Y_hw, seeds, noise_freq=0.06, thres=1)
    seeds = ks_refine(Y_hw, seeds, sig=0.05)
    seeds = seeds[seeds["mask_ks"] & seeds["mask_pnr"]].reset_index(drop=True)
    seeds = seeds_merge(Y_hw, brightest, seeds, thres_dist=10, thres_corr=0.8, noise_freq=0.06)
    by_unit = {"unit_id": 1, "frame": -1}
    A = initA(Y_hw, seeds[seeds["mask_mrg"]], thres_corr=0.8, wnd=10, noise_freq=0.06)
    A = keep(A, "A_init")
    C = keep(initC(Y_fm, A), "C_init", by_unit)
    A, C = unit_merge(A, C, thres_corr=0.8)
    noise = keep(get_noise_fft(Y_hw, noise_range=(0.06, 0.5)), "sn_spatial")
    for turn, jac_thres in ((1, 0.2), (2, 0.4)):
        A, C = keep(A, f"A_{turn}"), keep(C, f"C_{turn}", by_unit)
        C_fm = keep(C, f"C_fm_{turn}", {"unit_id": -1, "frame": chunk["frame"]})
        A, mask, factor = update_spatial(Y_hw, A, C, noise, dl_wnd=10, sparse_penal=0.01, size_thres=(25, None))
        C, C_fm = (keep(c.sel(unit_id=mask) * factor, f"{name}_spatial_{turn}") for c, name in ((C, "C"), (C_fm, "C_fm")))
        b, f = update_background(Y_fm, A, C_fm)
        A = keep(A, f"A_spatial_{turn}", {"unit_id": 1, "height": -1, "width": -1})
        b, f = keep(b, f"b_{turn}"), keep(f.chunk({"frame": chunk["frame"]}), f"f_{turn}")
        rest = keep(compute_trace(Y_fm, A, b, C_fm, f), f"YrA_{turn}", by_unit)
        C, S, b0, c0, *_ = update_temporal(
            A, C, YrA=rest, noise_freq=0.06, sparse_penal=1, p=1, add_lag=20, jac_thres=jac_thres
        )
        C, S, b0, c0 = (keep(v.chunk(by_unit), f"{n}_temporal_{turn}") for v, n in ((C, "C"), (S, "S"), (b0, "b0"), (c0, "c0")))
        A = A.sel(unit_id=C.coords["unit_id"].values)
        if turn == 1:
            A, C, _ = unit_merge(A, C, [C + b0 + c0], thres_corr=0.8)
    for array, name in ((A, "A"), (C, "C"), (S, "S")):
        keep(array, name, dpath=folder)


if __name__ == "__main__":
    shutil.rmtree(work, ignore_errors=True)
    cluster = LocalCluster(n_workers=2, threads_per_worker=1, memory_limit="3GB", resources={"MEM": 1}, dashboard_address=None)
    with Client(cluster):
        main()
    cluster.close()
    shutil.rmtree(work)
