"""Reference values from PyTorch for optimizers and schedules: optimizers.json, read by optimizers.golden.test.ts.

    python make_optimizer_goldens.py > optimizers.json        (made with torch 2.15, float64)

A quadratic bowl with unequal axes: gradient of parameter i is (i + 1) * (p_i - 1). The first two parameters decay.
Schedules: the rate of every update, for losses as a validation after every second update would give them.
"""

import json

import torch

torch.set_default_dtype(torch.float64)
UPDATES, RATE, DECAY = 20, 0.05, 0.1
FIRST = [0.3, -0.7, 2.0, -1.5]
SCALES = torch.tensor([1.0, 2.0, 3.0, 4.0])
LOSSES = [1.0, 0.8, 0.79995, 0.81, 0.9, 0.85, 0.7, 0.75, 0.71, 0.72, 0.73, 0.74, 0.76, 0.6, 0.61]


def run(optimizer_class):
    decaying = torch.nn.Parameter(torch.tensor(FIRST[:2]))
    free = torch.nn.Parameter(torch.tensor(FIRST[2:]))
    optimizer = optimizer_class(
        [{"params": [decaying], "weight_decay": DECAY}, {"params": [free], "weight_decay": 0.0}], lr=RATE
    )
    path = []
    for _ in range(UPDATES):
        whole = torch.cat([decaying, free])
        gradient = (SCALES * (whole - 1)).detach()
        decaying.grad, free.grad = gradient[:2].clone(), gradient[2:].clone()
        optimizer.step()
        path.append(torch.cat([decaying, free]).tolist())
    return path


def optimizer_of_one():
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)


def plateau(patience, factor, least):
    optimizer = optimizer_of_one()
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=factor, patience=patience, min_lr=least)
    rates = []
    for loss in LOSSES:
        for _ in range(2):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
        schedule.step(loss)
    return rates


def steps(every, factor):
    optimizer = optimizer_of_one()
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, every, factor)
    rates = []
    for _ in range(UPDATES):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return rates


print(
    json.dumps(
        {
            "first": FIRST,
            "scales": SCALES.tolist(),
            "rate": RATE,
            "decay": DECAY,
            "adam": run(torch.optim.Adam),
            "adamw": run(torch.optim.AdamW),
            "losses": LOSSES,
            "plateau": [
                {"patience": p, "factor": f, "least": l, "rates": plateau(p, f, l)}
                for p, f, l in [(0, 0.5, 0.0), (2, 0.1, 0.05), (3, 0.5, 0.0)]
            ],
            "step": [{"every": e, "factor": f, "rates": steps(e, f)} for e, f in [(3, 0.5), (7, 0.1)]],
        }
    )
)
