#!/usr/bin/python3
"""bench_writes.py [RUNS [COUNT]] - create, update, status patch, apply and delete over TLS at 1, 16 and 64
connections, through a real etcd with fsync, beside single-put etcd transactions over gRPC as many at a time.

COUNT (8,000) writes at 64 connections, fewer at less. CPU time of server and etcd from /proc. Medians of
RUNS (5), floor and writes in turn. Rows for run.sh.
"""
import sys

import bench_api
from bench_api import Bench, BIN, cpu_us, median, row
import subprocess

RUNS = int(sys.argv[1]) if len(sys.argv) > 1 else 5
COUNT = int(sys.argv[2]) if len(sys.argv) > 2 else 8000
SHARE = {1: 20, 16: 4, 64: 1} # COUNT / share writes at so many connections
MAPS = "/api/v1/namespaces/default/configmaps"
PODS = "/api/v1/namespaces/default/pods"
BYTES = 1024
PROGRESS = {"status": {"phase": "Running", "podIP": "10.1.2.3",
                       "conditions": [{"type": "Ready", "status": "True"}]}}


def changed():
    body = bench_api.config_map(BYTES)
    body["data"]["k"] = "y" * len(body["data"]["k"])
    return body


def applied():
    body = bench_api.config_map(BYTES)
    body["data"] = {"applied": "z" * 100}
    return body


STEPS = (
    ("create, ConfigMap", "POST", MAPS, bench_api.config_map(BYTES), "application/json"),
    ("update, ConfigMap", "PUT", MAPS + "/load-@N@", changed(), "application/json"),
    ("apply, ConfigMap", "PATCH", MAPS + "/load-@N@?fieldManager=bench", applied(),
     "application/apply-patch+yaml"),
    ("delete, ConfigMap", "DELETE", MAPS + "/load-@N@", None, "application/json"),
    ("create, Pod of 2 KB", "POST", PODS, bench_api.pod(BYTES), "application/json"),
    ("status patch, Pod", "PATCH", PODS + "/load-@N@/status", PROGRESS,
     "application/strategic-merge-patch+json"),
    ("delete, Pod", "DELETE", PODS + "/load-@N@?gracePeriodSeconds=0", None, "application/json"),
)


def raw(endpoint, count, connections):
    out = subprocess.run([BIN + "/raw_etcd", endpoint, "put", str(count), str(connections), str(BYTES)],
                         check=True, stdout=subprocess.PIPE, text=True).stdout
    subprocess.run([BIN + "/raw_etcd", endpoint, "delete", str(count), "4", "64"], check=True,
                   stdout=subprocess.PIPE)
    return float(out.split()[0])


def main():
    figures = {}
    with Bench() as bench:
        endpoint = bench.start_etcd()
        etcd = bench.etcd_pid
        floor_endpoint = bench.start_etcd("floor")
        server = bench.start_server(endpoint)
        bench_api.prepare(server)
        for _ in range(RUNS):
            for connections, share in SHARE.items():
                count = COUNT // share
                floor = raw(floor_endpoint, count, connections)
                figures.setdefault(("floor", connections), []).append(floor)
                for step in STEPS:
                    name, method, target, body, kind = step
                    before, before_etcd = cpu_us(server.pid), cpu_us(etcd)
                    load = bench.load(server.port, method, target, connections, count, body, kind)
                    figures.setdefault((name, connections), []).append(
                        (load.rate, load.p50, load.p99, (cpu_us(server.pid) - before) / count,
                         (cpu_us(etcd) - before_etcd) / count))
    for step in STEPS:
        for connections in SHARE:
            rows = figures[(step[0], connections)]
            floor = median(figures[("floor", connections)])
            rate, p50, p99, cpu, etcd_cpu = (median([r[i] for r in rows]) for i in range(5))
            what = "%s, %d at a time" % (step[0], connections)
            is_judged = connections == 64 and step[0].startswith("create")
            row(what, "a second", floor, rate, rate / floor, "at least 1.5" if is_judged else "-")
            row("    CPU of each", "µs", None, cpu, None,
                "under 80" if is_judged and "ConfigMap" in step[0] else "-")
            row("    etcd's CPU; p50 and p99", "µs", None,
                "%.0f; %.0f, %.0f" % (etcd_cpu, p50, p99), None, "-")


if __name__ == "__main__":
    main()
