"""The first of the two commands, as a stranger types it, and the commands that README.md shows."""
import os
import re
import shlex
import shutil

from harness import Cluster, SOURCE, check, check_in, run, skiff

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


def readme_commands():
    with open(os.path.join(SOURCE, "README.md"), encoding="utf-8") as f:
        text = f.read()
    using = text[text.index("## Using it"):text.index("## Stopping")]
    lines = [line[4:].split(" #")[0].strip() for line in using.split("\n")
             if line.startswith("    ")]
    return [line for line in lines if re.match(r"(kubectl|skiff) ", line)]


def try_readme(cluster):
    commands = readme_commands()
    check(len(commands) >= 8, "README.md shows commands", commands)
    for line in commands:
        argv = shlex.split(line.replace("web.tar", cluster.root + "/images/busybox.tar"))
        if argv[0] == "skiff":
            argv[0] = skiff()
        argv = [os.path.join(SOURCE, a) if a.startswith("manifests/") else a for a in argv]
        got = run(argv, env=cluster.env, seconds=90)
        check(got.code == 0, "README.md: " + line, got.text())


def case_two_services_in_order(_):
    cluster = ByScript()
    out = cluster.first.out
    check_in("A says: B said: hello from B", out, "the address answers")
    check(out.index("✓ Deployment/b") < out.index("✓ Deployment/a"), "B is ready before A", out)
    check_in("waiting for Deployment/b", out, "progress says what A waits for")
    again = cluster.script()
    check(again.code == 0, "scripts/up once more", again.text())
    check_in("A says: B said: hello from B", again.out, "it answers as before")
    try_readme(cluster)
    cluster.close()
