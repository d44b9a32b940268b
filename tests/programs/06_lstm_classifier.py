"""An LSTM reads a digit row by row: eight steps of eight pixels each."""

import mapsto as mt
from mapsto import data, image, losses, metrics, nn, optim


def main() -> float:
    train, test = data.load("digits", "train"), data.load("digits", "test")

    rows = mt.fn(lambda x: x[..., 0])  # f32[n, 8, 8, 1] ↦ f32[n, time, features]
    last = mt.fn(lambda h: h[:, -1])  # f32[n, time, units] ↦ f32[n, units]
    net = image.scale(1 / 255) >> rows >> nn.LSTM(48) >> last >> nn.Dense(10)
    learner = mt.Learner(
        net,
        loss=losses.cross_entropy,
        optimizer=optim.clip(1.0) >> optim.adam(5e-3),
        metrics=[metrics.accuracy],
    )
    learner.fit(train, validation=0.1, epochs=8, batch_size=32, seed=0)

    return learner.evaluate(test)["accuracy"]


if __name__ == "__main__":
    print(f"accuracy {main():.3f}")
