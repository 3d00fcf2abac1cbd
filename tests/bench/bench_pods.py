#!/usr/bin/python3
"""bench_pods.py ROOT [RUNS] - apply until Running, on the running cluster under ROOT, beside the same
pods by direct CRI calls, in alternating runs; medians.

Measured from before the POST (through the API, without kubectl's own start) until the watch shows all
containers running.
"""
import json
import os
import ssl
import subprocess
import sys
import time
import urllib.request

ROOT, RUNS = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 5
BIN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../build/release/bin")
CLUSTER = json.load(open(f"{ROOT}/cluster.json"))
BASE = f"https://127.0.0.1:{CLUSTER['apiPort']}"
TLS = ssl.create_default_context(cafile=f"{ROOT}/pki/ca.crt")
TLS.load_cert_chain(f"{ROOT}/pki/admin.crt", f"{ROOT}/pki/admin.key")
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}),
                                     urllib.request.HTTPSHandler(context=TLS))
NS = "/api/v1/namespaces/default/pods"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"


def call(method, path, body=None, timeout=60):
    request = urllib.request.Request(BASE + path, method=method,
                                     data=json.dumps(body).encode() if body else None,
                                     headers={"Content-Type": "application/json"})
    return OPENER.open(request, timeout=timeout)


def deployment(name, replicas):
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
            "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}},
                     "template": {"metadata": {"labels": {"app": name}},
                                  "spec": {"terminationGracePeriodSeconds": 0,
                                           "automountServiceAccountToken": False,
                                           "containers": [{"name": "c", "image": "localhost/busybox:1",
                                                           "command": ["sleep", "100000"]}]}}}}


def apply_until_running(replicas):
    name = f"bench-{replicas}"
    watch = call("GET", f"{NS}?watch=1&labelSelector=app%3D{name}&timeoutSeconds=120", timeout=120)
    begin, running = time.monotonic(), set()
    call("POST", DEPLOYMENTS, deployment(name, replicas)).read()
    for line in watch:
        event = json.loads(line)
        if event["object"].get("status", {}).get("phase") == "Running":
            running.add(event["object"]["metadata"]["name"])
        if len(running) == replicas:
            break
    took = (time.monotonic() - begin) * 1000
    watch.close()
    call("DELETE", f"{DEPLOYMENTS}/{name}", {"propagationPolicy": "Foreground"}).read()
    for _ in range(600):
        left = json.load(call("GET", f"{NS}?labelSelector=app%3D{name}"))["items"]
        if not left:
            return took
        time.sleep(0.1)
    sys.exit("pods are still there after a minute")


def direct(replicas, parallel):
    node = CLUSTER["nodes"][0]["name"]
    done = subprocess.run([f"{BIN}/bench_cri", f"{ROOT}/run/c-{node}.sock", str(replicas),
                           str(parallel), CLUSTER["cgroup"] + "/bench"], capture_output=True, text=True, timeout=120, check=True)
    return float(done.stdout)


def median(values):
    return sorted(values)[len(values) // 2]


def main():
    print(f"{'apply until Running':<22}{'CRI ms':>10}{'Skiff ms':>10}{'ratio':>8}   wanted")
    for replicas, parallel, wanted in ((1, 1, "time <= 1.3"), (30, 6, "rate >= 0.8")):
        floor, ours = [], []
        for _ in range(RUNS):
            floor.append(direct(replicas, parallel))
            ours.append(apply_until_running(replicas))
        a, b = median(floor), median(ours)
        ratio = b / a if replicas == 1 else a / b
        print(f"{replicas:>3} pods{'':<15}{a:>10.0f}{b:>10.0f}{ratio:>8.2f}   {wanted}")


main()
