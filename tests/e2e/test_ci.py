"""The example of a CI pipeline: a good image, one that crashes, one that is missing; and what the
pipeline's own account may not do."""
import os
import shutil

from harness import check, check_in, run, skiff
from kube import example


def pipeline(cluster, config, version, source=None, **more):
    env = dict(cluster.env, SKIFF=skiff(), KUBECONFIG=config, GIVE_UP="8s", TIMEOUT="60s", **more)
    argv = ["sh", example("ci/pipeline.sh"), version] + ([source] if source else [])
    return run(argv, env=env, seconds=150)


def image_now(cluster):
    return run([skiff(), "get", "deployment/web", "-n", "ci", "-o", "yaml"], env=cluster.env).out


def case_pipeline(cluster):
    config = os.path.join(cluster.root, "deployer.kubeconfig")
    got = run(["sh", example("ci/setup.sh"), config], env=dict(cluster.env, SKIFF=skiff()))
    check(got.code == 0, "setup.sh", got.text())
    check(os.stat(config).st_mode & 0o077 == 0, "the token is for its owner only")

    got = pipeline(cluster, config, "1")
    check(got.code == 0, "a good image comes up", got.text())
    check_in("localhost/ci-web:1", image_now(cluster), "and is what runs")

    source = os.path.join(cluster.root, "crashes")
    shutil.copytree(example("ci/app"), source)
    with open(os.path.join(source, "run"), "w", encoding="ascii") as f:
        f.write("#!/bin/sh\necho no database here\nexit 7\n")
    got = pipeline(cluster, config, "2", source)
    check(got.code == 1, "a crashing image fails the pipeline", got.text())
    check_in("no database here", got.out + got.err, "its last log line is told")
    check_in("7", got.out + got.err, "and its exit code")
    check_in("localhost/ci-web:1", image_now(cluster), "the version before runs again")

    got = pipeline(cluster, config, "3", IMPORT="no")
    check(got.code == 1, "a missing image fails the pipeline", got.text())
    check_in("localhost/ci-web:3", got.out + got.err, "it is named")
    check_in("localhost/ci-web:1", image_now(cluster), "the version before runs again")


def case_the_account_is_kept_in_its_namespace(cluster):
    env = dict(cluster.env, KUBECONFIG=os.path.join(cluster.root, "deployer.kubeconfig"))
    for arguments in (["get", "secrets", "-n", "kube-system"], ["get", "pods", "-A"],
                      ["delete", "namespace", "ci"], ["token", "deployer", "-n", "ci"],
                      ["get", "deployments", "-n", "default"]):
        got = run([skiff(), *arguments], env=env)
        check(got.code != 0 and "forbidden" in (got.out + got.err).lower(),
              "not allowed: " + " ".join(arguments), got.text())
    got = run([skiff(), "get", "pods", "-n", "ci"], env=env)
    check(got.code == 0, "its own namespace is its own", got.text())


def case_no_server_is_exit_code_3(cluster):
    env = dict(cluster.env)
    config = os.path.join(cluster.root, "gone.kubeconfig")
    with open(cluster.kubeconfig, encoding="utf-8") as f:
        text = f.read().replace(":%d" % cluster.config["apiPort"], ":1")
    with open(config, "w", encoding="utf-8") as f:
        f.write(text)
    got = run([skiff(), "apply", "-f", example("a-depends-on-b.yaml"), "--wait"],
              env=dict(env, KUBECONFIG=config))
    check(got.code == 3, "a server that is not there", got.text())
    bad = os.path.join(cluster.root, "bad.yaml")
    with open(bad, "w", encoding="utf-8") as f:
        f.write("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: UPPER}\n")
    got = run([skiff(), "apply", "-f", bad, "--wait"], env=env)
    check(got.code == 2, "input that is refused", got.text())
