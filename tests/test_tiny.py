"""The whole story in under five seconds: a function, its derivative, a net, training, a file, an answer."""

import io
import time

import numpy as np
from PIL import Image

import mapsto as mt
from mapsto import data, image, losses, metrics, nn, optim, xp


def test_the_derivative_of_a_mapping_is_a_mapping():
    f = lambda w, x, y: xp.mean((x @ w - y) ** 2)
    x, y, w = xp.asarray([[1.0, 1.0], [1.0, -1.0]]), xp.asarray([1.0, -1.0]), xp.zeros((2,))
    df = mt.grad(f)
    np.testing.assert_allclose(np.asarray(df(w, x, y)), [0.0, -2.0])  # 2/n · xᵀ(x·w − y)
    descend = mt.compile(lambda w, x, y: w - 0.1 * df(w, x, y))
    before = f(w, x, y)
    for _ in range(100):
        w = descend(w, x, y)
    np.testing.assert_allclose(np.asarray(w), [0.0, 1.0], atol=1e-4)
    assert f(w, x, y) < 1e-6 < before
    assert float(mt.grad(mt.grad(lambda x: x**3))(2.0)) == 12.0


def test_from_pixels_to_a_named_answer(tmp_path):
    began = time.monotonic()
    train, test = data.load("digits", "train"), data.load("digits", "test")

    # A network is a composition; what it needs of its input is part of it.
    net = image.scale(1 / 255) >> nn.Flatten() >> nn.Dense(32) >> nn.relu >> nn.Dropout(0.1) >> nn.Dense(10)

    # By hand: nothing is hidden.
    hand = net.init(mt.key(0), train.x[:1])
    opt = optim.adam(3e-3).init(hand)

    @mt.compile(donate=("net", "opt"))
    def step(net, opt, key, x, y):
        def objective(net):
            p, net = mt.training(net)(key, x)
            return losses.cross_entropy(p, y).mean() + 1e-4 * mt.l2(net, "**.weight"), net

        (loss, net), g = mt.value_and_grad(objective, aux=True)(net)
        net, opt = opt.step(net, g)
        return net, opt, loss

    seen = []
    for key in mt.split(mt.key(1), 50):
        hand, opt, loss = step(hand, opt, key, train.x[:64], train.y[:64])
        seen.append(float(loss))
    assert seen[-1] < 0.5 * seen[0]

    # By the Learner.
    learner = mt.Learner(net, loss=losses.cross_entropy, optimizer=optim.adam(3e-3), metrics=[metrics.accuracy])
    learner.fit(train.take(800), validation=0.1, epochs=8, batch_size=32)
    judged = learner.evaluate(test)
    assert judged["accuracy"] > 0.85
    assert "accuracy" in str(judged.report())

    # What is saved is the whole way from raw input to answer.
    answer = mt.each(image.decode((8, 8), "L")) >> learner.net >> nn.softmax >> nn.top_k(3, train.classes)
    mt.save(answer, tmp_path / "digits.mapsto")
    loaded = mt.load(tmp_path / "digits.mapsto")
    pictures = [png(pixels) for pixels in test.x[:20]]
    here, there = answer(pictures), loaded(pictures)
    assert [[name for name, _ in row] for row in here] == [[name for name, _ in row] for row in there]
    np.testing.assert_allclose([row[0][1] for row in there], [row[0][1] for row in here], rtol=1e-5)
    best = [train.classes.index(row[0][0]) for row in there]
    assert np.mean(best == test.y[:20]) > 0.7
    assert time.monotonic() - began < 5


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels[..., 0]).save(file, "PNG")
    return file.getvalue()
