"""A deep equilibrium layer: one layer applied until nothing changes, as if the net were infinitely deep.

z = tanh(W·z + U·x + b) (Bai, Kolter and Koltun, Deep equilibrium models, 2019). The state is found by repetition; its
derivative follows from the equation, by `mt.implicit`, whatever the number of repetitions, and nothing of them is kept.
W is divided by its norm wherever that is above 0.9, so that there is one fixed point and repetition finds it.
"""

import mapsto as mt
from mapsto import data, image, losses, metrics, nn, optim, xp


def layer(z, w, drive):
    """f32[n, d] ↦ f32[n, d]: one application."""
    norm = xp.sqrt(xp.sum(w * w))
    return xp.tanh(z @ (w * xp.minimum(1.0, 0.9 / norm)) + drive)


def repeated(w, drive, tolerance=1e-5):
    """The state that the layer leaves as it is."""

    def going(pair):
        z, before = pair
        return xp.max(xp.abs(z - before)) > tolerance

    return mt.while_loop(going, lambda pair: (layer(pair[0], w, drive), pair[0]), (0 * drive, 0 * drive + 1))[0]


equilibrium = mt.implicit(repeated, fixed_point=layer, tolerance=1e-4)


class Equilibrium(mt.Mapping):
    """f32[n, m] ↦ f32[n, d]: the equilibrium that an input drives the layer to."""

    def __init__(self, units):
        self.inward = nn.Dense(units)
        self.w = mt.param((units, units), nn.glorot_uniform)

    def __call__(self, x):
        return equilibrium(self.w, self.inward(x))


def unrolled(w, drive, turns=200):
    """The same by so many layers, with the derivative through all of them."""
    return mt.fori(0, turns, lambda _, z: layer(z, w, drive), 0 * drive)


def network(units: int = 64) -> mt.Mapping:
    """u8[n, 8, 8, 1] ↦ f32[n, 10]: pictures ↦ scores."""
    return image.scale(1 / 16) >> nn.Flatten() >> Equilibrium(units) >> nn.Dense(10)


def main(epochs: int = 10, seed: int = 0) -> float:
    """The share of the test digits that are told right."""
    learner = mt.Learner(network(), loss=losses.cross_entropy, optimizer=optim.adam(3e-3), metrics=[metrics.accuracy])
    learner.fit(data.load("digits", "train"), epochs=epochs, batch_size=32, seed=seed)
    return learner.evaluate(data.load("digits", "test"))["accuracy"]


if __name__ == "__main__":
    print(f"accuracy on the test digits {main():.4f}")
