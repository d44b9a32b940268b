"""A process that computes: `python -m mapsto.server.worker N` answers at the socket of number N until it is closed."""

from __future__ import annotations

import gc
import json
import signal
import socket
import sys
import traceback

from mapsto.core.errors import MapstoError
from mapsto.files.answer import load
from mapsto.server.frames import LENGTHS, Said, as_data, from_outcomes, packed, to_items
from mapsto.server.logs import Log, forward
from mapsto.server.model import Served


def exactly(place: socket.socket, count: int) -> bytes:
    """So many bytes. Raises EOFError when the other end is closed."""
    pieces = bytearray()
    while len(pieces) < count:
        piece = place.recv(min(count - len(pieces), 1 << 20))
        if not piece:
            raise EOFError
        pieces += piece
    return bytes(pieces)


def answered(models: dict[str, Served], said: Said, data: bytes) -> bytes:
    """What the server said ↦ the frame that answers it."""
    if said["do"] == "load":
        try:
            served = Served(said["name"], load(said["path"]), said["sizes"], said["max_pixels"])
            served.warm()
        except MapstoError as error:
            return packed({"error": as_data(error)})
        models[served.name] = served
        gc.collect()
        gc.freeze()  # as the server does
        return packed({"error": None})
    served = models[said["name"]]
    outcomes = served.run_each(to_items(said["items"], data, served.input))
    errors, rows = from_outcomes(outcomes)
    return packed({"errors": errors}, rows)


def main(number: int) -> None:
    """Answer frames one after the other until the server closes the socket, or is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes of a terminal: the server says when
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    forward(Log())
    models: dict[str, Served] = {}
    with socket.socket(fileno=number) as place:
        while True:
            try:
                text, count = LENGTHS.unpack(exactly(place, LENGTHS.size))
                said: Said = json.loads(exactly(place, text))
                data = exactly(place, count)
            except (EOFError, ConnectionError):
                return
            try:
                answer = answered(models, said, data)
            except Exception:  # a mistake of ours: the server has a log to put it into
                answer = packed({"failed": traceback.format_exc()})
            place.sendall(answer)


if __name__ == "__main__":
    main(int(sys.argv[1]))
