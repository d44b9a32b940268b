"""Where did it look? The gradient of a class score with respect to an intermediate layer (Grad-CAM).

Selvaraju et al. 2017, equations 1 and 2: `cam = relu(Σ_c mean_ij(∂score/∂a_ijc) · a_ijc)`.
"""

import numpy as np

import mapsto as mt
from mapsto import data, image, losses, nn, optim, xp


def main() -> tuple[np.ndarray, float]:
    train, test = data.load("digits", "train"), data.load("digits", "test")

    net = image.scale(1 / 255) >> nn.Conv2D(8, 3) >> nn.relu >> nn.MaxPool2D(2) >> nn.Flatten() >> nn.Dense(10)
    learner = mt.Learner(net, loss=losses.cross_entropy, optimizer=optim.adam(3e-3))
    learner.fit(train, epochs=8, batch_size=32, seed=0)

    net, x, digit = learner.net, test.x[:16], test.y[:16]
    features, head = net[:3], net[3:]  # a chain splits where one likes
    a = features(x)

    def score(a: mt.Array) -> mt.Array:
        return (head(a) * np.eye(10, dtype=np.float32)[digit]).sum()

    importance = xp.mean(mt.grad(score)(a), axis=(1, 2), keepdims=True)
    cam = nn.relu(xp.sum(importance * a, axis=-1))  # f32[n, 6, 6]

    gap = np.abs(np.asarray(head(a)) - np.asarray(net(x))).max()
    return np.asarray(cam), float(gap)


if __name__ == "__main__":
    cam, _ = main()
    for row in cam[0]:
        print("".join(" .:-=+*#%@"[int(9 * value / max(cam[0].max(), 1e-9))] * 2 for value in row))
