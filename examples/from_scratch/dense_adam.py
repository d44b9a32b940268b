"""Handwritten digits by one hidden layer, 784-128-10, trained by Adam.

The first network of most courses: pixels / 255, 128 units of relu, dropout of a fifth, cross-entropy on ten scores,
Adam with rate 0.001, five epochs in batches of 32. MNIST is downloaded at the first run (12 MB) unless MAPSTO_DATA has
it.
"""

import mapsto as mt
from mapsto import data, image, losses, metrics, nn, optim


def network() -> mt.Mapping:
    """u8[n, 28, 28, 1] ↦ f32[n, 10]: pictures ↦ scores."""
    return image.scale(1 / 255) >> nn.Flatten() >> nn.Dense(128) >> nn.relu >> nn.Dropout(0.2) >> nn.Dense(10)


def main(name: str = "mnist", epochs: int = 5, seed: int = 0) -> float:
    """Trains on a set of digits; the share of its test pictures that is told right."""
    train, test = data.load(name, "train"), data.load(name, "test")
    learner = mt.Learner(
        network(),
        loss=losses.cross_entropy,
        optimizer=optim.adam(1e-3),
        metrics=[metrics.accuracy],
    )
    learner.fit(train, epochs=epochs, batch_size=32, seed=seed)
    return learner.evaluate(test)["accuracy"]


if __name__ == "__main__":
    print(f"accuracy on the test pictures {main():.4f}")
