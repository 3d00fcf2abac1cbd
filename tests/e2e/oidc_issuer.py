"""A small OpenID Connect issuer over TLS: its discovery document, its keys, and tokens signed by openssl."""
import base64
import http.server
import json
import os
import ssl
import subprocess
import threading
import time


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def openssl(*args, stdin=None):
    return subprocess.run(["openssl", *args], input=stdin, check=True, capture_output=True).stdout


class Key:
    def __init__(self, directory, kid, alg):
        self.kid, self.alg = kid, alg
        self.path = os.path.join(directory, kid + ".pem")
        if alg == "RS256":
            openssl("genrsa", "-out", self.path, "2048")
        else:
            openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", self.path)

    def jwk(self):
        if self.alg == "RS256":
            modulus = openssl("rsa", "-in", self.path, "-noout", "-modulus").decode().split("=")[1]
            return {"kty": "RSA", "kid": self.kid, "alg": "RS256", "use": "sig", "e": "AQAB",
                    "n": b64(bytes.fromhex(modulus.strip()))}
        point = openssl("ec", "-in", self.path, "-pubout", "-outform", "DER")[-64:]
        return {"kty": "EC", "kid": self.kid, "alg": "ES256", "use": "sig", "crv": "P-256",
                "x": b64(point[:32]), "y": b64(point[32:])}

    def sign(self, data):
        der = openssl("dgst", "-sha256", "-sign", self.path, stdin=data)
        return der if self.alg == "RS256" else raw_ecdsa(der)


def raw_ecdsa(der):
    """SEQUENCE { INTEGER r, INTEGER s } → 64 bytes."""
    at, out = 2, b""
    for _ in range(2):
        size = der[at + 1]
        out += der[at + 2:at + 2 + size].lstrip(b"\0").rjust(32, b"\0")
        at += 2 + size
    return out


class Issuer:
    """Serves until stop(); what it serves may be changed at any time."""

    def __init__(self, directory, client_id, address=("127.0.0.1", 0)):
        self.dir, self.client_id = directory, client_id
        self.rsa, self.ec = Key(directory, "first", "RS256"), Key(directory, "second", "ES256")
        self.keys = [self.rsa, self.ec]
        self.document_extra, self.status, self.delay_s = "", 200, 0
        self.asked = {"document": 0, "keys": 0}
        self.certificate()
        self.server = http.server.ThreadingHTTPServer(address, self.handler(), bind_and_activate=False)
        self.server.daemon_threads = True
        self.server.allow_reuse_address = True
        self.server.server_bind()
        self.url = "https://127.0.0.1:%d/realm" % self.server.server_address[1]

    def start(self):
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(self.dir + "/issuer.crt", self.dir + "/issuer.key")
        self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.server.server_activate()
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def certificate(self):
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                self.dir + "/issuer.key", "-out", self.dir + "/issuer.crt", "-subj", "/CN=issuer", "-days",
                "2", "-addext", "subjectAltName=IP:127.0.0.1")

    def handler(self):
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self): # pylint: disable=invalid-name
                time.sleep(issuer.delay_s)
                if self.path == "/realm/.well-known/openid-configuration":
                    issuer.asked["document"] += 1
                    body = {"issuer": issuer.url, "jwks_uri": issuer.url + "/keys",
                            "more": issuer.document_extra}
                elif self.path == "/realm/keys":
                    issuer.asked["keys"] += 1
                    body = {"keys": [key.jwk() for key in issuer.keys]}
                else:
                    self.send_error(404)
                    return
                data = json.dumps(body).encode()
                self.send_response(issuer.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                try:
                    self.wfile.write(data)
                except OSError:
                    pass # cut off for its size
        return Handler

    def token(self, key, header=None, **claims):
        now = int(time.time())
        head = {"alg": key.alg, "kid": key.kid, "typ": "JWT"}
        head.update(header or {})
        body = {"iss": self.url, "aud": self.client_id, "sub": "ann", "groups": ["devs"], "iat": now,
                "exp": now + 600}
        body.update(claims)
        text = b64(json.dumps(head).encode()) + "." + b64(json.dumps(body).encode())
        signature = b"" if head["alg"] == "none" else key.sign(text.encode())
        return text + "." + b64(signature)
