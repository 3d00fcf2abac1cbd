#!/usr/bin/python3
"""bench_collection.py [RUNS [PODS]] - deletecollection of 5,000 pods (grace 0) through a real etcd, beside the
same number of raw etcd deletes, 64 nested a transaction. Medians of RUNS (5), floor and ours in turn.
"""
import subprocess
import sys

import bench_api
from bench_api import Bench, BIN, cpu_us, median, row

RUNS = int(sys.argv[1]) if len(sys.argv) > 1 else 5
COUNT = int(sys.argv[2]) if len(sys.argv) > 2 else 5000
PODS = "/api/v1/namespaces/default/pods"


def raw(endpoint, size):
    for what in (["put", str(COUNT), "64", str(size)], ["delete", str(COUNT), "1", "64"]):
        out = subprocess.run([BIN + "/raw_etcd", endpoint, *what], check=True, stdout=subprocess.PIPE,
                             text=True).stdout
    return float(out.split()[0])


def main():
    ours, floor, cpu, turns = [], [], [], []
    with Bench() as bench:
        floor_endpoint = bench.start_etcd("floor")
        server = bench.start_server(bench.start_etcd())
        bench_api.prepare(server)
        for _ in range(RUNS):
            floor.append(raw(floor_endpoint, 3000))
            bench.load(server.port, "POST", PODS, 64, COUNT, bench_api.pod(3000))
            server.longest_turn_ms()
            before = cpu_us(server.pid)
            load = bench.load(server.port, "DELETE", PODS + "?gracePeriodSeconds=0", 1, 1)
            cpu.append((cpu_us(server.pid) - before) / COUNT)
            turns.append(server.longest_turn_ms())
            ours.append(COUNT / load.seconds)
            left = server.call("GET", PODS)
            if b'"uid"' in left:
                raise RuntimeError("pods were left")
    rate, base = median(ours), median(floor)
    row("deletecollection of %d pods" % COUNT, "a second", base, rate, rate / base, "at least 0.5")
    row("    CPU of each", "µs", None, median(cpu), None, "-")
    row("    longest turn of the loop", "ms", None, median(turns), None, "under 5")


if __name__ == "__main__":
    main()
