"""suite2p on a simulated recording, in suite2p's own environment (pip install suite2p zarr):

    python run_suite2p.py RECORDING.zarr FOLDER [--nonrigid]
"""

import pathlib
import sys

import suite2p
import tifffile
import zarr
from scipy.ndimage import gaussian_filter

recording, folder = sys.argv[1], pathlib.Path(sys.argv[2])
nonrigid = "--nonrigid" in sys.argv[3:]
folder.mkdir(parents=True, exist_ok=True)
film = zarr.open(recording, mode="r")["observed"][:]
# suite2p is made for two-photon films. A one-photon film's haze and bright middle are taken out first, as its users do: what is
# wider than a few cells (8 px is 13 µm here). Without this it registers on the haze and finds next to nothing.
film -= gaussian_filter(film, (0, 8, 8))
tifffile.imwrite(folder / "film.tif", (10 * film + 1000).clip(0, 32767).astype("int16"))

settings = suite2p.default_settings()
settings.update(torch_device="cpu", tau=0.5, fs=20.0, diameter=[7.0, 7.0])
# A miniscope's brain moves as one, by more than suite2p expects under a two-photon microscope; what is not rigid is asked for.
settings["registration"].update(nonrigid=nonrigid, maxregshift=0.15)
settings["run"]["do_regmetrics"] = False
db = suite2p.default_db()
db.update(data_path=[str(folder)], save_path0=str(folder), file_list=["film.tif"])
suite2p.run_s2p(db=db, settings=settings)
