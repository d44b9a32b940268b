"""Train, save the whole way from picture file to answer, and ask it in a process that has none of this code."""

import io
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

import mapsto as mt
from mapsto import data, image, losses, nn, optim

ELSEWHERE = """
import sys
from pathlib import Path
import mapsto as mt

answer = mt.load(sys.argv[1])
print(answer([Path(sys.argv[2]).read_bytes()]))
"""


class Wide(mt.Mapping):
    """A layer that the other process has never heard of."""

    def __init__(self, width: int):
        self.left, self.right = nn.Dense(width), nn.Dense(width)

    def __call__(self, x: mt.Array) -> mt.Array:
        return self.left(x) * nn.sigmoid(self.right(x))


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels[..., 0]).save(file, "PNG")
    return file.getvalue()


def main() -> tuple[str, str, str]:
    train, test = data.load("digits", "train"), data.load("digits", "test")

    net = image.scale(1 / 255) >> nn.Flatten() >> Wide(32) >> nn.Dense(10)
    learner = mt.Learner(net, loss=losses.cross_entropy, optimizer=optim.adam(3e-3))
    learner.fit(train, epochs=5, batch_size=32, seed=0)

    # What is saved starts at the bytes of a picture and ends at words.
    answer = mt.each(image.decode((8, 8), "L")) >> learner.net >> nn.softmax >> nn.top_k(3, train.classes)
    picture = png(test.x[0])

    with tempfile.TemporaryDirectory() as folder:
        model, file = Path(folder, "digits.mapsto"), Path(folder, "picture.png")
        mt.save(answer, model)
        file.write_bytes(picture)
        command = [sys.executable, "-c", ELSEWHERE, str(model), str(file)]
        here = str(mt.load(model)([picture]))
        asked = subprocess.run(command, capture_output=True, text=True, check=True)

    return here, asked.stdout.strip(), str(train.classes[test.y[0]])


if __name__ == "__main__":
    here, there, truth = main()
    print(f"here   {here}\nthere  {there}\ntruth  {truth}")
