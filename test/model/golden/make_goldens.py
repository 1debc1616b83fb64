"""Reference values from PyTorch for every cell and task: goldens.jsonl, read by networks.golden.test.ts.

    python make_goldens.py > goldens.jsonl        (made with torch 2.15, float64, one thread)

Per case: series and labels, first parameters, logits, failure probabilities, loss, every gradient, and the parameters
after 20 steps of torch.optim.AdamW with torch.nn.utils.clip_grad_norm_. Parameters have PyTorch's names, shapes
(row-major) and order of gates. PyTorch's cells have two biases, of which a network needs the sum: the second is held at
zero, but for the GRU's candidate, where it stands inside the product with the reset gate.

Written from the formulas, not from Millwright's code: series of different lengths are run one by one, without padding.
"""

import json

import torch
from torch import nn

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)

STEPS, BATCH, INPUTS, HIDDEN, DAYS = 4, 3, 2, 3, 3
UNITS, FUTURE = 4, 2  # of the day decoder: width, and covariates known of each day
LENGTHS = {"dense": [4, 4, 4]}  # steps per series
SHORTER = [4, 2, 3]
LIFE_WEIGHT, RATE, DECAY, CLIP, UPDATES = 0.5, 0.02, 0.1, 0.8, 20
CELLS = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}
TASKS = ["dense", "many-to-one", "equal-length", "encoder-decoder", "encoder-decoder-recursive", "day-decoder"]


class Layers(nn.Module):
    """Cells on top of one another; with a norm, what is read of each is normalised, what it carries on is not."""

    def __init__(self, cell, inputs, layers, normalization):
        super().__init__()
        self.cells = nn.ModuleList(CELLS[cell](HIDDEN if layer else inputs, HIDDEN) for layer in range(layers))
        if normalization == "layer":
            self.norms = nn.ModuleList(nn.LayerNorm(HIDDEN) for _ in range(layers))

    def forward(self, x, start=None):
        last = []
        for layer, cell in enumerate(self.cells):
            x, state = cell(x, start[layer] if start else None)
            x = self.norms[layer](x) if hasattr(self, "norms") else x
            last.append(state)
        return x, last


class Network(nn.Module):
    def __init__(self, cell, task, layers, normalization):
        super().__init__()
        self.task = task
        self.encoder = Layers(cell, INPUTS, layers, normalization)
        if task.startswith("encoder-decoder"):
            self.decoder = Layers(cell, 2 + task.endswith("recursive"), layers, normalization)
        if task == "day-decoder":
            self.row = nn.Linear(HIDDEN + INPUTS, UNITS)
            self.day = nn.Linear(DAYS + 2, UNITS, bias=False)
            self.future = nn.Linear(FUTURE, UNITS, bias=False)
            self.second = nn.Linear(UNITS, UNITS)
        if task in ("dense", "many-to-one"):
            self.hazards = nn.Linear(HIDDEN, DAYS)
        else:
            self.score = nn.Linear(UNITS if task == "day-decoder" else HIDDEN, 1, bias=False)
            self.marginal = nn.Parameter(torch.zeros(DAYS))
        self.life = nn.Linear(HIDDEN, 1)

    def one_series(self, x, future):
        """x [L, I], future [K, C] -> logits [R, K], remaining life [R, 1]; R is L for dense, else 1."""
        states, last = self.encoder(x)
        if self.task == "dense":
            return self.hazards(states), self.life(states)
        newest = states[-1:]
        if self.task == "many-to-one":
            return self.hazards(newest), self.life(newest)
        if self.task == "equal-length":
            whole = torch.cat([torch.zeros(STEPS - len(x), HIDDEN), states])
            scores = self.score(whole[-DAYS:])[:, 0]
        elif self.task == "day-decoder":
            scores = []
            for k in range(1, DAYS + 1):
                which = torch.cat([nn.functional.one_hot(torch.tensor(k - 1), DAYS), torch.tensor([k / DAYS, 1 / k])])
                read = self.row(torch.cat([newest[0], x[-1]])) + self.day(which) + self.future(future[k - 1])
                scores.append(self.score(torch.relu(self.second(torch.relu(read))))[0])
            scores = torch.stack(scores)
        else:
            days = torch.tensor([[k / DAYS, 1 / k] for k in range(1, DAYS + 1)])
            if self.task == "encoder-decoder":
                scores = self.score(self.decoder(days, last)[0])[:, 0]
            else:
                before, parts = torch.zeros(1, 1), []
                for day in days:
                    decoded, last = self.decoder(torch.cat([day[None], before], 1), last)
                    before = self.score(decoded)
                    parts.append(before[0, 0])
                scores = torch.stack(parts)
        return (scores + self.marginal)[None], self.life(newest)

    def forward(self, series, futures):
        parts = [self.one_series(x, future) for x, future in zip(series, futures)]
        # Rows are time-major: step 0 of all series, then step 1.
        stack = lambda index: torch.stack([part[index] for part in parts], 1).flatten(0, 1)
        return stack(0), stack(1)


def survival_loss(logits, event_day, known_days):
    total = torch.zeros(())
    for row in range(len(logits)):
        for day in range(1, int(known_days[row]) + 1):
            failed = torch.tensor(float(event_day[row] == day))
            total = total + nn.functional.binary_cross_entropy_with_logits(logits[row, day - 1], failed)
    return total / max(1, int((known_days > 0).sum()))


def loss_of(network, case):
    logits, life = network(case["series"], case["future"])
    hazard_loss = survival_loss(logits, case["event_day"], case["known_days"])
    error = (case["life_weight"] * (life[:, 0] - case["life_share"]) ** 2).sum()
    return logits, hazard_loss, hazard_loss + LIFE_WEIGHT * error / max(1, case["life_weight"].sum())


def hold_second_biases(network):
    """Zero, and without a gradient, but for the candidate of the GRU (its last third)."""
    for module in network.modules():
        if not isinstance(module, nn.RNNBase):
            continue
        parameter = module.bias_hh_l0
        kept = torch.zeros_like(parameter)
        if isinstance(module, nn.GRU):
            kept[2 * HIDDEN :] = 1
        parameter.data.mul_(kept)
        parameter.register_hook(lambda gradient, kept=kept: gradient * kept)


def flat(tensor):
    return [float(f"{value:.10g}") for value in tensor.detach().reshape(-1).tolist()]


def named(network, of):
    return {name: flat(of(parameter)) for name, parameter in network.named_parameters()}


def make(cell, task, layers, normalization, seed):
    torch.manual_seed(seed)
    network = Network(cell, task, layers, normalization)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.round(torch.randn_like(parameter) * 0.6, decimals=3))
    hold_second_biases(network)
    lengths = LENGTHS.get(task, SHORTER)
    rows = STEPS * BATCH if task == "dense" else BATCH
    x = torch.round(torch.randn(STEPS, BATCH, INPUTS), decimals=3)
    event_day = torch.randint(0, DAYS + 1, (rows,))
    known_days = torch.where(event_day > 0, event_day, torch.randint(0, DAYS + 1, (rows,)))
    known_days[0] = max(1, int(known_days[0]))
    case = {
        "series": [x[STEPS - length :, b] for b, length in enumerate(lengths)],
        "event_day": event_day,
        "known_days": known_days,
        "life_share": torch.round(torch.rand(rows), decimals=3),
        "life_weight": torch.tensor([float(row % 3 != 1) for row in range(rows)]),
        "future": torch.round(torch.randn(BATCH, DAYS, FUTURE), decimals=3) if task == "day-decoder" else [None] * BATCH,
    }
    golden = {
        "cell": cell, "task": task, "layers": layers, "normalization": normalization, "lengths": lengths, "x": flat(x),
        "eventDay": event_day.tolist(), "knownDays": known_days.tolist(),
        "lifeShare": flat(case["life_share"]), "lifeWeight": flat(case["life_weight"]),
        **({"future": flat(case["future"])} if task == "day-decoder" else {}),
        "before": named(network, lambda parameter: parameter),
    }
    logits, hazard_loss, loss = loss_of(network, case)
    loss.backward()
    newest = torch.sigmoid(logits[-BATCH:])
    golden |= {
        "logits": flat(logits),
        "failureProbabilities": flat(1 - torch.cumprod(1 - newest, 1)),
        "hazardLoss": flat(hazard_loss)[0],
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
        loss = loss_of(network, case)[2]
        loss.backward()
        losses.append(flat(loss)[0])
        nn.utils.clip_grad_norm_(network.parameters(), CLIP)
        optimizer.step()
    return golden | {"losses": losses, "after": named(network, lambda parameter: parameter)}


if __name__ == "__main__":
    cases = [
        make(cell, task, 1 if task == "equal-length" else 2, ["none", "layer"][t % 2], 100 * c + t)
        for c, cell in enumerate(CELLS)
        for t, task in enumerate(TASKS)
    ]
    sizes = {"steps": STEPS, "batch": BATCH, "inputs": INPUTS, "hidden": HIDDEN, "days": DAYS, "units": UNITS, "future": FUTURE}
    training = {"lifeWeight": LIFE_WEIGHT, "rate": RATE, "decay": DECAY, "clip": CLIP, "updates": UPDATES}
    print(json.dumps({"sizes": sizes, "training": training}))
    for case in cases:
        print(json.dumps(case, separators=(",", ":")))
