"""What kubectl does through parts of pods: drain against budgets, debug, resize; and storage in use."""
import json

from harness import check, check_in
from kube import Kube, deployment, pod

BLOCKED = "Cannot evict pod as it would violate the pod's disruption budget."


def budget(name, **spec):
    return {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": name},
            "spec": dict(spec, selector={"matchLabels": {"app": name}})}


def allows(count):
    return lambda b: b and b.get("status", {}).get("disruptionsAllowed") == count


def case_drain_keeps_to_the_budget(cluster):
    k, node = Kube(cluster, "drain"), cluster.node_name()
    k.apply(deployment("web", replicas=2), budget("web", minAvailable=1))
    k.rolled_out("deployment/web")
    status = k.until("two are healthy", "pdb/web", allows(1))["status"]
    check((status["currentHealthy"], status["desiredHealthy"], status["expectedPods"]) == (2, 1, 2),
          "the counts", status)
    check(status["conditions"][0]["reason"] == "SufficientPods", "the condition", status)
    before = [p["metadata"]["name"] for p in k.pods("app=web")]
    try:
        # Others of the node may stay.
        got = k.try_("drain", node, "--ignore-daemonsets", "--pod-selector=app=web",
                     "--timeout=15s", seconds=60)
        check(got.code != 0, "the second must stay", got.text())
        check_in(BLOCKED, got.out + got.err, "why")
        left = [p["metadata"]["name"] for p in k.pods("app=web")
                if p["status"]["phase"] == "Running"]
        check(len(left) == 1 and left[0] in before, "one is left", left)
        k.until("nobody else may go", "pdb/web", allows(0))
        out = k.refused("create", "--raw", "/api/v1/namespaces/drain/pods/%s/eviction" % left[0],
                        "-f", "-", stdin=json.dumps({
                            "apiVersion": "policy/v1", "kind": "Eviction",
                            "metadata": {"name": left[0], "namespace": "drain"}}))
        check_in(BLOCKED, out, "asked by hand")
        # Refused with 429, it asks again every five seconds, and goes on once it may.
        with k.start("drain", node, "--ignore-daemonsets", "--pod-selector=app=web", "--timeout=60s") as drain:
            drain.wait_line(BLOCKED)
            k.ok("patch", "pdb", "web", "--type=merge", "-p", '{"spec":{"minAvailable":0}}')
            check(drain.process.wait(30) == 0, "drained in the end", drain.lines)
        k.ok("patch", "pdb", "web", "--type=merge", "-p", '{"spec":{"minAvailable":1}}')
    finally:
        k.ok("uncordon", node)
    k.rolled_out("deployment/web")
    k.until("two are healthy again", "pdb/web", allows(1))
    k.ok("scale", "deployment/web", "--replicas=0")
    k.until("none is wanted", "pdb/web", lambda b: b["status"]["expectedPods"] == 0)
    check_in("NoPods", " ".join(k.events("web")), "the budget says that it has none")
    k.ok("delete", "pdb/web")


def case_debug_and_resize(cluster):
    k = Kube(cluster, "parts")
    k.apply(pod("app", resources={"requests": {"cpu": "20m", "memory": "8Mi"}}))
    k.ok("wait", "pod/app", "--for=condition=Ready", "--timeout=60s")
    got = k.try_("debug", "app", "--image=localhost/busybox:1", "--container=look",
                 "--target=main", "--", "true")
    if "unknown flag" not in got.err:
        check(got.code == 0, "kubectl debug", got.text())
        added = k.get("pod", "app")["spec"]["ephemeralContainers"]
        check(added[0]["name"] == "look" and added[0]["targetContainerName"] == "main", "it is added",
              added)
        out = k.refused("patch", "pod", "app", "--subresource=ephemeralcontainers", "--type=json",
                        "-p", '[{"op":"remove","path":"/spec/ephemeralContainers/0"}]')
        check_in('existing ephemeral containers "look" may not be removed', out, "and stays")
    patch = json.dumps({"spec": {"containers": [
        {"name": "main", "resources": {"requests": {"cpu": "30m"}}}]}})
    got = k.try_("patch", "pod", "app", "--subresource=resize", "-p", patch)
    if "invalid subresource" in got.err: # kubectl before 1.32
        return
    check_in("Pod running on node without support for resize", got.err, "the agent cannot yet")
    waits = pod("waits", resources={"requests": {"cpu": "20m", "memory": "8Mi"}},
                nodeSelector={"no": "node"})
    k.apply(waits)
    k.ok("patch", "pod", "waits", "--subresource=resize", "-p", patch)
    now = k.get("pod", "waits")
    check(now["spec"]["containers"][0]["resources"]["requests"] == {"cpu": "30m", "memory": "8Mi"},
          "who waits is resized", now["spec"]["containers"])
    check(now["metadata"]["generation"] == 2, "it is another generation", now["metadata"])


def case_a_claim_in_use_stays(cluster):
    k = Kube(cluster, "held")
    k.apply({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"},
             "spec": {"accessModes": ["ReadWriteOnce"],
                      "resources": {"requests": {"storage": "1Gi"}}}},
            pod("user", nodeName=cluster.node_name(), volumes=[
                {"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]))
    k.ok("delete", "pvc/data", "--wait=false")
    out = k.ok("describe", "pvc/data")
    check_in("kubernetes.io/pvc-protection", out, "what holds it")
    check_in("Terminating", out, "it waits")
    k.ok("delete", "pod/user", "--grace-period=0", "--force")
    k.until("it goes with its user", "pvc/data", lambda claim: claim is None, 30)
