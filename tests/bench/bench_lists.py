#!/usr/bin/python3
"""bench_lists.py [RUNS [PODS…]] - LIST of 10,000 and 100,000 pods of about 3 KB as JSON, as a Table and in
protobuf, each beside the same bytes from memory through the same HTTP server; the server's memory meanwhile;
what it holds at rest beside the bytes of the JSON; how long it takes to start with them. Medians of RUNS (5).
"""
import os
import subprocess
import sys

import bench_api
from bench_api import Bench, cpu_us, forget_peak, median, memory, row

RUNS = int(sys.argv[1]) if len(sys.argv) > 1 else 5
SETS = [int(a) for a in sys.argv[2:]] or [10000, 100000]
PODS = "/api/v1/namespaces/default/pods"
KINDS = (("JSON", "application/json", 2),
         ("Table", "application/json;as=Table;v=v1;g=meta.k8s.io", 6),
         ("protobuf", "application/vnd.kubernetes.protobuf", 6))


def fetch(bench, server, accept, name):
    """The list in a file, for the floor to send."""
    subprocess.run(["curl", "-sSf", "--noproxy", "*", "--cacert", bench.path("ca.crt"), "--cert",
                    bench.path("admin.crt"), "--key", bench.path("admin.key"), "-H", "Accept: " + accept, "-o",
                    bench.path(name), "https://127.0.0.1:%d%s?resourceVersion=0" % (server.port, PODS)],
                   check=True)
    return os.path.getsize(bench.path(name))


def timed(bench, port, target, accept, times):
    load = bench.load(port, "GET", target, 1, times, None, "ACCEPT:" + accept)
    return load.seconds * 1000 / times, load.bytes / times


def lists(bench, server, count, name, accept, wanted):
    size = fetch(bench, server, accept, "list")
    port, child = bench.start_static("static_http", bench.path("list"))
    times = max(1, 20000 // count)
    ours, floor, cpu, base_cpu, grown = [], [], [], [], []
    server.longest_turn_ms()
    for _ in range(RUNS):
        before = cpu_us(child.pid)
        floor.append(timed(bench, port, "/", accept, times)[0])
        base_cpu.append((cpu_us(child.pid) - before) / times / 1000)
        forget_peak(server.pid)
        before, resident = cpu_us(server.pid), memory(server.pid, "VmRSS")
        ms, _ = timed(bench, server.port, PODS + "?resourceVersion=0", accept, times)
        ours.append(ms)
        cpu.append((cpu_us(server.pid) - before) / times / 1000)
        grown.append((memory(server.pid, "VmHWM") - resident) / 1e6)
    ratio = median(ours) / median(floor)
    row("LIST of %d pods, %s, %.0f MB" % (count, name, size / 1e6), "ms", median(floor), median(ours), ratio,
        "at most %d" % wanted)
    row("    CPU of each", "ms", median(base_cpu), median(cpu), median(cpu) / max(median(base_cpu), 0.1), "-")
    row("    memory more meanwhile; longest turn", "MB; ms", None,
        "%.1f; %.1f" % (median(grown), server.longest_turn_ms()), None,
        "flat; under 5" if name == "JSON" else "-; under 5")
    bench.stop(child)


def one_set(count):
    with Bench() as bench:
        endpoint = bench.start_etcd()
        server = bench.start_server(endpoint)
        bench_api.prepare(server)
        bench.load(server.port, "POST", PODS, 64, count, bench_api.pod(3000))
        starts, resident = [], []
        for _ in range(RUNS):
            bench.stop(server.process)
            server = bench.start_server(endpoint)
            starts.append(server.start_s)
            resident.append(memory(server.pid, "VmRSS"))
        size = server.metric("skiff_object_bytes")
        row("start with %d pods" % count, "s", None, median(starts), None, "under 3")
        row("resident with %d pods" % count, "MB", size / 1e6, median(resident) / 1e6,
            median(resident) / size, "at most 1.3")
        for name, accept, wanted in KINDS:
            lists(bench, server, count, name, accept, wanted)


if __name__ == "__main__":
    for number in SETS:
        one_set(number)
