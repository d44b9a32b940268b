"""A generator and a critic with an optimizer each: one's own step, the Learner's loop."""

from typing import Any

import numpy as np

import mapsto as mt
from mapsto import data, losses, nn, optim, xp

NOISE, PIXELS = 16, 64
Run = dict[str, Any]
Batch = tuple[mt.Array, mt.Array]


def should_be(truth: float, logits: mt.Array) -> mt.Array:
    """The critic's logits ↦ how far they are from saying `truth`: 1 for real, 0 for made up."""
    return losses.binary_cross_entropy(logits, xp.full_like(logits, truth)).mean()


def step(run: Run, batch: Batch, key: mt.Array) -> tuple[Run, dict[str, mt.Array]]:
    images, _ = batch
    real = xp.reshape(images, (-1, PIXELS)) / 255
    noise = mt.random.normal(key, (real.shape[0], NOISE))

    def critic_loss(critic: mt.Mapping) -> mt.Array:
        return should_be(1.0, critic(real)) + should_be(0.0, critic(run["generator"](noise)))

    def generator_loss(generator: mt.Mapping) -> mt.Array:
        return should_be(1.0, critic(generator(noise)))

    loss_c, g = mt.value_and_grad(critic_loss)(run["critic"])
    critic, critic_opt = run["critic_opt"].step(run["critic"], g)
    loss_g, g = mt.value_and_grad(generator_loss)(run["generator"])
    generator, generator_opt = run["generator_opt"].step(run["generator"], g)

    run = dict(generator=generator, critic=critic, generator_opt=generator_opt, critic_opt=critic_opt)
    return run, {"critic": loss_c, "generator": loss_g}


def main() -> tuple[float, float]:
    train = data.load("digits", "train")
    generator = nn.Dense(64) >> nn.relu >> nn.Dense(PIXELS) >> nn.sigmoid
    critic = nn.Dense(64) >> nn.relu >> nn.Dense(1) >> nn.Flatten()
    generator = generator.init(mt.key(0), np.zeros((1, NOISE), np.float32))
    critic = critic.init(mt.key(1), np.zeros((1, PIXELS), np.float32))
    optimizer = optim.adam(1e-3)

    def distance(generator: mt.Mapping) -> float:
        """How far the mean of made-up digits is from the mean digit."""
        made = np.asarray(generator(mt.random.normal(mt.key(2), (256, NOISE)))).mean(0)
        return float(np.abs(made - train.x.reshape(-1, PIXELS).mean(0) / 255).mean())

    run = dict(
        generator=generator,
        critic=critic,
        generator_opt=optimizer.init(generator),
        critic_opt=optimizer.init(critic),
    )
    learner = mt.Learner(step=step, run=run)
    learner.fit(train, epochs=20, batch_size=32, seed=0)
    return distance(generator), distance(learner.run["generator"])


if __name__ == "__main__":
    before, after = main()
    print(f"distance from the mean digit: {before:.3f} before, {after:.3f} after")
