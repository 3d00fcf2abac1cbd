"""Stands between a server and etcd, and holds back what etcd says of its own accord: the data of
HTTP/2 streams that the client has not ended, its watches. Requests and answers pass at once."""
import collections
import socket
import struct
import threading
import time

PREFACE = 24
DATA, HEADERS, END_STREAM = 0, 1, 1


def take(sock, n):
    got = b""
    while len(got) < n:
        piece = sock.recv(n - len(got))
        if not piece:
            raise ConnectionError("closed")
        got += piece
    return got


def frame(sock):
    head = take(sock, 9)
    length, kind, flags = int.from_bytes(head[:3], "big"), head[3], head[4]
    stream = struct.unpack(">I", head[5:])[0] & 0x7fffffff
    return head + take(sock, length), kind, flags, stream


class Pipe:
    def __init__(self, proxy, client, server):
        self.proxy, self.client, self.server = proxy, client, server
        self.lock, self.ended, self.held = threading.Lock(), set(), collections.deque()
        self.is_over = False
        for work in (self.up, self.down, self.release):
            threading.Thread(target=self.run, args=(work,), daemon=True).start()

    def run(self, work):
        try:
            work()
        except OSError:
            pass
        self.is_over = True
        for sock in (self.client, self.server):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def up(self):
        self.server.sendall(take(self.client, PREFACE))
        while True:
            whole, kind, flags, stream = frame(self.client)
            if kind in (DATA, HEADERS) and flags & END_STREAM:
                self.ended.add(stream)
            self.server.sendall(whole)

    def down(self):
        while True:
            whole, kind, _, stream = frame(self.server)
            if kind == DATA and stream not in self.ended and self.proxy.delay_s:
                self.held.append((time.monotonic() + self.proxy.delay_s, whole))
                self.proxy.held_total += 1
            elif kind == DATA and self.held and stream not in self.ended:
                self.held.append((0, whole)) # in order
            else:
                with self.lock:
                    self.client.sendall(whole)

    def release(self):
        while not self.is_over:
            if self.held and self.held[0][0] <= time.monotonic():
                with self.lock:
                    self.client.sendall(self.held.popleft()[1])
            else:
                time.sleep(0.002)


class SlowWatch:
    """Listens on `port`; `to` is a port of 127.0.0.1."""

    def __init__(self, port, to, delay_s):
        self.to, self.delay_s, self.held_total = to, delay_s, 0
        self.listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.to), 5)
                server.settimeout(None)
            except OSError:
                client.close()
                continue
            for sock in (client, server):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            Pipe(self, client, server)

    def close(self):
        self.listener.close()
