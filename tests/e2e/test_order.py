"""Dependency order: what starts and stops when, what is refused, and what is not held up."""
import concurrent.futures
import datetime
import json
import random
import re
import time

from harness import check, check_in, run, skiff, wait_for
from kube import (Kube, container_ids, deployment, job, manifest, pod, pod_spec,
                  service)
from tapes import Upstream

HELD_S = 3 # so long a closed gate is watched
LANES = 3


def ready_after(seconds):
    """A server that becomes ready so many seconds after its start."""
    return pod_spec("sleep %s; touch /tmp/ready; trap 'exit 0' TERM; sleep 3600 & wait" % seconds,
                    readinessProbe={"exec": {"command": ["cat", "/tmp/ready"]},
                                    "periodSeconds": 1})


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def created(pod_object):
    return moment(pod_object["metadata"]["creationTimestamp"])


def became_ready(pod_object):
    return next(moment(c["lastTransitionTime"]) for c in pod_object["status"]["conditions"]
                if c["type"] == "Ready" and c["status"] == "True")


def condition(thing, kind):
    return next((c for c in (thing or {}).get("status", {}).get("conditions", [])
                 if c["type"] == kind), {})


def live(k, app):
    return [p for p in k.pods("app=" + app) if not p["metadata"].get("deletionTimestamp")]


def case_chain(cluster):
    """c after b after a, and d beside them: applied in the worst order."""
    k = Kube(cluster, "chain")
    k.apply(deployment("c", depends="b"), deployment("b", ready_after(1), depends="a"),
            deployment("a", ready_after(2), replicas=2), deployment("d"))
    waits = k.until("c says what it waits for", "deploy/c", lambda d: condition(
        d, "DependenciesReady").get("status") == "False", 10)
    check_in("Deployment/b", condition(waits, "DependenciesReady")["message"], "c's condition")
    check(condition(waits, "Progressing").get("reason") == "DependenciesPending",
          "Progressing while it waits", waits["status"])
    for name in "cba":
        k.rolled_out("deploy/" + name)
    a, b, c, d = (k.pods("app=" + name) for name in "abcd")
    check(created(b[0]) >= max(became_ready(p) for p in a), "b after all of a", a, b)
    check(created(c[0]) >= became_ready(b[0]), "c after b")
    check(created(d[0]) < max(became_ready(p) for p in a), "d waits for nobody")
    check(any("waiting for" in e for e in k.events("c")), "an event says so", *k.events("c"))
    check(condition(k.get("deploy/c"), "DependenciesReady").get("status") == "True",
          "the condition when it is open")


def case_job_completed(cluster):
    """A Job after a Deployment, a Deployment and a Pod after the Job, a Service for a name."""
    k = Kube(cluster, "job")
    k.apply(deployment("app", depends="Job/migrate:completed"),
            dict(pod("naked"), metadata={"name": "naked", "labels": {"app": "naked"}, "annotations": {
                "skiff.dev/depends-on": "Service/db"}}),
            job("migrate", "sleep 2; echo migrated", depends="db"), service("db", 5432),
            deployment("db", ready_after(1)))
    waiting = k.until("the Job waits", "job/migrate", lambda j: condition(
        j, "DependenciesReady").get("status") == "False", 10)
    check("startTime" not in waiting["status"], "a waiting Job has no startTime", waiting["status"])
    k.rolled_out("deploy/app")
    done = k.get("job/migrate")
    check(done["status"].get("succeeded") == 1, "the Job is done", done["status"])
    check(created(k.pods("app=app")[0]) >= moment(done["status"]["completionTime"]),
          "the Deployment after the Job's end")
    check(created(k.pods("app=migrate")[0]) >= became_ready(k.pods("app=db")[0]), "Job after db")
    k.ok("wait", "pod/naked", "--for=condition=Ready", "--timeout=20s")
    naked = k.get("pod/naked")
    started = moment(naked["status"]["containerStatuses"][0]["state"]["running"]["startedAt"])
    check(started >= became_ready(k.pods("app=db")[0]), "the naked Pod after the Service")


def case_cycles_refused(cluster):
    k = Kube(cluster, "cycles")
    got = k.try_("apply", "-f", "-", stdin=manifest(
        deployment("a", depends="b"), deployment("b", depends="c"), deployment("c", depends="a")))
    check(got.code == 1, "a cycle is refused", got.text())
    check(re.search(r"a → b → c → a|b → c → a → b|c → a → b → c", got.err.replace(
        "Deployment/", "").replace("Deployment ", "")), "the cycle is named", got.err)
    check_in("yourself" if "yourself" in got.err else "itself" if "itself" in got.err else "→",
             k.refused("apply", "-f", "-", stdin=manifest(deployment("own", depends="own"))),
             "a dependency on itself")
    # Through a Service's selector.
    k.apply(service("front", 80, selector={"app": "x"}), deployment("x", depends="y"))
    check_in("→", k.refused("apply", "-f", "-", stdin=manifest(
        deployment("y", depends="Service/front"))), "a cycle through a Service")
    for bad in ("db:", "Job/", "a,,b", "a:never"):
        err = k.refused("apply", "-f", "-", stdin=manifest(deployment("bad", depends=bad)))
        check_in("depends-on", err, "a bad annotation: '%s'" % bad)


def case_racing_writers(cluster):
    """Two writers close a cycle at once: one at most succeeds."""
    k = Kube(cluster, "race")
    k.apply(deployment("left", replicas=0), deployment("right", replicas=0))
    rng = random.Random(7)

    def point(name, other):
        time.sleep(rng.random() * 0.02)
        return k.try_("annotate", "--overwrite", "deploy/" + name, "skiff.dev/depends-on=" + other)
    outcomes = []
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for _ in range(12):
            k.ok("annotate", "deploy/left", "deploy/right", "skiff.dev/depends-on-")
            got = [f.result() for f in (pool.submit(point, "left", "right"),
                                        pool.submit(point, "right", "left"))]
            outcomes.append(sum(r.code == 0 for r in got))
            edges = [d["metadata"]["annotations"].get("skiff.dev/depends-on")
                     for d in k.get("deploy")["items"]]
            check(not all(edges), "racing writers made a cycle", edges)
    check(all(n == 1 for n in outcomes), "one of two racing writers succeeds", outcomes)


def case_missing_then_there(cluster):
    """A dependency that is missing, then never ready, then ready."""
    k = Kube(cluster, "missing")
    k.apply(deployment("app", depends="cache"))
    d = k.until("app waits", "deploy/app", lambda d: condition(
        d, "DependenciesReady").get("status") == "False", 10)
    check_in("cache", condition(d, "DependenciesReady")["message"], "what is missing")
    k.apply(deployment("cache", pod_spec(readinessProbe={
        "exec": {"command": ["cat", "/tmp/ready"]}, "periodSeconds": 1})))
    wait_for("cache runs", lambda: any(p["status"]["phase"] == "Running"
                                       for p in k.pods("app=cache")), 30)
    time.sleep(HELD_S)
    check(not k.pods("app=app"), "held by a dependency that is not ready")
    d = k.get("deploy/app")
    check_in("0/1 ready", condition(d, "DependenciesReady")["message"], "how far it is")
    check(condition(d, "Progressing").get("status") == "Unknown", "the deadline does not run",
          d["status"])
    k.ok("exec", k.pod_name("app=cache"), "--", "touch", "/tmp/ready")
    k.rolled_out("deploy/app", 20)


def case_updated_together(cluster):
    """Both new versions in one file, in either order: the dependent's new pod comes second."""
    k = Kube(cluster, "together")

    def version(n):
        spec = {"env": [{"name": "V", "value": str(n)}]}
        db = ready_after(1.5)
        db["containers"][0].update(spec)
        app = pod_spec(**spec)
        return deployment("app", app, depends="db"), deployment("db", db)

    def new_pod(app, n):
        return next((p for p in live(k, app) if
                     p["spec"]["containers"][0]["env"][0]["value"] == str(n)), None)
    k.apply(*version(1))
    k.rolled_out("deploy/app")
    for n, order in ((2, 1), (3, -1)):
        k.apply(*version(n)[::order])
        k.rolled_out("deploy/db")
        k.rolled_out("deploy/app")
        db, app = new_pod("db", n), new_pod("app", n)
        check(created(app) >= became_ready(db), "version %d: app after db" % n,
              "app %s" % created(app), "db ready %s" % became_ready(db))


def case_latch(cluster):
    """The gate stays open: db is unready while a pod of the dependent is replaced and scaled."""
    k = Kube(cluster, "latch")
    db = pod_spec("touch /tmp/ready; trap 'exit 0' TERM; sleep 3600 & wait", readinessProbe={
        "exec": {"command": ["cat", "/tmp/ready"]}, "periodSeconds": 1, "failureThreshold": 1})
    k.apply(deployment("db", db), deployment("api", depends="db"))
    k.rolled_out("deploy/api")
    k.ok("exec", k.pod_name("app=db"), "--", "rm", "/tmp/ready")
    k.until("db is unready", "deploy/db", lambda d: not d["status"].get("readyReplicas"), 20)
    begin = time.monotonic()
    k.ok("delete", "pod", k.pod_name("app=api"), "--wait=false")
    k.ok("scale", "deploy/api", "--replicas=2")
    k.until("api is whole again", "deploy/api", lambda d: d["status"].get("readyReplicas") == 2, 15)
    check(not k.get("deploy/db")["status"].get("readyReplicas"), "db is unready all the time")
    time.sleep(max(0, 10 - (time.monotonic() - begin)))
    before = container_ids(live(k, "api"))
    k.ok("exec", k.pod_name("app=db"), "--", "touch", "/tmp/ready")
    k.until("db is back", "deploy/db", lambda d: d["status"].get("readyReplicas"), 20)
    check(container_ids(live(k, "api")) == before, "api goes on undisturbed")


def ends(k, apps, act, seconds=45, watch=None):
    """When the last pod of each app was gone, after act(); watch(apps that are left) looks on."""
    gone = {}
    act()

    def all_gone():
        names = {p["metadata"]["labels"]["app"] for p in k.pods()}
        for app in apps:
            if app not in names:
                gone.setdefault(app, time.monotonic())
        if watch:
            watch(names)
        return len(gone) == len(apps)
    wait_for("pods of %s gone" % apps, all_gone, seconds, 0.05)
    return gone


def three(k):
    slow = pod_spec("trap 'sleep 1; exit 0' TERM; sleep 3600 & wait")
    slow["terminationGracePeriodSeconds"] = 10
    objects = [deployment("db", slow), deployment("api", slow, depends="db"),
               deployment("front", slow, depends="api")]
    k.apply(*objects)
    k.rolled_out("deploy/front")
    return objects


def delete_together(k, objects):
    """As `kubectl delete -f` does, one after the other, but surely within the second that counts."""
    upstream, resources = Upstream(k.cluster), {
        "Deployment": "/apis/apps/v1/namespaces/%s/deployments/%s",
        "Service": "/api/v1/namespaces/%s/services/%s", "Pod": "/api/v1/namespaces/%s/pods/%s"}
    for o in objects:
        connection, answer = upstream.ask("DELETE", resources[o["kind"]] % (
            k.namespace, o["metadata"]["name"]), {}, json.dumps(
                {"propagationPolicy": "Background"}).encode())
        check(answer.status == 200, "delete", answer.read())
        connection.close()


def case_stop_order(cluster):
    """delete -f of all: front, then api, then db."""
    k = Kube(cluster, "stop")
    objects = three(k)
    gone = ends(k, ["front", "api", "db"], lambda: delete_together(k, objects))
    check(gone["front"] < gone["api"] < gone["db"], "the order of the end", gone)
    wait_for("the Deployments are gone", lambda: not k.get("deploy")["items"], 20)


def case_stop_deaf(cluster):
    """Pods deaf to SIGTERM, and an edge through a Service that is deleted first of all."""
    k = Kube(cluster, "deaf")
    deaf = pod_spec("trap '' TERM; while :; do sleep 1; done")
    objects = [service("db", 5432), deployment("db", deaf),
               deployment("api", deaf, depends="Service/db"), deployment("web", deaf, depends="api"),
               dict(pod("last", deaf["containers"][0]["command"][2]), metadata={
                   "name": "last", "labels": {"app": "last"},
                   "annotations": {"skiff.dev/depends-on": "web"}})]
    k.apply(*objects)
    k.ok("wait", "pod/last", "--for=condition=Ready", "--timeout=30s")

    def watch_service(names):
        if "api" in names and not k.get("svc/db"):
            left = {p["metadata"]["labels"]["app"] for p in k.pods()}
            check("api" not in left, "the Service is there while what names it stops")
    gone = ends(k, ["last", "web", "api", "db"], lambda: delete_together(
        k, objects), watch=watch_service)
    check(gone["last"] < gone["web"] < gone["api"] < gone["db"], "the order of the end", gone)
    wait_for("all is gone", lambda: not k.get("deploy,svc,pods")["items"], 20)


def case_stop_order_of_namespace(cluster):
    k = Kube(cluster, "stop-ns")
    three(k)
    gone = ends(k, ["front", "api", "db"], lambda: k.ok(
        "delete", "namespace", "stop-ns", "--wait=false"))
    check(gone["front"] < gone["api"] < gone["db"], "the order of the end", gone)
    wait_for("the namespace is gone", lambda: k.get("ns/stop-ns") is None, 20)


def case_stop_only_dependency(cluster):
    """Dependents that stay alive do not hold it."""
    k = Kube(cluster, "stop-one")
    k.apply(deployment("db"), deployment("api", depends="db"))
    k.rolled_out("deploy/api")
    before = container_ids(k.pods("app=api"))
    k.ok("delete", "deploy/db", "--timeout=15s")
    wait_for("db's pods are gone", lambda: not k.pods("app=db"), 20)
    check(container_ids(k.pods("app=api")) == before, "api goes on")
    check(condition(k.get("deploy/api"), "Available").get("status") == "True", "api is available")


def annotated(thing, **annotations):
    thing["metadata"].setdefault("annotations", {}).update(
        {"skiff.dev/" + k.replace("_", "-"): v for k, v in annotations.items()})
    return thing


def runs(pod_object):
    return any("running" in c["state"] for c in pod_object["status"].get("containerStatuses", []))


def restarts(k, name):
    return k.get("pod/" + name)["status"]["containerStatuses"][0]["restartCount"]


def case_lost_and_replaced(cluster):
    """on-dependency-lost and restart-with, for a Deployment, a Job and a naked Pod."""
    k = Kube(cluster, "lost")
    db = pod_spec("touch /tmp/ready; trap 'exit 0' TERM; sleep 3600 & wait", readinessProbe={
        "exec": {"command": ["cat", "/tmp/ready"]}, "periodSeconds": 1, "failureThreshold": 1})
    serve = "trap 'exit 0' TERM; sleep 3600 & wait"

    def of(thing, **annotations):
        return annotated(thing, depends_on="db", **annotations)
    k.apply(deployment("db", db),
            of(deployment("d-stop"), on_dependency_lost="stop"),
            of(deployment("d-with"), restart_with="db"),
            of(job("j-stop", serve), on_dependency_lost="stop"),
            of(job("j-restart", serve, backoffLimit=0), on_dependency_lost="restart"),
            of(pod("p-stop"), on_dependency_lost="stop"),
            of(pod("p-restart"), on_dependency_lost="restart"),
            of(pod("p-with"), restart_with="db"))
    for name in ("deploy/d-stop", "deploy/d-with"):
        k.rolled_out(name)
    k.ok("wait", "pods", "--all", "--for=condition=Ready", "--timeout=30s")
    first = k.pod_name("app=j-restart")
    k.ok("exec", k.pod_name("app=db"), "--", "rm", "/tmp/ready")
    wait_for("d-stop and j-stop have no pods", lambda: not k.pods("app=d-stop") and
             not k.pods("app=j-stop"), 20)
    k.until("p-stop is stopped", "pod/p-stop", lambda p: not runs(p), 20)
    for name in ("deploy/d-stop", "job/j-stop", "pod/p-stop"):
        c = k.until("%s says why" % name, name, lambda o: condition(
            o, "DependenciesReady").get("status") == "False", 10)
        check_in("waiting for Deployment/db (0/1 ready)",
                 condition(c, "DependenciesReady")["message"], name)
    check(all(runs(k.pods("app=" + app)[0]) for app in ("j-restart", "p-restart", "d-with", "p-with")),
          "the others run on")
    k.ok("exec", k.pod_name("app=db"), "--", "touch", "/tmp/ready")
    k.until("p-stop runs again", "pod/p-stop", runs, 20)
    k.until("p-restart was restarted", "pod/p-restart", lambda p: p["status"][
        "containerStatuses"][0]["restartCount"] == 1 and runs(p), 20)
    k.rolled_out("deploy/d-stop", 20)
    wait_for("j-stop runs again", lambda: [runs(p) for p in k.pods("app=j-stop")] == [True], 20)
    wait_for("j-restart's pod is another", lambda: [runs(p) and p["metadata"]["name"] != first
                                                    for p in k.pods("app=j-restart")] == [True], 20)
    check(not k.get("job/j-restart")["status"].get("failed"), "a stop is no failure")
    check(restarts(k, "p-with") == 0, "restart-with is about being replaced")
    old = k.pods("app=d-with")[0]["metadata"]["name"]
    k.ok("set", "env", "deploy/db", "V=2")
    k.rolled_out("deploy/db")
    k.until("p-with was restarted", "pod/p-with", lambda p: p["status"][
        "containerStatuses"][0]["restartCount"] == 1 and runs(p), 20)
    wait_for("d-with has another pod", lambda: [p["metadata"]["name"] != old for p in live(
        k, "d-with")] == [True], 20)
    k.rolled_out("deploy/d-with")
    new_db = [p for p in live(k, "db") if p["spec"]["containers"][0].get("env")]
    check(created(live(k, "d-with")[0]) >= became_ready(new_db[0]), "after the new db")


def skiff_says(k, *arguments):
    return run([skiff(), *arguments, "-n", k.namespace], env=k.cluster.env).out


def case_dies_for_good(cluster):
    """A failed Job, a db that crashes, one that is deleted: what is said of those who wait."""
    k = Kube(cluster, "dies")
    k.apply(job("migrate", "echo no such table; exit 3", backoffLimit=0),
            deployment("app", depends="Job/migrate:completed"),
            deployment("db", pod_spec("echo disk is full; exit 7", readinessProbe={
                "exec": {"command": ["true"]}, "initialDelaySeconds": 30})),
            deployment("api", depends="db"))
    d = k.until("the failed Job is named", "deploy/app", lambda d: condition(
        d, "DependenciesReady").get("reason") == "DependencyFailed", 20)
    check_in("Job/migrate (failed: BackoffLimitExceeded)",
             condition(d, "DependenciesReady")["message"], "app's condition")
    d = k.until("the crash is named", "deploy/api", lambda d: "crashing with exit code 7" in
                condition(d, "DependenciesReady").get("message", ""), 30)
    why = skiff_says(k, "why", "deploy/app")
    for part in ("cause: Job/migrate", "no such table", "BackoffLimitExceeded"):
        check_in(part, why, "skiff why deploy/app")
    why = skiff_says(k, "why", "deploy/api")
    for part in ("cause: Deployment/db", "disk is full", "7"):
        check_in(part, why, "skiff why deploy/api")
    tree = skiff_says(k, "tree")
    check_in("Job/migrate", tree, "skiff tree")
    k.ok("delete", "deploy/db")
    k.until("its absence is named", "deploy/api", lambda d: "waiting for db (not found)" in
            condition(d, "DependenciesReady").get("message", ""), 10)
    check_in("is not there", skiff_says(k, "why", "deploy/api"), "skiff why deploy/api")
