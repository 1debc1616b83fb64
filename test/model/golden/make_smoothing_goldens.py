"""Exponential smoothing by statsmodels: smoothing-goldens.json, read by test/model/values/smoothing.golden.test.ts.

    python make_smoothing_goldens.py > smoothing-goldens.json        (made with statsmodels 0.15)

Per case: a series, weights and first states, the forecasts one step ahead along the series, the forecasts after its end;
and the least mean squared error that statsmodels' optimizer finds from the same first states.
"""

import json

import numpy as np
from statsmodels.tsa.holtwinters import ExponentialSmoothing

ROUND, AHEAD = 4, 9


def series(seed, trend, season):
    rng = np.random.default_rng(seed)
    t = np.arange(60)
    wave = season * np.array([1.0, -0.5, 0.7, -1.2])[t % ROUND]
    return np.round(20 + trend * t + wave + np.cumsum(rng.normal(0, 0.3, 60)) + rng.normal(0, 0.5, 60), 4)


def model(y, kind):
    round_ = ROUND if kind == "holt-winters" else 1
    level = y[:round_].mean()
    trend = (y[round_ : 2 * round_].mean() - level) / round_
    return ExponentialSmoothing(
        y,
        trend=None if kind == "simple" else "add",
        seasonal="add" if kind == "holt-winters" else None,
        seasonal_periods=ROUND if kind == "holt-winters" else None,
        initialization_method="known",
        initial_level=level,
        initial_trend=None if kind == "simple" else trend,
        initial_seasonal=list(y[:ROUND] - level) if kind == "holt-winters" else None,
    )


def case(kind, seed, weights):
    y = series(seed, 0 if kind == "simple" else 0.2, 3 if kind == "holt-winters" else 0)
    names = ["smoothing_level", "smoothing_trend", "smoothing_seasonal"][: len(weights)]
    fixed = model(y, kind).fit(optimized=False, **dict(zip(names, weights)))
    best = model(y, kind).fit(optimized=True)
    return {
        "kind": kind, "seasonSteps": ROUND, "weights": weights, "series": y.tolist(),
        "fitted": np.asarray(fixed.fittedvalues).tolist(), "ahead": np.asarray(fixed.forecast(AHEAD)).tolist(),
        "leastError": float(best.sse / len(y)),
    }


print(json.dumps([
    case("simple", 1, [0.3]),
    case("holt", 2, [0.4, 0.1]),
    case("holt-winters", 3, [0.3, 0.05, 0.2]),
]))
