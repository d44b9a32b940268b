"""Clothes by a dense network, 784-512-256-10, trained by stochastic gradient descent with momentum.

The network of many first articles: pixels / 255, two hidden layers of relu, cross-entropy on ten scores, rate 0.01,
momentum 0.9, batches of 64. Fashion-MNIST is downloaded at the first run (30 MB) unless MAPSTO_DATA has it.
"""

import mapsto as mt
from mapsto import data, image, losses, metrics, nn, optim


def network() -> mt.Mapping:
    """u8[n, 28, 28, 1] ↦ f32[n, 10]: pictures ↦ scores."""
    return image.scale(1 / 255) >> nn.Flatten() >> nn.Dense(512) >> nn.relu >> nn.Dense(256) >> nn.relu >> nn.Dense(10)


def main(epochs: int = 10, seed: int = 0) -> float:
    """Trains on 60,000 pictures; the share of 10,000 others that are told right."""
    train, test = data.load("fashion_mnist", "train"), data.load("fashion_mnist", "test")
    learner = mt.Learner(
        network(),
        loss=losses.cross_entropy,
        optimizer=optim.momentum(0.01, 0.9),
        metrics=[metrics.accuracy],
    )
    learner.fit(train, epochs=epochs, batch_size=64, seed=seed)
    return learner.evaluate(test)["accuracy"]


if __name__ == "__main__":
    print(f"accuracy on the test pictures {main():.4f}")
