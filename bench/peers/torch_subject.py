"""PyTorch, eager: nn.LSTM and a linear layer at every step, fused Adam, binary cross-entropy. Argument: threads."""
import sys

import torch
from subject import FEATURES, MANY, TIME, TRAIN_BATCH, serve

torch.set_num_threads(int(sys.argv[1]))
torch.manual_seed(0)


class Network(torch.nn.Module):
    def __init__(self, hidden, layers):
        super().__init__()
        self.lstm = torch.nn.LSTM(FEATURES, hidden, layers)
        self.out = torch.nn.Linear(hidden, 1)

    def forward(self, x):
        return self.out(self.lstm(x)[0])


def make(hidden, layers):
    network = Network(hidden, layers)
    optimizer = torch.optim.Adam(network.parameters(), 1e-3, fused=True)
    loss_of = torch.nn.BCEWithLogitsLoss()
    x = torch.randn(TIME, TRAIN_BATCH, FEATURES)
    y = (x[:, :, :1] > 0.5).float()
    one, many = torch.randn(TIME, 1, FEATURES), torch.randn(TIME, MANY, FEATURES)

    def train():
        optimizer.zero_grad()
        loss_of(network(x), y).backward()
        optimizer.step()

    def predict(batch):
        with torch.inference_mode():
            return network(batch)

    return {"train": train, "one": lambda: predict(one), "many": lambda: predict(many)}


serve(torch.__version__, make)
