#!/usr/bin/env python3
"""Sends a few texts to the server, waits for the echo of each, and says goodbye. Claims go to standard output."""

import argparse
import socket

from server import claim, open_frame, seal


def talk(connection, texts, fixed):
    stream = connection.makefile("rwb")
    number = 0 if fixed else None
    waiting = []

    def take_echo():
        nonlocal number
        echo = open_frame(stream, b"server", number).decode()
        claim(delivered={"text": echo})
        if echo in waiting:
            waiting.remove(echo)
            claim(acknowledged={"text": echo})
        number = number + 1 if fixed else None

    try:
        for text in texts:
            # Before it is on its way: the other end must not claim first.
            claim(sent={"text": text})
            waiting.append(text)
            stream.write(seal(b"client", number, text.encode()))
            stream.flush()
            take_echo()
        connection.shutdown(socket.SHUT_WR)
        while True:
            take_echo()
    except EOFError:
        claim(ended="truncated" if waiting else "clean")
    except ValueError as error:
        claim(rejected={"check": str(error)})
        claim(ended="aborted")
    except OSError:
        claim(ended="truncated")


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--port", type=int, required=True)
    arguments.add_argument("--fixed", action="store_true")
    arguments.add_argument("texts", nargs="*", default=["pay bob 100", "pay carol 7"])
    arguments = arguments.parse_args()
    with socket.create_connection(("127.0.0.1", arguments.port), timeout=5) as connection:
        talk(connection, arguments.texts, arguments.fixed)


if __name__ == "__main__":
    main()
