"""A net that writes like Shakespeare, letter by letter: an LSTM that learns what comes next.

Embedding 64 - LSTM 128 - dense, over stretches of 100 characters in batches of 64, Adam with rate 0.003. The first nine
tenths of the text are to learn from; of the rest, the perplexity is e to the mean cross-entropy of a character, read
from its beginning to its end with the state handed on. The text is tinyshakespeare/input.txt.gz in the folder that
MAPSTO_DATA names (Karpathy, The unreasonable effectiveness of recurrent neural networks, 2015).
"""

import gzip
import os
from pathlib import Path

import numpy as np

import mapsto as mt
from mapsto import losses, nn, optim, text

TIME = 100


def read():
    """The whole text."""
    path = Path(os.environ["MAPSTO_DATA"], "tinyshakespeare", "input.txt.gz")
    return gzip.decompress(path.read_bytes()).decode()


def numbers_of(letters, passage):
    """A text ↦ the number of each of its characters."""
    number = {letter: i for i, letter in enumerate(letters)}
    return np.array([number[letter] for letter in passage])


def network(count, width=64, units=128):
    """i64[n, time] ↦ f32[n, time, count]: characters ↦ scores of the one that follows each."""
    return nn.Embedding(count, width) >> nn.LSTM(units) >> nn.Dense(count)


def stretches(numbers, time=TIME):
    """All characters in rows ↦ (rows, the same one further)."""
    count = (len(numbers) - 1) // time
    end = count * time
    return numbers[:end].reshape(count, time), numbers[1 : end + 1].reshape(count, time)


def perplexity(net, numbers, time=1000):
    """e to the mean cross-entropy of a character, read in one go."""

    @mt.compile
    def part(net, state, x, y):
        embed, lstm, head = net.steps
        hidden, state = lstm(embed(x), state=state)
        return losses.cross_entropy(head(hidden), y).mean(), state

    x, y = stretches(numbers, time)
    state, total = net.lstm_1.first(1), 0.0
    for one, following in zip(x, y, strict=True):
        loss, state = part(net, state, one[None], following[None])
        total += float(loss)
    return float(np.exp(total / len(x)))


def write(net, letters, begin, count, key, temperature=0.8):
    """A beginning ↦ so many characters more, each drawn by the scores for it divided by the temperature."""
    start = numbers_of(letters, begin)

    @mt.compile
    def rest(net, start, keys):
        embed, lstm, head = net.steps
        hidden, state = lstm(embed(start[None]), state=lstm.first(1))

        def turn(carry, key):
            scores, state = carry
            chosen = mt.random.categorical(key, scores / temperature)
            hidden, state = lstm(embed(chosen[:, None]), state=state)
            return (head(hidden[:, 0]), state), chosen[0]

        return mt.scan(turn, (head(hidden[:, -1]), state), keys)[1]

    return begin + "".join(letters[i] for i in np.asarray(rest(net, start, mt.split(key, count))))


def main(epochs: int = 10, characters: int | None = None, seed: int = 0, units: int = 128):
    """The trained net, its alphabet, and the perplexity of what it has not read."""
    whole = read()[:characters]
    letters = text.alphabet([whole])
    numbers = numbers_of(letters, whole)
    border = len(numbers) * 9 // 10
    learner = mt.Learner(
        network(len(letters), units=units),
        loss=losses.cross_entropy,
        optimizer=optim.clip_norm(1.0) >> optim.adam(3e-3),
    )
    learner.fit(*stretches(numbers[:border]), epochs=epochs, batch_size=64, seed=seed)
    return learner.net, letters, perplexity(learner.net, numbers[border:])


if __name__ == "__main__":
    net, letters, found = main()
    print(f"perplexity {found:.2f}\n")
    print(write(net, letters, "ROMEO:", 500, mt.key(1)))
