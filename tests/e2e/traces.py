"""What clusters leave on a machine: taken before and after, the two must be the same."""
import os
import re
import subprocess

from harness import start_time


def lines_of(*argv):
    return subprocess.run(argv, check=False, capture_output=True, text=True,
                          timeout=20).stdout.splitlines()


def processes(clusters):
    """Those that name a cluster's root or id on their command line, or are in its cgroups."""
    found = set()
    marks = [c.root for c in clusters] + ["/skiff-" + c.id for c in clusters]
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if start_time(int(pid)) is None:
            continue # a zombie: pid 1 will reap it
        text = ""
        for name in ("cmdline", "cgroup"):
            try:
                with open("/proc/%s/%s" % (pid, name), encoding="utf-8", errors="replace") as f:
                    text += f.read().replace("\0", " ") + "\n"
            except OSError:
                pass # it has ended
        if any(mark in text for mark in marks) and int(pid) != os.getpid():
            found.add("process %s: %s" % (pid, text[:200].split("\n")[0]))
    return found


def of_clusters(clusters):
    """Everything on this machine that carries the id or the root of one of the clusters."""
    marks = [c.id for c in clusters] + [c.root for c in clusters]
    with open("/proc/self/mounts", encoding="utf-8") as f:
        seen = ["mount " + line.strip() for line in f]
    seen += ["interface " + name for name in os.listdir("/sys/class/net")]
    seen += ["netns " + line for line in lines_of("ip", "netns", "list")]
    seen += ["address " + line for line in lines_of("ip", "-o", "address")]
    seen += ["nft " + line for line in lines_of("nft", "list", "tables")]
    for top, dirs, _ in os.walk("/sys/fs/cgroup"):
        seen += ["cgroup %s/%s" % (top, d) for d in dirs if d.startswith("skiff")]
    return {line for line in seen if any(mark in line for mark in marks)} | processes(clusters)


def of_machine():
    """Counts that a leak of anything, with or without a name, would change."""
    with open("/proc/sys/net/ipv4/ip_forward", encoding="ascii") as f:
        forward = f.read().strip()
    return {"ip_forward": forward,
            "routes": [line for line in lines_of("ip", "route")
                       if not re.search(r"\bdev sk[a-z0-9]{6}\b", line)]}
