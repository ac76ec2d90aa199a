#!/usr/bin/env python3
"""Sends two notes and waits for the answer to each. It makes no claims: it prints what it sends, for people."""

import argparse
import socket

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, required=True)
port = parser.parse_args().port

with socket.create_connection(("127.0.0.1", port)) as connection:
    with connection.makefile("rwb") as stream:
        for note in ["pay bob 100", "buy more bread"]:
            print("sending:", note, flush=True)
            stream.write(f"NOTE {note}\n".encode())
            stream.flush()
            if stream.readline() == b"OK\n":
                print("it has", note, flush=True)
