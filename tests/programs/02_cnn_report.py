"""A convolutional network, and a report that says which classes it confuses."""

import mapsto as mt
from mapsto import data, image, losses, metrics, nn, optim


def main() -> tuple[float, metrics.ClassReport]:
    train, test = data.load("digits", "train"), data.load("digits", "test")

    net = (
        image.scale(1 / 255)
        >> nn.Conv2D(16, 3, padding="same")
        >> nn.relu
        >> nn.MaxPool2D(2)
        >> nn.Conv2D(32, 3, padding="same")
        >> nn.relu
        >> nn.MaxPool2D(2)
        >> nn.Flatten()
        >> nn.Dropout(0.25)
        >> nn.Dense(10)
    )
    learner = mt.Learner(
        net,
        loss=losses.cross_entropy,
        optimizer=optim.clip(1.0) >> optim.adam(3e-3),
        metrics=[metrics.accuracy],
    )
    learner.fit(train, validation=0.1, epochs=3, batch_size=32, seed=0)

    result = learner.evaluate(test)
    return result["accuracy"], result.report()


if __name__ == "__main__":
    print(main()[1])
