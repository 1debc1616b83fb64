"""Reference values from PyTorch for value networks: value-goldens.jsonl, read by values.golden.test.ts.

    python make_value_goldens.py > value-goldens.jsonl        (made with torch 2.15, float64, one thread)

As make_goldens.py, with a head of three quantiles of every target at every step, and the pinball loss over the targets
that are known. Series of different lengths are run one by one, without padding.
"""

import json

import torch
from make_goldens import BATCH, CELLS, CLIP, DECAY, HIDDEN, INPUTS, RATE, STEPS, UPDATES, Layers, flat, hold_second_biases, named
from torch import nn

SENSORS, AHEAD = 2, 3
TARGETS = SENSORS * AHEAD
LENGTHS = [4, 2, 3]
LEVELS = [0.1, 0.5, 0.9]
# With some seeds a forecast comes so near to the value itself that float32 sees it on the other side of the kink.
SEED = 200


class ValueNetwork(nn.Module):
    def __init__(self, cell, layers, normalization):
        super().__init__()
        self.encoder = Layers(cell, INPUTS, layers, normalization)
        self.quantiles = nn.Linear(HIDDEN, 3 * TARGETS)
        self.skip = nn.Linear(INPUTS, 3 * TARGETS, bias=False)

    def forward(self, x):
        """x [L, I] -> low, median, high [L, TARGETS] each."""
        states, _ = self.encoder(x)
        median, below, above = (self.quantiles(states) + self.skip(x)).chunk(3, dim=1)
        return median - nn.functional.softplus(below), median, median + nn.functional.softplus(above)


def loss_of(network, case):
    """Steps of a series are the last of the window; `actual` and `known` are [STEPS, BATCH, TARGETS]."""
    total = torch.zeros(())
    for b, x in enumerate(case["series"]):
        said = network(x)
        actual, known = (case[name][STEPS - len(x) :, b] for name in ("actual", "known"))
        for level, quantile in zip(LEVELS, said):
            error = actual - quantile
            total = total + (known * torch.maximum(level * error, (level - 1) * error)).sum()
    return total / max(1, case["known"].sum())


def make(cell, layers, normalization, seed):
    torch.manual_seed(seed)
    network = ValueNetwork(cell, layers, normalization)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.round(torch.randn_like(parameter) * 0.6, decimals=3))
    hold_second_biases(network)
    x = torch.round(torch.randn(STEPS, BATCH, INPUTS), decimals=3)
    real = torch.stack([(torch.arange(STEPS) >= STEPS - length).double() for length in LENGTHS], 1)[:, :, None]
    known = (torch.rand(STEPS, BATCH, TARGETS) < 0.8).double() * real
    case = {
        "series": [x[STEPS - length :, b] for b, length in enumerate(LENGTHS)],
        "actual": torch.round(torch.randn(STEPS, BATCH, TARGETS), decimals=3),
        "known": known,
    }
    golden = {
        "cell": cell, "layers": layers, "normalization": normalization, "lengths": LENGTHS, "x": flat(x),
        "actual": flat(case["actual"]), "known": flat(known), "before": named(network, lambda parameter: parameter),
    }
    loss = loss_of(network, case)
    loss.backward()
    newest = [network(series) for series in case["series"]]
    golden |= {
        "newest": {name: flat(torch.stack([said[q][-1] for said in newest])) for q, name in enumerate(["low", "median", "high"])},
        "loss": flat(loss)[0],
        "gradients": named(network, lambda parameter: parameter.grad),
    }
    matrices = [parameter for parameter in network.parameters() if parameter.dim() > 1]
    vectors = [parameter for parameter in network.parameters() if parameter.dim() == 1]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": DECAY}, {"params": vectors, "weight_decay": 0.0}], lr=RATE
    )
    losses = []
    for _ in range(UPDATES):
        optimizer.zero_grad()
        loss = loss_of(network, case)
        loss.backward()
        losses.append(flat(loss)[0])
        nn.utils.clip_grad_norm_(network.parameters(), CLIP)
        optimizer.step()
    return golden | {"losses": losses, "after": named(network, lambda parameter: parameter)}


if __name__ == "__main__":
    sizes = {"steps": STEPS, "batch": BATCH, "inputs": INPUTS, "hidden": HIDDEN, "sensors": SENSORS, "ahead": AHEAD}
    print(json.dumps({"sizes": sizes, "training": {"rate": RATE, "decay": DECAY, "clip": CLIP, "updates": UPDATES}}))
    for c, cell in enumerate(CELLS):
        for layers, normalization in ((1, "none"), (2, "layer")):
            print(json.dumps(make(cell, layers, normalization, SEED + 10 * c + layers), separators=(",", ":")))
