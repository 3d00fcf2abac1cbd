"""Who may do what, asked and granted by every kubectl found; and what an agent does not see."""
import base64
import json
import os
import re
import tempfile

from harness import check, check_in, run, wait_for
from kube import Kube, find_kubectls, pod

ROLES = """
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader, namespace: %(ns)s}
rules:
- {apiGroups: [""], resources: [configmaps], verbs: [get, list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: reader, namespace: %(ns)s}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}
subjects:
- {kind: ServiceAccount, name: robot, namespace: %(ns)s}
"""


def check_program(cluster, program, number):
    ns = "auth%d" % number
    k = Kube(cluster, ns, program)
    is_new = "Request a service account token" in k.try_("create", "token", "--help").out # 1.24
    if is_new:
        got = k.try_("auth", "whoami")
        # Before 1.28 kubectl asks for a beta version only.
        check("skiff-admin" in got.out or "v1beta1" in got.err, "who am I", got.text())
    check(k.ok("auth", "can-i", "delete", "nodes").strip() == "yes", "masters may")
    k.ok("create", "serviceaccount", "robot")
    account = "--as=system:serviceaccount:%s:robot" % ns
    check_in("no", k.try_("auth", "can-i", "get", "configmaps", account).out, "not yet")
    out = k.ok("auth", "reconcile", "-f", "-", stdin=ROLES % {"ns": ns})
    check_in("reader", out, "roles are reconciled")
    check(k.ok("auth", "can-i", "get", "configmaps", account).strip() == "yes", "now it may")
    out = k.ok("auth", "can-i", "--list", account)
    check(re.search(r"configmaps +\[\] +\[\] +\[get list\]", out), "the list of rights", out)
    check_in("selfsubjectaccessreviews", out, "what everybody may")
    out = k.refused("get", "secrets", account)
    check_in('User "system:serviceaccount:%s:robot" cannot list resource "secrets" in API group "" '
             'in the namespace "%s"' % (ns, ns), out, "the words of a refusal")
    if is_new:
        check_token(cluster, k)
    check_admission(k, ns)


def check_token(cluster, k):
    program, ns = k.program, k.namespace
    token = k.ok("create", "token", "robot").strip()
    got = run([program, "--token=" + token, "--server=" + server(cluster), "--insecure-skip-tls-verify",
               "--kubeconfig=/dev/null", "-n", ns, "get", "configmaps", "-o", "name"],
              env=cluster.env)
    check(got.code == 0 and "kube-root-ca.crt" in got.out, "by its own token", got.text())
    got = run([program, "--token=" + token + "x", "--server=" + server(cluster),
               "--insecure-skip-tls-verify", "--kubeconfig=/dev/null", "get", "pods"],
              env=cluster.env)
    check(got.code != 0 and ("nauthorized" in got.err or "logged in" in got.err),
          "by a forged one", got.text())


def check_admission(k, ns):
    k.ok("label", "namespace", ns, "pod-security.kubernetes.io/enforce=baseline")
    out = k.refused("run", "bad", "--image=localhost/busybox:1", "--privileged")
    check_in('violates PodSecurity "baseline:latest": privileged', out, "a privileged pod")
    k.ok("create", "quota", "small", "--hard=secrets=1")
    k.ok("create", "secret", "generic", "one")
    out = k.refused("create", "secret", "generic", "two")
    check_in("exceeded quota: small, requested: secrets=1, used: secrets=1, limited: secrets=1", out,
             "a quota")


def server(cluster):
    return "https://127.0.0.1:%d" % cluster.config["apiPort"]


def case_kubectl(cluster):
    for number, program in enumerate(find_kubectls()):
        check_program(cluster, program, number)


def case_an_agent_sees_what_its_pods_need(cluster):
    k = Kube(cluster, "default")
    node = "--as=system:node:%s" % cluster.node_name()
    groups = "--as-group=system:nodes"
    k.ok("create", "secret", "generic", "mine", "--from-literal=a=b")
    k.ok("create", "secret", "generic", "other", "--from-literal=a=b")
    k.apply(pod("user", env=[{"name": "A", "valueFrom": {"secretKeyRef": {
        "name": "mine", "key": "a"}}}]))
    k.ok("wait", "pod/user", "--for=condition=Ready", "--timeout=60s")
    check(json.loads(k.ok("get", "secret", "mine", node, groups, "-o", "json"))["data"], "its pod's")
    out = k.refused("get", "secret", "other", node, groups)
    check_in("no relationship found between node '%s' and this object" % cluster.node_name(), out,
             "another's")
    k.refused("get", "secrets", node, groups)


REQUEST = """
apiVersion: certificates.k8s.io/v1
kind: CertificateSigningRequest
metadata: {name: %s}
spec:
  request: %s
  signerName: kubernetes.io/%s
  expirationSeconds: 3600
  usages: [%s]
"""


def new_request(folder, name, subject, *more):
    """The text of a request in base64; its key lies in the folder."""
    key, request = os.path.join(folder, name + ".key"), os.path.join(folder, name + ".csr")
    got = run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
               "-nodes", "-keyout", key, "-subj", subject, "-out", request, *more])
    check(got.code == 0, "openssl", got.text())
    with open(request, "rb") as file:
        return base64.b64encode(file.read()).decode()


def state(k, name):
    return json.loads(k.ok("get", "csr", name, "-o", "json"))


def certificate(k, folder, name):
    """The path of the certificate that was issued, when it is."""
    coded = wait_for("a certificate for " + name,
                     lambda: state(k, name)["status"].get("certificate"), 20)
    path = os.path.join(folder, name + ".crt")
    with open(path, "wb") as file:
        file.write(base64.b64decode(coded))
    return path


def ask_with(cluster, k, folder, name, *arguments):
    return run([k.program, "--kubeconfig=/dev/null", "--server=" + server(cluster),
                "--certificate-authority=" + os.path.join(cluster.root, "pki", "ca.crt"),
                "--client-certificate=" + os.path.join(folder, name + ".crt"),
                "--client-key=" + os.path.join(folder, name + ".key"), *arguments],
               env=cluster.env)


def case_a_token_in_a_secret(cluster):
    """Filled when it names an account, good while it is there."""
    k = Kube(cluster, "legacy")
    k.ok("create", "serviceaccount", "robot")
    k.apply({"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/service-account-token",
             "metadata": {"name": "robot-token",
                          "annotations": {"kubernetes.io/service-account.name": "robot"}}})
    secret = k.until("it is filled", "secret/robot-token", lambda s: "token" in s.get("data", {}), 20)
    token = base64.b64decode(secret["data"]["token"]).decode()
    check(base64.b64decode(secret["data"]["namespace"]) == b"legacy", "its namespace", secret)
    check(b"BEGIN CERTIFICATE" in base64.b64decode(secret["data"]["ca.crt"]), "the certificate")
    check_in("token:", k.ok("describe", "secret/robot-token"), "kubectl shows it")
    argv = [k.program, "--token=" + token, "--server=" + server(cluster),
            "--insecure-skip-tls-verify", "--kubeconfig=/dev/null", "-n", "legacy", "get", "pods"]
    got = run(argv, env=cluster.env)
    check_in('User "system:serviceaccount:legacy:robot" cannot list resource "pods"', got.err,
             "whose it is")
    k.ok("delete", "serviceaccount", "robot")
    k.until("it goes with its account", "secret/robot-token", lambda s: s is None, 20)
    got = run(argv, env=cluster.env)
    check(got.code != 0 and ("nauthorized" in got.err or "logged in" in got.err), "no more",
          got.text())


def case_certificates(cluster):
    """Asked for, approved or denied by a person, and used; a node's own without one."""
    k = Kube(cluster, "default")
    with tempfile.TemporaryDirectory() as folder:
        k.ok("apply", "-f", "-", stdin=REQUEST % (
            "ann", new_request(folder, "ann", "/O=devs/CN=ann"), "kube-apiserver-client", "client auth"))
        asked = state(k, "ann")
        check(asked["spec"]["username"] == "skiff-admin", "who asks", asked["spec"])
        check("Pending" in k.ok("get", "csr", "ann"), "it waits for a person")
        k.ok("certificate", "approve", "ann")
        path = certificate(k, folder, "ann")
        check("Approved,Issued" in k.ok("get", "csr", "ann"), "it is issued")
        shown = run(["openssl", "x509", "-in", path, "-noout", "-subject", "-ext",
                     "extendedKeyUsage", "-checkend", "3700"])
        check(shown.code == 1, "for an hour", shown.text())
        check_in("TLS Web Client Authentication", shown.out, "for clients")
        got = ask_with(cluster, k, folder, "ann", "get", "configmaps")
        check_in('User "ann" cannot list resource "configmaps"', got.err, "it is ann")
        k.ok("create", "rolebinding", "devs", "--clusterrole=view", "--group=devs")
        got = ask_with(cluster, k, folder, "ann", "get", "configmaps")
        check(got.code == 0 and "kube-root-ca.crt" in got.out, "and of devs", got.text())

        k.ok("apply", "-f", "-", stdin=REQUEST % (
            "bob", new_request(folder, "bob", "/CN=bob"), "kube-apiserver-client", "client auth"))
        k.ok("certificate", "deny", "bob")
        check("Denied" in k.ok("get", "csr", "bob"), "denied")
        check_in("already Denied", k.refused("certificate", "approve", "bob"), "for good")
        check_in("system:masters group is not allowed", k.refused(
            "apply", "-f", "-", stdin=REQUEST % ("eve", new_request(
                folder, "eve", "/O=system:masters/CN=eve"), "kube-apiserver-client",
                                                 "client auth")), "no masters")
        k.ok("apply", "-f", "-", stdin=REQUEST % (
            "odd", new_request(folder, "odd", "/CN=odd"), "kubelet-serving", "server auth"))
        k.ok("certificate", "approve", "odd")
        failed = wait_for("a failure", lambda: [c for c in state(k, "odd")["status"]["conditions"]
                                                if c["type"] == "Failed"], 20)
        check(failed[0]["reason"] == "SignerValidationFailure" and failed[0]["message"] ==
              "subject organization is not system:nodes", "why it failed", failed)

        k.ok("apply", "-f", "-", stdin=REQUEST % (
            "serve", new_request(folder, "serve", "/O=system:nodes/CN=system:node:n", "-addext",
                                 "subjectAltName=DNS:n,IP:10.0.0.7"),
            "kubelet-serving", "server auth, digital signature"))
        k.ok("certificate", "approve", "serve")
        shown = run(["openssl", "x509", "-in", certificate(k, folder, "serve"), "-noout", "-ext",
                     "subjectAltName,extendedKeyUsage"])
        check_in("DNS:n, IP Address:10.0.0.7", shown.out, "its names")
        check_in("TLS Web Server Authentication", shown.out, "it serves")
        got = ask_with(cluster, k, folder, "serve", "get", "--raw", "/api/v1/nodes")
        check(got.code != 0 and "Forbidden" not in got.err, "and is no client", got.text())

        node = "system:node:new"
        k.ok("create", "-f", "-", "--as=system:bootstrap:abcdef", "--as-group=system:bootstrappers",
             stdin=REQUEST % ("node", new_request(folder, "node", "/O=system:nodes/CN=" + node),
                              "kube-apiserver-client-kubelet",
                              "client auth, digital signature, key encipherment"))
        certificate(k, folder, "node")
        check(state(k, "node")["status"]["conditions"][0]["reason"] == "AutoApproved", "by itself")
        got = ask_with(cluster, k, folder, "node", "get", "nodes", "-o", "name")
        check(got.code == 0 and cluster.node_name() in got.out, "a node", got.text())
        got = ask_with(cluster, k, folder, "node", "get", "secrets", "-A")
        check(got.code != 0, "with a node's rights", got.text())
