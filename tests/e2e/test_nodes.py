"""Two nodes on one machine: pods reach each other, and a node that is lost is replaced."""
import os
import signal
import time

from harness import check, wait_for
from kube import Kube, container_ids, deployment, pod, pod_spec

NODES = 2
SERVE = "echo $HOSTNAME > /tmp/index.html; exec httpd -f -p 8080 -h /tmp"


def node_of(pod_object):
    return pod_object["spec"].get("nodeName")


def node_condition(k, name):
    return next(c["status"] for c in k.get("node/" + name)["status"]["conditions"]
                if c["type"] == "Ready")


def renewed(k, name):
    return k.get("lease/" + name, "-n", "kube-node-lease")["spec"]["renewTime"]


def case_both_take_pods(cluster):
    k = Kube(cluster, "spread")
    names = [n["metadata"]["name"] for n in k.get("nodes")["items"]]
    check(names == ["node-1", "node-2"], "node names", names)
    k.apply(deployment("web", pod_spec(SERVE), replicas=4))
    k.rolled_out("deploy/web")
    per_node = sorted(node_of(p) for p in k.pods())
    check(per_node == ["node-1", "node-1", "node-2", "node-2"], "spread over nodes", per_node)
    addresses = [p["status"]["podIP"] for p in k.pods()]
    check(len(set(addresses)) == 4, "addresses of their own", addresses)
    k.apply(pod("picky", nodeSelector={"kubernetes.io/hostname": "node-2"}))
    k.ok("wait", "pod/picky", "--for=condition=Ready", "--timeout=20s")
    check(node_of(k.get("pod/picky")) == "node-2", "nodeSelector")
    for p in k.pods():
        name = p["metadata"]["name"]
        check(k.ok("exec", name, "--", "hostname") == name + "\n", "exec on " + node_of(p))


def case_pods_reach_each_other(cluster):
    k = Kube(cluster, "reach")
    pods = [pod("on-%d" % i, SERVE, nodeName="node-%d" % i) for i in (1, 2)]
    k.apply(*pods)
    k.ok("wait", "pod", "--all", "--for=condition=Ready", "--timeout=20s")
    address = {p["metadata"]["name"]: p["status"]["podIP"] for p in k.pods()}
    for here in address:
        for there, ip in address.items():
            # Not wget: Debian's static busybox crashes in it for an address in a bare root.
            fetch = r"printf 'GET / HTTP/1.0\r\n\r\n' | nc -w 3 %s 8080 | tail -n 1" % ip
            wait_for("%s reaches %s" % (here, there), lambda h=here, t=there, f=fetch: k.try_(
                "exec", h, "--", "sh", "-c", f).out == t + "\n", 20)


def case_node_lost_and_back(cluster):
    """An agent that stays away: NotReady, its pods replaced; back again, all is as before."""
    k = Kube(cluster, "lost")
    short = [{"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 2}
             for key in ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")]
    k.apply(deployment("web", pod_spec(tolerations=short), replicas=4), deployment("patient"))
    k.rolled_out("deploy/web")
    k.rolled_out("deploy/patient")
    patient = container_ids(k.pods("app=patient"))
    here = [p["metadata"]["name"] for p in k.pods("app=web") if node_of(p) == "node-2"]
    check(here, "node-2 has pods")
    os.kill(cluster.pid("nodeagent-node-2"), signal.SIGSTOP)
    held = renewed(k, "node-2")
    try:
        wait_for("node-2 is NotReady", lambda: node_condition(k, "node-2") != "True", 60)
        wait_for("its pods are replaced", lambda: len([
            p for p in k.pods("app=web") if node_of(p) == "node-1" and
            not p["metadata"].get("deletionTimestamp") and
            all(c["ready"] for c in p["status"].get("containerStatuses", [{"ready": False}]))
        ]) == 4, 30)
    finally:
        os.kill(cluster.pid("nodeagent-node-2"), signal.SIGCONT)
    wait_for("its lease is renewed at once", lambda: renewed(k, "node-2") > held, 5)
    wait_for("node-2 is Ready", lambda: node_condition(k, "node-2") == "True", 60)
    wait_for("the pods that were given up are gone", lambda: not set(here) & {
        p["metadata"]["name"] for p in k.pods("app=web")}, 40)
    check(container_ids(k.pods("app=patient")) == patient, "who tolerates it for longer stays")
    time.sleep(1)
    check(len(k.pods("app=web")) == 4, "as many pods as wanted", [
        p["metadata"]["name"] for p in k.pods("app=web")])


def case_cordon_and_drain(cluster):
    k = Kube(cluster, "drain")
    k.apply(deployment("web", replicas=4))
    k.rolled_out("deploy/web")
    k.ok("drain", "node-2", "--ignore-daemonsets", "--force", "--delete-emptydir-data",
         "--timeout=60s", seconds=70)
    k.rolled_out("deploy/web")
    check({node_of(p) for p in k.pods() if not p["metadata"].get("deletionTimestamp")} ==
          {"node-1"}, "a drained node has no pods")
    k.ok("uncordon", "node-2")
    k.apply(pod("new", nodeSelector={"kubernetes.io/hostname": "node-2"}))
    k.ok("wait", "pod/new", "--for=condition=Ready", "--timeout=20s")
