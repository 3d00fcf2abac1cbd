"""Who may do what, asked and granted by every kubectl found; and what an agent does not see."""
import json
import re

from harness import check, check_in, run
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
