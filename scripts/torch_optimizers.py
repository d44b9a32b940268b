"""20 steps of every optimizer, and every schedule, by PyTorch ↦ tests/stored/torch_optimizers.npz.

    python scripts/torch_optimizers.py        # needs PyTorch (2.13.0 made the stored file) and NumPy, not mapsto

Everything is float64; tests/optim/test_torch_parity.py follows it. Two problems are solved by each optimizer:

- `net`: ½ mean((tanh(x·W₁ + b₁)·W₂ + b₂ − y)²) for W₁ [4, 5], b₁ [5], W₂ [5, 2], b₂ [2]; x, y and the start are stored;
- `valley`: Rosenbrock's Σ 100(wᵢ₊₁ − wᵢ²)² + (1 − wᵢ)², i < 3, from w = (−1.2, 1, −0.5, 0.8), times 0.01.

`CASE/net/NAME` are the parameters after 20 steps, `CASE/valley` f64[20, 4] the way. What PyTorch does not have is
computed by the published formula, in NumPy, with PyTorch's gradients: `lion`, `adafactor` with a rate of its own or
without scaling by the weights, clipping, penalties on chosen weights, `every` and `average`.

`schedule/CASE` is f64[60], the rate of steps 0 … 59, by torch.optim.lr_scheduler, or by its formula where PyTorch has
none.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.optim import lr_scheduler as lr
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

FILE = Path(__file__).resolve().parent.parent / "tests" / "stored" / "torch_optimizers.npz"
STEPS, RATES = 20, 60
Tensors = dict[str, torch.Tensor]
Numbers = dict[str, np.ndarray]
Step = Callable[[int], None]

RNG = np.random.Generator(np.random.PCG64(0))


def rounded(*shape: int) -> np.ndarray:
    """Normal numbers of few bits, which compress."""
    return np.round(RNG.normal(size=shape) * 64) / 64


NET = {"w1": rounded(4, 5) / 2, "b1": rounded(5) / 4, "w2": rounded(5, 2) / 2, "b2": rounded(2) / 4}
X, Y = rounded(16, 4), rounded(16, 2)
VALLEY = {"w": np.array([-1.2, 1.0, -0.5, 0.8])}


def net_loss(p: Tensors) -> torch.Tensor:
    hidden = torch.tanh(torch.from_numpy(X) @ p["w1"] + p["b1"])
    return ((hidden @ p["w2"] + p["b2"] - torch.from_numpy(Y)) ** 2).mean() / 2


def valley_loss(p: Tensors) -> torch.Tensor:
    w = p["w"]
    return 0.01 * (100 * (w[1:] - w[:-1] ** 2) ** 2 + (1 - w[:-1]) ** 2).sum()


def gradient(loss: Callable[[Tensors], torch.Tensor], p: Tensors) -> None:
    for tensor in p.values():
        tensor.grad = None
    loss(p).backward()


# What PyTorch has: the optimizer of some tensors, and perhaps its schedule.
PYTORCH: dict[str, Callable[[list[torch.Tensor]], Any]] = {
    "sgd": lambda p: torch.optim.SGD(p, 0.1),
    "momentum": lambda p: torch.optim.SGD(p, 0.05, momentum=0.8),
    "nesterov": lambda p: torch.optim.SGD(p, 0.05, momentum=0.8, nesterov=True),
    "sgd_decay": lambda p: torch.optim.SGD(p, 0.05, momentum=0.8, weight_decay=0.1),
    "rmsprop": lambda p: torch.optim.RMSprop(p, 0.02),
    "rmsprop_set": lambda p: torch.optim.RMSprop(p, 0.01, alpha=0.9, eps=1e-3, momentum=0.5),
    "rmsprop_centered": lambda p: torch.optim.RMSprop(p, 0.01, alpha=0.9, centered=True, momentum=0.3),
    "adagrad": lambda p: torch.optim.Adagrad(p, 0.1),
    "adagrad_set": lambda p: torch.optim.Adagrad(p, 0.1, initial_accumulator_value=0.5, eps=1e-4),
    "adadelta": lambda p: torch.optim.Adadelta(p),
    "adadelta_set": lambda p: torch.optim.Adadelta(p, 0.5, rho=0.8, eps=1e-3),
    "adam": lambda p: torch.optim.Adam(p, 0.05),
    "adam_set": lambda p: torch.optim.Adam(p, 0.1, betas=(0.5, 0.7), eps=1e-3),
    "adam_l2": lambda p: torch.optim.Adam(p, 0.05, weight_decay=0.1),
    "adamw": lambda p: torch.optim.AdamW(p, 0.05, weight_decay=0.2),
    "amsgrad": lambda p: torch.optim.Adam(p, 0.05, betas=(0.8, 0.5), amsgrad=True),
    "nadam": lambda p: torch.optim.NAdam(p, 0.05),
    "nadam_set": lambda p: torch.optim.NAdam(p, 0.05, betas=(0.8, 0.9), eps=1e-4, momentum_decay=0.5),
    "adafactor": lambda p: torch.optim.Adafactor(p, eps=(1e-30, 1e-3)),
    "adafactor_set": lambda p: torch.optim.Adafactor(p, beta2_decay=-0.5, eps=(1e-30, 0.5)),
}
SCHEDULED = {
    "sgd_step_decay": lambda o: lr.StepLR(o, 6, 0.3),
    "adam_warm_cosine": lambda o: lr.SequentialLR(
        o, [lr.LinearLR(o, 0.1, 1.0, total_iters=5), lr.CosineAnnealingLR(o, 15)], milestones=[5]
    ),
}
PYTORCH["sgd_step_decay"] = lambda p: torch.optim.SGD(p, 0.2, momentum=0.5)
PYTORCH["adam_warm_cosine"] = lambda p: torch.optim.AdamW(p, 0.1, weight_decay=0.2)


def by_pytorch(name: str, p: Tensors, loss: Callable[[Tensors], torch.Tensor]) -> Step:
    optimizer = PYTORCH[name](list(p.values()))
    schedule = SCHEDULED[name](optimizer) if name in SCHEDULED else None

    def step(_: int) -> None:
        gradient(loss, p)
        optimizer.step()
        if schedule is not None:
            schedule.step()

    return step


# What it does not have, in NumPy on {name: array}: a generator that is sent gradients and changes the weights.


def lion(w: Numbers, rate: float, beta1: float, beta2: float, decay: float) -> Any:
    m = {k: np.zeros_like(v) for k, v in w.items()}
    while True:
        g = yield
        for k in w:
            w[k] -= rate * (np.sign(beta1 * m[k] + (1 - beta1) * g[k]) + decay * w[k])
            m[k] = beta2 * m[k] + (1 - beta2) * g[k]


def adafactor(w: Numbers, rate: Callable[[int], float], relative: bool, threshold: float = 1.0) -> Any:
    """Algorithms 4 and 5 of arXiv:1804.04235, by sums of rows and columns as written there."""
    rows, columns, whole, t = {}, {}, {}, 0
    while True:
        g = yield
        t += 1
        beta = 1 - t**-0.8
        for k in w:
            square = g[k] ** 2 + 1e-30
            if square.ndim == 2:
                rows[k] = beta * rows.get(k, 0) + (1 - beta) * square.sum(1)
                columns[k] = beta * columns.get(k, 0) + (1 - beta) * square.sum(0)
                v = np.outer(rows[k], columns[k]) / rows[k].sum()
            else:
                v = whole[k] = beta * whole.get(k, 0) + (1 - beta) * square
            u = g[k] / np.sqrt(v)
            u = u / max(1.0, np.sqrt((u**2).mean()) / threshold)
            alpha = rate(t) * (max(1e-3, np.sqrt((w[k] ** 2).mean())) if relative else 1.0)
            w[k] -= alpha * u


def sgd_after(w: Numbers, rate: float, change: Callable[[Numbers, Numbers], Numbers]) -> Any:
    while True:
        g = change((yield), w)
        for k in w:
            w[k] -= rate * g[k]


def clipped(g: Numbers, w: Numbers) -> Numbers:
    norm = np.sqrt(sum((x**2).sum() for x in g.values()))
    return {k: x * min(1.0, 0.2 / norm) for k, x in g.items()}


def clipped_each(g: Numbers, w: Numbers) -> Numbers:
    return {k: x * min(1.0, 0.1 / np.sqrt((x**2).sum())) for k, x in g.items()}


def clipped_values(g: Numbers, w: Numbers) -> Numbers:
    return {k: np.clip(x, -0.05, 0.05) for k, x in g.items()}


def l1(g: Numbers, w: Numbers) -> Numbers:
    return {k: x + 0.05 * np.sign(w[k]) * k.startswith("w") for k, x in g.items()}


def l2(g: Numbers, w: Numbers) -> Numbers:
    return {k: x + 0.1 * w[k] * k.startswith("w") for k, x in g.items()}


def adamw_chosen(w: Numbers, rate: float, decay: float) -> Any:
    m, v = ({k: np.zeros_like(x) for k, x in w.items()} for _ in range(2))
    t = 0
    while True:
        g = yield
        t += 1
        for k in w:
            m[k] = 0.9 * m[k] + 0.1 * g[k]
            v[k] = 0.999 * v[k] + 0.001 * g[k] ** 2
            u = (m[k] / (1 - 0.9**t)) / (np.sqrt(v[k] / (1 - 0.999**t)) + 1e-8)
            w[k] -= rate * (u + decay * w[k] * k.startswith("w"))


def momentum_every(w: Numbers, rate: float, decay: float, number: int) -> Any:
    velocity = {k: np.zeros_like(v) for k, v in w.items()}
    seen: list[Numbers] = []
    while True:
        seen.append((yield))
        if len(seen) == number:
            for k in w:
                velocity[k] = decay * velocity[k] + sum(g[k] for g in seen) / number
                w[k] -= rate * velocity[k]
            seen = []


NUMPY: dict[str, Callable[[Numbers], Any]] = {
    "lion": lambda w: lion(w, 0.02, 0.9, 0.99, 0.0),
    "lion_set": lambda w: lion(w, 0.01, 0.5, 0.8, 0.3),
    "adafactor_paper": lambda w: adafactor(w, lambda t: min(1e-2, 1 / math.sqrt(t)), relative=True),
    "adafactor_rate": lambda w: adafactor(w, lambda t: 0.1, relative=True),
    "adafactor_absolute": lambda w: adafactor(w, lambda t: 0.05, relative=False, threshold=0.4),
    "clip": lambda w: sgd_after(w, 0.5, clipped),
    "clip_norm": lambda w: sgd_after(w, 0.5, clipped_each),
    "clip_value": lambda w: sgd_after(w, 0.5, clipped_values),
    "add_l1": lambda w: sgd_after(w, 0.1, l1),
    "add_decay": lambda w: sgd_after(w, 0.1, l2),
    "adamw_chosen": lambda w: adamw_chosen(w, 0.05, 0.2),
    "every": lambda w: momentum_every(w, 0.1, 0.8, 3),
}


def by_numpy(name: str, p: Tensors, loss: Callable[[Tensors], torch.Tensor]) -> Step:
    weights = {k: v.detach().numpy() for k, v in p.items()}  # the tensors' own memory
    rule = NUMPY[name](weights)
    next(rule)

    def step(_: int) -> None:
        gradient(loss, p)
        rule.send({k: v.grad.numpy().copy() for k, v in p.items()})

    return step


def solved(name: str, start: Numbers, loss: Callable[[Tensors], torch.Tensor]) -> list[Numbers]:
    """The parameters after each of 20 steps."""
    p = {k: torch.from_numpy(v.copy()).requires_grad_() for k, v in start.items()}
    step = (by_pytorch if name in PYTORCH else by_numpy)(name, p, loss)
    way = []
    for number in range(STEPS):
        step(number)
        way.append({k: v.detach().numpy().copy() for k, v in p.items()})
    return way


def averages() -> np.ndarray:
    """PyTorch's running mean of the weights along the way of sgd on the valley, begun at the start."""
    model = torch.nn.ParameterList([torch.from_numpy(VALLEY["w"].copy())])
    mean = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.8))
    mean.update_parameters(model)  # the first update copies
    for point in solved("sgd", VALLEY, valley_loss):
        model[0].data = torch.from_numpy(point["w"])
        mean.update_parameters(model)
    return next(mean.module.parameters()).detach().numpy()


def rates(make: Callable[[torch.optim.Optimizer], Any], count: int = RATES, rate: float = 0.4) -> np.ndarray:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], rate)
    schedule, found = make(optimizer), []
    for _ in range(count):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return np.array(found, np.float64)


def restarts(rate: float, steps: int, growth: int, end: float) -> np.ndarray:
    """The loop of arXiv:1608.03983: Tᵢ grows whenever the count since the last restart reaches it."""
    found, since, length = [], 0, steps
    for _ in range(RATES):
        found.append(end + (rate - end) * (1 + math.cos(math.pi * since / length)) / 2)
        since += 1
        if since == length:
            since, length = 0, length * growth
    return np.array(found)


def schedules() -> dict[str, np.ndarray]:
    steps = np.arange(RATES, dtype=np.float64)
    share = np.minimum(steps / 40, 1)
    return {
        "constant": rates(lambda o: lr.ConstantLR(o, 1.0, 5)),
        "exponential": rates(lambda o: lr.ExponentialLR(o, 0.9)),
        "exponential_slow": 0.4 * 0.5 ** (steps / 7),
        "step_decay": rates(lambda o: lr.StepLR(o, 7, 0.3)),
        "cosine": np.concatenate([rates(lambda o: lr.CosineAnnealingLR(o, 40, 0.01), 41), np.full(RATES - 41, 0.01)]),
        "cosine_restarts": rates(lambda o: lr.CosineAnnealingWarmRestarts(o, 9, eta_min=0.01)),
        "cosine_restarts_longer": rates(lambda o: lr.CosineAnnealingWarmRestarts(o, 7, 2, eta_min=0.01)),
        "cosine_restarts_paper": restarts(0.4, 5, 3, 0.02),
        "polynomial": rates(lambda o: lr.PolynomialLR(o, 40, 1.7)),
        "polynomial_end": 0.1 + 0.3 * (1 - share) ** 2,
        "linear": rates(lambda o: lr.LinearLR(o, 1.0, 0.25, total_iters=40)),
        "one_cycle": rates(lambda o: lr.OneCycleLR(o, 0.4, RATES + 1)),
        "one_cycle_set": rates(
            lambda o: lr.OneCycleLR(o, 0.4, RATES + 1, pct_start=0.5, div_factor=4, final_div_factor=10)
        ),
        "piecewise": rates(lambda o: lr.MultiStepLR(o, [10, 25, 26], 0.5)),
        "warm_up": rates(lambda o: lr.LinearLR(o, 0.25, 1.0, total_iters=10)),
        "warm_up_from_zero": 0.4 * np.minimum(steps / 10, 1),
        "warm_up_cosine": np.concatenate([
            rates(
                lambda o: lr.SequentialLR(
                    o, [lr.LinearLR(o, 0.1, 1.0, total_iters=8), lr.CosineAnnealingLR(o, 40)], milestones=[8]
                ),
                49,
            ),
            np.zeros(RATES - 49),
        ]),
    }  # fmt: skip


def main() -> None:
    torch.set_default_dtype(torch.float64)
    stored: dict[str, np.ndarray] = {"x": X, "y": Y, "valley": VALLEY["w"]}
    stored.update({f"net/{k}": v for k, v in NET.items()})
    for name in (*PYTORCH, *NUMPY):
        last = solved(name, NET, net_loss)[-1]
        way = np.stack([point["w"] for point in solved(name, VALLEY, valley_loss)])
        stored.update({f"{name}/net/{k}": v for k, v in last.items()})
        stored[f"{name}/valley"] = way
        moved = np.abs(way[-1] - VALLEY["w"]).max()
        print(f"{name:20} moved {moved:8.4f}  finite {np.isfinite(way).all()}")
    stored["average/valley"] = averages()
    stored.update({f"schedule/{name}": found for name, found in schedules().items()})
    FILE.parent.mkdir(exist_ok=True)
    np.savez_compressed(FILE, **stored)
    print(f"PyTorch {torch.__version__}, {FILE.stat().st_size} bytes")


if __name__ == "__main__":
    main()
