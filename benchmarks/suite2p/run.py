"""suite2p on one film of the benchmark, in suite2p's own environment (requirements.txt):

    python run.py FILM.tif OUT --fps 20 --pixel-um 1.66
"""

import argparse
import json
import pathlib
from importlib.metadata import version

import numpy as np
import suite2p
import tifffile
from scipy.ndimage import gaussian_filter

parser = argparse.ArgumentParser()
parser.add_argument("film")
parser.add_argument("out", type=pathlib.Path)
parser.add_argument("--fps", type=float, required=True)
parser.add_argument("--pixel-um", type=float, required=True)
args = parser.parse_args()

(args.out / "versions.json").write_text(json.dumps({name: version(name) for name in ("suite2p", "torch", "numpy")}))

# suite2p is made for two-photon films. A one-photon film's haze and bright middle are taken out first, as its users do: what is
# wider than a few cells (13 µm). Without this it registers on the haze and finds next to nothing.
film = tifffile.imread(args.film).astype(np.float32)
film -= gaussian_filter(film, (0, 13 / args.pixel_um, 13 / args.pixel_um))
work = args.out / "input"
work.mkdir()
tifffile.imwrite(work / "film.tif", (10 * film + 1000).clip(0, 32767).astype("int16"))
del film

settings = suite2p.default_settings()
# A cell is about 12 µm across.
settings.update(torch_device="cpu", tau=0.5, fs=args.fps, diameter=[12 / args.pixel_um] * 2)
# A miniscope's brain moves as one, by more than suite2p expects under a two-photon microscope.
settings["registration"].update(nonrigid=False, maxregshift=0.15)
settings["run"]["do_regmetrics"] = False
db = suite2p.default_db()
db.update(data_path=[str(work)], save_path0=str(args.out), file_list=["film.tif"])
suite2p.run_s2p(db=db, settings=settings)
