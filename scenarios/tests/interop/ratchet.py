"""ratchet as its published programs speak it: hello, challenge, two rounds."""

import hashlib
import os
import struct
import time

from peer import accept, connect, decrypt, encrypt, exactly, mac


def h(*parts):
    return hashlib.sha256(b"".join(parts)).digest()[:16]


class Keys:
    def __init__(self, client):
        master = f"client{client}_master_k".encode()
        labels = (b"C2S-ENC", b"C2S-MAC", b"S2C-ENC", b"S2C-MAC")
        self.c2s_enc, self.c2s_mac, self.s2c_enc, self.s2c_mac = (h(master, label) for label in labels)

    def after_client(self, ciphertext, iv):
        self.c2s_enc, self.c2s_mac = h(self.c2s_enc, ciphertext), h(self.c2s_mac, iv)

    def after_server(self, plaintext):
        self.s2c_enc, self.s2c_mac = h(self.s2c_enc, plaintext), h(self.s2c_mac, b"OK")


def seal(enc, mac_key, opcode, client, round_number, direction, plaintext):
    iv = os.urandom(16)
    ciphertext = encrypt(enc, iv, plaintext)
    body = struct.pack(">BBIB", opcode, client, round_number, direction) + iv + ciphertext
    body += mac(mac_key, body)
    return struct.pack(">I", len(body)) + body, ciphertext, iv


def read(connection):
    return exactly(connection, struct.unpack(">I", exactly(connection, 4))[0])


def unseal(enc, mac_key, body):
    assert mac(mac_key, body[:-32]) == body[-32:]
    opcode, client, round_number, direction = struct.unpack(">BBIB", body[:7])
    iv, ciphertext = body[7:23], body[23:-32]
    return (opcode, client, round_number, direction), decrypt(enc, iv, ciphertext), ciphertext, iv


def client(port, _):
    connection, keys = connect(port), Keys(1)

    def say(opcode, round_number, plaintext):
        frame, ciphertext, iv = seal(keys.c2s_enc, keys.c2s_mac, opcode, 1, round_number, 1, plaintext)
        connection.sendall(frame)
        keys.after_client(ciphertext, iv)
        head, answer, _, _ = unseal(keys.s2c_enc, keys.s2c_mac, read(connection))
        keys.after_server(answer)
        return head, answer

    head, challenge = say(10, 0, b"Hello from client 1")
    assert head == (20, 1, 0, 2) and challenge.startswith(b"ServerChallenge-")
    assert say(30, 1, b"10.0,20.0") == ((40, 1, 1, 2), b"Aggregated: 15.00")
    assert say(30, 2, b"1") == ((40, 1, 2, 2), b"Aggregated: 1.00")
    connection.close()


def server(port, _):
    connection = accept(port)
    body = read(connection)
    keys = Keys(body[1])
    answers = {10: 20, 30: 40}
    while True:
        (opcode, client, round_number, direction), plaintext, ciphertext, iv = unseal(keys.c2s_enc, keys.c2s_mac, body)
        assert direction == 1
        keys.after_client(ciphertext, iv)
        if opcode == 10:
            answer = f"ServerChallenge-{time.time()}"
        else:
            numbers = [float(number) for number in plaintext.split(b",")]
            answer = f"Aggregated: {sum(numbers) / len(numbers):.2f}"
            print("numbers", plaintext.decode())
        frame, _, _ = seal(keys.s2c_enc, keys.s2c_mac, answers[opcode], client, round_number, 2, answer.encode())
        connection.sendall(frame)
        keys.after_server(answer.encode())
        try:
            body = read(connection)
        except EOFError:
            return
