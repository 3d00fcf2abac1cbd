"""Pulling from a registry: Debian's docker-registry with a password, on the cluster's own link."""
import base64
import glob
import hashlib
import json
import os
import shutil
import signal
import subprocess
import tarfile
import urllib.error
import urllib.request

from harness import TOOLS, check, check_in, skiff, wait_for
from kube import Kube, Running, deployment, pod

USER, PASSWORD = "puller", "open sesame"


def provide_registry():
    program = os.path.join(TOOLS, "registry", "usr", "bin", "docker-registry")
    if os.path.exists(program):
        return program
    work = os.path.join(TOOLS, "download-%d" % os.getpid())
    os.makedirs(work, exist_ok=True)
    try:
        subprocess.run(["apt-get", "download", "docker-registry"], cwd=work, timeout=120, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        subprocess.run(["dpkg", "-x", glob.glob(work + "/docker-registry_*.deb")[0],
                        os.path.join(TOOLS, "registry")], check=True, timeout=60)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return program


class Registry:
    def __init__(self, cluster):
        self.dir = os.path.join(cluster.root, "registry")
        os.makedirs(self.dir)
        with open(self.dir + "/htpasswd", "w", encoding="ascii") as f:
            f.write("%s:%s\n" % (USER, bcrypt(PASSWORD)))
        # Port 0 is not told: one of the cluster's own link is free of others.
        self.host = cluster.config["advertiseIP"] + ":5000"
        config = {"version": 0.1, "log": {"level": "error"},
                  "storage": {"filesystem": {"rootdirectory": self.dir + "/data"}},
                  "http": {"addr": self.host},
                  "auth": {"htpasswd": {"realm": "test", "path": self.dir + "/htpasswd"}}}
        with open(self.dir + "/config.yml", "w", encoding="ascii") as f:
            json.dump(config, f) # JSON is YAML
        with open(self.dir + "/log", "wb") as log:
            self.process = subprocess.Popen([provide_registry(), "serve", self.dir + "/config.yml"],
                                            stdout=log, stderr=log)
        wait_for("the registry answers", lambda: self.call("GET", "/v2/")[0] == 200, 20)
        # Plain HTTP: containerd is told so per host.
        for node in cluster.config["nodes"]:
            place = "%s/nodes/%s/registries/%s" % (cluster.root, node["name"], self.host)
            os.makedirs(place)
            with open(place + "/hosts.toml", "w", encoding="ascii") as f:
                f.write('server = "http://%s"\n[host."http://%s"]\n'
                        '  capabilities = ["pull", "resolve"]\n' % (self.host, self.host))

    def call(self, method, path, body=None, kind="application/octet-stream"):
        url = path if path.startswith("http") else "http://%s%s" % (self.host, path)
        request = urllib.request.Request(url, body, method=method)
        token = base64.b64encode(("%s:%s" % (USER, PASSWORD)).encode()).decode()
        request.add_header("Authorization", "Basic " + token)
        request.add_header("Content-Type", kind)
        try:
            with urllib.request.urlopen(request, timeout=20) as got:
                return got.status, got.headers
        except urllib.error.HTTPError as error:
            return error.code, error.headers
        except OSError:
            return 0, {}

    def push_blob(self, name, data):
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        status, headers = self.call("POST", "/v2/%s/blobs/uploads/" % name, b"")
        check(status == 202, "an upload is begun", status)
        where = headers["Location"]
        status, _ = self.call("PUT", where + ("&" if "?" in where else "?") + "digest=" + digest,
                              data)
        check(status == 201, "a blob is stored", status)
        return digest, len(data)

    def push(self, archive, name, tag):
        """What scripts/image.sh packed, as an image of the registry."""
        with tarfile.open(archive) as tar:
            def read(member):
                return tar.extractfile(member).read()
            listed = json.loads(read("manifest.json"))[0]
            config = self.push_blob(name, read(listed["Config"]))
            layers = [self.push_blob(name, read(layer)) for layer in listed["Layers"]]
        base = "application/vnd.docker."
        manifest = {"schemaVersion": 2, "mediaType": base + "distribution.manifest.v2+json",
                    "config": {"mediaType": base + "container.image.v1+json",
                               "digest": config[0], "size": config[1]},
                    "layers": [{"mediaType": base + "image.rootfs.diff.tar", "digest": d, "size": n}
                               for d, n in layers]}
        status, _ = self.call("PUT", "/v2/%s/manifests/%s" % (name, tag),
                              json.dumps(manifest).encode(), manifest["mediaType"])
        check(status == 201, "the manifest is stored", status)
        return "%s/%s:%s" % (self.host, name, tag)

    def stop(self):
        self.process.kill()
        self.process.wait()


def bcrypt(password):
    """By libcrypt, which Debian has; Python's own module for it is going."""
    import ctypes # pylint: disable=import-outside-toplevel
    library = ctypes.CDLL("libcrypt.so.1")
    library.crypt.restype = ctypes.c_char_p
    return library.crypt(password.encode(), b"$2y$05$" + b"abcdefghijklmnopqrstuu").decode()


def pull_secret(registry, password):
    token = base64.b64encode(("%s:%s" % (USER, password)).encode()).decode()
    text = json.dumps({"auths": {registry.host: {"auth": token}}})
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "pull"},
            "type": "kubernetes.io/dockerconfigjson",
            "data": {".dockerconfigjson": base64.b64encode(text.encode()).decode()}}


def with_image(spec_of, image, **more):
    spec = spec_of["spec"]
    spec = spec.get("template", {}).get("spec", spec)
    spec["containers"][0]["image"] = image
    spec.update(more)
    return spec_of


def waiting(k, name):
    pods = [p for p in k.pods() if p["metadata"]["name"].startswith(name)]
    states = [c["state"].get("waiting", {}) for p in pods
              for c in p["status"].get("containerStatuses", [])]
    return states[0] if states else {}


def write(cluster, thing):
    path = os.path.join(cluster.root, "thing.json")
    with open(path, "w", encoding="ascii") as f:
        json.dump(thing, f)
    return path


def case_pull(cluster):
    k = Kube(cluster, "registry")
    registry = Registry(cluster)
    try:
        image = registry.push(cluster.root + "/images/busybox.tar", "team/box", "7")
        k.apply(with_image(pod("nobody"), image),
                with_image(pod("missing"), image.replace(":7", ":8"),
                           imagePullSecrets=[{"name": "pull"}]))
        wait_for("without credentials it is refused", lambda: waiting(k, "nobody").get(
            "reason") in ("ErrImagePull", "ImagePullBackOff"), 30)
        wait_for("and it backs off", lambda: waiting(k, "nobody").get("reason") ==
                 "ImagePullBackOff", 30)
        check_in("authoriz", waiting(k, "nobody").get("message", "") + " ".join(k.events("nobody")),
                 "the reason is told")
        k.apply(pull_secret(registry, "wrong"))
        k.apply(with_image(deployment("good"), image, imagePullSecrets=[{"name": "pull"}]))
        wait_for("a wrong password is refused", lambda: waiting(k, "good").get("reason") in (
            "ErrImagePull", "ImagePullBackOff"), 30)
        # Put right, it comes by itself: nothing has to be made anew.
        k.apply(pull_secret(registry, PASSWORD))
        k.rolled_out("deploy/good", 90)
        wait_for("a tag that is not there is named", lambda: "not found" in waiting(
            k, "missing").get("message", "") + " ".join(k.events("missing")), 60)
        status = k.pods("app=good")[0]["status"]["containerStatuses"][0]
        check(status["image"].endswith("team/box:7") and "@sha256:" in status["imageID"],
              "what was pulled is told", status["image"], status["imageID"])
        # A slow one: people see what takes so long.
        registry.process.send_signal(signal.SIGSTOP)
        slow = with_image(pod("slow"), image.replace("team/box:7", "team/other:1"),
                          imagePullSecrets=[{"name": "pull"}])
        with Running([skiff(), "apply", "-n", k.namespace, "-f", write(cluster, slow), "--wait"],
                     cluster.env) as apply:
            apply.wait_line("pulling image", 15)
            check(waiting(k, "slow")["reason"] == "ContainerCreating", "its status", k.pods())
            registry.process.send_signal(signal.SIGCONT)
            registry.push(cluster.root + "/images/busybox.tar", "team/other", "1")
            check(apply.process.wait(60) == 0, "pulled and ready", *apply.lines)
        # The registry gone: what is there starts without it.
        registry.stop()
        k.ok("scale", "deploy/good", "--replicas=3")
        k.rolled_out("deploy/good")
    finally:
        registry.stop()
