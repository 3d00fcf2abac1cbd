"""What no client of good will sends: smuggled requests, heads and handshakes without end, bodies at the
limit, forged and expired identities. A clear answer or a closed connection, bounded memory, never access."""
import base64
import json
import os
import socket
import ssl
import tempfile
import time

from harness import check, run, wait_for
from kube import Kube

BODY_MAX = 3 << 20
MEMORY_MB = 64 # more than that may not come on top, whatever is sent
PATH = "/api/v1/namespaces/hostile/configmaps"
INNER = json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "smuggled"}})
SMUGGLED = ("POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
            % (PATH, len(INNER), INNER))


class Peer:
    """Bytes to the server, as its administrator or as somebody else."""

    def __init__(self, cluster, certificate="admin"):
        self.cluster, self.port = cluster, cluster.config["apiPort"]
        self.context = ssl.create_default_context(cafile=cluster.root + "/pki/ca.crt")
        self.context.check_hostname = False
        if certificate:
            base = certificate if "/" in certificate else cluster.root + "/pki/" + certificate
            self.context.load_cert_chain(base + ".crt", base + ".key")

    def connect(self, timeout=20):
        plain = socket.create_connection(("127.0.0.1", self.port), timeout)
        return self.context.wrap_socket(plain, server_hostname="127.0.0.1")

    def send(self, data, timeout=20):
        """All that comes back until the server closes, or nothing comes for a while."""
        got = b""
        try:
            with self.connect(timeout) as s:
                s.settimeout(3)
                s.sendall(data if isinstance(data, bytes) else data.encode())
                while True:
                    piece = s.recv(65536)
                    if not piece:
                        return got
                    got += piece
        except (TimeoutError, OSError):
            return got

    def ask(self, method, path, body=b"", headers=()):
        """Status and body of one answer."""
        body = body if isinstance(body, bytes) else body.encode()
        head = "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n" % (
            method, path, len(body)) + "".join("%s: %s\r\n" % h for h in headers) + "\r\n"
        got = self.send(head.encode() + body)
        top, _, rest = got.partition(b"\r\n\r\n")
        return int(top.split()[1]) if top else 0, rest


def memory_mb(cluster):
    with open("/proc/%d/status" % cluster.pid("apiserver"), encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS")) / 1024


def unharmed(cluster, pid, before_mb):
    check(cluster.pid("apiserver") == pid, "the server is the same process")
    check(Peer(cluster).ask("GET", "/readyz")[0] == 200, "it answers")
    grown = memory_mb(cluster) - before_mb
    check(grown < MEMORY_MB, "its memory has grown by %.1f MB" % grown)


def post(*heads, body="", target=PATH):
    return "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n%s\r\n%s" % (
        target, "".join(h + "\r\n" for h in heads), body)


def smuggling():
    """Forms on which two parties might see the ends of requests at different places."""
    chunked = "0\r\n\r\n" + SMUGGLED
    yield "length and chunks", post("Content-Length: 6", "Transfer-Encoding: chunked", body=chunked)
    yield "chunks and length", post("Transfer-Encoding: chunked", "Content-Length: 6", body=chunked)
    yield "two lengths", post("Content-Length: 0", "Content-Length: %d" % len(SMUGGLED), body=SMUGGLED)
    yield "a list of lengths", post("Content-Length: 0, %d" % len(SMUGGLED), body=SMUGGLED)
    for length in ("+0", "-1", "0x0", "0 0", "", "99999999999999999999"):
        yield "length %r" % length, post("Content-Length: " + length, body=SMUGGLED)
    for coding in ("xchunked", "chunked, identity", "identity, chunked", "\x0bchunked", '"chunked"'):
        yield "coding %r" % coding, post("Transfer-Encoding: " + coding, body=chunked)
    yield "two codings", post("Transfer-Encoding: chunked", "Transfer-Encoding: identity", body=chunked)
    yield "a blank before the colon", post("Content-Length : %d" % len(SMUGGLED), body=SMUGGLED)
    yield "a folded line", post("Content-Length: 0", "X-A: b\r\n Content-Length: %d" % len(SMUGGLED),
                                body=SMUGGLED)
    yield "a lone CR", post("X-A: b\rContent-Length: %d" % len(SMUGGLED), body=SMUGGLED)
    yield "a zero byte", post("X-A: b\0c", "Content-Length: 0")
    for size in ("FFFFFFFFFFFFFFFFF", "-1", "0x0", "", "0;" + "a" * 70000, "1\n"):
        yield "chunk size %.20r" % size, post("Transfer-Encoding: chunked",
                                              body=size + "\r\n\r\n" + SMUGGLED)


def case_smuggling(cluster):
    """None of them is taken for good, and what stands behind it is not carried out."""
    Kube(cluster, "hostile")
    pid, before, admin = cluster.pid("apiserver"), memory_mb(cluster), Peer(cluster)
    for what, data in smuggling():
        got = admin.send(data)
        check(b" 201 " not in got and b" 200 " not in got, "%s was carried out" % what, got[:300])
        codes = [line.split()[1] for line in got.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]
        check(len(codes) <= 1 or b"Connection: close" in got.split(b"\r\n\r\n")[0],
              "%s has more than one answer" % what, got[:600])
        check(not codes or codes[0][:1] == b"4" or codes[0] == b"501", what, got[:300])
        check(admin.ask("GET", PATH + "/smuggled")[0] == 404, "%s let another through" % what)
    unharmed(cluster, pid, before)


def case_hosts(cluster):
    """A request names one host, in its own header; a whole URL in place of the path is served."""
    pid, before, admin = cluster.pid("apiserver"), memory_mb(cluster), Peer(cluster)
    line = "GET %s HTTP/1.1\r\n%sConnection: close\r\n\r\n"
    for what, target, hosts, status in (
            ("no host", "/api", "", b"400"), ("two hosts", "/api", "Host: a\r\nHost: a\r\n", b"400"),
            ("a host with a path", "/api", "Host: a/b\r\n", b"400"),
            ("no host of a stream", "/api/v1/namespaces/a/pods/b/exec?command=c", "", b"400"),
            ("a whole URL", "https://127.0.0.1:%d/api" % admin.port, "Host: a\r\n", b"200"),
            ("one of an object", "https://a/api/v1/namespaces/none?x=y", "Host: a\r\n", b"404"),
            ("one of somebody else", "http://b.example/api/v1/namespaces/default", "Host: a\r\n", b"200"),
            ("one without a host", "https://a/api", "", b"400"),
            ("one that cannot be read", "https://a:b:c/api", "Host: a\r\n", b"400"),
            ("no slash", "api/v1/namespaces/default", "Host: a\r\n", b"400")):
        got = admin.send(line % (target, hosts))
        check(got.split()[1:2] == [status], what, got[:300])
    for target in ("/api/v1/namespaces/default", "https://a/api/v1/namespaces/default"):
        got = Peer(cluster, None).send(line % (target, "Host: a\r\n"))
        check(got.split()[1:2] == [b"403"], "nobody may read it by whatever name", got[:300])
    unharmed(cluster, pid, before)


def case_heads(cluster):
    """Heads without end, lines without end, and clients that fall silent in the middle."""
    pid, before, admin = cluster.pid("apiserver"), memory_mb(cluster), Peer(cluster)
    for what, data in (("many headers", b"GET / HTTP/1.1\r\n" + b"X-A: b\r\n" * 100000),
                       ("a header without end", b"GET / HTTP/1.1\r\nX-A: " + b"b" * 1000000),
                       ("a line without end", b"GET /" + b"a" * 1000000),
                       ("a method without end", b"G" * 1000000),
                       ("no HTTP", b"\x16\x03\x01" * 1000)):
        got = admin.send(data)
        check(not got or got.split()[1][:1] == b"4", what, got[:200])
    silent = []
    for _ in range(40): # in the handshake, and behind half a head
        silent.append(socket.create_connection(("127.0.0.1", admin.port), 5))
        silent[-1].sendall(b"\x16\x03\x01\x02\x00\x01")
        one = admin.connect()
        one.sendall(b"GET /api HTTP/1.1\r\nHos")
        silent.append(one)
    check(admin.ask("GET", "/api")[0] == 200, "others are served meanwhile")
    begin = time.monotonic()
    for one in silent:
        one.settimeout(max(1, 45 - (time.monotonic() - begin)))
        try:
            while one.recv(4096):
                pass
        except TimeoutError:
            check(False, "a silent connection is open after %d s" % (time.monotonic() - begin))
        except OSError:
            pass # closed the hard way
        one.close()
    unharmed(cluster, pid, before)


def data_of(size):
    """A ConfigMap in exactly so many bytes."""
    bare = json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "sized"},
                       "data": {"a": ""}})
    return bare.replace('""', '"%s"' % ("x" * (size - len(bare)))).encode()


def case_bodies(cluster):
    pid, before, admin = cluster.pid("apiserver"), memory_mb(cluster), Peer(cluster)
    json_type = [("Content-Type", "application/json")]
    status, text = admin.ask("POST", PATH, data_of(BODY_MAX), json_type)
    check(status in (413, 422), "3 MiB are read, and are too much for a ConfigMap", status, text[:300])
    check(status == 422, "by what it says, not by its length", status, text[:300])
    status, text = admin.ask("POST", PATH, data_of(BODY_MAX + 1), json_type)
    check(status == 413, "a byte more", status, text[:300])
    nested = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"n"},"data":%s1%s}'
    start = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"n"}'
    rows = (("10,000 arrays deep", nested % ("[" * 10000, "]" * 10000)),
            ("10,000 objects deep", nested % ('{"a":' * 10000, "}" * 10000)),
            ("a number out of range", start.replace('"n"', '"n","generation":1e999') + "}"),
            ("an integer out of range", start.replace('"n"', '"n","generation":99999999999999999999') +
             "}"))
    for what, body in rows:
        status, text = admin.ask("POST", PATH + "?fieldValidation=Strict", body, json_type)
        check(status in (400, 413, 422), what, status, text[:300])
        check(json.loads(text)["kind"] == "Status", what + " is answered by a Status", text[:300])
    # As Go reads them: what is no character becomes U+FFFD.
    for value in (b"\xff", b"\\ud800", b"\xed\xa0\x80"):
        status, text = admin.ask("POST", PATH + "?dryRun=All", (start + ',"data":{"a":"').encode() +
                                 value + b'"}}', json_type)
        check(status == 201 and set(json.loads(text)["data"]["a"]) == {"\ufffd"}, "no UTF-8: %r" % value,
              status, text[:300])
    status, text = admin.ask("POST", PATH + "?fieldValidation=Strict",
                             start + ',"data":{"a":"b","a":"c"}}', json_type)
    check(status == 400 and b'duplicate field \\"data.a\\"' in text, "a key twice", status, text[:300])
    check(json.loads(admin.ask("GET", PATH + "?labelSelector=!x&fieldSelector=metadata.name=n")[1])[
        "items"] == [], "nothing of it was stored")
    unharmed(cluster, pid, before)


# ---- identities ----

def openssl(*arguments):
    got = run(["openssl", *arguments])
    check(got.code == 0, "openssl " + arguments[0], got.text())


def certificate(folder, name, ca, subject, *more):
    base = os.path.join(folder, name)
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", subject,
            "-keyout", base + ".key", "-out", base + ".csr")
    openssl("x509", "-req", "-in", base + ".csr", "-CA", ca + ".crt", "-CAkey", ca + ".key",
            "-set_serial", "77", "-out", base + ".crt", *more)
    return base


def case_certificates(cluster):
    """Of another CA with the same name, expired, and not yet valid: the administrator's they are not."""
    pid, before = cluster.pid("apiserver"), memory_mb(cluster)
    ca = cluster.root + "/pki/ca"
    name = run(["openssl", "x509", "-in", ca + ".crt", "-noout", "-subject", "-nameopt", "compat"]).out
    admin = "/O=system:masters/CN=admin"
    with tempfile.TemporaryDirectory() as folder:
        other = os.path.join(folder, "other")
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-days", "1", "-subj", "/" + name.split("subject=")[1].strip().lstrip("/ ").replace(
                    ", ", "/").replace(" = ", "="),
                "-keyout", other + ".key", "-out", other + ".crt")
        check(Peer(cluster, certificate(folder, "good", ca, admin, "-days", "1")).ask(
            "GET", "/api/v1/secrets")[0] == 200, "one that is right is let in")
        for what, base in (
                ("another CA's", certificate(folder, "alien", other, admin, "-days", "1")),
                ("an expired one", certificate(folder, "late", ca, admin, "-days", "-1"))):
            status, text = Peer(cluster, base).ask("GET", "/api/v1/secrets")
            check(status == 401, what + " gets in", status, text[:200])
    unharmed(cluster, pid, before)


def forged(token):
    """A good token, and what can be made of it without the key."""
    head, body, signature = token.split(".")

    def encode(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    def decode(text):
        return json.loads(base64.urlsafe_b64decode(text + "=="))
    for alg in ("none", "None", "HS256", "RS512", ""):
        for sign in ("", signature):
            yield "alg %r" % alg, ".".join((encode(dict(decode(head), alg=alg)), body, sign))
    claims = decode(body)
    yield "another subject", ".".join((head, encode(dict(
        claims, sub="system:serviceaccount:kube-system:default")), signature))
    yield "no end", ".".join((head, encode({k: v for k, v in claims.items() if k != "exp"}), signature))
    yield "another key's id", ".".join((encode(dict(decode(head), kid="x")), body, signature))
    yield "a part more", token + ".x"
    yield "a part less", head + "." + body


def case_tokens(cluster):
    pid, before = cluster.pid("apiserver"), memory_mb(cluster)
    k = Kube(cluster, "hostile-tokens")
    nobody = Peer(cluster, None)

    def status_of(token):
        return nobody.ask("GET", "/api/v1/namespaces/hostile-tokens/pods",
                          headers=[("Authorization", "Bearer " + token)])[0]
    good = k.ok("create", "token", "default").strip()
    check(status_of(good) == 403, "a good one is known, and may not", status_of(good))
    for what, token in forged(good):
        check(status_of(token) == 401, what, status_of(token))
    short = json.loads(Peer(cluster).ask(
        "POST", "/api/v1/namespaces/hostile-tokens/serviceaccounts/default/token",
        '{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{"expirationSeconds":600}}',
        [("Content-Type", "application/json")])[1])["status"]["token"]
    check(status_of(short) == 403, "a bound one is known")
    k.ok("delete", "serviceaccount", "default")
    wait_for("the token of an account that is gone is refused", lambda: status_of(short) == 401, 10)
    unharmed(cluster, pid, before)
