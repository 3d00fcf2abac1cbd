"""bench_api.py - what the benches of the API server share: a scratch directory with certificates, a private
etcd with fsync, API servers on it, the C drivers, CPU time and memory from /proc, medians and rows.
"""
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

sys.dont_write_bytecode = True
SOURCE = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
BIN = os.environ.get("SKIFF_BIN", SOURCE + "/build/release/bin")
TICK_US = 1000000 // os.sysconf("SC_CLK_TCK")
START_S = 120


def median(values):
    return sorted(values)[len(values) // 2]


def row(what, unit, floor, ours, ratio, wanted):
    def text(value):
        if value is None:
            return "-"
        return value if isinstance(value, str) else "%.*f" % (0 if value >= 100 else 2, value)
    print("\t".join([what, unit, text(floor), text(ours), text(ratio), wanted]), flush=True)


def cpu_us(pid):
    """User and system time of a process and its threads so far."""
    with open("/proc/%d/stat" % pid) as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * TICK_US


def memory(pid, field):
    """VmRSS or VmHWM in bytes."""
    with open("/proc/%d/status" % pid) as f:
        for line in f:
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
    raise RuntimeError("no %s" % field)


def forget_peak(pid):
    with open("/proc/%d/clear_refs" % pid, "w") as f:
        f.write("5")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Load:
    """What tests/bench/load.c says."""

    def __init__(self, line):
        parts = line.split()
        self.rate, self.p50, self.p99, self.longest = map(float, parts[:4])
        self.bytes, self.bad, self.seconds = int(parts[4]), int(parts[5]), float(parts[6])


class Bench:
    """Everything ends with it: processes that it started, and its directory."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="skiff-bench-")
        self.children = []
        self.etcd_pid = None
        self.certificates()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for child in reversed(self.children):
            if child.poll() is None:
                child.send_signal(signal.SIGTERM)
                try:
                    child.wait(20)
                except subprocess.TimeoutExpired:
                    child.kill()
                    child.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, text):
        with open(self.path(name), "w") as f:
            f.write(text)
        return self.path(name)

    def openssl(self, *args):
        subprocess.run(["openssl", *args], cwd=self.dir, check=True, capture_output=True)

    def certificates(self):
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        self.openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=bench",
                     "-days", "2")
        for name, subject, extension in (
                ("server", "/CN=server", "subjectAltName=IP:127.0.0.1"),
                ("admin", "/O=system:masters/CN=admin", "extendedKeyUsage=clientAuth")):
            self.write(name + ".ext", extension + "\n")
            self.openssl("req", "-new", *key, "-keyout", name + ".key", "-out", name + ".csr", "-subj",
                         subject)
            self.openssl("x509", "-req", "-in", name + ".csr", "-CA", "ca.crt", "-CAkey", "ca.key",
                         "-CAcreateserial", "-days", "2", "-extfile", name + ".ext", "-out",
                         name + ".crt")
        self.openssl("genrsa", "-out", "token.key", "2048")

    # ---- processes ----

    def spawn(self, *args, cwd=None):
        child = subprocess.Popen(args, cwd=cwd, stdout=open(self.path("out.txt"), "a"),
                                 stderr=subprocess.STDOUT)
        self.children.append(child)
        return child

    def start_etcd(self, name="etcd"):
        """Its endpoint. On a unix socket, with fsync, as `skiff cluster up` starts it."""
        where = self.path(name)
        os.mkdir(where)
        program = SOURCE + "/build/tools/etcd"
        if not os.path.exists(program):
            program = shutil.which("etcd")
        child = self.spawn(program, "--data-dir=data", "--listen-client-urls=unix://c:1",
                           "--advertise-client-urls=unix://c:1", "--listen-peer-urls=unix://p:1",
                           "--initial-advertise-peer-urls=http://localhost:1",
                           "--initial-cluster=default=http://localhost:1", "--log-level=error",
                           "--quota-backend-bytes=8589934592", "--max-request-bytes=8388608",
                           cwd=where)
        self.etcd_pid = child.pid
        end = time.time() + START_S
        while not os.path.exists(where + "/c:1"):
            if time.time() > end or child.poll() is not None:
                raise RuntimeError("etcd does not start: " + open(self.path("out.txt")).read())
            time.sleep(0.02)
        return "unix://%s/c:1" % where

    def start_server(self, etcd, *flags):
        server = Server(self, etcd, flags)
        self.children.append(server.process)
        return server

    def start_static(self, program, *args):
        """A floor that serves with our certificate: its port and its process."""
        port = free_port()
        child = self.spawn(BIN + "/" + program, str(port), self.path("server.crt"),
                           self.path("server.key"), *args)
        end = time.time() + START_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                return port, child
            except OSError:
                if time.time() > end or child.poll() is not None:
                    raise RuntimeError(program + " does not start")
                time.sleep(0.02)

    def stop(self, child):
        child.send_signal(signal.SIGTERM)
        child.wait(60)
        self.children.remove(child)

    # ---- drivers ----

    def load(self, port, method, target, connections, count, body=None, kind="application/json", first=0,
             takes_any=False):
        file = "-" if body is None else self.write(
            "body-%s-%s.json" % (method, os.urandom(3).hex()),
            body if isinstance(body, str) else json.dumps(body, separators=(",", ":")))
        args = [BIN + "/load", "https://127.0.0.1:%d" % port, self.path("ca.crt"),
                self.path("admin.crt"), self.path("admin.key"), method, target, kind, file,
                str(connections), str(count), str(first)] + (["any"] if takes_any else [])
        out = subprocess.run(args, check=True, stdout=subprocess.PIPE, text=True).stdout
        return Load(out)


class Server:
    """One API server."""

    def __init__(self, bench, etcd, flags):
        self.port = free_port()
        store = "--store=memory" if etcd is None else "--etcd=" + etcd
        begun = time.time()
        self.process = bench.spawn(
            BIN + "/skiff-apiserver", store, "--listen=127.0.0.1:%d" % self.port,
            "--tls-cert=" + bench.path("server.crt"), "--tls-key=" + bench.path("server.key"),
            "--client-ca=" + bench.path("ca.crt"), "--token-key=" + bench.path("token.key"),
            "--log-level=error", *flags)
        bench.children.remove(self.process)
        self.pid = self.process.pid
        tls = ssl.create_default_context(cafile=bench.path("ca.crt"))
        tls.load_cert_chain(bench.path("admin.crt"), bench.path("admin.key"))
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}),
                                                  urllib.request.HTTPSHandler(context=tls))
        while True:
            try:
                self.call("GET", "/readyz")
                break
            except (OSError, urllib.error.URLError):
                if time.time() > begun + START_S or self.process.poll() is not None:
                    raise RuntimeError("the API server does not start: " +
                                       open(bench.path("out.txt")).read())
                time.sleep(0.01)
        self.start_s = time.time() - begun

    def call(self, method, path, body=None):
        request = urllib.request.Request("https://127.0.0.1:%d%s" % (self.port, path), method=method,
                                         data=json.dumps(body).encode() if body else None,
                                         headers={"Content-Type": "application/json"})
        with self.opener.open(request, timeout=START_S) as answer:
            return answer.read()

    def metric(self, name):
        for line in self.call("GET", "/metrics").decode().splitlines():
            if line.startswith(name + " "):
                return float(line.split()[1])
        raise RuntimeError("no metric " + name)

    def longest_turn_ms(self):
        """Since the last reading, in the thread's own time: others share the machine."""
        return self.metric("skiff_loop_longest_turn_cpu_microseconds") / 1000


def config_map(size=1024):
    """A ConfigMap whose stored JSON has about `size` bytes."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "load-@N@"},
            "data": {"k": "x" * (size - 400)}}


def pod(size, name="load-@N@"):
    """A pod whose stored JSON has about `size` bytes, most of it in variables as real ones have."""
    container = {"name": "c", "image": "registry.example.org/team/program:1.2.3",
                 "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}}, "env": []}
    body = {"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "labels": {"app": "load", "tier": "back"}},
            "spec": {"automountServiceAccountToken": False, "containers": [container]}}
    empty = 1450 # of what defaults, status and ownership of fields add
    while len(json.dumps(body, separators=(",", ":"))) + empty + 25 * len(container["env"]) < size:
        container["env"].append({"name": "VARIABLE_%02d" % len(container["env"]), "value": "x" * 24})
    return body


def prepare(server):
    """What pods need."""
    server.call("POST", "/api/v1/namespaces/default/serviceaccounts", {"metadata": {"name": "default"}})
