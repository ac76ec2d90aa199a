"""ccm as its published programs speak it: the echoed key, a text each way, the goodbye. Both ends make an RSA-4096 pair at
start and leave the public half in the folder."""

import os
import socket

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from peer import connect

PKCS1 = padding.PKCS1v15()


def pair(keys, name):
    own = rsa.generate_private_key(65537, 4096)
    pem = own.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    with open(f"{keys}/{name}PK.pem", "wb") as file:
        file.write(pem)
    return own


def public(keys, name):
    return serialization.load_pem_public_key(open(f"{keys}/{name}PK.pem", "rb").read())


def seal(key, text):
    """A message without a delimiter inside: one in six would fail there, too."""
    while True:
        random = os.urandom(12)
        nonce = AESCCM(key).encrypt(random, random, None)[:12]
        sealed = AESCCM(key).encrypt(nonce, text, None)
        message = sealed[:-16] + b"@" + nonce + b"@" + sealed[-16:]
        if message.count(b"@") == 2:
            return message


def unseal(key, message):
    ciphertext, nonce, tag = message.split(b"@")
    return AESCCM(key).decrypt(nonce, ciphertext + tag, None)


def client(port, keys):
    own, theirs = pair(keys, "client"), public(keys, "server")
    key = b"a randome key ha"
    exchange = connect(port)
    exchange.send(theirs.encrypt(key, PKCS1))
    assert own.decrypt(exchange.recv(1024), PKCS1) == key
    exchange.send(b"True")
    to_server, to_client = connect(port + 1), connect(port + 2)
    to_server.send(seal(key, b"from the mirror"))
    assert unseal(key, to_client.recv(1024)) == b"welcome"
    to_server.send(seal(key, b"Exit"))
    assert to_server.recv(1024) == b"Exit"
    assert to_client.recv(1024) == b"Exit"


def server(port, keys):
    own = pair(keys, "server")
    listeners = [socket.create_server(("127.0.0.1", port + at)) for at in range(3)]
    print("ready", flush=True)
    for listener in listeners:
        listener.settimeout(20)
    exchange, _ = listeners[0].accept()
    key = own.decrypt(exchange.recv(1024), PKCS1)
    exchange.send(public(keys, "client").encrypt(key, PKCS1))
    assert exchange.recv(1024) == b"True"
    exchange.close()
    from_client, _ = listeners[1].accept()
    to_client, _ = listeners[2].accept()
    to_client.send(seal(key, b"welcome"))
    while (text := unseal(key, from_client.recv(1024))) != b"Exit":
        print("text", text.decode())
    from_client.send(b"Exit")
    to_client.send(b"Exit")
