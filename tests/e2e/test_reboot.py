"""A reboot of the machine, as far as it can be had without one: all processes die at once, namespaces,
interfaces, rules, cgroups, mounts and /run are gone, files stay. Then `up`, or `down` alone."""
import os
import signal
import subprocess

import traces
from harness import Cluster, check, run, start_time, wait_for
from kube import Kube, container_ids, deployment, pod_spec

NODES = 0
READY_LATE = {"exec": {"command": ["cat", "/tmp/ready"]}, "periodSeconds": 1}


def pids_of(cluster):
    return [int(line.split()[1].rstrip(":")) for line in traces.processes([cluster])]


def kill_all(cluster):
    """Stopped first: nobody may start anything again when he sees another die."""
    for number in (signal.SIGSTOP, signal.SIGSTOP, signal.SIGKILL):
        for pid in pids_of(cluster):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass # it has ended with its parent
    wait_for("all processes are gone", lambda: not pids_of(cluster), 20)


def remove_mounts(cluster):
    with open("/proc/self/mounts", encoding="utf-8") as f:
        paths = [line.split()[1] for line in f]
    for path in reversed(paths):
        if path.startswith(cluster.root + "/"):
            run(["umount", "-l", path])


def remove_network(cluster):
    for node in cluster.config["nodes"]:
        run(["ip", "netns", "delete", node["netns"]])
    for name in os.listdir("/sys/class/net"):
        if cluster.id in name:
            run(["ip", "link", "delete", name])
    for line in traces.lines_of("nft", "list", "tables"):
        if cluster.id in line:
            run(["nft", "delete", *line.split()])


def remove_cgroups(cluster):
    for top, dirs, _ in os.walk("/sys/fs/cgroup", topdown=False):
        for name in dirs:
            path = os.path.join(top, name)
            if "/skiff-" + cluster.id in path:
                os.rmdir(path)


def reboot(cluster, bystander):
    """Pid files stay, and their pids are others' after it: all of them the bystander's."""
    kill_all(cluster)
    remove_mounts(cluster)
    remove_network(cluster)
    remove_cgroups(cluster)
    for path in ("/run/skiff-ranges.lock", "/run/skiff-roots"):
        if os.path.exists(path):
            os.unlink(path)
    run_dir = os.path.join(cluster.root, "run")
    for name in os.listdir(run_dir):
        if name.endswith(".pid"):
            with open(os.path.join(run_dir, name), "w", encoding="ascii") as f:
                f.write("%d %d 00000000-0000-0000-0000-000000000000\n" % (
                    bystander.pid, start_time(bystander.pid)))
    left = traces.of_clusters([cluster])
    check(not left, "the reboot left something", *sorted(left))


def with_workload():
    cluster = Cluster()
    k = Kube(cluster, "default")
    db = pod_spec("sleep 2; touch /tmp/ready; trap 'exit 0' TERM; sleep 3600 & wait",
                  readinessProbe=READY_LATE)
    k.apply(deployment("app", depends="db"), deployment("db", db))
    k.ok("create", "configmap", "kept", "--from-literal=a=b")
    k.rolled_out("deploy/app")
    return cluster, k


def is_ready(pod):
    return all(c["ready"] for c in pod["status"].get("containerStatuses", [{"ready": False}]))


def case_up_after_reboot(_):
    before = traces.of_machine()
    cluster, k = with_workload()
    old = container_ids(k.pods())
    with subprocess.Popen(["sleep", "300"]) as bystander:
        try:
            reboot(cluster, bystander)
            cluster.up()
            wait_for("both are ready in new containers", lambda: len(k.pods()) == 2 and all(
                is_ready(p) and container_ids(k.pods())[p["metadata"]["name"]] != old[
                    p["metadata"]["name"]] for p in k.pods()), 40)
            started = {p["metadata"]["labels"]["app"]: p["status"]["containerStatuses"][0]["state"][
                "running"]["startedAt"] for p in k.pods()}
            check(started["app"] > started["db"], "in dependency order", started)
            check(k.get("configmap/kept"), "nothing is lost")
            check(bystander.poll() is None, "who has an old pid is left alone")
        finally:
            bystander.kill()
    cluster.close()
    left = traces.of_clusters([cluster])
    check(not left, "left behind", *sorted(left))
    check(traces.of_machine() == before, "the machine is as before", before, traces.of_machine())


def case_down_after_reboot(_):
    """`down` alone: nothing of it runs, and nothing of it may be started or killed."""
    cluster, k = with_workload()
    with subprocess.Popen(["sleep", "300"]) as bystander:
        try:
            reboot(cluster, bystander)
            got = cluster.down()
            check(got.code == 0, "down", got.text())
            check(bystander.poll() is None, "who has an old pid is left alone")
        finally:
            bystander.kill()
    left = traces.of_clusters([cluster])
    check(not left, "left behind", *sorted(left))
    cluster.up() # and later, once more
    wait_for("its objects are there", lambda: k.get("configmap/kept"), 20)
    cluster.close()
