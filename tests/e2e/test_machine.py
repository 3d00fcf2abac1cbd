"""scripts/up on a machine that cannot do it: one sentence says what is missing and what to do. Mounts in a
namespace of the command's own make such machines."""
import os
import shutil
import tempfile

from harness import SOURCE, check, check_in, run

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
