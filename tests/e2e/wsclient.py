"""A WebSocket client of a few lines, for requests exactly as other clients send them."""
import base64
import json
import os
import select
import socket
import ssl
import struct

import urllib.parse


def kubeconfig(path):
    """Server, CA, certificate and key of a kubeconfig as `skiff cluster up` writes it."""
    found = {}
    with open(path, encoding="utf-8") as f:
        for line in f:
            key, _, value = line.strip().lstrip("- ").partition(": ")
            if key in ("server", "certificate-authority-data", "client-certificate-data",
                       "client-key-data"):
                found[key] = value.strip().strip('"')
    return found


def tls_connect(cluster):
    """A TLS connection to the API server as the cluster's admin."""
    config = kubeconfig(cluster.kubeconfig)
    at = urllib.parse.urlsplit(config["server"])
    context = ssl.create_default_context(
        cadata=base64.b64decode(config["certificate-authority-data"]).decode())
    pair = os.path.join(cluster.root, "pair-%d.pem" % os.getpid())
    with open(pair, "wb", opener=lambda p, flags: os.open(p, flags, 0o600)) as f:
        f.write(base64.b64decode(config["client-certificate-data"]) + b"\n" +
                base64.b64decode(config["client-key-data"]))
    context.load_cert_chain(pair)
    os.unlink(pair)
    raw = socket.create_connection((at.hostname, at.port), 20)
    return context.wrap_socket(raw, server_hostname=at.hostname)


def frame(opcode, payload):
    mask = os.urandom(4)
    n = len(payload)
    head = bytes([0x80 | opcode])
    if n < 126:
        head += bytes([0x80 | n])
    elif n < 65536:
        head += struct.pack(">BH", 0xfe, n)
    else:
        head += struct.pack(">BQ", 0xff, n)
    key = (mask * (n // 4 + 1))[:n]
    masked = (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(n, "big")
    return head + mask + masked


def data_frame(channel, payload):
    return frame(2, bytes([channel]) + payload)


class WebSocket:
    """`early`: frames that are sent in the same TLS record as the request's head."""

    def __init__(self, cluster, path, protocols, early=b""):
        self.socket = tls_connect(cluster)
        self.buffer = bytearray()
        head = ("GET %s HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                % path)
        if protocols:
            head += "Sec-WebSocket-Protocol: %s\r\n" % protocols
        self.socket.sendall(head.encode() + b"\r\n" + early)
        while b"\r\n\r\n" not in self.buffer:
            self.fill()
        n = self.buffer.index(b"\r\n\r\n") + 4
        lines = self.take(n)[:-4].decode().split("\r\n")
        self.status = int(lines[0].split()[1])
        self.headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in lines[1:])}
        self.protocol = self.headers.get("sec-websocket-protocol", "")
        self.body = b"" # of a refusal
        if self.status != 101:
            self.body = self.take(int(self.headers["content-length"]))

    def send(self, channel, payload=b""):
        self.socket.sendall(data_frame(channel, payload))

    def send_beside_reading(self, data):
        """Sends bytes (of whole frames) and keeps what comes meanwhile. In one thread: OpenSSL's
        connections do not bear a reader beside a writer, and break a few times in a hundred."""
        left = memoryview(data)
        self.socket.setblocking(False)
        try:
            while left:
                want_write = False
                try:
                    left = left[self.socket.send(left[:1 << 14]):]
                except ssl.SSLWantWriteError:
                    want_write = True
                except ssl.SSLWantReadError:
                    pass
                try:
                    self.fill()
                    continue
                except ssl.SSLWantReadError:
                    pass
                except ssl.SSLWantWriteError:
                    want_write = True
                if want_write:
                    select.select([self.socket], [self.socket], [], 20)
        finally:
            self.socket.settimeout(20)

    def close_channel(self, channel):
        self.socket.sendall(frame(2, bytes([255, channel])))

    def fill(self):
        more = self.socket.recv(1 << 18)
        if not more:
            raise EOFError
        self.buffer += more

    def take(self, n):
        while len(self.buffer) < n:
            self.fill()
        got = bytes(self.buffer[:n])
        del self.buffer[:n]
        return got

    def receive(self):
        """(opcode, payload) of the next frame."""
        first, n = self.take(2)
        assert not n & 0x80, "a server does not mask"
        if n == 126:
            n = struct.unpack(">H", self.take(2))[0]
        elif n == 127:
            n = struct.unpack(">Q", self.take(8))[0]
        return first & 15, self.take(n)

    def to_end(self):
        """All messages until the close frame, by channel; and the close code."""
        by_channel = {}
        while True:
            opcode, payload = self.receive()
            if opcode == 8:
                self.socket.sendall(frame(8, payload))
                return ({k: bytes(v) for k, v in by_channel.items()},
                        struct.unpack(">H", payload[:2])[0])
            if opcode in (1, 2) and payload:
                by_channel.setdefault(payload[0], bytearray()).extend(payload[1:])

    def messages(self):
        """Whole messages until the close frame."""
        got = []
        while True:
            opcode, payload = self.receive()
            if opcode == 8:
                return got
            if opcode in (1, 2):
                got.append((opcode, payload))

    def close(self):
        self.socket.close()


def exec_path(namespace, pod, command, **flags):
    query = [("command", word) for word in command] + [(k, "true") for k, v in flags.items() if v]
    return "/api/v1/namespaces/%s/pods/%s/exec?%s" % (namespace, pod,
                                                      urllib.parse.urlencode(query))


def exit_code(status):
    """Of the Status that comes on channel 3."""
    got = json.loads(status)
    if got["status"] == "Success":
        return 0
    return int([c["message"] for c in got["details"]["causes"] if c["reason"] == "ExitCode"][0])
