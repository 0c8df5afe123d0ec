"""Train a torch network of your own in an experiment.

The command line takes the same network: save this file as own_network.py and run

    uwe run digits --model own_network:Net --model-option width=64 --epochs 10 --budgets 20,40,80
"""

import tempfile

from torch import nn

import uwe


class Net(nn.Module):
    """Two linear layers; the features are the input of the last one."""

    def __init__(self, classes, shape, width=32):
        super().__init__()
        height, columns, channels = shape
        self.body = nn.Sequential(
            nn.Flatten(), nn.Linear(height * columns * channels, width), nn.ReLU(), nn.Dropout(0.2)
        )
        self.head = nn.Linear(width, classes)

    def forward(self, x):
        return self.head(self.body(x))


if __name__ == "__main__":
    [result] = uwe.run(
        uwe.Experiment(
            "digits",
            model=Net,
            model_options={"width": 64},
            strategy="bald",
            budgets=(20, 40),
            epochs=5,
            results=tempfile.mkdtemp(),
        )
    )
    print(result.labels, result.accuracy)
