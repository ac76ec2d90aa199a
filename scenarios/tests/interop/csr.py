"""csr as its published programs speak it: one text, its reply, one signed file."""

import base64
import json
import os
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding

from peer import accept, connect, decrypt, encrypt, exactly, hkdf, mac

LABELS = [(b"key_device_to_server", 32), (b"key_server_to_device", 32), (b"mac_device", 32), (b"mac_server", 32), (b"iv", 16)]
FILE = os.urandom(200_000)


def first_keys(shared, nonces):
    return [hkdf(shared, label + nonces, length) for label, length in LABELS]


def later_keys(shared, nonces, number):
    return [hkdf(shared, nonces + label + number.to_bytes(2, "big"), length) for label, length in LABELS]


def seal(message, key, mac_key, iv):
    return encrypt(key, iv, message + mac(mac_key, message))


def unseal(record, key, mac_key, iv):
    message = decrypt(key, iv, record)
    assert mac(mac_key, message[:-32]) == message[-32:]
    return message[:-32]


def hello(keys, party):
    certificate = open(f"{keys}/device_server/{party}_cert.pem", "rb").read()
    nonce = os.urandom(32)
    message = {"type": "hello", "certificate": base64.b64encode(certificate).decode(), "nonce": base64.b64encode(nonce).decode()}
    return json.dumps(message).encode(), nonce


def read_hello(keys, data):
    message = json.loads(data)
    certificate = x509.load_pem_x509_certificate(base64.b64decode(message["certificate"]))
    authority = x509.load_pem_x509_certificate(open(f"{keys}/ca/ca_certificate.pem", "rb").read())
    authority.public_key().verify(certificate.signature, certificate.tbs_certificate_bytes, padding.PKCS1v15(), hashes.SHA256())
    return certificate, base64.b64decode(message["nonce"])


def agree(connection, server_first):
    own = ec.generate_private_key(ec.SECP256R1())
    point = own.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    message = json.dumps({"type": "ecdh_pubkey", "key": base64.b64encode(point).decode()}).encode()
    if server_first:
        connection.sendall(message)
    theirs = base64.b64decode(json.loads(connection.recv(4096))["key"])
    if not server_first:
        connection.sendall(message)
    return own.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), theirs))


def client(port, keys):
    connection = connect(port)
    message, own = hello(keys, "device")
    connection.sendall(message)
    _, theirs = read_hello(keys, connection.recv(4096))
    nonces = own + theirs
    shared = agree(connection, server_first=False)
    k1, k2, m1, m2, iv = first_keys(shared, nonces)
    connection.sendall(seal(b"from the mirror", k1, m1, iv))
    assert unseal(connection.recv(4096), k2, m2, iv) == b"ACK: Received 'from the mirror'"
    k1, _, m1, _, iv = later_keys(shared, nonces, 1)
    private = serialization.load_pem_private_key(open(f"{keys}/device_server/device_private_key.pem", "rb").read(), None)
    signature = private.sign(FILE, padding.PKCS1v15(), hashes.SHA256())
    payload = {"type": "image", "image": base64.b64encode(FILE).decode(), "signature": base64.b64encode(signature).decode()}
    record = seal(json.dumps(payload).encode(), k1, m1, iv)
    connection.sendall(str(len(record)).zfill(10).encode())
    connection.sendall(record)
    connection.close()


def server(port, keys):
    connection = accept(port)
    certificate, theirs = read_hello(keys, connection.recv(4096))
    message, own = hello(keys, "server")
    connection.sendall(message)
    # The published server checks the certificate here.
    time.sleep(0.05)
    nonces = theirs + own
    shared = agree(connection, server_first=True)
    k1, k2, m1, m2, iv = first_keys(shared, nonces)
    text = unseal(connection.recv(4096), k1, m1, iv)
    connection.sendall(seal(b"ACK: Received '" + text + b"'", k2, m2, iv))
    k1, _, m1, _, iv = later_keys(shared, nonces, 1)
    payload = json.loads(unseal(exactly(connection, int(exactly(connection, 10))), k1, m1, iv))
    content = base64.b64decode(payload["image"])
    certificate.public_key().verify(base64.b64decode(payload["signature"]), content, padding.PKCS1v15(), hashes.SHA256())
    print("text", text.decode())
    print("file", len(content))
