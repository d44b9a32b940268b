"""Ten kinds of things by a small convolutional network on 32 × 32 colour photographs.

conv 3×3 of 32 - pool 2 - conv 3×3 of 64 - pool 2 - conv 3×3 of 64 - dense 64 - dense 10, relu between, Adam with rate
0.001 in batches of 64. CIFAR-10 is downloaded at the first run (170 MB) unless MAPSTO_DATA has it.
"""

import mapsto as mt
from mapsto import data, image, losses, metrics, nn, optim


def network() -> mt.Mapping:
    """u8[n, 32, 32, 3] ↦ f32[n, 10]: pictures ↦ scores."""
    features = nn.Conv2D(32, 3) >> nn.relu >> nn.MaxPool2D(2) >> nn.Conv2D(64, 3) >> nn.relu >> nn.MaxPool2D(2)
    return (
        image.scale(1 / 255)
        >> features
        >> nn.Conv2D(64, 3)
        >> nn.relu
        >> nn.Flatten()
        >> nn.Dense(64)
        >> nn.relu
        >> nn.Dense(10)
    )


def main(samples: int = 50_000, epochs: int = 3, seed: int = 0) -> float:
    """Trains on the first pictures of the set; the share of 10,000 others that are told right."""
    train, test = data.load("cifar10", "train").take(samples), data.load("cifar10", "test")
    learner = mt.Learner(
        network(),
        loss=losses.cross_entropy,
        optimizer=optim.adam(1e-3),
        metrics=[metrics.accuracy],
    )
    learner.fit(train, epochs=epochs, batch_size=64, seed=seed)
    return learner.evaluate(test)["accuracy"]


if __name__ == "__main__":
    print(f"accuracy on the test pictures {main():.4f}")
