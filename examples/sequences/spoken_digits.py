"""Which digit is spoken: a GRU over log-mel features of recordings that are of several lengths.

Every 12.5 ms the energies of 25 ms in 24 bands of the mel scale (Davis and Mermelstein, 1980), each band with mean 0
and deviation 1 over a recording; shorter recordings are filled up with zeros, which the mask hides from the GRU. The
data are spoken-digits/recordings.tar.xz in the folder that MAPSTO_DATA names: 3,000 recordings of six speakers, of
which numbers 0 to 4 of each are the test (Free Spoken Digit Dataset).
"""

import io
import os
import tarfile
import wave
from pathlib import Path

import numpy as np

import mapsto as mt
from mapsto import losses, metrics, nn, optim, xp

RATE, WINDOW, STEP, BANDS, TIME = 8000, 200, 100, 24, 100


def recordings():
    """Name and samples of each, f64[length] between -1 and 1."""
    path = Path(os.environ["MAPSTO_DATA"], "spoken-digits", "recordings.tar.xz")
    with tarfile.open(path) as archive:
        for member in archive:
            if member.name.endswith(".wav"):
                with wave.open(io.BytesIO(archive.extractfile(member).read())) as sound:
                    samples = np.frombuffer(sound.readframes(sound.getnframes()), "<i2")
                yield Path(member.name).stem, samples / 32768


def mel_bands(points):
    """f64[points / 2 + 1, BANDS]: triangles over the frequencies, evenly apart in mels, 2595·log10(1 + f / 700)."""
    mels = np.linspace(0, 2595 * np.log10(1 + RATE / 2 / 700), BANDS + 2)
    corners = 700 * (10 ** (mels / 2595) - 1)
    hertz = np.linspace(0, RATE / 2, points // 2 + 1)[:, None]
    left, middle, right = corners[:-2], corners[1:-1], corners[2:]
    return np.clip(np.minimum((hertz - left) / (middle - left), (right - hertz) / (right - middle)), 0, None)


def features(samples):
    """f64[length] ↦ f32[frames, BANDS]."""
    samples = np.pad(samples, (0, max(0, WINDOW - len(samples))))
    frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::STEP] * np.hanning(WINDOW)
    energy = np.abs(np.fft.rfft(frames, 256)) ** 2
    found = np.log(energy @ mel_bands(256) + 1e-8)
    return ((found - found.mean(0)) / (found.std(0) + 1e-5)).astype(np.float32)


def load():
    """((f32[n, TIME, BANDS], labels) to learn from, the same to be judged by)."""
    parts = {False: ([], []), True: ([], [])}
    for name, samples in sorted(recordings()):
        digit, _, number = name.split("_")
        found = features(samples)[:TIME]
        inputs, labels = parts[int(number) < 5]
        inputs.append(np.pad(found, ((0, TIME - len(found)), (0, 0))))
        labels.append(int(digit))
    return [(np.array(inputs), np.array(labels)) for inputs, labels in parts.values()]


def network(units=64):
    """f32[n, TIME, BANDS] ↦ f32[n, 10]. Frames that are all 0 do not count."""
    both = mt.fn(lambda x: x) & mt.fn(lambda x: xp.any(x != 0, axis=2))
    gru = nn.GRU(units, layers=2, bidirectional=True, dropout=0.3, outputs="last")
    return both >> mt.star(gru) >> nn.Dropout(0.3) >> nn.Dense(10)


def main(epochs: int = 15, samples: int | None = None, seed: int = 0):
    """The share of the test recordings that is told right."""
    (x, y), (test_x, test_y) = load()
    chosen = np.random.default_rng(0).permutation(len(x))[:samples]
    learner = mt.Learner(
        network(),
        loss=losses.cross_entropy,
        optimizer=optim.clip_norm(1.0) >> optim.adam(2e-3),
        metrics=[metrics.accuracy],
    )
    learner.fit(x[chosen], y[chosen], epochs=epochs, batch_size=32, seed=seed)
    return learner.evaluate(test_x, test_y)["accuracy"]


if __name__ == "__main__":
    print(f"accuracy on the test recordings {main():.4f}")
