"""suite as its published programs speak it: one send, one message, no answer."""

import hashlib
import os

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from peer import accept, connect, decrypt, encrypt

OAEP = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
IV = b"RandomIV12345678"


def client(port, keys):
    theirs = serialization.load_pem_public_key(open(f"{keys}/server_public.pem", "rb").read())
    message = b"from the mirror"
    while True:
        key = os.urandom(16)
        parts = [theirs.encrypt(key, OAEP), theirs.encrypt(b"fady", OAEP), encrypt(key, IV, message)]
        parts.append(hashlib.sha256(message).hexdigest().encode())
        frame = b"||".join(parts)
        # One in fifty holds its own delimiter, and would fail there too.
        if len(frame.split(b"||")) == 4:
            break
    connection = connect(port)
    connection.send(frame)
    connection.close()


def server(port, keys):
    own = serialization.load_pem_private_key(open(f"{keys}/server_private.pem", "rb").read(), None)
    connection = accept(port)
    while data := connection.recv(4096):
        key, name, message, digest = data.split(b"||")
        text = decrypt(own.decrypt(key, OAEP), IV, message)
        assert hashlib.sha256(text).hexdigest().encode() == digest
        assert own.decrypt(name, OAEP) == b"fady"
        print("text", text.decode())
