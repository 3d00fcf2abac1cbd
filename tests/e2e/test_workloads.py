"""What controllers make of Deployments, Jobs and owners: strategies, history, limits, garbage collection."""
import json
import time

from harness import check, check_in, wait_for
from kube import Kube, container, deployment, job, pod, pod_spec, service

LANES = 3
ALONE = {"placement"} # it taints the node


def version(n, name="web", replicas=3, **more):
    spec = pod_spec("trap 'sleep 1; exit 0' TERM; sleep 3600 & wait", env=[
        {"name": "V", "value": str(n)}])
    spec["terminationGracePeriodSeconds"] = 5
    return deployment(name, spec, replicas, **more)


def version_of(p):
    return p["spec"]["containers"][0]["env"][0]["value"]


def is_stopping(p):
    return "deletionTimestamp" in p["metadata"]


def is_ready(p):
    return not is_stopping(p) and any(c["type"] == "Ready" and c["status"] == "True"
                                      for c in p["status"].get("conditions", []))


def roll(k, thing, look):
    """Applies it and looks at all pods until it is rolled out."""
    k.apply(thing)

    def through():
        look(k.pods("app=" + thing["metadata"]["name"]))
        d = k.get("deploy/" + thing["metadata"]["name"])
        s = d["status"]
        return (s.get("observedGeneration") == d["metadata"]["generation"] and
                s.get("updatedReplicas") == s.get("availableReplicas") == s.get("replicas") ==
                d["spec"]["replicas"])
    wait_for("rolled out", through, 60, 0.05)


def case_rolling_update(cluster):
    """Never more than replicas + maxSurge, never fewer ready than replicas - maxUnavailable."""
    k = Kube(cluster, "rolling")
    for n, (surge, missing) in enumerate((("25%", "25%"), (1, 0), (0, 1), (3, 3))):
        strategy = {"type": "RollingUpdate",
                    "rollingUpdate": {"maxSurge": surge, "maxUnavailable": missing}}
        k.apply(version("a%d" % n, strategy=strategy))
        k.rolled_out("deploy/web")
        most, least = 3 + (1 if surge == "25%" else surge), 3 - (0 if missing == "25%" else missing)

        def look(pods):
            live = [p for p in pods if not is_stopping(p)]
            check(len(live) <= most, "at most %d pods" % most, [p["metadata"]["name"] for p in live])
            ready = sum(map(is_ready, pods))
            check(ready >= least, "at least %d ready" % least, ready)
        roll(k, version("b%d" % n, strategy=strategy), look)


def case_recreate(cluster):
    """No new pod before the last old one has ended."""
    k = Kube(cluster, "recreate")
    strategy = {"type": "Recreate"}
    k.apply(version(1, strategy=strategy))
    k.rolled_out("deploy/web")
    seen = set()

    def look(pods):
        pods = [p for p in pods if p["status"].get("phase") not in ("Succeeded", "Failed")]
        versions = {version_of(p) for p in pods}
        seen.add(tuple(sorted(versions)))
        check(len(versions) <= 1, "never both versions", [
            (p["metadata"]["name"], version_of(p), is_stopping(p)) for p in pods])
    roll(k, version(2, strategy=strategy), look)
    check(("1",) in seen and ("2",) in seen, "both were seen", seen)


def case_history(cluster):
    k = Kube(cluster, "history")
    for n in range(5):
        k.apply(version(n, replicas=1, revisionHistoryLimit=2))
        k.rolled_out("deploy/web")
    wait_for("two old revisions are kept", lambda: len(k.get("rs")["items"]) == 3, 15)
    numbers = sorted(int(r["metadata"]["annotations"]["deployment.kubernetes.io/revision"])
                     for r in k.get("rs")["items"])
    check(numbers == [3, 4, 5], "the newest ones", numbers)
    k.ok("rollout", "undo", "deploy/web", "--to-revision=3")
    k.rolled_out("deploy/web")
    check(version_of(k.get("deploy/web")["spec"]["template"]) == "2", "back to one that is kept")
    check(k.get("deploy/web")["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "6",
          "as a new revision")
    k.refused("rollout", "undo", "deploy/web", "--to-revision=1")


def case_stuck_update(cluster):
    """A version that never becomes ready is named, takes nothing from the old one, and can be undone."""
    k = Kube(cluster, "stuck")
    k.apply(version(1)) # in its own time, however busy the machine is
    k.rolled_out("deploy/web")
    bad = version(2, progressDeadlineSeconds=3)
    bad["spec"]["template"]["spec"]["containers"][0]["readinessProbe"] = {
        "exec": {"command": ["false"]}, "periodSeconds": 1}
    k.apply(bad)
    k.until("the deadline is told", "deploy/web", lambda d: any(
        c["type"] == "Progressing" and c.get("reason") == "ProgressDeadlineExceeded"
        for c in d["status"]["conditions"]), 20)
    err = k.refused("rollout", "status", "deploy/web", "--timeout=10s")
    check_in("exceeded its progress deadline", err, "rollout status")
    check(sum(version_of(p) == "1" and is_ready(p) for p in k.pods()) == 3, "the old one serves")
    k.ok("rollout", "undo", "deploy/web")
    # Three seconds were for what must fail: from here on a busy machine has its time, too.
    k.ok("patch", "deploy/web", "-p", '{"spec":{"progressDeadlineSeconds":600}}')
    k.rolled_out("deploy/web")
    wait_for("only the old one's pods", lambda: {version_of(p) for p in k.pods()} == {"1"}, 15)
    # Paused: changes gather and nothing is rolled out.
    k.ok("rollout", "pause", "deploy/web")
    k.ok("set", "env", "deploy/web", "V=3")
    k.ok("set", "env", "deploy/web", "W=1")
    time.sleep(1)
    check({version_of(p) for p in k.pods()} == {"1"}, "paused")
    before = len(k.get("rs")["items"])
    k.ok("rollout", "resume", "deploy/web")
    k.rolled_out("deploy/web")
    check(len(k.get("rs")["items"]) == before + 1, "one revision for both changes")


def counts(j):
    s = j["status"]
    return s.get("active", 0), s.get("succeeded", 0), s.get("failed", 0)


def case_jobs(cluster):
    k = Kube(cluster, "jobs")
    k.apply(job("many", "sleep 1", completions=5, parallelism=2))
    most = [0]

    def done():
        live = sum(p["status"]["phase"] in ("Pending", "Running") for p in k.pods("app=many"))
        most[0] = max(most[0], live)
        return counts(k.get("job/many"))[1] == 5
    wait_for("five have completed", done, 60, 0.05)
    check(most[0] == 2, "two at a time", most[0])
    check(len(k.pods("app=many")) == 5, "five pods, no more")
    k.ok("wait", "job/many", "--for=condition=Complete", "--timeout=10s")
    k.apply(job("indexed", "echo index $JOB_COMPLETION_INDEX", completions=3, parallelism=3,
                completionMode="Indexed"))
    k.ok("wait", "job/indexed", "--for=condition=Complete", "--timeout=30s")
    said = sorted(k.ok("logs", p["metadata"]["name"]) for p in k.pods("app=indexed"))
    check(said == ["index 0\n", "index 1\n", "index 2\n"], "each its own index", said)
    check(k.get("job/indexed")["status"]["completedIndexes"] == "0-2", "and so the status")
    k.apply(job("bad", "exit 3", backoffLimit=1))
    j = k.until("it has failed for good", "job/bad", lambda j: any(
        c["type"] == "Failed" and c["status"] == "True"
        for c in j["status"].get("conditions", [])), 60)
    check(counts(j)[2] == 2 and "BackoffLimitExceeded" in json.dumps(j["status"]), "two tries", j["status"])
    k.apply(job("late", "sleep 100", activeDeadlineSeconds=2))
    k.until("its deadline ends it", "job/late", lambda j: "DeadlineExceeded" in json.dumps(j["status"]), 20)
    wait_for("and its pod", lambda: not k.pods("app=late") or all(
        p["status"]["phase"] == "Failed" for p in k.pods("app=late")), 20)
    k.apply(job("held", "true", suspend=True))
    time.sleep(1)
    check(not k.pods("app=held"), "suspended: no pod")
    k.ok("patch", "job", "held", "-p", '{"spec":{"suspend":false}}')
    k.ok("wait", "job/held", "--for=condition=Complete", "--timeout=20s")
    k.apply(job("brief", "true", ttlSecondsAfterFinished=1))
    k.until("gone by itself", "job/brief", lambda j: j is None, 30)
    wait_for("with its pods", lambda: not k.pods("app=brief"), 10)


def owned(k, name):
    return len(k.get("rs", "-l", "app=" + name)["items"]), len(k.pods("app=" + name))


def case_garbage(cluster):
    """Background, Foreground and Orphan; and what names an owner that is not there."""
    k = Kube(cluster, "garbage")
    for name in ("back", "fore", "orphan"):
        k.apply(version(1, name, 2))
    for name in ("back", "fore", "orphan"):
        k.rolled_out("deploy/" + name)
    k.ok("delete", "deploy/back", "--cascade=background")
    wait_for("its sets and pods go", lambda: owned(k, "back") == (0, 0), 20)
    k.ok("delete", "deploy/fore", "--cascade=foreground", "--wait=false")
    d = k.get("deploy/fore")
    check(d is None or "foregroundDeletion" in d["metadata"]["finalizers"], "it waits", d)
    left = []

    def gone():
        there = k.get("deploy/fore")
        if there is None and not left:
            left.append(owned(k, "fore"))
        return there is None
    wait_for("the owner goes last", gone, 20, 0.05)
    check(left == [(0, 0)], "nothing of it was left then", left)
    k.ok("delete", "deploy/orphan", "--cascade=orphan")
    time.sleep(2)
    check(owned(k, "orphan") == (1, 2), "they stay", owned(k, "orphan"))
    sets = k.get("rs", "-l", "app=orphan")["items"]
    check(not sets[0]["metadata"].get("ownerReferences"), "and name no owner", sets[0]["metadata"])
    k.apply(version(1, "orphan", 2))
    k.rolled_out("deploy/orphan")
    check(owned(k, "orphan") == (1, 2), "a new Deployment adopts them", owned(k, "orphan"))
    nobody = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {
        "name": "child", "ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "gone",
                                              "uid": "00000000-0000-4000-8000-000000000000"}]}}
    k.ok("create", "-f", "-", stdin=json.dumps(nobody))
    wait_for("whose owner is not there goes", lambda: k.get("configmap/child") is None, 20)


def case_self_healing(cluster):
    """A deleted pod, one that is relabelled, a stray with its labels."""
    k = Kube(cluster, "healing")
    k.apply(version(1, replicas=2))
    k.rolled_out("deploy/web")
    first, second = (p["metadata"]["name"] for p in k.pods())
    k.ok("delete", "pod", first, "--wait=false")
    wait_for("a successor", lambda: sum(map(is_ready, k.pods("app=web"))) == 2, 20)
    k.ok("label", "pod", second, "app=released", "--overwrite")
    wait_for("one for the released", lambda: sum(map(is_ready, k.pods("app=web"))) == 2, 20)
    check(not k.get("pod/" + second)["metadata"].get("ownerReferences"), "released")
    d = k.get("rs")["items"][0]
    stray = pod("stray")
    stray["metadata"]["labels"] = d["spec"]["selector"]["matchLabels"]
    k.apply(stray)
    wait_for("one too many is removed", lambda: len(
        [p for p in k.pods("app=web") if not is_stopping(p)]) == 2, 20)


def case_namespaces(cluster):
    """What each one gets, and that it goes with all that is in it."""
    k = Kube(cluster, "room")
    wait_for("its account and CA", lambda: k.get("sa/default") and k.get("cm/kube-root-ca.crt"), 10)
    check_in("BEGIN CERTIFICATE", k.get("cm/kube-root-ca.crt")["data"]["ca.crt"], "the CA")
    k.apply(version(1), service("web", 80), job("once", "true"))
    k.ok("create", "configmap", "a", "--from-literal=b=c")
    k.rolled_out("deploy/web")
    k.ok("delete", "namespace", "room", "--wait=false")
    err = k.refused("create", "configmap", "late")
    check(("being terminated" in err) or ("not found" in err), "nothing new in it", err)
    wait_for("gone", lambda: k.get("ns/room") is None, 60)
    check(not k.get("pods,deploy,rs,svc,endpoints,cm,jobs")["items"], "with all that was in it")
    check_in("forbidden", k.refused("delete", "namespace", "default").lower(), "default stays")


def case_placement(cluster):
    """nodeSelector, taints and tolerations, and what does not fit."""
    k = Kube(cluster, "places")
    node = cluster.node_name()

    def why(name, words):
        p = k.until(name + " is not placed", "pod/" + name, lambda p: any(
            c["type"] == "PodScheduled" and c["status"] == "False"
            for c in p["status"].get("conditions", [])), 15)
        check_in(words, json.dumps(p["status"]), name)
    k.apply(pod("picky", nodeSelector={"disk": "fast"}))
    why("picky", "node affinity/selector")
    k.ok("label", "node", node, "disk=fast")
    k.ok("wait", "pod/picky", "--for=condition=Ready", "--timeout=15s")
    k.ok("taint", "node", node, "only=me:NoSchedule")
    tolerates = [{"key": "only", "operator": "Exists", "effect": "NoSchedule"}]
    try:
        k.apply(pod("shy"), pod("bold", tolerations=tolerates))
        why("shy", "taint")
        k.ok("wait", "pod/bold", "--for=condition=Ready", "--timeout=15s")
        check(is_ready(k.get("pod/picky")), "who is there stays")
        k.ok("taint", "node", node, "out=now:NoExecute")
        wait_for("who does not tolerate it goes", lambda: k.get("pod/picky") is None, 20)
    finally:
        k.ok("taint", "node", node, "only-", "out-")
    k.ok("wait", "pod/shy", "--for=condition=Ready", "--timeout=20s")


def case_endpoints(cluster):
    """Named ports, several ports, a Service without selector, pods that are not ready."""
    k = Kube(cluster, "ends")
    spec = pod_spec(ports=[{"name": "http", "containerPort": 8080}, {"name": "more", "containerPort": 9090}])
    spec["containers"].append(container(name="second"))
    svc = service("web", 80)
    svc["spec"]["ports"] = [{"name": "a", "port": 80, "targetPort": "http"},
                            {"name": "b", "port": 81, "targetPort": "more"}]
    late = pod("late", ports=[{"name": "http", "containerPort": 8080}], readinessProbe={"exec": {"command": ["cat", "/tmp/up"]}, "periodSeconds": 1})
    late["metadata"]["labels"] = {"app": "web"}
    eager = service("eager", 80)
    eager["spec"].update({"selector": {"app": "web"}, "publishNotReadyAddresses": True})
    other = pod("portless")
    other["metadata"]["labels"] = {"app": "web"}
    k.apply(deployment("web", spec, 2), svc, late, eager, other)
    k.rolled_out("deploy/web")
    k.until("late runs", "pod/late", lambda p: p["status"]["phase"] == "Running", 15)

    def addresses(name, kind="addresses"):
        return sum(len(s.get(kind, [])) for s in k.get("endpoints/" + name).get("subsets", []))
    wait_for("two, and one that is not ready; not who has no such port", lambda: addresses("web") == 2 and
             addresses("web", "notReadyAddresses") == 1, 10)
    wait_for("all where they are published", lambda: addresses("eager") == 4, 10)
    ports = {p["name"]: p["port"] for s in k.get("endpoints/web")["subsets"] for p in s["ports"]}
    check(ports == {"a": 8080, "b": 9090}, "named ports", ports)
    slices = k.get("endpointslices", "-l", "kubernetes.io/service-name=web")["items"]
    ready = [e["conditions"]["ready"] for s in slices for e in s["endpoints"]]
    check(sorted(ready) == [False, True, True, True], "slices", slices)
    k.ok("exec", "late", "--", "touch", "/tmp/up")
    wait_for("three are ready", lambda: addresses("web") == 3, 10)
    k.ok("delete", "svc", "web")
    wait_for("its Endpoints and slices go", lambda: k.get("endpoints/web") is None and not k.get(
        "endpointslices", "-l", "kubernetes.io/service-name=web")["items"], 10)
