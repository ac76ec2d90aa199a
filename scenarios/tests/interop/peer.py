"""What the mirrors of the published programs share: sockets, AES-CBC, HMAC, HKDF."""

import hashlib
import hmac
import socket

from cryptography.hazmat.primitives import hashes, padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=20)


def accept(port):
    listener = socket.create_server(("127.0.0.1", port))
    print("ready", flush=True)
    listener.settimeout(20)
    connection, _ = listener.accept()
    connection.settimeout(20)
    return connection


def exactly(connection, count):
    data = b""
    while len(data) < count:
        part = connection.recv(count - len(data))
        if not part:
            raise EOFError
        data += part
    return data


def encrypt(key, iv, plaintext):
    padder = padding.PKCS7(128).padder()
    cipher = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    return cipher.update(padder.update(plaintext) + padder.finalize()) + cipher.finalize()


def decrypt(key, iv, ciphertext):
    unpadder = padding.PKCS7(128).unpadder()
    cipher = Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor()
    plaintext = cipher.update(ciphertext) + cipher.finalize()
    return unpadder.update(plaintext) + unpadder.finalize()


def mac(key, message):
    return hmac.new(key, message, hashlib.sha256).digest()


def hkdf(secret, info, length):
    return HKDF(hashes.SHA256(), length, None, info).derive(secret)
