#!/usr/bin/python3
"""bench_cluster.py [RUNS [FIGURE…]] - what a cluster takes, beside the same by direct CRI calls.

Starts a cluster of its own. Figures: one, thirty, restart, chain, idle. Medians of RUNS (5) alternating
runs. Prints rows `what | unit | floor | Skiff | ratio | wanted`, parted by tabs: run.sh makes a table.
Measured from before the request (through the API, without kubectl's own start) until the watch shows it.
"""
import json
import os
import ssl
import subprocess
import sys
import time
import urllib.request

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))

from harness import Cluster, SOURCE, start_time # noqa: E402

BIN = os.environ.get("SKIFF_BIN", SOURCE + "/build/release/bin")
RUNS = int(sys.argv[1]) if len(sys.argv) > 1 else 5
WANTED = sys.argv[2:]
PARALLEL = (1, 2, 4, 6, 8)
PODS = "/api/v1/namespaces/default/pods"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
CHAIN = 5
IDLE_S = 60
OWN_S = 0.3 # a service of the chain is ready so long after its start


def median(values):
    return sorted(values)[len(values) // 2]


def row(what, unit, floor, ours, ratio, wanted, digits=0):
    print("%s\t%s\t%s\t%.*f\t%s\t%s" % (what, unit, "-" if floor is None else "%.*f" % (digits, floor),
                                        digits, ours, "-" if ratio is None else "%.2f" % ratio,
                                        wanted), flush=True)


class Api:
    def __init__(self, cluster):
        self.pods_of_node = "%s/nodes/%s/pods" % (cluster.root, cluster.config["nodes"][0]["name"])
        self.base = "https://127.0.0.1:%d" % cluster.config["apiPort"]
        tls = ssl.create_default_context(cafile=cluster.root + "/pki/ca.crt")
        tls.load_cert_chain(cluster.root + "/pki/admin.crt", cluster.root + "/pki/admin.key")
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}),
                                                  urllib.request.HTTPSHandler(context=tls))

    def call(self, method, path, body=None, timeout=120):
        return self.opener.open(urllib.request.Request(
            self.base + path, method=method, data=json.dumps(body).encode() if body else None,
            headers={"Content-Type": "application/json"}), timeout=timeout)

    def create(self, body):
        self.call("POST", DEPLOYMENTS, body).read()

    def watch(self, selector):
        """Pods as they change."""
        with self.call("GET", "%s?watch=1&timeoutSeconds=120&labelSelector=%s" % (
                PODS, selector)) as answer:
            for line in answer:
                yield json.loads(line)["object"]
        sys.exit("the watch of %s ended before what was awaited" % selector)

    def remove(self, selector):
        """Returns when the node has taken them down, too: the API forgets pods without grace first."""
        for name in [d["metadata"]["name"] for d in json.load(self.call(
                "GET", "%s?labelSelector=%s" % (DEPLOYMENTS, selector)))["items"]]:
            self.call("DELETE", "%s/%s" % (DEPLOYMENTS, name),
                      {"propagationPolicy": "Foreground"}).read()
        for _ in range(600):
            if not (json.load(self.call("GET", "%s?labelSelector=%s" % (PODS, selector)))["items"] or
                    os.listdir(self.pods_of_node)):
                return
            time.sleep(0.1)
        sys.exit("pods are still there after a minute")


def deployment(name, replicas=1, command=("sleep", "100000"), depends=None, probe=None):
    container = {"name": "c", "image": "localhost/busybox:1", "command": list(command)}
    if probe:
        container["readinessProbe"] = probe
    meta = {"name": name, "labels": {"bench": "yes"}}
    if depends:
        meta["annotations"] = {"skiff.dev/depends-on": depends}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta,
            "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}},
                     "template": {"metadata": {"labels": {"app": name, "bench": "yes"}},
                                  "spec": {"terminationGracePeriodSeconds": 0,
                                           "automountServiceAccountToken": False,
                                           "containers": [container]}}}}


def phase(pod):
    return pod.get("status", {}).get("phase")


def is_ready(pod):
    return any(c["type"] == "Ready" and c["status"] == "True"
               for c in pod.get("status", {}).get("conditions", []))


def program(cluster, name, *arguments):
    node = cluster.config["nodes"][0]["name"]
    done = subprocess.run([os.path.join(BIN, name), "%s/run/c-%s.sock" % (cluster.root, node),
                           *[str(a) for a in arguments], cluster.config["cgroup"] + "/bench"],
                          capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        sys.exit("%s failed: %s" % (name, done.stderr))
    return float(done.stdout)


def direct(cluster, replicas, parallel):
    return program(cluster, "bench_cri", replicas, parallel)


def until_running(api, replicas):
    watch = api.watch("bench=yes")
    begin, running = time.monotonic(), set()
    api.create(deployment("bench", replicas))
    for pod in watch:
        if phase(pod) == "Running":
            running.add(pod["metadata"]["name"])
        if len(running) == replicas:
            break
    took = (time.monotonic() - begin) * 1000
    watch.close()
    api.remove("bench=yes")
    return took


def one(cluster, api):
    floor, ours = [], []
    for _ in range(RUNS):
        floor.append(direct(cluster, 1, 1))
        ours.append(until_running(api, 1))
    row("apply until Running, 1 pod", "ms", median(floor), median(ours),
        median(ours) / median(floor), "at most 1.3")


def thirty(cluster, api):
    """The floor is CRI's best: of the medians over several at a time."""
    floor, ours = {p: [] for p in PARALLEL}, []
    for _ in range(RUNS):
        for p in PARALLEL:
            floor[p].append(direct(cluster, 30, p))
        ours.append(until_running(api, 30))
    best = min(PARALLEL, key=lambda p: median(floor[p]))
    print("# CRI, 30 pods: " + ", ".join("%d at a time %.0f ms" % (p, median(floor[p]))
                                         for p in PARALLEL), file=sys.stderr)
    row("30 replicas (CRI %d at a time)" % best, "ms", median(floor[best]), median(ours),
        median(floor[best]) / median(ours), "rate at least 0.8")


def pid_of(argument):
    """The one process whose command line has this argument."""
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/%s/cmdline" % name, "rb") as f:
                    if f.read().split(b"\0")[:2] == [b"sleep", argument.encode()]:
                        return int(name)
            except OSError:
                continue # it has just ended
    return None


def restart_once(api, number):
    argument = str(100000 + os.getpid() * 10 + number)
    watch = api.watch("bench=yes")
    api.create(deployment("bench", command=("sleep", argument)))
    for pod in watch:
        if phase(pod) == "Running":
            break
    time.sleep(0.5) # its own start is over on both sides
    pid = pid_of(argument)
    begin = time.monotonic()
    os.kill(pid, 9)
    for pod in watch:
        status = pod["status"].get("containerStatuses", [{}])[0]
        if status.get("restartCount") == 1 and "running" in status["state"]:
            break
    took = (time.monotonic() - begin) * 1000
    watch.close()
    api.remove("bench=yes")
    return took


def restart(cluster, api):
    floor, ours = [], []
    for number in range(RUNS):
        floor.append(program(cluster, "bench_cri_restart", 3))
        ours.append(restart_once(api, number))
    print("# restarts:", [round(v) for v in floor], [round(v) for v in ours], file=sys.stderr)
    row("killed container running again", "ms", median(floor), median(ours),
        median(ours) / median(floor), "at most 1.5")


def service(name, depends=None):
    script = "sleep %g; touch /tmp/ready; exec sleep 100000" % OWN_S
    return deployment(name, command=("sh", "-c", script), depends=depends, probe={
        "exec": {"command": ["cat", "/tmp/ready"]}, "periodSeconds": 1, "failureThreshold": 1})


def own_time(api):
    """From Running to Ready of one that waits for nobody."""
    watch = api.watch("bench=yes")
    api.create(service("bench"))
    running = None
    for pod in watch:
        if running is None and phase(pod) == "Running":
            running = time.monotonic()
        if is_ready(pod):
            break
    took = (time.monotonic() - running) * 1000
    watch.close()
    api.remove("bench=yes")
    return took


def chain_once(api):
    watch = api.watch("bench=yes")
    begin, ready = time.monotonic(), set()
    for i in range(CHAIN):
        api.create(service("bench-%d" % i, "bench-%d" % (i - 1) if i else None))
    for pod in watch:
        if is_ready(pod):
            ready.add(pod["metadata"]["name"])
        if len(ready) == CHAIN:
            break
    took = (time.monotonic() - begin) * 1000
    watch.close()
    api.remove("bench=yes")
    return took


def chain(cluster, api):
    floor, ours = [], []
    for _ in range(RUNS):
        floor.append(CHAIN * (direct(cluster, 1, 1) + own_time(api)))
        ours.append(chain_once(api))
    row("chain of %d dependent services" % CHAIN, "ms", median(floor), median(ours),
        median(ours) / median(floor), "at most 1.3")


def idle(cluster, api):
    """Resident memory and CPU time of the three daemons, with five pods and no work."""
    watch = api.watch("bench=yes")
    api.create(deployment("bench", 5))
    running = set()
    for pod in watch:
        if phase(pod) == "Running":
            running.add(pod["metadata"]["name"])
        if len(running) == 5:
            break
    watch.close()
    time.sleep(5)
    pids = [cluster.pid(name) for name in ("apiserver", "controller", "nodeagent")]

    def ticks(pid):
        with open("/proc/%d/stat" % pid, encoding="ascii") as f:
            return sum(int(word) for word in f.read().rsplit(")", 1)[1].split()[11:13])
    before = sum(ticks(pid) for pid in pids)
    time.sleep(IDLE_S)
    used = (sum(ticks(pid) for pid in pids) - before) / os.sysconf("SC_CLK_TCK")
    resident = 0
    for pid in pids:
        assert start_time(pid)
        with open("/proc/%d/status" % pid, encoding="ascii") as f:
            resident += next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))
    row("idle: resident memory of the daemons", "MB", None, resident / 1024, None, "under 30", 1)
    row("idle: CPU of the daemons", "% of a core", None, 100 * used / IDLE_S, None, "under 0.3", 2)
    api.remove("bench=yes")


def main():
    figures = {"one": one, "thirty": thirty, "restart": restart, "chain": chain, "idle": idle}
    cluster = Cluster()
    try:
        api = Api(cluster)
        for name, figure in figures.items():
            if not WANTED or name in WANTED:
                figure(cluster, api)
    finally:
        cluster.close()


main()
