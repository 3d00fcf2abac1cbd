"""Kinds of CustomResourceDefinitions with the real kubectl: definition and objects in one file, two
versions, status, scale, columns, selectable fields, owners, quotas, the death of the API server, and
the end of it all."""
import base64
import gzip
import http.client
import json
import os
import signal
import ssl
import statistics
import tempfile
import time
import urllib.parse

from harness import check, check_in, run, skiff, wait_for
from kube import Kube, manifest, meta
import openapi_protobuf

ROUNDS = 11


def version(name, properties, **more):
    status = {"type": "object", "properties": {
        "on": {"type": "boolean"}, "replicas": {"type": "integer"}, "selector": {"type": "string"}}}
    spec = {"type": "object", "description": "What the lamp is wanted to be.",
            "properties": properties}
    return dict({"name": name, "served": True, "storage": False, "schema": {"openAPIV3Schema": {
        "type": "object", "properties": {"spec": spec, "status": status}}}}, **more)


V1 = version(
    "v1", {"watts": {"type": "integer", "default": 40, "minimum": 1},
           "color": {"type": "string", "description": "As which it shines."},
           "replicas": {"type": "integer"}},
    storage=True, selectableFields=[{"jsonPath": ".spec.color"}],
    subresources={"status": {}, "scale": {
        "specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas",
        "labelSelectorPath": ".status.selector"}},
    additionalPrinterColumns=[{"name": "Watts", "type": "integer", "jsonPath": ".spec.watts"},
                              {"name": "Age", "type": "date",
                               "jsonPath": ".metadata.creationTimestamp"}])
V2 = version("v2", {"watts": {"type": "integer"}})


def definition(*versions, plural="lamps", kind="Lamp", **names):
    return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": plural + ".example.com"},
            "spec": {"group": "example.com", "scope": "Namespaced", "versions": list(versions),
                     "names": dict(names, plural=plural, kind=kind)}}


def lamp(name, of="v1", **spec):
    return {"apiVersion": "example.com/" + of, "kind": "Lamp", "metadata": meta(name), "spec": spec}


def case_one_file(cluster):
    k = Kube(cluster, "lamps")
    k.apply(definition(V1, shortNames=["lp"], categories=["all"]))
    k.ok("wait", "--for=condition=established", "crd/lamps.example.com", "--timeout=10s")
    k.apply(lamp("a", color="red"), lamp("b", color="blue", watts=60))
    table = [line.split() for line in k.ok("get", "lp").splitlines()]
    check([row[:2] for row in table] == [["NAME", "WATTS"], ["a", "40"], ["b", "60"]], "columns",
          table)
    check_in("b ", k.ok("get", "lamps", "--field-selector=spec.color=blue"), "selected")
    check("a" not in k.ok("get", "lamps", "--field-selector=spec.color=blue", "-o", "name").split("/"),
          "the other is not selected")
    check_in("spec.watts", k.refused("apply", "-f", "-", stdin=manifest(lamp("c", watts=0))),
             "checked")
    check_in("As which it shines.", k.ok("explain", "lamps.spec.color"), "explained")
    check_in("lamp.example.com/a", k.ok("get", "all"), "a category")
    k.apply(lamp("a", color="green"))
    now = k.get("lamp", "a")
    check(now["spec"] == {"color": "green", "watts": 40} and now["metadata"]["generation"] == 2,
          "applied again", now)
    k.ok("apply", "--server-side", "--field-manager=x", "-f", "-", stdin=manifest(lamp("d", watts=9)))


def case_status_and_scale(cluster):
    k = Kube(cluster, "parts")
    k.apply(lamp("a", replicas=1))
    k.ok("patch", "lamp", "a", "--subresource=status", "--type=merge", "-p",
         '{"status":{"on":true,"selector":"app=a","replicas":1}}')
    now = k.get("lamp", "a")
    check(now["status"]["on"] is True and now["metadata"]["generation"] == 1, "status", now)
    k.ok("scale", "lamp/a", "--replicas=3")
    scale = json.loads(k.ok("get", "--raw",
                            "/apis/example.com/v1/namespaces/parts/lamps/a/scale"))
    check(scale["spec"]["replicas"] == 3 and scale["status"] == {"replicas": 1, "selector": "app=a"},
          "scale", scale)
    check(k.get("lamp", "a")["metadata"]["generation"] == 2, "it counts")
    check_in("lamp.example.com/a", k.ok("scale", "lamp/a", "--replicas=1"), "scaled back")


def case_versions_and_restart(cluster):
    k = Kube(cluster, "versions")
    k.apply(lamp("a", color="red"))
    k.apply(definition(V1, V2, shortNames=["lp"], categories=["all"]))
    now = json.loads(k.ok("get", "lamps.v2.example.com", "a", "-o", "json"))
    check((now["apiVersion"], now["spec"]) == ("example.com/v2", {"watts": 40}), "as v2", now)
    k.apply(lamp("b", "v2", watts=7))
    check(json.loads(k.ok("get", "lamps.v1.example.com", "b", "-o", "json"))["spec"]["watts"] == 7,
          "as v1")
    old = cluster.pid("apiserver")
    os.kill(old, signal.SIGKILL)
    wait_for("the API server again", lambda: cluster.pid("apiserver") not in (None, old), 30)
    wait_for("its answer", lambda: k.try_("get", "lamps", "a").code == 0, 30)
    check(len(k.get("lamps.v1.example.com")["items"]) == 2, "all is there")
    stored = definition(dict(V1, storage=False), dict(V2, storage=True), shortNames=["lp"])
    k.apply(stored)
    crd = k.get("crd", "lamps.example.com")
    check(crd["status"]["storedVersions"] == ["v1", "v2"], "stored versions", crd["status"])
    k.until("as v1 still", "lamps.v1.example.com/a", lambda o: o["spec"].get("color") == "red")


def case_conflict(cluster):
    k = Kube(cluster, "conflict")
    k.apply(definition(V1, plural="lights"))
    conditions = {c["type"]: c for c in k.get("crd", "lights.example.com")["status"]["conditions"]}
    check(conditions["NamesAccepted"]["reason"] == "ListKindConflict" and
          conditions["Established"]["status"] == "False", "names are taken", conditions)
    k.ok("delete", "crd", "lights.example.com", "--timeout=20s", seconds=30)


def case_owners_and_quota(cluster):
    k = Kube(cluster, "owned")
    k.apply({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": meta("q"),
             "spec": {"hard": {"count/lamps.example.com": "2"}}})
    k.apply(lamp("owner"))
    owner = k.get("lamp", "owner")["metadata"]["uid"]
    reference = [{"apiVersion": "example.com/v1", "kind": "Lamp", "name": "owner", "uid": owner}]
    child = lamp("child")
    child["metadata"]["ownerReferences"] = reference
    part = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta("part")}
    part["metadata"]["ownerReferences"] = reference
    k.apply(child, part)
    check_in("exceeded quota: q, requested: count/lamps.example.com=1",
             k.refused("apply", "-f", "-", stdin=manifest(lamp("third"))), "bounded")
    k.ok("delete", "lamp", "owner")
    wait_for("what it owned goes", lambda: not k.get("lamps")["items"] and
             k.get("configmap", "part") is None, 30)
    k.apply(lamp("last"))
    k.ok("delete", "namespace", "owned", "--timeout=60s", seconds=70)
    check(k.get("lamps")["items"] == [], "emptied with its namespace")


def case_our_own_client(cluster):
    def ours(*arguments, stdin=None):
        got = run([skiff(), *arguments, "--kubeconfig", cluster.kubeconfig], stdin, 60, cluster.env)
        check(got.code == 0, "skiff failed", got.text())
        return got.out
    text = manifest(dict(lamp("mine", color="red"), metadata={"name": "mine", "namespace": "lamps"}))
    ours("apply", "-f", "-", "-n", "lamps", stdin=text)
    check_in("mine", ours("get", "lamps", "-n", "lamps"), "listed")
    check_in("red", ours("get", "lp", "mine", "-n", "lamps", "-o", "yaml"), "short name")
    check_in("mine", ours("describe", "lamp", "mine", "-n", "lamps"), "described")
    ours("scale", "lamps.v1.example.com/mine", "--replicas=2", "-n", "lamps")
    ours("delete", "lamp", "mine", "-n", "lamps")


def connect(cluster):
    """A connection as kubectl's user: what a new process costs is not measured."""
    config = json.loads(Kube(cluster, "default").ok("config", "view", "--raw", "-o", "json"))
    user, where = config["users"][0]["user"], config["clusters"][0]["cluster"]
    context = ssl.create_default_context(
        cadata=base64.b64decode(where["certificate-authority-data"]).decode())
    with tempfile.NamedTemporaryFile("wb", suffix=".pem") as f:
        f.write(base64.b64decode(user["client-certificate-data"]))
        f.write(base64.b64decode(user["client-key-data"]))
        f.flush()
        context.load_cert_chain(f.name)
    url = urllib.parse.urlparse(where["server"])
    return http.client.HTTPSConnection(url.hostname, url.port, context=context, timeout=20)


# What version 2 of OpenAPI says otherwise than version 3, or that protobuf has in a way of its own.
ODD = version("v1", {
    "anything": {"x-kubernetes-preserve-unknown-fields": True, "description": "Anything \u00e9\u2028."},
    "open": {"type": "object", "x-kubernetes-preserve-unknown-fields": True,
             "required": ["a"], "properties": {"a": {"type": "string"}}},
    "null": {"type": "object", "nullable": True, "required": ["a"],
             "properties": {"a": {"type": "string"}}},
    "either": {"x-kubernetes-int-or-string": True,
               "anyOf": [{"type": "integer"}, {"type": "string"}]},
    "inside": {"type": "object", "x-kubernetes-embedded-resource": True,
               "properties": {"spec": {"type": "object"}}},
    "list": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"],
             "maxItems": 3, "items": {"type": "object", "required": ["k"], "properties": {
                 "k": {"type": "string", "enum": ["x", "\"y\""], "pattern": "^[xy\"]+$"}}}},
    "map": {"type": "object", "additionalProperties": {"type": "number", "minimum": -0.5,
                                                       "maximum": 1e300, "multipleOf": 0.25}},
    "free": {"type": "object", "additionalProperties": True},
    "links": {"type": "string", "title": "T", "example": {"a": [1, None]}, "format": "date-time",
              "externalDocs": {"url": "https://example.com/", "description": "More."}},
    "default": {"type": "integer", "default": 5, "minimum": 1, "exclusiveMinimum": True},
    "$ref": {"type": "boolean"}, "x-y": {"type": "string"},
}, storage=True, subresources={"status": {}})


PROTOBUF = "application/com.github.proto-openapi.spec.v%sv1.0+protobuf"


def case_openapi_v2(cluster):
    """As JSON and as protobuf the same, as version 3 is; with gzip; and what kubectl reads in it."""
    k = Kube(cluster, "odd")
    k.apply(definition(ODD, plural="odds", kind="Odd"))
    k.ok("wait", "--for=condition=established", "crd/odds.example.com", "--timeout=10s")
    c = connect(cluster)

    def ask(path="/openapi/v2", **headers):
        c.request("GET", path, headers={n.replace("_", "-"): v for n, v in headers.items()})
        answer = c.getresponse()
        return answer.status, answer.read(), answer.getheader("ETag"), answer.getheader("Content-Type")

    def known():
        return "com.example.v1.OddList" in json.loads(ask()[1])["definitions"]
    wait_for("the kind in OpenAPI", known)
    status, text, etag, kind = ask(Accept="application/json, */*")
    check(status == 200 and kind == "application/json", "JSON", status, kind)
    packed = ask(Accept_Encoding="gzip")
    check(gzip.decompress(packed[1]) == text and packed[2] == etag, "the same in gzip")
    check(ask(If_None_Match=etag)[:2] == (304, b""), "not again")
    check(ask(Accept="text/plain")[0] == 406, "nothing else")
    status, binary, _, kind = ask(Accept=PROTOBUF % "2@")
    check(status == 200 and kind == PROTOBUF % "2.", "protobuf", status, kind)
    for name in ("api/v1", "apis/apps", "apis/apps/v1", "apis/example.com/v1", "version"):
        status, wire, _, kind = ask("/openapi/v3/" + name, Accept=PROTOBUF % "3@")
        check(status == 200 and kind == PROTOBUF % "3.", "version 3 as protobuf", status, kind)
        other = list(openapi_protobuf.differences(
            json.loads(ask("/openapi/v3/" + name)[1]), openapi_protobuf.document_v3(wire)))
        check(not other, "the same as protobuf", name, "\n".join(other[:20]))
    c.close()
    said = json.loads(text)
    other = list(openapi_protobuf.differences(said, openapi_protobuf.document(binary)))
    check(not other, "the same as protobuf", "\n".join(other[:20]))
    spec = said["definitions"]["com.example.v1.Odd"]["properties"]["spec"]["properties"]
    check(spec["null"] == {"required": ["a"]} and "default" not in spec["default"], "pruned", spec)
    shown = k.explain_v2("odds.spec")
    for line in ("Anything \u00e9", "list\t<[]Object>", "map\t<map[string]number>", "default\t<integer>"):
        check_in(line, shown, "explained")
    k.ok("delete", "crd", "odds.example.com")


def case_served_at_once(cluster):
    c = connect(cluster)

    def ask(method, path, body=None):
        c.request(method, path, json.dumps(body) if body else None,
                  {"Content-Type": "application/json"})
        answer = c.getresponse()
        return answer.status, answer.read(), answer.getheader("ETag")
    written, made, discovered = [], [], []
    for i in range(ROUNDS):
        name = "quick%d" % i
        body = definition(V1, plural=name, kind="Quick%d" % i)
        before = ask("GET", "/openapi/v3")[2]
        begin = time.monotonic()
        status, text, _ = ask("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", body)
        check(status == 201, "the definition", text)
        written.append(time.monotonic() - begin)
        status, text, _ = ask("POST", "/apis/example.com/v1/namespaces/default/" + name, {
            "apiVersion": "example.com/v1", "kind": "Quick%d" % i, "metadata": {"name": "x"}})
        check(status == 201, "its first object", text)
        made.append(time.monotonic() - begin)
        check(name.encode() in ask("GET", "/apis/example.com/v1")[1], "in discovery")
        discovered.append(time.monotonic() - begin)
        check(ask("GET", "/openapi/v3")[2] != before, "OpenAPI has another ETag")
        ask("DELETE", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/%s.example.com" % name)
    c.close()
    print("       from the write of a definition, ms: answered %.1f, first object stored %.1f, "
          "in discovery %.1f (medians of %d)" % tuple(
              [1000 * statistics.median(times) for times in (written, made, discovered)] + [ROUNDS]))


def case_the_end(cluster):
    k = Kube(cluster, "lamps2")
    held = lamp("held")
    held["metadata"]["finalizers"] = ["example.com/hold"]
    k.apply(held)
    k.ok("delete", "crd", "lamps.example.com", "--wait=false")
    check_in("create not allowed while custom resource definition is terminating",
             k.refused("create", "-f", "-", stdin=manifest(lamp("new"))), "nothing new")
    k.until("the others go", "crd/lamps.example.com", lambda o: any(
        c["type"] == "Terminating" and c["reason"] == "InstanceDeletionInProgress"
        for c in o["status"]["conditions"]))
    wait_for("one is left", lambda: len(k.get("lamps", "-A")["items"]) == 1, 30)
    k.ok("patch", "lamp", "held", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
    wait_for("the definition goes", lambda: k.get("crd", "lamps.example.com") is None, 30)
    why = k.refused("get", "lamps") # as its cache of discovery has it
    check("doesn't have a resource type" in why or "could not find the requested" in why,
          "not served", why)
