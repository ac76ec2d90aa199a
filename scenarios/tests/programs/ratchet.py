#!/usr/bin/env python3
"""A client and a server of a small symmetric ratchet, with every habit of real programs that made verdicts wrong.

    ratchet.py server|client PORT [FLAG ...]

The client sends HELLO, the server answers CHALLENGE; then each DATA is answered by ACK, and both ends derive the next key. A
message is a tag (one byte), what it carries, and the HMAC-SHA256 of all that. Every message stands behind its length in two
bytes; with `raw` there is no length, and one `recv(4096)` is taken for one message.

As it is, the pair is correct. What makes it wrong:
    stale      the key of a session does not depend on the server: a recorded session is accepted again
    static     the key does not change from message to message: a copy is accepted again
    blind      no MAC is checked: a changed message is accepted

Habits, of which none is wrong:
    slow-start     it listens half a second after it was started
    slow-accept    it takes connections up half a second late
    slow           it takes 50 ms for each message
    one-shot       the server serves one connection and ends, and a loop around it starts it again
    no-flush       it does not flush what it claims
    no-content     it prints lines without content, for observations
    short          its messages have fewer than eight bytes
    silent         it claims nothing
    lying          it processes what it should refuse, and claims to have refused it
    ends-0         the server ends with status 0 when it refuses something
"""
import hashlib
import hmac
import json
import os
import socket
import subprocess
import sys
import time

ROLE, PORT, FLAGS = sys.argv[1], int(sys.argv[2]), set(sys.argv[3:])
KEY = b"a key that only the two of them have"
# Whatever the environment says of buffers.
OUT = os.fdopen(1, "w", buffering=1 << 16, closefd=False)
TEXTS = ["hi", "yo"] if "short" in FLAGS else ["pay bob 100 euros", "pay carol 7 euros"]


def claim(**what):
    if "silent" in FLAGS:
        return
    if "no-content" in FLAGS:
        for word in what:
            print({"delivered": "took a message", "sent": "sends a message",
                   "acknowledged": "it has arrived"}.get(word, word), flush=True)
        return
    print(json.dumps(what), file=OUT, flush="no-flush" not in FLAGS)


class Channel:
    """Whole messages over a connection."""

    def __init__(self, connection):
        self.connection = connection

    def send(self, message):
        length = b"" if "raw" in FLAGS else len(message).to_bytes(2, "big")
        self.connection.sendall(length + message)

    def receive(self):
        if "raw" in FLAGS:
            message = self.connection.recv(4096)
            if not message:
                raise EOFError
            return message
        return self.exactly(int.from_bytes(self.exactly(2), "big"))

    def exactly(self, count):
        data = b""
        while len(data) < count:
            piece = self.connection.recv(count - len(data))
            if not piece:
                raise EOFError
            data += piece
        return data


class Session:
    """The keys of one session, the same at both ends."""

    def __init__(self, client, server):
        fresh = b"" if "stale" in FLAGS else server
        self.key = hmac.digest(KEY, b"session" + client + fresh, "sha256")

    def step(self):
        if "static" not in FLAGS:
            self.key = hashlib.sha256(b"next" + self.key).digest()

    def stream(self, label, count):
        return hashlib.shake_256(label + self.key).digest(count)

    def seal(self, tag, text):
        body = tag + bytes(a ^ b for a, b in zip(text, self.stream(tag, len(text))))
        return body + hmac.digest(self.key, body, "sha256")

    def open(self, tag, message):
        body, mac = message[:-32], message[-32:]
        if body[:1] != tag:
            raise ValueError("opcode")
        if "blind" not in FLAGS and not hmac.compare_digest(mac, hmac.digest(self.key, body, "sha256")):
            raise ValueError("mac")
        return bytes(a ^ b for a, b in zip(body[1:], self.stream(tag, len(body) - 1)))


def serve(connection):
    channel = Channel(connection)
    try:
        hello = channel.receive()
        if hello[:1] != b"H" or len(hello) != 9:
            raise ValueError("opcode")
        nonce = os.urandom(8)
        channel.send(b"C" + nonce)
        session = Session(hello[1:], nonce)
        taken = set()
        while True:
            message = channel.receive()
            if "slow" in FLAGS:
                time.sleep(0.05)
            text = session.open(b"D", message)
            if "lying" in FLAGS and message in taken:
                claim(rejected={"check": "sequence"})
            else:
                claim(delivered={"hex": text.hex()})
            taken.add(message)
            channel.send(session.seal(b"A", b"ok"))
            session.step()
    except EOFError:
        claim(ended="clean")
    except ValueError as error:
        claim(rejected={"check": str(error)})
        claim(ended="aborted")
        if "ends-0" in FLAGS:
            sys.exit(0)
    except OSError:
        claim(ended="truncated")


def server():
    if "one-shot" in FLAGS:
        FLAGS.remove("one-shot")
        while True:
            # The next one is there a little after the one before is gone.
            subprocess.run([sys.executable, __file__, "server", str(PORT), *FLAGS, "once"])
            time.sleep(0.05)
    if "slow-start" in FLAGS:
        time.sleep(0.5)
    with socket.create_server(("127.0.0.1", PORT)) as listener:
        while True:
            if "slow-accept" in FLAGS:
                time.sleep(0.5)
            connection, _ = listener.accept()
            with connection:
                if "once" in FLAGS:
                    listener.close()
                serve(connection)
            if "once" in FLAGS:
                return


def client():
    with socket.create_connection(("127.0.0.1", PORT), timeout=30) as connection:
        channel = Channel(connection)
        try:
            nonce = os.urandom(8)
            channel.send(b"H" + nonce)
            challenge = channel.receive()
            session = Session(nonce, challenge[1:])
            for text in TEXTS:
                message = {"hex": text.encode().hex()}
                claim(sent=message)
                channel.send(session.seal(b"D", text.encode()))
                answer = channel.receive()
                session.open(b"A", answer)
                claim(acknowledged=message)
                session.step()
            claim(ended="clean")
        except ValueError as error:
            claim(rejected={"check": str(error)})
            claim(ended="aborted")
        except (EOFError, OSError):
            claim(ended="truncated")


if __name__ == "__main__":
    server() if ROLE == "server" else client()
