"""What end-to-end tests stand on: clusters of their own, bounded waits, nothing left behind.

Whatever a test makes is recorded under /run/skiff-test/<id> before it is made, with the process
that answers for it; the next run removes what belongs to a process that is gone.
"""
import atexit
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RECORDS = "/run/skiff-test"
TOOLS = os.path.join(SOURCE, "build", "tools-test")
LOG_LINES = 15

for tools in ("usr/bin", "usr/sbin"):
    os.environ["PATH"] = os.path.join(TOOLS, tools) + os.pathsep + os.environ["PATH"]
for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "KUBECONFIG"):
    os.environ.pop(name, None)


class Failure(Exception):
    """A check of a test did not hold."""


def check(holds, what, *details):
    if not holds:
        raise Failure(what + "".join("\n    %s" % (d,) for d in details))


def check_in(part, whole, what):
    check(part in whole, what, "wanted: %s" % part, "got:    %s" % whole.strip())


def wait_for(what, ask, seconds=60, every=0.2):
    """The first true value of ask(); a Failure with the last value after so many seconds."""
    until = time.monotonic() + seconds
    while True:
        got = ask()
        if got:
            return got
        if time.monotonic() > until:
            raise Failure("not within %g s: %s" % (seconds, what))
        time.sleep(every)


class Result:
    def __init__(self, argv, code, out, err):
        self.argv, self.code, self.out, self.err = argv, code, out, err

    def text(self):
        return "%s\n    exit code %s\n    stdout: %s\n    stderr: %s" % (
            " ".join(self.argv), self.code, self.out.strip()[-2000:], self.err.strip()[-2000:])


def run(argv, stdin=None, seconds=60, env=None, cwd=None):
    """Runs a command to its end; bytes of stdin may be text. Output that is no text is replaced."""
    if isinstance(stdin, str):
        stdin = stdin.encode()
    process = subprocess.Popen(argv, stdin=subprocess.PIPE if stdin is not None else
                               subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, env=env, cwd=cwd, start_new_session=True)
    try:
        out, err = process.communicate(stdin, seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise Failure("still running after %g s: %s" % (seconds, " ".join(argv)) +
                      "\n    stdout: %s\n    stderr: %s" % (out[-1000:], err[-1000:])) from None
    return Result(argv, process.returncode, out.decode(errors="replace"),
                  err.decode(errors="replace"))


# ---- processes ----

def start_time(pid):
    """Of a living process, in clock ticks since boot; None when it is gone or a zombie."""
    try:
        with open("/proc/%d/stat" % pid, encoding="ascii", errors="replace") as f:
            fields = f.read().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return None
    return None if fields[0] in "ZX" else int(fields[19])


# ---- clusters ----

class Cluster:
    """`skiff cluster up` in a directory of its own; close() takes it down and removes it."""

    open_ones = []

    def __init__(self, nodes=1):
        os.makedirs(RECORDS, mode=0o700, exist_ok=True)
        self.root = tempfile.mkdtemp(prefix="ske-", dir="/tmp")
        self.record = os.path.join(RECORDS, os.path.basename(self.root))
        with open(self.record, "w", encoding="ascii") as f:
            json.dump({"root": self.root, "pid": os.getpid(), "start": start_time(os.getpid()),
                       "skiff": skiff()}, f)
        os.chmod(self.root, 0o755)
        Cluster.open_ones.append(self)
        self.nodes = nodes
        self.kubeconfig = os.path.join(self.root, "kubeconfig")
        self.env = dict(os.environ, KUBECONFIG=self.kubeconfig,
                        HOME=os.path.join(self.root, "home"))
        self.up()

    def up(self):
        got = run([skiff(), "cluster", "up", "--root", self.root, "--nodes", str(self.nodes)],
                  seconds=120)
        check(got.code == 0, "skiff cluster up failed", got.text(), self.log_tails())
        with open(os.path.join(self.root, "cluster.json"), encoding="utf-8") as f:
            self.config = json.load(f)
        self.id = self.config["id"]

    def down(self, *arguments):
        return run([skiff(), "cluster", "down", "--root", self.root, *arguments], seconds=180)

    def close(self):
        if self in Cluster.open_ones:
            Cluster.open_ones.remove(self)
        got = self.down("--delete")
        remove_root(self.root)
        os.unlink(self.record)
        check(got.code == 0, "skiff cluster down failed", got.text())

    def node_name(self, i=0):
        return self.config["nodes"][i]["name"]

    def node_ip(self, i=0):
        return self.config["nodes"][i]["ip"]

    def pid(self, program):
        """Of a living program by the name of its pid file ('nodeagent' is that of node 0)."""
        if program in ("nodeagent", "containerd"):
            program += "-" + self.node_name()
        try:
            with open("%s/run/%s.pid" % (self.root, program), encoding="ascii") as f:
                pid, start = (int(word) for word in f.read().split()[:2])
        except (OSError, ValueError):
            return None
        return pid if start_time(pid) == start else None

    def log_tails(self):
        text = []
        logs = os.path.join(self.root, "log")
        for name in sorted(os.listdir(logs)) if os.path.isdir(logs) else []:
            with open(os.path.join(logs, name), encoding="utf-8", errors="replace") as f:
                lines = [line for line in f if "cleanup warnings" not in line][-LOG_LINES:]
            text.append("---- %s/%s\n%s" % (logs, name, "".join(line[:400].rstrip() + "\n"
                                                               for line in lines)))
        return "".join(text)


def skiff():
    return os.path.join(os.environ.get("SKIFF_BIN", SOURCE + "/build/release/bin"), "skiff")


def remove_root(root):
    if not root.startswith("/tmp/ske-"):
        return
    if os.path.ismount(root):
        run(["umount", "-l", root])
    shutil.rmtree(root, ignore_errors=True)
    if os.path.exists(root + ".img"):
        os.unlink(root + ".img")


def remove_leftovers():
    """Clusters of tests that were killed: their records say who answered for them."""
    for name in os.listdir(RECORDS) if os.path.isdir(RECORDS) else []:
        path = os.path.join(RECORDS, name)
        try:
            with open(path, encoding="ascii") as f:
                record = json.load(f)
        except (OSError, ValueError):
            continue # half written, or removed just now by its owner
        if start_time(record["pid"]) == record["start"]:
            continue
        print("removing what a killed test left: %s" % record["root"], flush=True)
        program = record["skiff"] if os.path.exists(record["skiff"]) else skiff()
        run([program, "cluster", "down", "--root", record["root"], "--delete"], seconds=180)
        remove_root(record["root"])
        os.unlink(path)


def close_all():
    for cluster in list(Cluster.open_ones):
        try:
            cluster.close()
        except (Failure, OSError) as failure:
            print(failure, file=sys.stderr)


def on_signal(number, _frame):
    sys.exit(128 + number) # runs close_all


atexit.register(close_all)
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, on_signal)
