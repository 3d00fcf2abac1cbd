"""Tapes: the requests of a client, as one line of JSON each, and what the answers looked like.

`tapes.py kubectl|helm|client-go|client-js|client-python PROGRAM` starts a cluster, runs that program through
a proxy that writes down what passes, and makes tests/golden/CLIENT-VERSION.tape.gz. test_tapes.py replays
them, so that clients which cannot be had are tested all the same. What upgrades its connection (exec,
attach, port-forward) is not on the tapes. tapes_kubectl.py, tapes_helm.py and client_*/main.* are what the
clients are asked to do.

The server's own values stand as {{uid:Kind/name}} and {{rv:Kind/name}}: those of the last answer; the node's
name as {{node}}.
"""
import base64
import gzip
import http.client
import http.server
import json
import os
import re
import ssl
import subprocess
import sys
import tempfile
import threading

sys.dont_write_bytecode = True
from harness import SOURCE, Cluster # noqa: E402
import tape_protobuf # noqa: E402
import tapes_helm # noqa: E402
import tapes_kubectl # noqa: E402

FOLDER = os.path.join(SOURCE, "tests", "golden")
NAMESPACE = "tape-000" # every replay has one of the same length: protobuf counts bytes
KEPT_HEADERS = ("Content-Type", "Accept", "Impersonate-User", "Impersonate-Group")


# ---- what an answer looks like ----

def shape(content_type, body):
    """What must stay the same of an answer: its kind, and what clients show of it."""
    if "json" not in (content_type or ""):
        return {}
    line = body.split(b"\n", 1)[0] if body.count(b"\n") > 1 else body
    try:
        value = json.loads(line)
    except ValueError:
        return {}
    if not isinstance(value, dict):
        return {}
    if set(value) == {"type", "object"}:
        return {"event": value["object"].get("kind")}
    got = {"kind": value.get("kind"), "apiVersion": value.get("apiVersion")}
    if value.get("kind") == "Table":
        got["columns"] = [c["name"] for c in value["columnDefinitions"]]
    if value.get("kind") == "Status" and value.get("status") == "Failure":
        got["reason"] = value.get("reason")
    return got


class Values:
    """uids and resourceVersions, by what they belong to."""

    def __init__(self):
        self.of, self.by_value = {}, {}

    def see(self, body, kind=None):
        if body.startswith(tape_protobuf.MAGIC):
            for kind, name, uid, version in tape_protobuf.objects(body):
                self.see_object({"kind": kind, "metadata": {"name": name, "uid": uid,
                                                            "resourceVersion": version}})
            return
        for line in body.split(b"\n"):
            try:
                value = json.loads(line)
            except ValueError:
                continue
            if isinstance(value, dict):
                self.see_object(value.get("object", value), kind)

    def see_object(self, value, kind=None):
        if not isinstance(value, dict):
            return
        meta = value.get("metadata") or {}
        kind = value.get("kind") or kind
        key = "%s/%s" % (kind, meta.get("name", ""))
        for name, field in (("uid", "uid"), ("rv", "resourceVersion"), ("continue", "continue")):
            if meta.get(field):
                self.of["%s:%s" % (name, key)] = meta[field]
                self.by_value[meta[field]] = "%s:%s" % (name, key)
        for item in value.get("items") or []:
            self.see_object(item, (kind or "").replace("List", ""))

    def hide(self, text):
        for value, key in self.by_value.items():
            # A short number may be anything where it stands alone.
            before = "" if len(value) > 4 else r'resourceVersion\\?"?[=:] ?\\?"?'
            text = re.sub(r"(%s)(?<![0-9a-f-])%s(?![0-9a-f-])" % (before, re.escape(value)),
                          lambda m, key=key: m.group(1) + "{{%s}}" % key, text)
        return text

    def show(self, text):
        return re.sub(r"\{\{([^}]*)\}\}", lambda m: self.of.get(m.group(1), "0"), text)


class Upstream:
    """Connections to a cluster's API as its administrator."""

    def __init__(self, cluster):
        self.port = cluster.config["apiPort"]
        self.tls = ssl.create_default_context(cafile=cluster.root + "/pki/ca.crt")
        self.tls.load_cert_chain(cluster.root + "/pki/admin.crt", cluster.root + "/pki/admin.key")

    def ask(self, method, target, headers, body, timeout=60):
        c = http.client.HTTPSConnection("127.0.0.1", self.port, context=self.tls, timeout=timeout)
        c.request(method, target, body, headers)
        return c, c.getresponse()


def is_watch(target):
    return re.search(r"[?&](watch|follow)=(true|1)", target) is not None


# ---- recording ----

class Recorder(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    upstream, values, node, tape, lock = None, None, None, None, threading.Lock()

    def log_message(self, *_):
        pass

    def relay(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else b""
        with self.lock:
            entry = self.entry(body)
            self.tape.append(entry)
        headers = {k: v for k, v in self.headers.items() if k.lower() not in (
            "host", "accept-encoding", "content-length", "connection")}
        connection, answer = self.upstream.ask(self.command, self.path, headers, body)
        self.send_response(answer.status)
        for key, value in answer.getheaders():
            if key.lower() not in ("transfer-encoding", "content-length", "connection"):
                self.send_header(key, value)
        if answer.status == 304: # has no body
            entry["status"] = 304
            self.end_headers()
            connection.close()
            return
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            self.pass_on(entry, answer)
        except (OSError, http.client.IncompleteRead):
            pass # it has seen enough, as `wait` does; or the cluster went
        connection.close()

    def pass_on(self, entry, answer):
        got = b""
        while True:
            piece = answer.read1(1 << 16) if is_watch(self.path) else answer.read()
            if not piece:
                break
            got += piece
            with self.lock:
                self.note(entry, answer, got)
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.flush()
            if not is_watch(self.path):
                break
        with self.lock:
            self.note(entry, answer, got)
        self.wfile.write(b"0\r\n\r\n")

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = relay

    def entry(self, body):
        one = {"method": self.command, "target": self.hide_node(self.values.hide(self.path))}
        for name in KEPT_HEADERS:
            if self.headers.get(name):
                one[name] = self.headers[name]
        if "protobuf" in self.headers.get("Content-Type", ""):
            one["base64"] = base64.b64encode(body).decode()
            uids = {value: key for value, key in self.values.by_value.items()
                    if key.startswith("uid:") and value.encode() in body}
            if uids: # of its owner, say
                one["uids"] = uids
        elif body:
            one["body"] = self.values.hide(body.decode())
        return one

    def hide_node(self, target):
        """Where it is a node's name, in a path or a selector."""
        return re.sub(r"(/nodes/|/leases/|nodeName%%3D|[nN]ame%%3D)%s(?=$|[/?&%%])" % re.escape(self.node),
                      r"\1{{node}}", target)

    def note(self, entry, answer, got):
        entry["status"] = answer.status
        entry["shape"] = shape(answer.getheader("Content-Type"), got)
        if is_watch(self.path):
            is_text = "json" in (answer.getheader("Content-Type") or "")
            entry["lines"] = got.count(b"\n") if is_text else 0
        self.values.see(got)


def version_of(client, program):
    if client == "kubectl":
        return json.loads(subprocess.check_output([program, "version", "--client", "-o", "json"]))[
            "clientVersion"]["gitVersion"].lstrip("v")
    if client == "helm":
        return subprocess.check_output([program, "version", "--template", "{{.Version}}"],
                                       text=True).lstrip("v")
    if client == "client-js":
        with open(os.path.join(os.path.dirname(os.path.abspath(program)), "node_modules",
                               "@kubernetes", "client-node", "package.json"), encoding="utf-8") as f:
            return json.load(f)["version"]
    if client == "client-python":
        return subprocess.check_output([program, "-c", "import kubernetes; print(kubernetes.__version__)"],
                                       text=True).strip()
    modules = subprocess.check_output(["go", "version", "-m", program], text=True)
    return re.search(r"k8s.io/client-go\s+v(\S+)", modules).group(1)


def sessions(client, program, server, folder):
    """What is run, one after the other: arguments, input."""
    base = [program, "--server", server, "-n", NAMESPACE]
    if client == "kubectl":
        for words, stdin in tapes_kubectl.commands(NAMESPACE, Recorder.node):
            yield base + words, stdin
    elif client == "helm":
        base = [program, "--kube-apiserver", server, "-n", NAMESPACE]
        for command in tapes_helm.commands(tapes_helm.write_chart(folder + "/shop")):
            yield base + list(command), None
    else:
        yield {"client-go": [program], "client-js": ["node", program],
               "client-python": [program, os.path.join(SOURCE, "tests/e2e/client_python/main.py")]
               }[client] + [server, NAMESPACE], None


def record(client, program):
    version = version_of(client, program)
    cluster = Cluster()
    Recorder.upstream, Recorder.values, Recorder.tape = Upstream(cluster), Values(), []
    Recorder.node = cluster.node_name()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Recorder)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        env = dict(cluster.env, KUBECONFIG="/dev/null", KUBECTL_EXTERNAL_DIFF="diff",
                   KUBECTL_APPLYSET="true", EDITOR="sed -i s/blue/green/", HOME=folder, TMPDIR=folder)
        for argv, stdin in sessions(client, program,
                                    "http://127.0.0.1:%d" % server.server_port, folder):
            shown = client if client.startswith("client-") else " ".join(argv[5:]).replace(
                folder + "/", "")
            Recorder.tape.append({"command": shown})
            done = subprocess.run(argv, input=stdin, env=env, text=True, timeout=180, check=False,
                                  capture_output=True)
            print("%3d %s" % (done.returncode, shown), flush=True)
            if done.returncode:
                print(done.stdout + done.stderr, file=sys.stderr)
    cluster.close()
    path = os.path.join(FOLDER, "%s-%s.tape.gz" % (client, version))
    text = "".join(json.dumps(e, sort_keys=True) + "\n" for e in Recorder.tape)
    with open(path, "wb") as f:
        f.write(gzip.compress(text.encode(), 9, mtime=0))
    print("%s: %d requests" % (path, sum("method" in e for e in Recorder.tape)))


if __name__ == "__main__":
    record(sys.argv[1], sys.argv[2])
