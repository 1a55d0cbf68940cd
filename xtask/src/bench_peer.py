"""Times the published package on the benchmark case: python bench_peer.py CASE SECONDS DIR REPORT."""

import json
import pathlib
import shutil
import sys
import time
import warnings

import minisim
from minisim.presets import ca1, miniscope_v4

case, seconds, folder, report = sys.argv[1], float(sys.argv[2]), pathlib.Path(sys.argv[3]), sys.argv[4]
warnings.simplefilter("ignore")
spec = minisim.build_spec(
    miniscope_v4(), ca1(), duration_s=seconds, fps=20, seed=0, extra_steps=[minisim.BrainMotion(), minisim.Bleaching()]
)
start = time.perf_counter()
if case == "build":
    # Everything before the first frame: the same spec, one frame long.
    minisim.simulate(spec.model_copy(update={"acquisition": spec.acquisition.model_copy(update={"duration_s": 0.05})}))
elif case == "avi":
    minisim.simulate_video(spec, folder / "peer.avi", progress=False)
elif case == "memory":
    minisim.simulate(spec)
else:
    target = folder / "peer.zarr"
    shutil.rmtree(target, ignore_errors=True)
    start = time.perf_counter()
    minisim.simulate(spec).save(target)
elapsed = time.perf_counter() - start
pathlib.Path(report).write_text(json.dumps({"seconds": elapsed}))
