"""A layer of one's own: two dense layers with dropout between them, and the input added back."""

import mapsto as mt
from mapsto import data, image, losses, metrics, nn, optim


class Block(mt.Mapping):
    """`x ↦ x + fc2(drop(relu(fc1(x))))`, `f32[n, width] ↦ f32[n, width]`."""

    def __init__(self, width: int):
        self.fc1, self.drop, self.fc2 = nn.Dense(width), nn.Dropout(0.1), nn.Dense(width)

    def __call__(self, x: mt.Array) -> mt.Array:
        return x + self.fc2(self.drop(nn.relu(self.fc1(x))))


def main() -> tuple[float, mt.Mapping]:
    train, test = data.load("digits", "train"), data.load("digits", "test")

    net = image.scale(1 / 255) >> nn.Flatten() >> nn.Dense(48) >> nn.relu >> Block(48) >> Block(48) >> nn.Dense(10)
    learner = mt.Learner(net, loss=losses.cross_entropy, optimizer=optim.adam(3e-3), metrics=[metrics.accuracy])
    learner.fit(train, validation=0.1, epochs=6, batch_size=32, seed=0)

    return learner.evaluate(test)["accuracy"], learner.net


if __name__ == "__main__":
    accuracy, net = main()
    print(f"accuracy {accuracy:.3f}")
    mt.show(net)
