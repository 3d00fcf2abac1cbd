"""A full disk under the cluster's root: people are told, what runs goes on, and when there is room
again so does everything else, and nothing that was acknowledged is lost."""
import os
import threading
import time

from harness import Cluster, check, check_in, run, skiff, wait_for
from kube import Kube, container_ids, deployment

NODES = 0
DISK_MB = 1500 # `up` wants 1 GiB


class OnSmallDisk(Cluster):
    """Its root is a file system of its own."""

    def up(self):
        self.image = self.root + ".img"
        if not os.path.ismount(self.root):
            with open(self.image, "wb") as f:
                f.truncate(DISK_MB << 20) # takes only what is written
            for argv in (["mkfs.ext4", "-q", "-m", "0", self.image],
                         ["mount", "-o", "loop", self.image, self.root]):
                got = run(argv)
                check(got.code == 0, "a small disk", got.text())
        super().up()

    def down(self, *arguments):
        # A mount point cannot be removed: what is in it goes with the image.
        return super().down(*[a for a in arguments if a != "--delete"])


def free_bytes(path):
    disk = os.statvfs(path)
    return disk.f_bavail * disk.f_frsize


def fill(cluster):
    ballast = [cluster.root + "/ballast", cluster.root + "/rest"]
    run(["fallocate", "-l", str(free_bytes(cluster.root) - (1 << 20)), ballast[0]])
    try:
        with open(ballast[1], "wb", 0) as f:
            while True:
                f.write(b"x" * 4096)
    except OSError:
        pass # full
    check(free_bytes(cluster.root) < 8192, "the disk is full", free_bytes(cluster.root))
    return ballast


def write_until_refused(k, acknowledged, errors, took):
    for i in range(200):
        begin = time.monotonic()
        got = k.try_("create", "configmap", "c-%d" % i, "--from-literal=a=" + "x" * 90000,
                     seconds=60)
        if got.code != 0:
            errors.append(got.err)
            took.append(time.monotonic() - begin)
            return
        acknowledged.append("c-%d" % i)


def case_full_and_free_again(_):
    cluster = OnSmallDisk()
    k = Kube(cluster, "full")
    k.apply(deployment("still", replicas=2))
    k.rolled_out("deploy/still")
    before = container_ids(k.pods())
    ballast = fill(cluster)
    acknowledged, errors, took = [], [], []
    writer = threading.Thread(target=write_until_refused, args=(k, acknowledged, errors, took))
    writer.start()
    reader = Kube(cluster, "default")
    begin = time.monotonic()
    # etcd itself answers until it writes something that does not fit.
    wait_for("a read that cannot be answered says why", lambda: "is full: make room" in
             reader.try_("get", "configmaps", seconds=30).err, 40)
    print("       a read says so after %.1f s" % (time.monotonic() - begin))
    begin = time.monotonic()
    err = reader.refused("create", "configmap", "while-full")
    check_in("is full: make room", err, "a write says so")
    check(time.monotonic() - begin < 8, "and at once", time.monotonic() - begin)
    check(reader.try_("get", "--raw", "/api/v1/namespaces/full/pods?resourceVersion=0").code == 0,
          "what is known is served")
    got = run([skiff(), "cluster", "up", "--root", cluster.root])
    check(got.code == 1, "`up` on a full disk", got.text())
    check_in("make room", got.err, "`up` says what to do")
    writer.join()
    print("       the write that found it full said so after %.1f s" % took[0])
    check(took[0] < 15, "it does not wait for its deadline", took)
    check_in("is full: make room", errors[0], "a write that cannot be done says why")
    for path in ballast:
        os.unlink(path)
    begin = time.monotonic()
    wait_for("writes are taken again", lambda: k.try_(
        "create", "configmap", "after", "--from-literal=a=b").code == 0 or k.get("configmap/after"),
             40)
    print("       %.0f s after there was room" % (time.monotonic() - begin))
    there = {c["metadata"]["name"] for c in k.get("configmaps")["items"]}
    check(set(acknowledged) <= there, "nothing that was acknowledged is lost",
          sorted(set(acknowledged) - there))
    check(container_ids(k.pods()) == before, "containers run on")
    k.ok("scale", "deploy/still", "--replicas=3")
    k.rolled_out("deploy/still")
    wait_for("every program has its pid file", lambda: all(cluster.pid(p) for p in (
        "etcd", "apiserver", "controller", "nodeagent", "containerd")), 10)
    cluster.close()
