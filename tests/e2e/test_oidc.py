"""Users by ID tokens of an issuer whose keys are fetched: real tokens, wrong ones, keys that change, an issuer
that is not there, hangs or says too much."""
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

from harness import SOURCE, check, wait_for
from oidc_issuer import Issuer, Key, openssl

NODES = 0
BIN = os.environ.get("SKIFF_BIN", SOURCE + "/build/release/bin")
REVIEW = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
REFRESH_S = 10 # the least time between two fetches


class Place:
    """An issuer and an API server with a store in memory."""

    def __enter__(self):
        self.dir = tempfile.mkdtemp(prefix="skiff-oidc-")
        self.issuer = Issuer(self.dir, "skiff")
        self.process = None
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        openssl("req", "-x509", *key, "-keyout", self.dir + "/server.key", "-out", self.dir + "/server.crt",
                "-subj", "/CN=server", "-days", "2", "-addext", "subjectAltName=IP:127.0.0.1")
        return self

    def __exit__(self, *_):
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(20)
        shutil.rmtree(self.dir)

    def start(self, *flags):
        self.port = free_port()
        self.log = open(self.dir + "/log", "a")
        self.process = subprocess.Popen(
            [BIN + "/skiff-apiserver", "--store=memory", "--listen=127.0.0.1:%d" % self.port,
             "--tls-cert=" + self.dir + "/server.crt", "--tls-key=" + self.dir + "/server.key",
             "--oidc-issuer-url=" + self.issuer.url, "--oidc-client-id=skiff", "--oidc-groups-claim=groups",
             "--oidc-username-prefix=oidc:", *flags], stdout=self.log, stderr=self.log)
        tls = ssl.create_default_context(cafile=self.dir + "/server.crt")
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}),
                                                  urllib.request.HTTPSHandler(context=tls))
        wait_for("the server", self.is_ready, 20)

    def is_ready(self):
        try:
            return self.get("/readyz") == "ok"
        except (OSError, urllib.error.URLError):
            return False

    def get(self, path):
        return self.opener.open("https://127.0.0.1:%d%s" % (self.port, path), timeout=20).read().decode()

    def who(self, token):
        """The user's name and groups, or the status of the refusal."""
        request = urllib.request.Request(
            "https://127.0.0.1:%d%s" % (self.port, REVIEW), method="POST",
            data=b'{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}',
            headers={"Content-Type": "application/json", "Authorization": "Bearer " + token})
        try:
            answer = json.load(self.opener.open(request, timeout=30))
        except urllib.error.HTTPError as e:
            return e.code
        user = answer["status"]["userInfo"]
        return [user["username"]] + user["groups"]


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


GOOD = ["oidc:ann", "devs", "system:authenticated"]


def expect(place, token, want, what):
    got = place.who(token)
    check(got == want, what, "%s instead of %s" % (got, want))


def check_tokens(place):
    issuer = place.issuer
    rsa, ec, now = issuer.rsa, issuer.ec, int(time.time())
    expect(place, issuer.token(rsa), GOOD, "RS256")
    expect(place, issuer.token(ec), GOOD, "ES256")
    expect(place, issuer.token(rsa, aud=["other", "skiff"]), GOOD, "one of several audiences")
    expect(place, issuer.token(rsa, exp=now - 5), 401, "expired")
    expect(place, issuer.token(rsa, nbf=now + 300), 401, "not yet")
    expect(place, issuer.token(rsa, aud="other"), 401, "another client")
    expect(place, issuer.token(rsa, iss="https://127.0.0.1:1/realm"), 401, "another issuer")
    expect(place, issuer.token(rsa, {"alg": "none"}), 401, "alg none")
    expect(place, issuer.token(ec, {"alg": "RS256", "kid": "second"}), 401, "an algorithm that is not the key's")
    expect(place, issuer.token(rsa, {"alg": "HS256"}), 401, "HS256")
    head, claims, signature = issuer.token(rsa).split(".")
    other = issuer.token(rsa, sub="bob").split(".")[1]
    expect(place, ".".join([head, other, signature]), 401, "other claims under a signature")
    expect(place, ".".join([head, claims, signature[:-8] + "AAAAAAAA"]), 401, "a broken signature")
    expect(place, ".".join([head, claims, ""]), 401, "no signature")


def check_rotation(place):
    """A token of a new key is served at once, if keys were not just fetched; the old key is forgotten."""
    issuer = place.issuer
    fresh = Key(place.dir, "third", "RS256")
    stranger = Key(place.dir, "nobody", "RS256")
    old = issuer.token(issuer.rsa)
    issuer.keys = [fresh, issuer.ec]
    time.sleep(REFRESH_S)
    before = issuer.asked["keys"]
    expect(place, issuer.token(fresh), GOOD, "a key that came since")
    check(issuer.asked["keys"] == before + 1, "one fetch for it", str(issuer.asked))
    expect(place, old, 401, "a key that went")
    for _ in range(20):
        expect(place, issuer.token(stranger), 401, "nobody's key")
    check(issuer.asked["keys"] == before + 1, "no fetch for each of them", str(issuer.asked))


def case_tokens(_):
    with Place() as place:
        place.issuer.start()
        place.start("--oidc-ca-file=" + place.dir + "/issuer.crt")
        check_tokens(place)
        check_rotation(place)
        # What was fetched stays while the issuer is away.
        place.issuer.stop()
        expect(place, place.issuer.token(place.issuer.ec), GOOD, "while the issuer is away")


def case_issuer_is_late(_):
    with Place() as place:
        place.start("--oidc-ca-file=" + place.dir + "/issuer.crt") # ready without it
        expect(place, place.issuer.token(place.issuer.rsa), 401, "no keys yet")
        place.issuer.start()
        wait_for("the keys", lambda: place.who(place.issuer.token(place.issuer.rsa)) == GOOD, 30)


def case_issuer_says_too_much(_):
    with Place() as place:
        issuer = place.issuer
        issuer.document_extra = "x" * 200000
        issuer.start()
        place.start("--oidc-ca-file=" + place.dir + "/issuer.crt")
        expect(place, issuer.token(issuer.rsa), 401, "a document that is too long")
        wait_for("the reason in the log", lambda: "65536 bytes" in open(place.dir + "/log").read(), 10)
        issuer.document_extra, issuer.status = "", 503
        wait_for("that in the log", lambda: "HTTP 503" in open(place.dir + "/log").read(), 30)
        issuer.status = 200
        wait_for("the keys", lambda: place.who(issuer.token(issuer.rsa)) == GOOD, 40)


def case_issuer_is_not_trusted(_):
    with Place() as place:
        place.issuer.start()
        place.start() # the system's authorities do not know it
        expect(place, place.issuer.token(place.issuer.rsa), 401, "keys of nobody trusted")
        check(place.issuer.asked["keys"] == 0, "none were fetched")


def case_issuer_hangs(_):
    with Place() as place:
        place.issuer.delay_s = 60
        place.issuer.start()
        place.start("--oidc-ca-file=" + place.dir + "/issuer.crt")
        begun = time.time()
        expect(place, place.issuer.token(place.issuer.rsa), 401, "an issuer that does not answer")
        check(time.time() - begun < 25, "within the time-out")
        place.issuer.delay_s = 0
        wait_for("the keys", lambda: place.who(place.issuer.token(place.issuer.rsa)) == GOOD, 40)
