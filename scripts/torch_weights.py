"""Nets of PyTorch's with their weights as safetensors, and what they map an input to, for tests/files/test_peers.py.

python scripts/torch_weights.py        # PyTorch 2.13.0, safetensors 0.8; writes tests/stored/weights/torch_*
"""

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

FOLDER = Path(__file__).parents[1] / "tests" / "stored" / "weights"


class Parts(nn.Module):
    """A net whose layers have names of their own, which say nothing of their order."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(2, 4, 3, stride=2, bias=False)
        self.bn = nn.BatchNorm2d(4)
        self.act = nn.PReLU(4)
        self.dw = nn.Conv2d(4, 8, 3, padding=1, groups=4)
        self.group = nn.GroupNorm(2, 8)
        self.up = nn.ConvTranspose2d(8, 6, 3, stride=2, padding=1, output_padding=1, groups=2)
        self.fc = nn.Linear(6 * 8 * 8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.act(self.bn(self.stem(x)))
        return self.fc(self.up(self.group(self.dw(x))).flatten(1))


def numbered() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Conv2d(4, 6, (1, 3), groups=2, padding=(0, 1)),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.BatchNorm1d(54),
        nn.Linear(54, 6),
        nn.LayerNorm(6),
        nn.ReLU(),
        nn.Linear(6, 4),
        nn.Linear(4, 3),
        nn.Linear(3, 3),
    )


def words() -> nn.Module:
    return nn.ModuleDict({"embed": nn.Embedding(7, 5), "conv": nn.Conv1d(5, 4, 3), "head": nn.Linear(4, 2)})


class Sequences(nn.Module):
    """Recurrent layers, stacked and in both directions."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(7, 5)
        self.lstm = nn.LSTM(5, 3, num_layers=2, bidirectional=True, batch_first=True)
        self.gru = nn.GRU(6, 4, num_layers=2, batch_first=True)
        self.rnn = nn.RNN(4, 3, bias=False, batch_first=True)
        self.head = nn.Linear(3, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.rnn(self.gru(self.lstm(self.embed(x))[0])[0])[0][:, -1])


def settled(net: nn.Module, x: torch.Tensor) -> nn.Module:
    """Running statistics, scales and shifts that are not those of the beginning."""
    for parameter in net.parameters():
        parameter.data += 0.1 * torch.randn(parameter.shape)
    net.train()
    with torch.no_grad():
        for _ in range(3):
            net(x + torch.randn(x.shape))
    return net.eval()


def write(name: str, net: nn.Module, x: torch.Tensor, y: torch.Tensor) -> None:
    save_file(
        {key: value.contiguous() for key, value in net.state_dict().items()}, FOLDER / f"torch_{name}.safetensors"
    )
    np.savez_compressed(FOLDER / f"torch_{name}_answers.npz", x=x.numpy(), y=y.detach().numpy())


def main() -> None:
    torch.manual_seed(0)
    FOLDER.mkdir(exist_ok=True)
    for name, net, shape in (("numbered", numbered(), (5, 3, 8, 8)), ("named", Parts(), (5, 2, 9, 9))):
        x = torch.randn(shape)
        net = settled(net, x)
        write(name, net, x.permute(0, 2, 3, 1), net(x))
    net, x = words(), torch.randint(0, 7, (4, 6))
    y = net["head"](torch.relu(net["conv"](net["embed"](x).transpose(1, 2))).amax(2))
    write("words", net, x, y)
    net = Sequences().eval()
    for parameter in net.parameters():
        parameter.data += 0.3 * torch.randn(parameter.shape)
    write("sequences", net, x, net(x))


if __name__ == "__main__":
    main()
