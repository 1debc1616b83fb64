"""What SciPy says of distances and tails: drift-goldens.json, read by distances.test.ts and tests beside it.

    python make_drift_goldens.py > drift-goldens.json        (made with scipy 1.x, see "scipy" in the file)
"""

import json

import numpy as np
import scipy
from scipy import stats

rng = np.random.default_rng(7)
samples = []
for shift, scale, n, m in [(0, 1, 400, 300), (0.5, 1, 200, 1000), (0, 2, 500, 500), (3, 1, 60, 40)]:
    a, b = rng.normal(0, 1, n).round(4), rng.normal(shift, scale, m).round(4)
    samples.append({"then": a.tolist(), "now": b.tolist(), "ks": stats.ks_2samp(a, b).statistic})

ties = {"then": rng.poisson(0.3, 500).tolist(), "now": rng.poisson(0.9, 300).tolist()}
ties["ks"] = stats.ks_2samp(ties["then"], ties["now"]).statistic
samples.append(ties)

tails = [
    {"t": t, "freedom": f, "p": 2 * stats.t.sf(abs(t), f)}
    for t in (0.0, 0.3, -2.5, 7.0, 40.0, 60.0)
    for f in (1, 2.5, 7.3, 30, 400)
]

rates = []
for k1, e1, k2, e2 in [(3, 100, 40, 1000), (0, 30, 5, 100), (30, 300, 31, 900), (7, 70, 0, 200), (0, 5, 0, 9)]:
    p = e1 / (e1 + e2)
    n = k1 + k2
    two = 2 * min(stats.binom.cdf(k1, n, p), stats.binom.sf(k1 - 1, n, p))
    rates.append({"now": [k1, e1], "then": [k2, e2], "p": min(1.0, two)})

# Two-phase regression with a common trend by ordinary least squares (no autocorrelation): t of the last column.
fits = []
for jump in (0.0, 1.0, 4.0):
    x = np.arange(28) - 14
    y = (2 + 0.1 * x + jump * (x >= 0) + rng.normal(0, 0.5, 28)).round(6)
    columns = np.stack([np.ones(28), x, x >= 0], axis=1)
    coefficient, residue, *_ = np.linalg.lstsq(columns, y, rcond=None)
    error = np.sqrt(residue[0] / 25 * np.linalg.inv(columns.T @ columns)[2, 2])
    e = y - columns @ coefficient
    raw = float(np.sum(e[1:] * e[:-1]) / np.sum(e * e))
    fits.append({"y": y.tolist(), "jump": coefficient[2], "t": coefficient[2] / error, "autocorrelation": raw})

print(json.dumps({"scipy": scipy.__version__, "samples": samples, "tails": tails, "rates": rates, "fits": fits}))
