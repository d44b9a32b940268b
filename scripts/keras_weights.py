"""Nets of Keras's with their weights, and what they map an input to, for tests/files/test_peers.py.

KERAS_BACKEND=torch python scripts/keras_weights.py     # Keras 3.15.1, h5py 3.16; writes tests/stored/weights/keras_*
"""

from pathlib import Path

import keras
import numpy as np
from keras import layers

FOLDER = Path(__file__).parents[1] / "tests" / "stored" / "weights"


def pictures() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((9, 9, 2)),
            layers.Conv2D(4, 3, strides=2, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.DepthwiseConv2D(3, depth_multiplier=2),
            layers.GroupNormalization(2),
            layers.PReLU(shared_axes=[1, 2]),
            layers.Conv2DTranspose(3, 3, strides=2),
            layers.Conv2D(5, 3, groups=1),
            layers.Dropout(0.5),
            layers.Flatten(),
            layers.Dense(6),
            layers.LayerNormalization(),
            layers.BatchNormalization(center=False),
            layers.Dense(4, activation="relu"),
            layers.Dense(3),
        ]
    )


def words() -> keras.Model:
    """A net whose layers have names."""
    x = keras.Input((6,), dtype="int32")
    y = layers.Embedding(7, 5, name="embed")(x)
    y = layers.Conv1D(4, 3, name="conv", activation="relu")(y)
    return keras.Model(x, layers.Dense(2, name="head")(layers.GlobalMaxPooling1D()(y)))


def sequences() -> keras.Model:
    """Recurrent layers, alone and in both directions."""
    return keras.Sequential(
        [
            keras.Input((6,), dtype="int32"),
            layers.Embedding(7, 5),
            layers.Bidirectional(layers.LSTM(3, return_sequences=True)),
            layers.LSTM(4, return_sequences=True, name="reader"),
            layers.Bidirectional(layers.LSTM(2, return_sequences=True)),
            layers.GRU(3, return_sequences=True),
            layers.GRU(4, return_sequences=True),
            layers.Bidirectional(layers.GRU(2, return_sequences=True)),
            layers.SimpleRNN(3),
            layers.Dense(2),
        ]
    )


def main() -> None:
    keras.utils.set_random_seed(0)
    FOLDER.mkdir(exist_ok=True)
    random = np.random.default_rng(0)
    net = pictures()
    net.compile("adam", "mse", metrics=["mae"])
    x = random.normal(size=(16, 9, 9, 2)).astype(np.float32)
    net.fit(x, random.normal(size=(16, 3)), epochs=3, verbose=0)
    net.set_weights([one + 0.1 * random.random(one.shape) for one in net.get_weights()])
    np.savez_compressed(FOLDER / "keras_pictures_answers.npz", x=x[:5], y=net.predict(x[:5], verbose=0))
    net.save(FOLDER / "keras_pictures.keras")
    net.save_weights(FOLDER / "keras_pictures.weights.h5")
    net.save(FOLDER / "keras_pictures_older.h5")
    net = words()
    x = random.integers(0, 7, (4, 6))
    np.savez_compressed(FOLDER / "keras_words_answers.npz", x=x, y=net.predict(x, verbose=0))
    net.save(FOLDER / "keras_words.keras")
    net = sequences()
    net.set_weights([one + 0.3 * random.normal(size=one.shape) for one in net.get_weights()])
    np.savez_compressed(FOLDER / "keras_sequences_answers.npz", x=x, y=net.predict(x, verbose=0))
    net.save(FOLDER / "keras_sequences.keras")
    net.save_weights(FOLDER / "keras_sequences.weights.h5")
    net.save(FOLDER / "keras_sequences_older.h5")


if __name__ == "__main__":
    main()
