"""helo as its published programs speak it: a text, a signed picture, the goodbye."""

import base64
import json
import os
import struct

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from peer import accept, connect, decrypt, encrypt, exactly, hkdf, mac

OAEP = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
PSS = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.MAX_LENGTH)
FILE = os.urandom(50_000)


def private(keys, party):
    return serialization.load_pem_private_key(open(f"{keys}/keys/{party}_private_key.pem", "rb").read(), None)


def public(keys, party):
    return serialization.load_pem_public_key(open(f"{keys}/keys/{party}_public_key.pem", "rb").read())


def frame(header, body):
    return header + struct.pack(">I", len(body)) + body


def read_frame(connection, header):
    assert exactly(connection, 6) == header
    return exactly(connection, struct.unpack(">I", exactly(connection, 4))[0])


def hello(keys, party):
    certificate = json.load(open(f"{keys}/certificates/{party}_certificate.json"))
    return frame(b"<HELO>", json.dumps(certificate).encode())


def check(keys, data):
    outer = json.loads(data)
    inner = outer["certificate"]
    signed = (inner["common_name"] + inner["public_key"]).encode()
    public(keys, "ca").verify(base64.b64decode(outer["signature"]), signed, padding.PKCS1v15(), hashes.SHA256())


def derive(premaster, device_nonce, server_nonce):
    labels = [b"client_enc", b"server_enc", b"client_mac", b"server_mac", b"iv"]
    return [hkdf(premaster, label + device_nonce + server_nonce, 16) for label in labels]


def seal(keys, plaintext):
    ciphertext = encrypt(keys[0], keys[4], plaintext)
    return ciphertext + mac(keys[2], ciphertext)


def unseal(keys, record):
    assert mac(keys[2], record[:-32]) == record[-32:]
    return decrypt(keys[0], keys[4], record[:-32])


def client(port, keys):
    connection = connect(port)
    own, theirs = private(keys, "device"), public(keys, "server")

    def acknowledged(word):
        assert own.decrypt(exactly(connection, 256), OAEP) == word

    connection.sendall(hello(keys, "device"))
    acknowledged(b"CERT_RECEIVED")
    device_nonce = os.urandom(16)
    connection.sendall(device_nonce)
    acknowledged(b"HELLO_RECEIVED")
    check(keys, read_frame(connection, b"<HELO>"))
    connection.sendall(theirs.encrypt(b"CERT_RECEIVED", OAEP))
    server_nonce = exactly(connection, 16)
    connection.sendall(theirs.encrypt(b"NONCE_RECEIVED", OAEP))
    premaster = os.urandom(32)
    connection.sendall(frame(b"<PREM>", theirs.encrypt(premaster, OAEP)))
    acknowledged(b"PREM_RECEIVED")
    session = derive(premaster, device_nonce, server_nonce)
    connection.sendall(frame(b"<SECX>", seal(session, b"from the mirror")))
    acknowledged(b"SEC_TEXT_RECEIVED")
    signature = own.sign(FILE, PSS, hashes.SHA256())
    picture = {"filename": "mirror.png", "image_data": base64.b64encode(FILE).decode(), "signature": base64.b64encode(signature).decode()}
    connection.sendall(frame(b"<IMGX>", seal(session, json.dumps(picture).encode())))
    acknowledged(b"IMX_RECEIVED")
    acknowledged(b"IMX_RECEIVED")
    connection.sendall(b"<ENDD>")
    connection.close()


def server(port, keys):
    connection = accept(port)
    own, theirs = private(keys, "server"), public(keys, "device")

    def acknowledge(word):
        connection.sendall(theirs.encrypt(word, OAEP))

    check(keys, read_frame(connection, b"<HELO>"))
    acknowledge(b"CERT_RECEIVED")
    device_nonce = exactly(connection, 16)
    acknowledge(b"HELLO_RECEIVED")
    connection.sendall(hello(keys, "server"))
    assert own.decrypt(exactly(connection, 256), OAEP) == b"CERT_RECEIVED"
    server_nonce = os.urandom(16)
    connection.sendall(server_nonce)
    assert own.decrypt(exactly(connection, 256), OAEP) == b"NONCE_RECEIVED"
    premaster = own.decrypt(read_frame(connection, b"<PREM>"), OAEP)
    acknowledge(b"PREM_RECEIVED")
    session = derive(premaster, device_nonce, server_nonce)
    print("text", unseal(session, read_frame(connection, b"<SECX>")).decode())
    acknowledge(b"SEC_TEXT_RECEIVED")
    picture = json.loads(unseal(session, read_frame(connection, b"<IMGX>")))
    content = base64.b64decode(picture["image_data"])
    theirs.verify(base64.b64decode(picture["signature"]), content, PSS, hashes.SHA256())
    acknowledge(b"IMX_RECEIVED")
    acknowledge(b"IMX_RECEIVED")
    print("file", len(content))
    assert exactly(connection, 6) == b"<ENDD>"
