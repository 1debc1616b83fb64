"""Integrated gradients by captum for the networks of goldens.jsonl: attributions.jsonl, read by networks.golden.test.ts.

    python make_attributions.py > attributions.jsonl        (made with torch 2.15 and captum 0.9, float64, one thread)

Per network of goldens.jsonl but the day decoders, in its order: for each series of its batch, attributions [steps of the series, inputs] of the
probability of failure by day 2, from a baseline of zeros, Gauss-Legendre quadrature of 200 points, or 1000
with a norm, where the line bends sharply: 200 miss by up to 4 % there, elsewhere by less than 1e-8.
"""

import json
from pathlib import Path

import torch
from captum.attr import IntegratedGradients

from make_goldens import BATCH, INPUTS, STEPS, Network, flat

DAY = 2


def attributions(golden):
    network = Network(golden["cell"], golden["task"], golden["layers"], golden["normalization"])
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            parameter.copy_(torch.tensor(golden["before"][name]).reshape(parameter.shape))

    def failed_by(series):
        newest = torch.stack([network.one_series(x, None)[0][-1] for x in series])
        return 1 - torch.prod(1 - torch.sigmoid(newest[:, :DAY]), 1)

    x = torch.tensor(golden["x"]).reshape(STEPS, BATCH, INPUTS)
    points = 1000 if golden["normalization"] == "layer" else 200
    series = [x[STEPS - length :, b] for b, length in enumerate(golden["lengths"])]
    method = IntegratedGradients(failed_by)
    return [flat(method.attribute(each[None], n_steps=points, method="gausslegendre")) for each in series]


if __name__ == "__main__":
    for line in Path(__file__).with_name("goldens.jsonl").read_text().splitlines()[1:]:
        golden = json.loads(line)
        if golden["task"] != "day-decoder":
            print(json.dumps({"day": DAY, "attributions": attributions(golden)}, separators=(",", ":")))
