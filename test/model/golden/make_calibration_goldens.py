"""Calibration by scikit-learn on fixed data: writes calibration.json beside this file. Needs numpy, scikit-learn >= 1.8."""
import json
import os

import numpy as np
import sklearn
from sklearn.calibration import _sigmoid_calibration, _TemperatureScaling
from sklearn.isotonic import IsotonicRegression

rng = np.random.default_rng(7)
probe = np.round(np.concatenate([np.linspace(0.001, 0.999, 25), [0.25, 0.5]]), 6)
cases = []
for name, count, slope, shift, grid in [
    ("too sure", 400, 0.5, 0.0, None),
    ("too low", 300, 1.0, 1.5, None),
    ("ties", 500, 0.7, -0.5, 20),
    ("rare", 600, 1.3, -2.0, None),
]:
    said = rng.beta(0.5, 0.5, count)
    said = np.clip(np.round(said * grid) / grid if grid else np.round(said, 6), 0.001, 0.999)
    logits = np.log(said / (1 - said))
    failed = (rng.random(count) < 1 / (1 + np.exp(-(slope * logits + shift)))).astype(float)
    isotonic = IsotonicRegression(out_of_bounds="clip").fit(said, failed)
    # scikit-learn's Platt is 1 / (1 + exp(a f + b)); its temperature scales logits (-x, x), so x is half of ours.
    a, b = _sigmoid_calibration(logits, failed)
    beta = _TemperatureScaling().fit(logits / 2, failed).beta_
    cases.append(
        {
            "name": name,
            "said": said.tolist(),
            "failed": failed.astype(int).tolist(),
            "isotonic": isotonic.predict(probe).tolist(),
            "platt": [-a, -b],
            "temperature": float(beta),
        }
    )
path = os.path.join(os.path.dirname(__file__), "calibration.json")
with open(path, "w") as file:
    json.dump({"sklearn": sklearn.__version__, "probe": probe.tolist(), "cases": cases}, file)
