"""Clothes that nobody made: a generator and a critic of convolutions, each learning from the other.

After Radford and others, Unsupervised representation learning with deep convolutional generative adversarial networks
(2016, arXiv:1511.06434): no pooling, batch normalisation, leaky relu in the critic, Adam with rate 0.0002 and beta1
0.5, weights that begin with deviation 0.02. Pictures are 28 × 28 × 1 between -1 and 1; batches of 64 of Fashion-MNIST,
which is downloaded at the first run (30 MB) unless MAPSTO_DATA has it.
"""

import sys

import numpy as np

import mapsto as mt
from mapsto import data, losses, nn, optim, xp

NOISE, BATCH = 64, 64
SMALL = nn.normal(0.02)


def generator(width=32):
    """f32[n, NOISE] ↦ f32[n, 28, 28, 1]: noise ↦ pictures."""
    return (
        nn.Dense(7 * 7 * 2 * width, bias=False, init=SMALL) >> nn.Reshape((7, 7, 2 * width))
        >> nn.BatchNorm() >> nn.relu
        >> nn.ConvTranspose2D(width, 4, stride=2, padding="same", bias=False, init=SMALL) >> nn.BatchNorm() >> nn.relu
        >> nn.ConvTranspose2D(1, 4, stride=2, padding="same", init=SMALL) >> nn.tanh
    )  # fmt: skip


def critic(width=32):
    """f32[n, 28, 28, 1] ↦ f32[n]: pictures ↦ scores, above 0 for real."""
    leaky = nn.leaky_relu(slope=0.2)
    return (
        nn.Conv2D(width, 4, stride=2, padding="same", init=SMALL) >> leaky
        >> nn.Conv2D(2 * width, 4, stride=2, padding="same", bias=False, init=SMALL) >> nn.BatchNorm() >> leaky
        >> nn.Flatten() >> nn.Dense(1, init=SMALL) >> nn.Reshape(())
    )  # fmt: skip


def beginning(seed, width=32):
    """Both nets and their optimizers."""
    nets = {
        "generator": generator(width).init(mt.key(seed), xp.zeros((1, NOISE))),
        "critic": critic(width).init(mt.key(seed + 1), xp.zeros((1, 28, 28, 1))),
    }
    adam = optim.adam(2e-4, beta1=0.5)
    return nets | {f"{name}_opt": adam.init(net) for name, net in nets.items()}


def should_be(truth, scores):
    """How far scores are from saying `truth`: 1 for real, 0 for made up."""
    return losses.binary_cross_entropy(scores, xp.full_like(scores, truth)).mean()


def step(run, batch, key):
    """One step of the critic, on real and made-up pictures, then one of the generator, against the new critic."""
    real = xp.astype(batch[0], xp.float32) / 127.5 - 1
    keys = mt.split(key, 4)
    noise = mt.random.normal(keys[0], (real.shape[0], NOISE))
    made, moved = mt.training(run["generator"])(keys[1], noise)

    def critic_loss(critic):
        of_real, critic = mt.training(critic)(keys[2], real)
        of_made, critic = mt.training(critic)(keys[2], mt.stop_gradient(made))
        return should_be(1.0, of_real) + should_be(0.0, of_made), critic

    (loss_c, judge), slopes = mt.value_and_grad(critic_loss, aux=True)(run["critic"])
    judge, judge_opt = run["critic_opt"].step(judge, slopes)

    def generator_loss(generator):
        made, _ = mt.training(generator)(keys[1], noise)
        return should_be(1.0, mt.training(judge)(keys[3], made)[0])

    loss_g, slopes = mt.value_and_grad(generator_loss)(run["generator"])
    maker, maker_opt = run["generator_opt"].step(moved, slopes)
    run = {"generator": maker, "critic": judge, "generator_opt": maker_opt, "critic_opt": judge_opt}
    return run, {"critic": loss_c, "generator": loss_g}


def made_by(net, count, seed=7):
    """A generator ↦ u8[count, 28, 28, 1] pictures."""
    make = mt.compile(lambda net, noise: net(noise))
    parts = [
        np.asarray(make(net, mt.random.normal(key, (250, NOISE)))) for key in mt.split(mt.key(seed), -(-count // 250))
    ]
    return np.round(127.5 * (np.concatenate(parts)[:count] + 1)).astype(np.uint8)


def sheet(pictures, across=10):
    """u8[n, 28, 28, 1] ↦ u8[rows · 28, across · 28]: all on one sheet."""
    rows = len(pictures) // across
    grid = pictures[: rows * across, :, :, 0].reshape(rows, across, 28, 28)
    return grid.transpose(0, 2, 1, 3).reshape(rows * 28, across * 28)


def frechet(first, second):
    """How far two sets of features f64[n, d] are apart as normal distributions.

    |m₁ - m₂|² + tr(C₁ + C₂ - 2·(C₁C₂)^½) (Heusel and others, 2017, arXiv:1706.08500).
    """
    (m1, c1), (m2, c2) = ((one.mean(0), np.cov(one, rowvar=False)) for one in (first, second))
    values, vectors = np.linalg.eigh(c1)
    root = vectors * np.sqrt(np.clip(values, 0, None)) @ vectors.T
    both = np.linalg.eigvalsh(root @ c2 @ root)
    return float(np.sum((m1 - m2) ** 2) + np.trace(c1) + np.trace(c2) - 2 * np.sqrt(np.clip(both, 0, None)).sum())


def judge(train, seed=0):
    """A net that tells clothes apart, up to its 64 features, and the scores it makes of them."""
    features = nn.Conv2D(32, 3) >> nn.relu >> nn.MaxPool2D(2) >> nn.Conv2D(64, 3) >> nn.relu >> nn.MaxPool2D(2)
    features = mt.fn(lambda x: x / 255) >> features >> nn.Flatten() >> nn.Dense(64) >> nn.relu
    learner = mt.Learner(features >> nn.Dense(10), loss=losses.cross_entropy, optimizer=optim.adam(1e-3))
    learner.fit(train, epochs=3, batch_size=64, seed=seed)
    return learner.net[:-1], learner.net[-1]


def figures(pictures, train, test):
    """What a classifier of real clothes makes of pictures, and of others beside them.

    Fréchet distances of its features from those of the test set; the share of pictures of which it is sure by nine
    tenths; how many of the ten kinds are at least a fiftieth of the pictures.
    """
    features, head = judge(train)
    see = mt.compile(lambda net, x: net(x))

    def seen(x):
        return np.concatenate([np.asarray(see(features, x[i : i + 500])) for i in range(0, len(x), 500)])

    wanted, found = seen(test.x), {}
    grey = np.random.default_rng(0).integers(0, 256, pictures.shape).astype(np.uint8)
    for name, x in (("made up", pictures), ("real", train.x[: len(pictures)]), ("noise", grey)):
        own = seen(x)
        chances = np.asarray(nn.softmax(head(own)))
        kinds = np.bincount(chances.argmax(1), minlength=10) / len(x)
        found[name] = {
            "distance": frechet(own.astype(np.float64), wanted.astype(np.float64)),
            "sure": float((chances.max(1) > 0.9).mean()),
            "kinds": int((kinds >= 0.02).sum()),
        }
    return found


def main(epochs: int = 12, samples: int = 60_000, seed: int = 0, width: int = 32):
    """The trained generator."""
    learner = mt.Learner(step=step, run=beginning(seed, width))
    learner.fit(data.load("fashion_mnist", "train").take(samples), epochs=epochs, batch_size=BATCH, seed=seed)
    return learner.run["generator"]


if __name__ == "__main__":
    from PIL import Image

    path = sys.argv[1] if len(sys.argv) > 1 else "clothes.png"
    pictures = made_by(main(), 10_000)
    Image.fromarray(sheet(pictures[:100])).save(path)
    print(f"a hundred pictures of clothes: {path}")
    for name, row in figures(pictures, *(data.load("fashion_mnist", part) for part in ("train", "test"))).items():
        print(name, *(f"{figure} {value:.3g}" for figure, value in row.items()))
