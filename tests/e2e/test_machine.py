"""scripts/up on a machine that cannot do it: one sentence says what is missing and what to do. Mounts in a
namespace of the command's own make such machines."""
import os
import shutil
import tempfile

from harness import SOURCE, TOOLS, check, check_in, run, skiff

NODES = 0
UP = os.path.join(SOURCE, "scripts", "up")


def one_sentence(what, wanted, prepare, enter=("unshare", "--mount")):
    """`prepare`: shell commands that spoil the machine, in a directory of their own."""
    work = tempfile.mkdtemp(prefix="ske-", dir="/tmp")
    try:
        script = "set -e; work=%s\n%s\nexec %s --root $work/root" % (work, prepare, UP)
        got = run([*enter, "sh", "-c", script], seconds=100)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    check(got.code != 0, what + ": refused", got.text())
    lines = got.err.strip().split("\n")
    check(len(lines) == 1 and lines[0].startswith("up: "), what + ": one sentence", got.text())
    check_in(wanted, lines[0], what)


def case_not_root(_):
    one_sentence("not root", "run this as root (sudo", "", ("unshare", "--user"))


def case_other_distribution(_):
    one_sentence("another distribution", "this is Fedora Linux 42: Debian 12 is needed", """
        printf 'ID=fedora\\nVERSION_ID=42\\nPRETTY_NAME="Fedora Linux 42"\\n' >$work/os-release
        mount --bind $work/os-release "$(readlink -f /etc/os-release)" """)
    one_sentence("an old Debian", "this is Debian GNU/Linux 11 (bullseye)", """
        printf 'ID=debian\\nVERSION_ID=11\\nPRETTY_NAME="Debian GNU/Linux 11 (bullseye)"\\n' >$work/o
        mount --bind $work/o "$(readlink -f /etc/os-release)" """)


def case_no_cgroups(_):
    one_sentence("no cgroups", "no cgroups are mounted", "mount -t tmpfs none /sys/fs/cgroup")


def case_no_disk(_):
    one_sentence("no disk", "less than 1 GiB is free under", """
        mkdir $work/root && mount -t tmpfs -o size=64m none $work/root""")


def case_no_network(_):
    """A package is missing and nobody can be reached. dpkg's and apt's files are copies."""
    one_sentence("no network", "is the network there?", """
        cp -a /var/lib/dpkg $work/dpkg
        sed -i '/^Package: libhttp-parser-dev$/,/^$/s/^Status: .*/Status: deinstall ok config-files/' \
            $work/dpkg/status
        mount --bind $work/dpkg /var/lib/dpkg
        mount -t tmpfs none /var/lib/apt/lists; mkdir /var/lib/apt/lists/partial""",
                 ("unshare", "--mount", "--net"))


def cluster_up(what, wanted, prepare="true", enter=("unshare", "--mount"), root="$work/root",
               more="", code=1):
    """`skiff cluster up` by itself says as much."""
    work = tempfile.mkdtemp(prefix="ske-", dir="/tmp")
    try:
        script = "set -e; work=%s\n%s\n%s cluster up --root %s %s" % (
            work, prepare, skiff(), root, more)
        got = run([*enter, "sh", "-c", script], seconds=100, cwd=work)
        check(got.code == code, what + ": refused", got.text())
        lines = [line for line in got.err.split("\n") if line.startswith("skiff: ")]
        check(len(lines) == 1, what + ": one sentence", got.text())
        check_in(wanted, lines[0], what)
        down = run([skiff(), "cluster", "down", "--root", work + "/root", "--delete"])
        check(down.code == 0, what + ": down afterwards", down.text())
    finally:
        shutil.rmtree(work, ignore_errors=True)


def case_cluster_up(_):
    cluster_up("not root", "run this as root (sudo", enter=("unshare", "--user"))
    cluster_up("no cgroups", "no cgroups are mounted", "mount -t tmpfs none /sys/fs/cgroup")
    cluster_up("no disk", "less than 1 GiB is free under",
               "mkdir $work/root && mount -t tmpfs -o size=64m none $work/root")
    cluster_up("no etcd", "the program 'etcd' is not on this machine: scripts/up installs it", """
        mkdir $work/bin; for t in $(ls -d %s/usr/*bin/* | grep -v '/etcd$'); do ln -sf $t $work/bin/; done
        export PATH=$work/bin:/usr/sbin:/usr/bin:/sbin:/bin
        for p in /usr/bin/etcd /usr/local/bin/etcd; do
            if [ -e $p ]; then mount --bind /dev/null $p; fi
        done""" % TOOLS)
    cluster_up("a directory that cannot be", "/proc/", root="/proc/skiff")
    cluster_up("a path too long", "longer than 59 characters", root="$work/" + "x" * 60, code=2)
    cluster_up("too many nodes", "--nodes takes 1 to 16", more="--nodes 17", code=2)
    cluster_up("no number", "--nodes is a number, not 'many'", more="--nodes many", code=2)
    cluster_up("a wrong option", "there is no option --rot", more="--rot x", code=2)
