#!/usr/bin/python3
"""bench_two.py [RUNS] - two API servers on one etcd: reads of both beside those of one, and that nothing is read
older than a finished write through the other. Where the cores are few the clients take what the second server
would need: the table says how many there are.
"""
import json
import os
import subprocess
import sys
import threading

import bench_api
from bench_api import Bench, median, row

RUNS = int(sys.argv[1]) if len(sys.argv) > 1 else 5
WRITES = 400
READS = 12000
MAP = "/api/v1/namespaces/default/configmaps/one"


def reads(bench, servers):
    rates = []

    def one(server):
        rates.append(bench.load(server.port, "GET", MAP, 32, READS).rate)
    threads = [threading.Thread(target=one, args=(s,)) for s in servers]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return sum(rates)


def stale_reads(servers):
    """Each write goes through one server, and at once a read through the other."""
    stale = 0
    for i in range(WRITES):
        writer, reader = servers[i % 2], servers[(i + 1) % 2]
        got = json.loads(writer.call("GET", MAP))
        got["data"]["seq"] = str(i)
        writer.call("PUT", MAP, got)
        read = json.loads(reader.call("GET", MAP))["data"]["seq"]
        items = json.loads(reader.call("GET", os.path.dirname(MAP)))["items"]
        stale += read != str(i)
        stale += [o["data"]["seq"] for o in items if o["metadata"]["name"] == "one"] != [str(i)]
    return stale


def main():
    with Bench() as bench:
        endpoint = bench.start_etcd()
        servers = [bench.start_server(endpoint), bench.start_server(endpoint)]
        body = bench_api.config_map()
        body["metadata"]["name"] = "one"
        body["data"]["seq"] = "none"
        servers[0].call("POST", os.path.dirname(MAP), body)
        one, two = [], []
        for _ in range(RUNS):
            one.append(reads(bench, servers[:1]))
            two.append(reads(bench, servers))
        ratio = median(two) / median(one)
        row("linearizable GETs, two servers beside one", "a second", median(one), median(two), ratio,
            "near 2 (%d cores here)" % os.cpu_count())
        row("reads older than a finished write, of %d" % (2 * WRITES), "", None, float(stale_reads(servers)),
            None, "0")


if __name__ == "__main__":
    main()
