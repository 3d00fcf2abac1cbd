#!/usr/bin/python3
"""bench_idle.py [SECONDS] - resident memory and CPU time of the three daemons of an idle cluster with
one node and a handful of pods, each beside its floor: what it has when it is loaded and about to
read its first file (libraries and relocations)."""
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "e2e"))

from harness import Cluster, skiff, wait_for # noqa: E402
from kube import Kube, deployment # noqa: E402

SETTLE_S = 40 # what the start needed is given back after 10 s, connections after 30 s
PROGRAMS = ("apiserver", "controller", "nodeagent")


def memory(pid):
    """kB: resident, proportional, anonymous."""
    found = {}
    with open("/proc/%d/smaps_rollup" % pid, encoding="ascii") as f:
        for line in f:
            words = line.split()
            found[words[0].rstrip(":")] = int(words[1]) if words[1].isdigit() else 0
    return found["Rss"], found["Pss"], found["Anonymous"]


def cpu_ticks(pid):
    with open("/proc/%d/stat" % pid, encoding="ascii", errors="replace") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def loaded_alone(program, fifo):
    """kB resident of a program that hangs in opening its first file, for nobody writes to it."""
    path = os.path.join(os.path.dirname(skiff()), "skiff-" + program)
    arguments = {"apiserver": ["--etcd=unix:///nowhere", "--tls-key=" + fifo, "--tls-cert=" + fifo],
                 "controller": ["--kubeconfig=" + fifo],
                 "nodeagent": ["--kubeconfig=" + fifo, "--containerd-socket=/nowhere"]}[program]
    with subprocess.Popen([path, *arguments]) as process:
        try:
            last = []

            def is_steady():
                last.append(memory(process.pid)[0])
                return len(last) > 5 and len(set(last[-5:])) == 1
            wait_for("%s opens it" % program, is_steady, 10, 0.1)
            return last[-1]
        finally:
            process.kill()


def main(seconds):
    cluster = Cluster()
    k = Kube(cluster, "idle")
    k.apply(deployment("a", replicas=2), deployment("b", replicas=2, depends="a"))
    k.rolled_out("deploy/b")
    time.sleep(SETTLE_S)
    pids = {p: cluster.pid(p) for p in PROGRAMS}
    before = {p: cpu_ticks(pid) for p, pid in pids.items()}
    time.sleep(seconds)
    ticks = {p: cpu_ticks(pid) - before[p] for p, pid in pids.items()}
    print("%-16s %8s %8s %10s %12s %8s" % ("MB", "resident", "shared*", "anonymous", "loaded alone",
                                           "CPU ms"))
    total = [0, 0, 0, 0, 0]
    fifo = os.path.join(cluster.root, "fifo")
    os.mkfifo(fifo)
    for p in PROGRAMS:
        row = [x / 1024 for x in (*memory(pids[p]), loaded_alone(p, fifo))]
        row.append(ticks[p] * 1000 / os.sysconf("SC_CLK_TCK"))
        total = [t + x for t, x in zip(total, row)]
        print("%-16s %8.1f %8.1f %10.1f %12.1f %8.0f" % ("skiff-" + p, *row))
    print("%-16s %8.1f %8.1f %10.1f %12.1f %8.0f" % ("together", *total))
    print("* proportional: pages of several processes count in parts\n"
          "%.2f %% of a core over %d s (wanted: 30 MB, 0.3 %%)" % (total[4] / seconds / 10, seconds))
    cluster.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 60)
