"""Two clusters side by side, and what `down` leaves: nothing, however the cluster ended."""
import os
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request

import traces
from harness import Cluster, check, run, skiff, start_time, wait_for
from kube import Kube, deployment, pod_spec, service

NODES = 0
NODE_PORT = 30123


def web(word):
    spec = pod_spec("echo %s > /tmp/index.html; exec httpd -f -p 8080 -h /tmp" % word,
                    readinessProbe={"tcpSocket": {"port": 8080}, "periodSeconds": 1})
    return deployment("web", spec), service("web", 80, 8080, node_port=NODE_PORT)


def answer(cluster):
    try:
        url = "http://%s:%d/" % (cluster.node_ip(), NODE_PORT)
        with urllib.request.urlopen(url, timeout=3) as got:
            return got.read().decode().strip()
    except (urllib.error.URLError, OSError):
        return None


def check_gone(clusters, before):
    left = traces.of_clusters(clusters)
    check(not left, "left behind", *sorted(left))
    after = traces.of_machine()
    check(after == before, "the machine is as before", before, after)


def case_side_by_side(_):
    """The same manifests and NodePort in both; one goes, the other answers on."""
    before = traces.of_machine()
    one, two = Cluster(), Cluster()
    for cluster, word in ((one, "first"), (two, "second")):
        k = Kube(cluster, "default")
        k.apply(*web(word))
    for cluster, word in ((one, "first"), (two, "second")):
        Kube(cluster, "default").rolled_out("deploy/web")
        wait_for("%s answers at its NodePort" % word, lambda c=cluster, w=word: answer(c) == w, 20)
    check(traces.of_clusters([one]) and traces.of_clusters([two]), "traces can be seen")
    one.close()
    check_gone([one], traces.of_machine())
    for _ in range(10):
        check(answer(two) == "second", "the other answers on")
    two.close()
    check_gone([one, two], before)


def killed(cluster, program, number=signal.SIGKILL):
    pid = cluster.pid(program)
    if pid:
        os.kill(pid, number)


def with_workload():
    cluster = Cluster()
    k = Kube(cluster, "default")
    k.apply(*web("here"), deployment("deaf", pod_spec("trap '' TERM; while :; do sleep 1; done")))
    k.rolled_out("deploy/web")
    k.rolled_out("deploy/deaf")
    return cluster


def case_down_after_kills(_):
    """Every program killed with -9: containers run on, and `down` finds them all the same."""
    before = traces.of_machine()
    cluster = with_workload()
    for _ in range(3): # each may have been started again by another meanwhile
        for program in ("supervisor", "apiserver", "controller", "nodeagent", "containerd", "etcd"):
            killed(cluster, program)
    cluster.close()
    check_gone([cluster], before)


def case_down_after_hang(_):
    """containerd and the agent stopped by SIGSTOP."""
    before = traces.of_machine()
    cluster = with_workload()
    killed(cluster, "containerd", signal.SIGSTOP)
    killed(cluster, "nodeagent", signal.SIGSTOP)
    begin = time.monotonic()
    cluster.close()
    check(time.monotonic() - begin < 60, "down within a minute")
    check_gone([cluster], before)


def case_directory_deleted(_):
    """Where somebody deleted what `down` needs, no program runs on that nobody can find."""
    before = traces.of_machine()
    cluster = with_workload()
    programs = ("supervisor", "apiserver", "controller", "nodeagent", "containerd", "etcd")
    pids = {p: (cluster.pid(p), start_time(cluster.pid(p))) for p in programs}
    shutil.rmtree(cluster.root + "/run", ignore_errors=True) # namespaces are mounted there
    wait_for("all programs end", lambda: not any(start_time(pid) == start
                                                 for pid, start in pids.values()), 30)
    cluster.close()
    check_gone([cluster], before)


def case_down_half_made(_):
    """`up` killed on its way; then `down` twice."""
    before = traces.of_machine()
    cluster = Cluster()
    check(cluster.down().code == 0, "down")
    for pause in (0.05, 0.3, 0.8):
        up = subprocess.Popen([skiff(), "cluster", "up", "--root", cluster.root],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(pause)
        up.kill()
        up.wait()
        got = cluster.down()
        check(got.code == 0, "down after `up` was killed at %g s" % pause, got.text())
        check_gone([cluster], before)
    check(cluster.down().code == 0, "down of what is down")
    cluster.close()
    got = run([skiff(), "cluster", "down", "--root", cluster.root])
    check(got.code == 0 and "no cluster" in got.out, "down of nothing", got.text())
