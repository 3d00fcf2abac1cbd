"""The first of the two commands, as a stranger types it, and the commands that README.md shows."""
import os
import re
import shlex
import shutil
import tempfile

from harness import Cluster, SOURCE, check, check_in, run, skiff
from kube import Kube, deployment, manifest

NODES = 0
CACHE = os.path.join(SOURCE, "build", "example-images")  # Debian roots take a minute to make


def copy_roots(source, target):
    os.makedirs(target, exist_ok=True)
    for name in os.listdir(source) if os.path.isdir(source) else []:
        if name.endswith(".root.tar") and not os.path.exists(os.path.join(target, name)):
            shutil.copy2(os.path.join(source, name), target)


class ByScript(Cluster):
    """A cluster that scripts/up makes, with images from the cache where there are any."""

    def up(self):
        images = os.path.join(self.root, "images")
        copy_roots(CACHE, images)
        self.first = self.script()
        check(self.first.code == 0, "scripts/up failed", self.first.text(), self.log_tails())
        copy_roots(images, CACHE)

    def script(self):
        return run([os.path.join(SOURCE, "scripts", "up"), "--root", self.root], seconds=400)


JOBS = "id,arrival_us,size_us\n1,0,8000000\n2,1000000,4000000\n3,2000000,9000000\n"
WORKFLOW = """name: nightly
steps:
  - {name: extract, time: 90s}
  - {name: load, needs: extract, time: 2m}
"""


def readme():
    with open(os.path.join(SOURCE, "README.md"), encoding="utf-8") as f:
        return f.read()


def readme_commands():
    """Every command of README.md, in order; the two that this test cannot type are its own."""
    text = re.sub(r"```.*?```", "", readme(), flags=re.S)
    lines = [line[4:].split(" #")[0].strip() for line in text.split("\n") if re.match(
        r" {4}\S", line)]
    return [line for line in lines if line not in ("scripts/up", "scripts/test")]


def try_readme(cluster, work):
    commands = readme_commands()
    check(len(commands) >= 13, "README.md shows commands", commands)
    for name, text in (("jobs.csv", JOBS), ("nightly.yaml", WORKFLOW)):
        with open(os.path.join(work, name), "w", encoding="ascii") as f:
            f.write(text)
    for line in commands:
        if line.startswith("export KUBECONFIG="):
            check_in(cluster.kubeconfig, line.replace("/var/lib/skiff", cluster.root), line)
            continue
        argv = shlex.split(line.replace("web.tar", cluster.root + "/images/busybox.tar"))
        if argv[0] in ("skiff", "build/release/bin/skiff"):
            argv[0] = skiff()
        argv = [os.path.join(SOURCE, a) if a.startswith("manifests/") else a for a in argv]
        if argv[1:2] == ["cluster"]:
            argv += ["--root", cluster.root]
        got = run(argv, env=cluster.env, seconds=90, cwd=work)
        check(got.code == 0, "README.md: " + line, got.text())


def try_annotation(cluster):
    """README.md's piece of YAML is a workload's metadata."""
    block = re.search(r"```yaml\nmetadata:\n(.*?)```", readme(), re.S)
    text = re.search(r'(skiff.dev/depends-on): "(.*)"', block.group(1))
    d = deployment("readme", replicas=0)
    d["metadata"]["annotations"] = {text.group(1): text.group(2)}
    Kube(cluster, "default").ok("apply", "--dry-run=server", "-f", "-", stdin=manifest(d))


def case_two_services_in_order(_):
    cluster = ByScript()
    out = cluster.first.out
    check_in("A says: B said: hello from B", out, "the address answers")
    check(out.index("✓ Deployment/b") < out.index("✓ Deployment/a"), "B is ready before A", out)
    check_in("waiting for Deployment/b", out, "progress says what A waits for")
    again = cluster.script()
    check(again.code == 0, "scripts/up once more", again.text())
    check_in("A says: B said: hello from B", again.out, "it answers as before")
    try_annotation(cluster)
    with tempfile.TemporaryDirectory() as work:
        try_readme(cluster, work) # `down --delete` is among it
    check(not os.path.exists(os.path.join(cluster.root, "cluster.json")), "`down --delete`")
    cluster.close()
