#!/usr/bin/python3
"""bench_turns.py [RUNS] - the longest turn of the core loop while 64 clients do one thing, and then the worst of
all at once: creates, updates, applies, large objects, lists, tables, protobuf, a collection's deletion.
"""
import sys
import threading

import bench_api
from bench_api import Bench, median, row

RUNS = int(sys.argv[1]) if len(sys.argv) > 1 else 5
STORED = 10000
MAPS = "/api/v1/namespaces/default/configmaps"
PODS = "/api/v1/namespaces/default/pods"
OTHER = "/api/v1/namespaces/other"
TABLE = "ACCEPT:application/json;as=Table;v=v1;g=meta.k8s.io"
PROTOBUF = "ACCEPT:application/vnd.kubernetes.protobuf"
JSON = "application/json"


def large(name, size):
    body = bench_api.config_map(size)
    body["metadata"]["name"] = name
    return body


# name, then what runs one after the other: method, target, share of the connections, count, body, type
WORK = (
    ("GET", [("GET", MAPS + "/one", 1, 6000, None, JSON)]),
    ("create and delete", [("POST", MAPS, 1, 3000, bench_api.config_map(), JSON),
                           ("DELETE", MAPS + "/load-@N@", 1, 3000, None, JSON)]),
    ("create, patch and delete pods",
     [("POST", OTHER + "/pods", 1, 2000, bench_api.pod(3000), JSON),
      ("PATCH", OTHER + "/pods/load-@N@", 1, 2000, {"metadata": {"labels": {"new": "label"}}},
       "application/strategic-merge-patch+json"),
      ("DELETE", OTHER + "/pods?gracePeriodSeconds=0", 0, 1, None, JSON)]),
    ("create, apply and delete 300 KB",
     [("POST", MAPS, 1, 128, large("middle-@N@", 300000), JSON),
      ("PATCH", MAPS + "/middle-@N@?fieldManager=b&force=true", 1, 128, large("middle-@N@", 290000),
       "application/apply-patch+yaml"),
      ("GET", MAPS + "/middle-@N@", 1, 128, None, JSON),
      ("DELETE", MAPS + "/middle-@N@", 1, 128, None, JSON)]),
    ("create and delete 1 MB", [("POST", MAPS, 1, 64, large("large-@N@", 1000000), JSON),
                                ("DELETE", MAPS + "/large-@N@", 1, 64, None, JSON)]),
    ("LIST of 10,000 pods", [("GET", PODS + "?resourceVersion=0", 0.25, 32, None, JSON)]),
    ("pages of 500", [("GET", PODS + "?limit=500", 1, 200, None, JSON)]),
    ("Table of 10,000 pods", [("GET", PODS + "?resourceVersion=0", 0.1, 8, None, TABLE)]),
    ("protobuf of 10,000 pods", [("GET", PODS + "?resourceVersion=0", 0.1, 8, None, PROTOBUF)]),
    ("pods of a label (selects none)", [("GET", PODS + "?labelSelector=a%3Db", 1, 200, None, JSON)]),
)


def run(bench, server, steps, connections):
    for method, target, share, count, body, kind in steps:
        bench.load(server.port, method, target, max(1, int(connections * share)), count, body, kind)


def main():
    with Bench() as bench:
        server = bench.start_server(bench.start_etcd())
        bench_api.prepare(server)
        server.call("POST", "/api/v1/namespaces", {"metadata": {"name": "other"}})
        server.call("POST", OTHER + "/serviceaccounts", {"metadata": {"name": "default"}})
        server.call("POST", MAPS, large("one", 1024))
        bench.load(server.port, "POST", PODS, 64, STORED, bench_api.pod(3000))
        for name, steps in WORK:
            turns = []
            for _ in range(RUNS):
                server.longest_turn_ms()
                run(bench, server, steps, 64)
                turns.append(server.longest_turn_ms())
            row("longest turn, 64 clients: " + name, "ms", None, median(turns), None, "under 5")
        turns = []
        for _ in range(RUNS):
            server.longest_turn_ms()
            threads = [threading.Thread(target=run, args=(bench, server, steps, 64 // len(WORK)))
                       for _, steps in WORK]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            turns.append(server.longest_turn_ms())
        row("longest turn, 64 clients: all of it at once", "ms", None, median(turns), None, "under 5")


if __name__ == "__main__":
    main()
