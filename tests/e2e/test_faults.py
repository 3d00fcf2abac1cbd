"""Every program killed with -9 in the middle of a rollout: the cluster goes on by itself."""
import os
import signal
import time

from harness import check, run, skiff, wait_for
from kube import Kube, container_ids, deployment, job, pod_spec

BACK_S = 30 # a program that was killed runs again within


def settled(version):
    return lambda d: (d["status"].get("observedGeneration") == d["metadata"]["generation"] and
                      d["status"].get("updatedReplicas") == 4 and
                      d["status"].get("readyReplicas") == 4 and d["status"]["replicas"] == 4 and
                      d["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"] == version)


def rolling(version):
    spec = pod_spec(env=[{"name": "V", "value": version}], readinessProbe={
        "exec": {"command": ["true"]}, "periodSeconds": 1})
    return deployment("rolling", spec, replicas=4)


def has_new_pod(k, version):
    return any(p["spec"]["containers"][0]["env"][0]["value"] == version and
               p["status"]["phase"] == "Running" for p in k.pods("app=rolling"))


def kill(cluster, program):
    pid = cluster.pid(program)
    check(pid, "%s runs before it is killed" % program)
    os.kill(pid, signal.SIGKILL)
    return pid


def kill_in_rollout(cluster, program):
    k = Kube(cluster, "kill-" + program)
    k.apply(rolling("1"), deployment("still", replicas=2),
            job("long", "sleep 4; echo done"))
    k.rolled_out("deploy/rolling")
    k.rolled_out("deploy/still")
    before = container_ids(k.pods("app=still"))
    k.apply(rolling("2"))
    wait_for("the rollout is on its way", lambda: has_new_pod(k, "2"), 20, 0.05)
    old = kill(cluster, program)
    wait_for("%s runs again" % program, lambda: cluster.pid(program) not in (None, old), BACK_S)
    wait_for("the API answers", lambda: k.try_("get", "pods", seconds=20).code == 0, BACK_S)
    k.until("the rollout is through", "deploy/rolling", settled("2"), 60)
    k.until("the Job ends once", "job/long", lambda j: j["status"].get("succeeded") == 1, 30)
    check(len(k.pods("app=long")) == 1, "the Job ran once", k.pods("app=long"))
    check(container_ids(k.pods("app=still")) == before, "containers that ran were not touched",
          before, container_ids(k.pods("app=still")))
    wait_for("the node is ready", lambda: " Ready " in k.ok("get", "nodes"), 30)
    check(k.ok("exec", k.pod_name("app=still"), "--", "echo", "there") == "there\n",
          "exec afterwards")
    k.ok("delete", "namespace", k.namespace, "--wait=false")


def case_apiserver(cluster):
    kill_in_rollout(cluster, "apiserver")


def case_controller(cluster):
    kill_in_rollout(cluster, "controller")


def case_nodeagent(cluster):
    kill_in_rollout(cluster, "nodeagent")


def case_containerd(cluster):
    kill_in_rollout(cluster, "containerd")


def case_etcd(cluster):
    kill_in_rollout(cluster, "etcd")


def case_supervisor(cluster):
    """Whoever notices starts it again; it adopts what runs, and starts again what then dies."""
    programs = ("etcd", "apiserver", "controller", "containerd", "nodeagent")
    before = {p: cluster.pid(p) for p in programs}
    old = kill(cluster, "supervisor")
    wait_for("a new supervisor", lambda: cluster.pid("supervisor") not in (None, old), BACK_S)
    time.sleep(1)
    check({p: cluster.pid(p) for p in programs} == before, "the others run on", before)
    old = kill(cluster, "controller")
    wait_for("it starts again what dies", lambda: cluster.pid("controller") not in (None, old),
             BACK_S)


def lease(k):
    spec = k.get("lease/skiff-controller")["spec"]
    return spec.get("holderIdentity", ""), spec["leaseTransitions"]


def case_controller_leads_again(cluster):
    """Killed or stopped in order, its successor need not wait for the lease's end (15 s)."""
    k = Kube(cluster, "kube-system")
    for number in (signal.SIGKILL, signal.SIGTERM):
        before = lease(k)
        begin = time.monotonic()
        os.kill(cluster.pid("controller"), number)
        now = wait_for("another holder", lambda b=before: lease(k)[0] not in ("", b[0]) and
                       lease(k), 10, 0.05)
        check(time.monotonic() - begin < 5, "at once", time.monotonic() - begin)
        check(now[1] > before[1], "the fence moves", before, now)
    k.ok("create", "namespace", "led")
    wait_for("it works", lambda: k.try_("get", "-n", "led", "serviceaccount", "default").code == 0,
             5)


def case_up_adopts(cluster):
    """`up` beside a dead supervisor adopts; `up` again changes nothing."""
    k = Kube(cluster, "adopt")
    k.apply(deployment("still", replicas=2))
    k.rolled_out("deploy/still")
    before = container_ids(k.pods())
    programs = ("etcd", "apiserver", "controller", "containerd", "nodeagent")
    pids = {p: cluster.pid(p) for p in programs}
    kill(cluster, "supervisor")
    cluster.up()
    cluster.up()
    check({p: cluster.pid(p) for p in programs} == pids, "`up` adopts", pids)
    check(container_ids(k.pods()) == before, "containers run on")
    got = run([skiff(), "cluster", "status", "--root", cluster.root])
    check(got.code == 0, "status", got.text())


def case_down_and_up(cluster):
    """Workloads come back after `down` and `up`, in dependency order."""
    k = Kube(cluster, "again")
    db = pod_spec("sleep 2; touch /tmp/ready; trap 'exit 0' TERM; sleep 3600 & wait",
                  readinessProbe={"exec": {"command": ["cat", "/tmp/ready"]}, "periodSeconds": 1})
    k.apply(deployment("app", depends="db"), deployment("db", db))
    k.rolled_out("deploy/app")
    before = container_ids(k.pods())
    got = cluster.down()
    check(got.code == 0, "down", got.text())
    cluster.up()
    wait_for("both are ready again in new containers", lambda: all(
        ids and container_ids(k.pods()).get(name) != ids and p["status"]["containerStatuses"][0][
            "ready"] for name, ids in before.items()
        for p in k.pods() if p["metadata"]["name"] == name) and all(
            c["ready"] for p in k.pods() for c in p["status"].get("containerStatuses", [])), 40)
    started = {p["metadata"]["labels"]["app"]: p["status"]["containerStatuses"][0]["state"][
        "running"]["startedAt"] for p in k.pods()}
    check(started["app"] > started["db"], "in dependency order", started)


def case_etcd_stopped_and_started(cluster):
    """etcd held for 5 s: requests wait or fail clearly, and nothing is lost."""
    k = Kube(cluster, "etcd-held")
    k.ok("create", "configmap", "before", "--from-literal=a=b")
    pid = cluster.pid("etcd")
    os.kill(pid, signal.SIGSTOP)
    try:
        got = k.try_("create", "configmap", "while", "--from-literal=a=b", "--request-timeout=3s",
                     seconds=20)
        check(got.code != 0, "a write without etcd is not acknowledged", got.text())
        time.sleep(2)
    finally:
        os.kill(pid, signal.SIGCONT)
    wait_for("writes work again", lambda: k.try_(
        "create", "configmap", "after", "--from-literal=a=b").code == 0 or
             k.get("configmap/after"), 20)
    check(k.get("configmap/before"), "nothing is lost")
