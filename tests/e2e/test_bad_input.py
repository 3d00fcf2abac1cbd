"""Bad input gets a clear answer, and changes nothing."""
import base64
import json
import ssl
import http.client
import time

from harness import check, check_in, run, wait_for
from kube import Kube, deployment, manifest, pod, pod_spec

YAML = """apiVersion: v1
kind: ConfigMap
metadata: {name: strict}
data: {a: b}
%s
"""


class Raw:
    """Requests that kubectl would not send, with the admin's certificate or without."""

    def __init__(self, cluster, as_admin=True):
        got = run(["kubectl", "config", "view", "--raw", "-o", "json"], env=cluster.env)
        config = json.loads(got.out)
        user, server = config["users"][0]["user"], config["clusters"][0]["cluster"]
        self.context = ssl.create_default_context(cadata=self.decode(
            server, "certificate-authority", cluster))
        self.context.check_hostname = False
        if as_admin:
            path = cluster.root + "/admin.pem"
            with open(path, "w", encoding="ascii") as f:
                f.write(self.decode(user, "client-certificate", cluster) +
                        self.decode(user, "client-key", cluster))
            self.context.load_cert_chain(path)
        self.address = server["server"].split("//")[1].split(":")

    @staticmethod
    def decode(entry, name, _cluster):
        if name + "-data" in entry:
            return base64.b64decode(entry[name + "-data"]).decode()
        with open(entry[name], encoding="ascii") as f:
            return f.read()

    def send(self, method, path, body=None, content_type="application/json", token=None):
        connection = http.client.HTTPSConnection(self.address[0], int(self.address[1]), timeout=20,
                                                 context=self.context)
        headers = {"Content-Type": content_type} if body is not None else {}
        if token is not None:
            headers["Authorization"] = "Bearer " + token
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(errors="replace"), answer.headers
        except (ConnectionError, ssl.SSLError) as failure:
            return 0, str(failure), {}
        finally:
            connection.close()


def status_reason(body):
    try:
        got = json.loads(body)
        return got.get("reason") if got.get("kind") == "Status" else None
    except ValueError:
        return None


def case_manifests(cluster):
    k = Kube(cluster, "bad")
    table = (
        ("a tab", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n\tname: x\n", "token"),
        ("an unknown kind", "apiVersion: v1\nkind: Teapot\nmetadata: {name: x}\n", "Teapot"),
        ("an unknown group", "apiVersion: tea/v1\nkind: Pot\nmetadata: {name: x}\n", "tea/v1"),
        ("an unknown field", json.dumps(dict(deployment("x"), spices=1)), "spices"),
        ("a wrong type", json.dumps(deployment("x", replicas="many")), "replicas"),
        ("a name too long", json.dumps(pod("x" * 254)), "253"),
        ("a name with capitals", json.dumps(pod("Web")), "RFC 1123"),
        ("no name", "apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n", "name"),
        ("no containers", json.dumps(deployment("x", {"containers": []})),
         "spec.template.spec.containers"),
        ("a selector that does not match", json.dumps(deployment(
            "x", selector={"matchLabels": {"app": "y"}})), "selector"),
        ("a port out of range", json.dumps(pod("x", ports=[{"containerPort": 70000}])),
         "ports[0].containerPort"),
        ("a bad quantity", json.dumps(pod("x", resources={"limits": {"memory": "1 cup"}})),
         "quantities"),
        ("a negative count", json.dumps(deployment("x", replicas=-1)), "spec.replicas"),
    )
    for what, text, part in table:
        check_in(part, k.refused("apply", "-f", "-", stdin=text), what)
    check(k.get("deploy,pods,configmaps")["items"] in ([],) or all(
        i["metadata"]["name"] == "kube-root-ca.crt"
        for i in k.get("deploy,pods,configmaps")["items"]), "nothing of it was stored")


def case_field_validation(cluster):
    """Strict refuses, Warn says so in a header, Ignore is silent; both for unknown and doubled."""
    Kube(cluster, "fields")
    raw = Raw(cluster)
    path = "/api/v1/namespaces/fields/configmaps?fieldValidation="
    for kind, extra, words in (("unknown", "spices: 1", 'unknown field "spices"'),
                               ("duplicate", "kind: ConfigMap", "already set in map")):
        body = YAML % extra
        status, text, _ = raw.send("POST", path + "Strict", body, "application/yaml")
        check(status == 400 and words.split('"')[0] in text, "Strict, " + kind, status, text)
        status, text, headers = raw.send("POST", path + "Warn", body, "application/yaml")
        check(status == 201 and headers.get("Warning", "").startswith("299 "), "Warn, " + kind,
              status, text, headers.get("Warning"))
        raw.send("DELETE", "/api/v1/namespaces/fields/configmaps/strict")
        status, text, headers = raw.send("POST", path + "Ignore", body, "application/yaml")
        check(status == 201 and "Warning" not in headers, "Ignore, " + kind, status, text)
        raw.send("DELETE", "/api/v1/namespaces/fields/configmaps/strict")


def case_bodies(cluster):
    Kube(cluster, "bodies")
    raw = Raw(cluster)
    path = "/api/v1/namespaces/bodies/configmaps"
    big = json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "big"},
                      "data": {"a": "x" * (4 << 20)}})
    status, text, _ = raw.send("POST", path, big)
    check(status in (413, 0), "a body over the limit", status, text[:300])
    protobuf = b"k8s\0\n\x0f\n\x02v1\x12\tConfigMap\x12\x7fshort"
    status, text, _ = raw.send("POST", path, protobuf, "application/vnd.kubernetes.protobuf")
    check(status == 400 and status_reason(text) == "BadRequest", "truncated protobuf", status, text)
    status, text, _ = raw.send("POST", path, b"\0\1\2", "application/vnd.kubernetes.protobuf")
    check(status == 400, "no protobuf", status, text)
    status, text, _ = raw.send("POST", path, '{"apiVersion": "v1", "kind":')
    check(status == 400, "truncated JSON", status, text)
    status, text, _ = raw.send("POST", path, "[" * 100000)
    check(status in (400, 413), "JSON without end in depth", status, text)
    tab = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n\tname: x\n"
    status, text, _ = raw.send("POST", path, tab, "application/yaml")
    check(status == 400 and "line 4" in text, "a tab", status, text)
    status, text, _ = raw.send("POST", path, "a: b", "text/plain")
    check(status == 415 and status_reason(text) == "UnsupportedMediaType", "media type", status,
          text)
    status, text, _ = raw.send("POST", path, json.dumps(pod("x")))
    check(status == 400, "another kind than the path's", status, text)
    begin = time.monotonic()
    for n in (12000, 16500, 18000): # with the handshake's end, in one record or two
        status, text, _ = raw.send("GET", "/api/v1/" + "x" * n)
        check(status == 404, "a URL of %d bytes" % n, status, text[:300])
    check(time.monotonic() - begin < 5, "at once", time.monotonic() - begin)
    status, text, _ = raw.send("GET", "/api/v1/" + "x" * 20000)
    check(status in (404, 414, 431), "a long URL", status, text[:300])
    status, text, _ = raw.send("GET", "/apis/nothing/v1/things")
    check(status == 404, "an unknown path", status, text)
    status, text, _ = raw.send("PUT", path, "{}")
    check(status == 405 and status_reason(text) == "MethodNotAllowed", "a method", status, text)
    check(json.loads(raw.send("GET", path)[1])["items"] in ([],) or all(
        i["metadata"]["name"] == "kube-root-ca.crt"
        for i in json.loads(raw.send("GET", path)[1])["items"]), "nothing of it was stored")


def case_who_are_you(cluster):
    k = Kube(cluster, "who")
    raw = Raw(cluster, as_admin=False)
    pods = "/api/v1/namespaces/who/pods"
    status, text, _ = raw.send("GET", pods)
    check(status == 403 and "system:anonymous" in text, "anonymous", status, text)
    check(raw.send("GET", "/version")[0] == 200, "anonymous may ask for the version")
    check(raw.send("GET", "/healthz")[0] == 200, "anonymous may ask for health")
    token = k.ok("create", "token", "default").strip()
    status, text, _ = raw.send("GET", pods, token=token)
    check(status == 403 and "system:serviceaccount:who:default" in text, "a good token", status,
          text)
    head, body, signature = token.split(".")
    other = base64.urlsafe_b64encode(base64.urlsafe_b64decode(body + "==").replace(
        b"who", b"kube-system")).decode().rstrip("=")
    none = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    flipped = signature[:20] + ("A" if signature[20] != "A" else "B") + signature[21:]
    for what, bad in (("another body", ".".join((head, other, signature))),
                      ("a broken signature", ".".join((head, body, flipped))),
                      ("no signature", ".".join((none, body, ""))), ("rubbish", "x.y.z"),
                      ("a word", "secret"), ("a long one", "x" * 6000)):
        status, text, _ = raw.send("GET", pods, token=bad)
        check(status == 401 and status_reason(text) == "Unauthorized", "token: " + what, status,
              text)


def case_bad_image(cluster):
    """The pod says why it does not start and backs off; the rest of the cluster goes on."""
    k = Kube(cluster, "image")
    k.apply(dict(pod("gone"), spec=dict(pod_spec(), containers=[
        {"name": "main", "image": "localhost/no-such-image:1"}])), pod("fine"))

    def reason(p):
        status = (p["status"].get("containerStatuses") or [{}])[0]
        return status.get("state", {}).get("waiting", {}).get("reason")
    k.until("ErrImagePull or ImagePullBackOff", "pod/gone",
            lambda p: reason(p) in ("ErrImagePull", "ImagePullBackOff"), 30)
    k.until("ImagePullBackOff", "pod/gone", lambda p: reason(p) == "ImagePullBackOff", 40)
    k.ok("wait", "pod/fine", "--for=condition=Ready", "--timeout=20s")
    check(any("Failed" in e and "no-such-image" in e for e in k.events("gone")), "an event",
          *k.events("gone"))
    check_in("ImagePullBackOff", k.ok("get", "pods"), "the table says so")
    k.ok("delete", "pod", "gone", "--timeout=20s")


def case_crashes(cluster):
    """CrashLoopBackOff with growing pauses, the exit code, and OOM kills named."""
    k = Kube(cluster, "crash")
    k.apply(pod("crash", "echo why; exit 4", restartPolicy="Always"),
            pod("fat", "tail -c 200000000 /dev/zero | wc", restartPolicy="Never",
                resources={"limits": {"memory": "20Mi"}}),
            dict(pod("absent"), spec=dict(pod_spec(), containers=[
                {"name": "main", "image": "localhost/busybox:1", "command": ["/no/such"]}])))

    def state(p, which):
        return (p["status"].get("containerStatuses") or [{}])[0].get(which, {})
    k.until("CrashLoopBackOff", "pod/crash", lambda p: state(p, "state").get(
        "waiting", {}).get("reason") == "CrashLoopBackOff", 30)
    check(state(k.get("pod/crash"), "lastState")["terminated"]["exitCode"] == 4, "exit code")
    check_in("CrashLoopBackOff", k.ok("get", "pods"), "the table says so")
    wait_for("an event", lambda: any("BackOff" in e for e in k.events("crash")), 15)
    k.until("the fat one ended", "pod/fat", lambda p: p["status"]["phase"] in (
        "Failed", "Succeeded"), 30)
    k.until("a command that is not there is named", "pod/absent", lambda p: "no such file" in
            json.dumps(p["status"]), 30)


def case_port_in_use(cluster):
    k = Kube(cluster, "ports")
    raw_port = [{"containerPort": 80, "hostPort": 30999}]
    k.apply(pod("first", ports=raw_port))
    k.ok("wait", "pod/first", "--for=condition=Ready", "--timeout=20s")
    k.apply(pod("second", ports=raw_port))
    p = k.until("the second waits", "pod/second", lambda p: any(
        c["type"] == "PodScheduled" and c["status"] == "False"
        for c in p["status"].get("conditions", [])), 15)
    check_in("port", json.dumps(p["status"]["conditions"]), "and says why")
    svc = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "one"},
           "spec": {"type": "NodePort", "ports": [{"port": 80, "nodePort": 31234}]}}
    k.apply(svc)
    err = k.refused("apply", "-f", "-", stdin=manifest(dict(svc, metadata={"name": "two"})))
    check_in("provided port is already allocated", err, "a NodePort twice")
    k.ok("delete", "pod", "first", "--timeout=20s")
    k.ok("wait", "pod/second", "--for=condition=Ready", "--timeout=20s")


def case_conflicts(cluster):
    """A stale resourceVersion is a 409; create of what is there, 409 AlreadyExists."""
    k = Kube(cluster, "conflict")
    k.ok("create", "configmap", "c", "--from-literal=a=1")
    old = k.get("configmap/c")
    k.ok("patch", "configmap", "c", "-p", '{"data":{"a":"2"}}')
    old["data"]["a"] = "3"
    check_in("object has been modified", k.refused("replace", "-f", "-", stdin=json.dumps(old)),
             "a stale replace")
    check_in("already exists", k.refused("create", "configmap", "c"), "create twice")
    immutable = dict(old, immutable=True, metadata={"name": "i"})
    k.apply(immutable)
    check_in("immutable", k.refused("patch", "configmap", "i", "-p", '{"data":{"a":"9"}}'),
             "an immutable ConfigMap")
    begin = time.monotonic()
    check_in("timed out", k.refused("wait", "configmap/c", "--for=delete", "--timeout=1s"), "wait")
    check(time.monotonic() - begin < 10, "wait is bounded")
    wait_for("nothing is lost", lambda: k.get("configmap/c")["data"]["a"] == "2", 1)
