"""How good Optuna's TPE and random search are on known functions: tpe-goldens.json, read by tpe.test.ts.

    python make_tpe_goldens.py > tpe-goldens.json        (made with optuna 5.0)

Per function: the median over 40 seeds of the least value found in 50 trials, less the function's minimum.
"""

import json
import math
import statistics

import optuna

optuna.logging.set_verbosity(optuna.logging.WARNING)
TRIALS, SEEDS = 50, 40


def branin(trial):
    x, y = trial.suggest_float("x", -5, 10), trial.suggest_float("y", 0, 15)
    a = y - 5.1 / (4 * math.pi**2) * x**2 + 5 / math.pi * x - 6
    return a**2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10 - 0.397887357729738


def bowl(trial):
    return sum((trial.suggest_float(f"x{i}", -5, 5) - i + 1) ** 2 for i in range(4))


def mixed(trial):
    """Like settings of a network: a rate on a log scale, a whole number, two choices of which one matters."""
    rate = math.log10(trial.suggest_float("rate", 1e-5, 1e-1, log=True))
    layers = trial.suggest_int("layers", 1, 8)
    cell = trial.suggest_categorical("cell", ["a", "b", "c", "d"])
    trial.suggest_categorical("other", ["p", "q"])
    return (rate + 2.5) ** 2 + 0.1 * (layers - 3) ** 2 + {"a": 1, "b": 0.4, "c": 0, "d": 2}[cell]


def median_regret(function, make_sampler):
    found = []
    for seed in range(SEEDS):
        study = optuna.create_study(sampler=make_sampler(seed))
        study.optimize(function, n_trials=TRIALS)
        found.append(study.best_value)
    return statistics.median(found)


print(
    json.dumps(
        {
            function.__name__: {
                "tpe": median_regret(function, lambda seed: optuna.samplers.TPESampler(seed=seed)),
                "random": median_regret(function, lambda seed: optuna.samplers.RandomSampler(seed=seed)),
            }
            for function in (branin, bowl, mixed)
        },
        indent=2,
    )
)
