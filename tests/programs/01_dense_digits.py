"""A dense network learns to read digits: load, compose, fit, evaluate."""

import mapsto as mt
from mapsto import data, image, losses, metrics, nn, optim


def main() -> float:
    train, test = data.load("digits", "train"), data.load("digits", "test")

    net = image.scale(1 / 255) >> nn.Flatten() >> nn.Dense(64) >> nn.relu >> nn.Dense(10)
    learner = mt.Learner(net, loss=losses.cross_entropy, optimizer=optim.adam(3e-3), metrics=[metrics.accuracy])
    learner.fit(train, validation=0.1, epochs=8, batch_size=32, seed=0)

    return learner.evaluate(test)["accuracy"]


if __name__ == "__main__":
    print(f"accuracy {main():.3f}")
