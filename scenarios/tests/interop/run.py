"""The as-built endpoints against mirrors of the published programs, written apart from them, in both roles.

run.py PROGRAM, where PROGRAM is the `scenarios` program. Needs python3-cryptography."""

import os
import socket
import subprocess
import sys
import tempfile
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
LAB = os.path.join(HERE, "../../../protocol/lab")
# What our client is told to send, what their server must have heard, and how many messages their client sends.
SYSTEMS = {
    "ccm": (["--text", "hi"], ["text hi"], 1),
    "csr": (["--text", "hi", "--file", "{file}"], ["text hi", "file 1000"], 2),
    "helo": (["--text", "hi", "--image", "{file}"], ["text hi", "file 1000"], 2),
    "ratchet": (["--numbers", "1,2", "--numbers", "3"], ["numbers 1,2", "numbers 3"], 2),
    "suite": (["--text", "hi"], ["text hi"], 1),
}

# What our server says, where servers speak.
SAID = ["--text", "welcome"]


def mirror(role, system, port, keys):
    """One end of a conversation, in a process of its own."""
    code = f"import {system}; {system}.{role}({port}, {keys!r})"
    return subprocess.Popen([sys.executable, "-c", code], cwd=HERE, stdout=subprocess.PIPE, text=True)


def their_client(program, system, keys, options):
    command = [program, "serve", system, "--listen", "0", "--format", "json", *options]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while " listens on " not in (line := server.stderr.readline()):
        assert line, "the server has ended"
    port = int(line.split(" listens on ")[1].split(",")[0].rsplit(":", 1)[1])
    threading.Thread(target=server.stderr.read, daemon=True).start()
    assert mirror("client", system, port, keys).wait(60) == 0
    claims = []
    # Where there are two data connections, each has an end.
    ends = 2 if system == "ccm" else 1
    while len([claim for claim in claims if '"ended"' in claim]) < ends:
        claims.append(server.stdout.readline())
    server.terminate()
    assert server.wait(20) == 0
    delivered = [claim for claim in claims if '"delivered"' in claim]
    refused = [claim for claim in claims if '"rejected"' in claim]
    assert len(delivered) == SYSTEMS[system][2] and not refused, claims


def their_server(program, system, keys, options, file):
    flags, expected, _ = SYSTEMS[system]
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = [option for option in options if option not in SAID]
    server = mirror("server", system, port, keys)
    assert server.stdout.readline() == "ready\n"
    command = [program, "connect", system, "--to", str(port), *options]
    command += [flag.format(file=file) for flag in flags]
    client = subprocess.run(command, timeout=60, capture_output=True, text=True)
    assert client.returncode == 0, client.stderr
    assert server.wait(20) == 0
    heard = server.stdout.read().splitlines()
    assert heard == expected, heard


def main(program):
    program = os.path.abspath(program)
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "cat.png")
        with open(file, "wb") as content:
            content.write(os.urandom(1000))
        for system in SYSTEMS:
            # Their master keys are in the source; and a user has to be registered first.
            if system in ("ratchet", "suite"):
                keys, options = os.path.join(LAB, system), []
            elif system == "ccm":
                # Both ends make their keys at start.
                keys = os.path.join(folder, system)
                os.mkdir(keys)
                options = ["--keys", keys, *SAID]
            else:
                keys = os.path.join(folder, system)
                options = ["--keys", keys]
                subprocess.run([program, "pki", "init", system, "--out", keys, "--quiet"], check=True)
            options += ["--store", os.path.join(folder, "received")]
            # Of some seeds' random frames one holds its own delimiter.
            options += ["--seed", "5"]
            their_client(program, system, keys, options)
            their_server(program, system, keys, options, file)
            print(f"{system}: a mirror of the published client and server, ok")


if __name__ == "__main__":
    main(sys.argv[1])
