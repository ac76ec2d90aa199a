#!/usr/bin/env python3
"""Takes notes, one a line, and answers each with OK. It makes no claims: it prints what it takes, for people."""

import argparse
import socket

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, required=True)
port = parser.parse_args().port

with socket.create_server(("127.0.0.1", port)) as listener:
    while True:
        connection, _ = listener.accept()
        with connection, connection.makefile("rwb") as stream:
            for line in stream:
                if not line.startswith(b"NOTE "):
                    print("refused: not a note", flush=True)
                    break
                print("took:", line[5:].decode(errors="replace").strip(), flush=True)
                stream.write(b"OK\n")
                stream.flush()
