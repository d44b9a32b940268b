"""Transfer: learn the digits 0 to 4, freeze what was learnt, and train only a new head on 5 to 9."""

import numpy as np

import mapsto as mt
from mapsto import data, image, losses, metrics, nn, optim


def main() -> tuple[float, bool]:
    train, test = data.load("digits", "train"), data.load("digits", "test")

    backbone = image.scale(1 / 255) >> nn.Flatten() >> nn.Dense(64) >> nn.relu
    first = mt.Learner(
        mt.chain(backbone=backbone, head=nn.Dense(5)),
        optimizer=optim.adam(3e-3),
        loss=losses.cross_entropy,
        metrics=[metrics.accuracy],
    )
    low = train.y < 5
    first.fit(train.x[low], train.y[low], epochs=5, batch_size=32, seed=0)

    learnt = first.net.backbone
    net = mt.chain(backbone=learnt, head=nn.Dense(5)).init(mt.key(1), train.x[:1])  # draws what is missing: the head
    net = mt.freeze(net, "backbone.**")
    second = mt.Learner(net, optimizer=optim.adam(1e-2), loss=losses.cross_entropy, metrics=[metrics.accuracy])
    high = train.y >= 5
    second.fit(train.x[high], train.y[high] - 5, epochs=15, batch_size=32, seed=0)

    high = test.y >= 5
    guessed = np.asarray(second.net(test.x[high])).argmax(-1) + 5
    same = np.array_equal(second.net.backbone.dense_1.weight, learnt.dense_1.weight)
    return float((guessed == test.y[high]).mean()), same


if __name__ == "__main__":
    accuracy, same = main()
    print(f"accuracy on the new digits {accuracy:.3f}; the backbone {'kept' if same else 'changed'} its weights")
