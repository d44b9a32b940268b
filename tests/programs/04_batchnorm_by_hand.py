"""BatchNorm and dropout without the Learner: the training loop written out, nothing hidden."""

import numpy as np

import mapsto as mt
from mapsto import data, image, losses, nn, optim

BATCH = 32


def main() -> tuple[float, float]:
    train, test = data.load("digits", "train"), data.load("digits", "test")

    net = (
        image.scale(1 / 255)
        >> nn.Flatten()
        >> nn.Dense(64)
        >> nn.BatchNorm()
        >> nn.relu
        >> nn.Dropout(0.2)
        >> nn.Dense(10)
    )
    net = net.init(mt.key(0), train.x[:1])
    opt = optim.adam(3e-3).init(net)

    @mt.compile(donate=("net", "opt"))
    def step(net, opt, key, x, y):
        def objective(net):
            logits, net = mt.training(net)(key, x)  # the new net holds the new running means
            return losses.cross_entropy(logits, y).mean(), net

        (loss, net), gradients = mt.value_and_grad(objective, aux=True)(net)
        net, opt = opt.step(net, gradients)
        return net, opt, loss

    before = np.array(net.batchnorm_1.mean)
    for epoch_key in mt.split(mt.key(1), 4):
        order_key, *step_keys = mt.split(epoch_key, 1 + len(train.x) // BATCH)
        order = np.asarray(mt.random.permutation(order_key, len(train.x)))
        for i, key in enumerate(step_keys):
            rows = order[i * BATCH : (i + 1) * BATCH]
            net, opt, _ = step(net, opt, key, train.x[rows], train.y[rows])

    moved = float(np.abs(np.asarray(net.batchnorm_1.mean) - before).max())
    guessed = np.asarray(net(test.x)).argmax(-1)  # evaluation: running means, no dropout, no key
    return float((guessed == test.y).mean()), moved


if __name__ == "__main__":
    accuracy, moved = main()
    print(f"accuracy {accuracy:.3f}, the running mean moved by up to {moved:.3f}")
