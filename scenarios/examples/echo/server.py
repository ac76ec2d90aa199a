#!/usr/bin/env python3
"""Echoes what it is sent, over a channel with encryption, a MAC and, unless --fixed is given, no protection against replay.

A frame is a length (2 bytes, big-endian, of what follows), a nonce (8 bytes), the text in a keystream of SHAKE-256, and
the HMAC-SHA256 of all that. With --fixed a sequence number (4 bytes) stands before the text. Every accepted frame is
answered by one of the same form. Claims go to standard output. A toy: do not use it for anything.
"""

import argparse
import hashlib
import hmac
import json
import os
import socket

KEY = b"a key that only the lab has"
NONCE, MAC = 8, 32


def claim(**what):
    print(json.dumps(what), flush=True)


def keystream(text, nonce):
    stream = hashlib.shake_256(b"encryption" + KEY + nonce).digest(len(text))
    return bytes(a ^ b for a, b in zip(text, stream))


def seal(direction, number, text):
    if number is not None:
        text = number.to_bytes(4, "big") + text
    nonce = os.urandom(NONCE)
    body = (NONCE + len(text) + MAC).to_bytes(2, "big") + nonce + keystream(text, nonce)
    return body + hmac.digest(KEY, direction + body, "sha256")


def read(stream, count):
    data = stream.read(count)
    if count and not data:
        raise EOFError
    if len(data) < count:
        raise ValueError("length")
    return data


def open_frame(stream, direction, number):
    """The text of the next frame; ValueError names the check that failed."""
    length = read(stream, 2)
    rest = read(stream, int.from_bytes(length, "big"))
    if len(rest) < NONCE + MAC:
        raise ValueError("length")
    body, mac = rest[:-MAC], rest[-MAC:]
    if not hmac.compare_digest(mac, hmac.digest(KEY, direction + length + body, "sha256")):
        raise ValueError("mac")
    text = keystream(body[NONCE:], body[:NONCE])
    if number is None:
        return text
    if int.from_bytes(text[:4], "big") != number:
        raise ValueError("sequence")
    return text[4:]


def serve(connection, fixed):
    stream = connection.makefile("rwb")
    number = 0 if fixed else None
    try:
        while True:
            text = open_frame(stream, b"client", number)
            claim(delivered={"hex": text.hex()})
            # Before it is on its way: the other end must not claim first.
            claim(sent={"hex": text.hex()})
            stream.write(seal(b"server", number, text))
            stream.flush()
            number = number + 1 if fixed else None
    except EOFError:
        claim(ended="clean")
    except ValueError as error:
        claim(rejected={"check": str(error)})
        claim(ended="aborted")
    except OSError:
        claim(ended="truncated")


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--port", type=int, required=True)
    arguments.add_argument("--fixed", action="store_true")
    arguments = arguments.parse_args()
    with socket.create_server(("127.0.0.1", arguments.port)) as listener:
        while True:
            connection, _ = listener.accept()
            with connection:
                serve(connection, arguments.fixed)


if __name__ == "__main__":
    main()
