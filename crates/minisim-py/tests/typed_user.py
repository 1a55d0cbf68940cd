"""What a user writes passes mypy --strict."""

import numpy as np
import minisim
from minisim import Spec, simulate, PlaceNeurons, CellActivity, Composite
from minisim.presets import build_spec, ca1, miniscope_v4
from minisim.testing import Estimate, score

spec: Spec = build_spec(miniscope_v4(), ca1(), duration_s=1)
rec = simulate(spec, until="leakage")
gt = rec.ground_truth
x: float = float(gt.C.mean()) + float(rec.observed[0].mean())
report = score(Estimate(A=gt.A_observed), gt)
print(report.recall + x, minisim.hungarian_match(gt.A_observed, gt.A_planted).mean_iou)
print(Spec(steps=[PlaceNeurons(), CellActivity(), Composite()]).cache_key())
