#!/usr/bin/python3
"""bench_watch.py [RUNS [WATCHERS×RATE…]] - many watchers of ConfigMaps that change at a rate: events a second,
how long after a write's answer they arrive, CPU time an event; then as fast as it goes, beside a plain
fan-out of the same bytes over the same TLS (fanout.c). Through a real etcd. Medians of RUNS (5).
"""
import json
import os
import subprocess
import sys

import bench_api
from bench_api import Bench, BIN, cpu_us, median, row

RUNS = int(sys.argv[1]) if len(sys.argv) > 1 else 5
SETS = sys.argv[2:] or ["1000x100", "5000x20"]
SECONDS = 5
BYTES = 600 # of text; about 1 KB an event
SATURATING = 1000 # watchers
CHANGES = 400
MAPS = "/api/v1/namespaces/default/configmaps"
PROTOBUF = "application/vnd.kubernetes.protobuf"
OPEN = ("--connections-per-client=16000",)


class Watchers:
    def __init__(self, bench, port, watchers, target, changes, rate, *write, accept=None):
        self.process = subprocess.Popen(
            [BIN + "/watchers", "https://127.0.0.1:%d" % port, bench.path("ca.crt"), bench.path("admin.crt"),
             bench.path("admin.key"), str(watchers), target, str(changes), str(rate), *write],
            stdout=subprocess.PIPE, text=True,
            env=dict(os.environ, WATCH_ACCEPT=accept) if accept else None)
        bench.children.append(self.process)
        if self.process.stdout.readline() != "ready\n":
            raise RuntimeError("the watches did not open")

    def result(self):
        """Events a second; p50, p99, longest in µs; seconds."""
        line = self.process.stdout.readline()
        if self.process.wait() != 0:
            raise RuntimeError("the watches ended early")
        return list(map(float, line.split()))


def watch_target(server):
    version = json.loads(server.call("GET", MAPS))["metadata"]["resourceVersion"]
    return MAPS + "?watch=1&resourceVersion=" + version


def changes_at(bench, server, watchers, changes, rate, accept=None):
    target = watch_target(server)
    w = Watchers(bench, server.port, watchers, target, changes, rate, MAPS + "/load-@N@", str(BYTES),
                 accept=accept)
    before = cpu_us(server.pid)
    result = w.result()
    return result, (cpu_us(server.pid) - before) / (changes * watchers)


def event_bytes(server):
    """Of one event, with the frame of its chunk."""
    return len(server.call("GET", MAPS + "/load-000000")) + len('{"type":"MODIFIED","object":}\n')


def fan_out(bench, port, child, watchers, changes):
    w = Watchers(bench, port, watchers, "/", changes, -1)
    child.stdin.write("%d\n" % changes)
    child.stdin.flush()
    result = w.result()
    return result, float(child.stdout.readline()) / (changes * watchers)


def start_fan_out(bench, size):
    port = bench_api.free_port()
    child = subprocess.Popen([BIN + "/fanout", str(port), bench.path("server.crt"), bench.path("server.key"),
                              str(size)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    bench.children.append(child)
    if child.stdout.readline() != "ready\n":
        raise RuntimeError("the fan-out does not listen")
    return port, child


def rates(bench, server):
    for one in SETS:
        watchers, rate = map(int, one.split("x"))
        runs = [changes_at(bench, server, watchers, rate * SECONDS, rate) for _ in range(RUNS)]
        what = "%d watchers, %d changes a second" % (watchers, rate)
        row(what, "events/s", watchers * rate, median([r[0][0] for r in runs]), None, "all of them")
        row("    p50 and p99 after the answer", "ms", None, "%.1f, %.1f" % tuple(
            median([r[0][i] for r in runs]) / 1000 for i in (1, 2)), None, "-")
        row("    CPU of an event", "µs", None, median([r[1] for r in runs]), None, "-")


def saturate(bench, server):
    ours, floor = [], []
    changes_at(bench, server, 1, 64, 0) # so that all objects have their size
    size = event_bytes(server)
    for _ in range(RUNS):
        port, child = start_fan_out(bench, size) # each run its own: its peers stay
        floor.append(fan_out(bench, port, child, SATURATING, CHANGES))
        child.kill()
        ours.append(changes_at(bench, server, SATURATING, CHANGES, 0))
    rate, base = (median([r[0][0] for r in x]) for x in (ours, floor))
    row("as fast as it goes, %d watchers, %d bytes" % (SATURATING, size), "events/s", base, rate,
        rate / base, "at least 0.7")
    cpu, base = (median([r[1] for r in x]) for x in (ours, floor))
    row("    CPU of an event", "µs", base, cpu, cpu / base, "-")


def in_protobuf(bench, server):
    """As Go's clients watch: a frame is made once, so it costs what JSON costs."""
    runs = [changes_at(bench, server, SATURATING, CHANGES, 0, accept=PROTOBUF) for _ in range(RUNS)]
    row("    in protobuf", "events/s", None, median([r[0][0] for r in runs]), None, "-")
    row("    CPU of an event", "µs", None, median([r[1] for r in runs]), None, "-")


def main():
    with Bench() as bench:
        server = bench.start_server(bench.start_etcd(), *OPEN)
        bench.load(server.port, "POST", MAPS, 4, 16, bench_api.config_map())
        rates(bench, server)
        saturate(bench, server)
        in_protobuf(bench, server)


if __name__ == "__main__":
    main()
