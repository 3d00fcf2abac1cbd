"""exec, attach, cp, port-forward and logs by every protocol that clients use for them."""
import base64
import concurrent.futures
import hashlib
import os
import pty
import select
import shutil
import signal
import socket
import subprocess
import sys

from harness import TOOLS, Failure, check, check_in, run, skiff, wait_for
from kube import Kube, Running, find_kubectls, pod
from wsclient import WebSocket, data_frame, exec_path, exit_code, frame

NAMESPACE = "streams"
MUCH = 100 << 20


def the_box(cluster, program=None):
    """kubectl in the namespace of the two pods, which are made the first time."""
    made = getattr(cluster, "has_box", False)
    k = Kube(cluster, "default", program)
    k.namespace = NAMESPACE
    if made:
        return k
    cluster.has_box = True
    k.ok("create", "namespace", NAMESPACE)
    k.apply(pod("box", "echo line one; echo line two; exec nc -ll -p 7000 -e cat"),
            pod("shell", "exec sh", stdin=True))
    k.ok("wait", "pod/box", "pod/shell", "--for=condition=Ready", "--timeout=40s")
    return k


def case_kubectl_exec(cluster):
    k = the_box(cluster)
    for program in find_kubectls():
        k.program = program
        got = k.try_("exec", "-i", "box", "--", "cat", stdin="x", seconds=15)
        check(got.code == 0 and got.out == "x", "closed stdin ends cat", got.text())
        got = k.try_("exec", "box", "--", "sh", "-c", "echo out; echo err >&2; exit 3")
        check(got.code == 3 and got.out == "out\n" and "err" in got.err, "code 3", got.text())


def case_skiff_exec(cluster):
    the_box(cluster)
    def try_(*words, **more):
        return run([skiff(), words[0], "--kubeconfig", cluster.kubeconfig, "-n", NAMESPACE,
                    *words[1:]], **more)
    got = try_("exec", "-i", "box", "--", "cat", stdin="x", seconds=15)
    check(got.code == 0 and got.out == "x" and not got.err, "skiff exec -i cat", got.text())
    got = try_("exec", "box", "--", "sh", "-c", "exit 3")
    check(got.code == 3, "skiff exec's exit code", got.text())


def case_raw_v5_and_v4(cluster):
    the_box(cluster)
    cat = exec_path(NAMESPACE, "box", ["cat"], stdin=True, stdout=True)
    w = WebSocket(cluster, cat, "v5.channel.k8s.io, v4.channel.k8s.io")
    check(w.status == 101 and w.protocol == "v5.channel.k8s.io", "v5 is taken", w.headers)
    check(w.headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "RFC 6455's key")
    w.send(0, b"half")
    w.socket.sendall(frame(9, b"are you there"))
    w.send(0)
    w.close_channel(0)
    got, code = w.to_end()
    check(got[1] == b"half" and exit_code(got[3]) == 0 and code == 1000, "v5", got, code)
    w = WebSocket(cluster, exec_path(NAMESPACE, "box", ["sh", "-c", "head -c 4; exit 7"],
                                     stdin=True, stdout=True, stderr=True), "v4.channel.k8s.io")
    check(w.protocol == "v4.channel.k8s.io", "v4 is taken", w.headers)
    w.send(0, b"four")
    got, code = w.to_end()
    check(got[1] == b"four" and exit_code(got[3]) == 7, "v4", got, code)
    w = WebSocket(cluster, cat.replace("box", "nobody"), "v5.channel.k8s.io")
    check(w.status == 404 and b"not found" in w.body, "no such pod", w.status, w.body)
    w = WebSocket(cluster, exec_path(NAMESPACE, "box", ["true"]), "v5.channel.k8s.io")
    check(w.status == 400, "nothing is asked for", w.status, w.body)
    w = WebSocket(cluster, cat, "v5.channel.k8s.io")
    w.socket.sendall(b"\x82\x01\x00") # without a mask
    _, code = w.to_end()
    check(code == 1002, "a broken frame", code)


def case_frames_beside_the_head(cluster):
    """In the same TLS record as the request: they belong to the stream."""
    the_box(cluster)
    early = frame(2, b"\x00early") + frame(2, b"\xff\x00")
    w = WebSocket(cluster, exec_path(NAMESPACE, "box", ["cat"], stdin=True, stdout=True),
                  "v5.channel.k8s.io", early)
    got, _ = w.to_end()
    check(got.get(1) == b"early" and exit_code(got[3]) == 0, "early frames", got)


def case_much_both_ways_at_once(cluster):
    """A process that echoes holds up whoever writes before he reads."""
    the_box(cluster)
    w = WebSocket(cluster, exec_path(NAMESPACE, "box", ["cat"], stdin=True, stdout=True),
                  "v5.channel.k8s.io")
    data = os.urandom(1 << 20) * 16
    for at in range(0, len(data), 1 << 18):
        w.send_beside_reading(data_frame(0, data[at:at + (1 << 18)]))
    w.close_channel(0)
    got, _ = w.to_end()
    check(got[1] == data and exit_code(got[3]) == 0, "echoed", len(got[1]))


def check_tty(argv, env):
    """Types into a shell and turns its window around."""
    master, slave = pty.openpty()
    subprocess.run(["stty", "rows", "24", "cols", "80"], stdin=slave, check=True)
    process = subprocess.Popen(argv, stdin=slave, stdout=slave, stderr=slave, env=env,
                               start_new_session=True)
    os.close(slave)
    seen = [b""]

    def read_until(part):
        def ask():
            while select.select([master], [], [], 0)[0]:
                try:
                    seen[0] += os.read(master, 65536)
                except OSError:
                    break
            return part in seen[0]
        try:
            wait_for("%r on the terminal" % part, ask, 15, 0.05)
        except Failure as failure:
            raise Failure("%s\n    %r" % (failure, seen[0][-500:])) from None
    try:
        read_until(b"#")
        os.write(master, b"stty size; echo is\\ a\\ $(test -t 0 && echo tty)\n")
        read_until(b"24 80")
        read_until(b"is a tty")
        subprocess.run(["stty", "rows", "30", "cols", "100"], stdin=master, check=True)
        # The kernel would tell who has it as the controlling terminal; here it is us.
        process.send_signal(signal.SIGWINCH)

        def turned():
            os.write(master, b"stty size\n")
            while select.select([master], [], [], 0.2)[0]:
                seen[0] += os.read(master, 65536)
            return b"30 100" in seen[0]
        wait_for("the new size in the container", turned, 15, 0.2)
        os.write(master, b"exit 5\n")
        check(process.wait(15) == 5, "the shell's exit code", process.returncode)
    finally:
        process.kill()
        process.wait()
        os.close(master)


def case_tty_and_resize(cluster):
    k = the_box(cluster)
    for program in find_kubectls():
        k.program = program
        check_tty(k.argv("exec", "-it", "box", "--", "sh"), cluster.env)
    check_tty([skiff(), "exec", "--kubeconfig", cluster.kubeconfig, "-n", NAMESPACE, "-it", "box",
               "--", "sh"], cluster.env)


def case_attach(cluster):
    the_box(cluster)
    w = WebSocket(cluster, "/api/v1/namespaces/%s/pods/shell/attach?stdin=true&stdout=true&"
                  "stderr=true" % NAMESPACE, "v5.channel.k8s.io")
    check(w.status == 101, "attach", w.status, w.body)
    w.send(0, b"echo to be; echo or not >&2\n")
    got = {}
    while b"to be\n" not in got.get(1, b"") or b"or not\n" not in got.get(2, b""):
        _, payload = w.receive()
        if payload:
            got[payload[0]] = got.get(payload[0], b"") + payload[1:]
    w.close()


def case_cp_100_mb(cluster):
    k = the_box(cluster)
    path = os.path.join(cluster.root, "much")
    data = os.urandom(1 << 20) * (MUCH >> 20)
    with open(path, "wb") as f:
        f.write(data)
    k.ok("cp", path, "box:/tmp/much", seconds=60)
    digest = hashlib.sha256(data).hexdigest()
    check_in(digest, k.ok("exec", "box", "--", "sha256sum", "/tmp/much"), "cp in")
    k.ok("cp", "box:/tmp/much", path + ".back", seconds=60)
    with open(path + ".back", "rb") as f:
        check(hashlib.sha256(f.read()).hexdigest() == digest, "cp out")
    os.unlink(path)
    os.unlink(path + ".back")
    k.ok("exec", "box", "--", "rm", "/tmp/much")


def send_and_read(port, data):
    """All through a forwarded port, our direction ended first."""
    with socket.create_connection(("127.0.0.1", port), 20) as s:
        def send():
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            sent = pool.submit(send)
            got = hashlib.sha256()
            n = 0
            while True:
                part = s.recv(1 << 18)
                if not part:
                    break
                got.update(part)
                n += len(part)
            sent.result(5)
        return n, got.hexdigest()


def case_port_forward(cluster):
    """kubectl's newest comes through the tunnel, older ones by SPDY. (The runtime does not tell the
    pod that the client ended its direction: containerd 1.6 waits a second and ends both.)"""
    k = the_box(cluster)
    for i, program in enumerate(find_kubectls()):
        k.program = program
        with k.start("port-forward", "box", ":7000") as forward:
            line = wait_for("a port", lambda: [x for x in forward.lines if "127.0.0.1:" in x], 15)
            port = int(line[0].split("127.0.0.1:")[1].split()[0])
            data = os.urandom(1 << 20) * (100 if i == 0 else 1)
            want = hashlib.sha256(data).hexdigest()
            n, got = send_and_read(port, data)
            check(got == want, "forwarded with %s" % program, n, forward.lines)
            check(send_and_read(port, b"again")[0] == len("again"), "a second one")


def case_skiff_port_forward(cluster):
    """The pod hears that the client has said all: its server ends, and so does the connection."""
    the_box(cluster)
    argv = [skiff(), "port-forward", "--kubeconfig", cluster.kubeconfig, "-n", NAMESPACE, "box", ":7000"]
    with Running(argv, cluster.env) as forward:
        line = wait_for("a port", lambda: [x for x in forward.lines if "127.0.0.1:" in x], 15)
        port = int(line[0].split("127.0.0.1:")[1].split()[0])
        data = os.urandom(1 << 20) * 8
        for part in (data, b"", b"again"):
            n, got = send_and_read(port, part)
            check(got == hashlib.sha256(part).hexdigest(), "forwarded", n, forward.lines)


def case_raw_port_forward(cluster):
    """As the Python and JavaScript clients do: channels 2i and 2i+1, the port first on each."""
    the_box(cluster)
    path = "/api/v1/namespaces/%s/pods/box/portforward?ports=7000&ports=7001" % NAMESPACE
    w = WebSocket(cluster, path, "v4.channel.k8s.io")
    check(w.status == 101 and w.protocol == "v4.channel.k8s.io", "forward", w.status, w.body)
    port = (7000).to_bytes(2, "little")
    w.send(0, b"ping")
    got = {}
    while got.get(0, b"") != port + b"ping" or len(got.get(3, b"")) <= 2:
        _, payload = w.receive()
        got[payload[0]] = got.get(payload[0], b"") + payload[1:]
    check(got[1] == port and got[2] == (7001).to_bytes(2, "little"), "greetings", got)
    check_in("7001", got[3].decode(errors="replace"), "nobody listens there")
    w.close()
    w = WebSocket(cluster, path.replace("7001", "70000"), "v4.channel.k8s.io")
    check(w.status == 400 and b"value out of range" in w.body, "a bad port", w.body)


def case_logs_over_websocket(cluster):
    the_box(cluster)
    path = "/api/v1/namespaces/%s/pods/box/log" % NAMESPACE
    want = b"line one\nline two\n"
    got = WebSocket(cluster, path, "binary.k8s.io").messages()
    check(b"".join(p for _, p in got) == want and all(o == 2 for o, _ in got), "binary", got)
    got = WebSocket(cluster, path, "base64.binary.k8s.io").messages()
    check(b"".join(base64.b64decode(p) for _, p in got) == want and all(o == 1 for o, _ in got),
          "base64", got)
    got = WebSocket(cluster, path, "").messages()
    check(b"".join(p for _, p in got) == want, "without a protocol", got)
    w = WebSocket(cluster, path + "?container=none", "binary.k8s.io")
    check(w.status == 400, "a refusal", w.status, w.body)


PYTHON = r"""
import sys, time
from kubernetes import client, config
from kubernetes.stream import stream, portforward
config.load_kube_config(sys.argv[1])
api, ns = client.CoreV1Api(), sys.argv[2]
out = stream(api.connect_get_namespaced_pod_exec, "box", ns, command=["echo", "a b"],
             stdout=True, stderr=True, stdin=False, tty=False)
assert out == "a b\n", out
s = stream(api.connect_get_namespaced_pod_exec, "box", ns, command=["sh"], stdin=True, stdout=True,
           stderr=True, tty=False, _preload_content=False)
s.write_stdin("echo out; echo err >&2; exit 3\n")
s.run_forever(timeout=15)
assert s.read_stdout() == "out\n" and s.read_stderr() == "err\n" and s.returncode == 3, s.returncode
a = stream(api.connect_get_namespaced_pod_attach, "shell", ns, stdin=True, stdout=True, stderr=True,
           tty=False, _preload_content=False)
a.write_stdin("echo said by $((1+1))\n")
until = time.time() + 15
seen = ""
while "said by 2" not in seen and time.time() < until:
    a.update(timeout=1)
    seen += a.read_stdout() if a.peek_stdout() else ""
assert "said by 2" in seen, seen
a.close()
f = portforward(api.connect_get_namespaced_pod_portforward, "box", ns, ports="7000")
f.socket(7000).sendall(b"hello")
f.socket(7000).settimeout(15)
assert f.socket(7000).recv(100) == b"hello"
assert f.error(7000) is None, f.error(7000)
assert api.read_namespaced_pod_log("box", ns) == "line one\nline two\n"
print("python client", client.__class__.__name__ and __import__("kubernetes").__version__, "ok")
"""


def python_client():
    """An interpreter that has the kubernetes package, and what to add to its path; or None."""
    folder = os.path.join(TOOLS, "python-kubernetes")
    for program in dict.fromkeys([sys.executable, shutil.which("python3")]):
        env = dict(os.environ, PYTHONPATH=folder)
        if not os.path.exists(os.path.join(folder, "kubernetes")):
            subprocess.run([program, "-m", "pip", "install", "-q", "--target", folder,
                            "kubernetes"], check=False, timeout=120, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
        if run([program, "-c", "import kubernetes"], env=env).code == 0:
            return program, env
    return None


def case_python_client(cluster):
    the_box(cluster)
    found = python_client()
    if not found:
        print("       no Python client here (pip); its requests are replayed by the other cases")
        return
    program, env = found
    got = run([program, "-c", PYTHON, cluster.kubeconfig, NAMESPACE], env=env, seconds=60)
    check(got.code == 0, "the Python client", got.text())
    print("       " + got.out.strip())


JAVASCRIPT = r"""
import net from "node:net";
import { PassThrough, Readable } from "node:stream";
import * as k8s from "@kubernetes/client-node";
const [path, namespace] = process.argv.slice(2);
const config = new k8s.KubeConfig();
config.loadFromFile(path);
function gathered() {
	const stream = new PassThrough();
	stream.text = "";
	stream.on("data", (part) => (stream.text += part));
	return stream;
}
async function until(what, holds) {
	for (let i = 0; i < 300 && !holds(); i++) await new Promise((go) => setTimeout(go, 50));
	if (!holds()) throw new Error(what);
}
const out = gathered(), err = gathered();
let status;
await new k8s.Exec(config).exec(namespace, "box", "main", ["sh", "-c", "cat; echo err >&2; exit 3"], out, err,
	Readable.from(["in"]), false, (got) => (status = got));
await until("exec: " + out.text, () => status && out.text === "in" && err.text === "err\n");
if (status.details.causes[0].message !== "3") throw new Error(JSON.stringify(status));
const said = gathered(), typed = new PassThrough();
const socket = await new k8s.Attach(config).attach(namespace, "shell", "main", said, null, typed, false);
typed.write("echo said by $((1+1)) of js\n");
await until("attach: " + said.text, () => said.text.includes("said by 2 of js"));
socket.close();
const log = gathered();
await new k8s.Log(config).log(namespace, "box", "main", log, { follow: false });
await until("log: " + log.text, () => log.text.startsWith("line one\nline two\n"));
const forward = new k8s.PortForward(config);
const server = net.createServer((s) => forward.portForward(namespace, "box", [7000], s, null, s));
await new Promise((go) => server.listen(0, "127.0.0.1", go));
const peer = net.connect(server.address().port, "127.0.0.1");
let echoed = "";
peer.on("data", (part) => (echoed += part));
peer.write("hello");
await until("port-forward: " + echoed, () => echoed === "hello");
const objects = k8s.KubernetesObjectApi.makeApiClient(config);
const made = await objects.create({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "js", namespace },
	data: { a: "b" } });
const patched = await objects.patch({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "js", namespace },
	data: { a: "c" } }, undefined, undefined, "js", true, k8s.PatchStrategy.ServerSideApply);
if (patched.data.a !== "c" || patched.metadata.uid !== made.metadata.uid) throw new Error(JSON.stringify(patched));
await objects.delete(patched);
console.log("js client ok");
process.exit(0);
"""


def case_js_client(cluster):
    the_box(cluster)
    folder = os.path.join(TOOLS, "js-client")
    if not shutil.which("node") or not shutil.which("npm"):
        print("       no node here; what its client sends is replayed from a tape, and by the raw cases")
        return
    if not os.path.exists(os.path.join(folder, "node_modules/@kubernetes/client-node")):
        os.makedirs(folder, exist_ok=True)
        run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", folder,
             "@kubernetes/client-node@1.3"], seconds=120)
    if not os.path.exists(os.path.join(folder, "node_modules/@kubernetes/client-node")):
        print("       npm brings no client here; what it sends is replayed from a tape, and by the raw cases")
        return
    path = os.path.join(folder, "main-%d.mjs" % os.getpid())
    with open(path, "w", encoding="utf-8") as f:
        f.write(JAVASCRIPT)
    try:
        got = run(["node", path, cluster.kubeconfig, NAMESPACE], env=cluster.env, seconds=60)
    finally:
        os.unlink(path)
    check(got.code == 0, "the JavaScript client", got.text())
    print("       " + got.out.strip())


def case_unread_input(cluster):
    """More input than anybody reads: the exit code still comes."""
    k = the_box(cluster)
    got = k.try_("exec", "-i", "box", "--", "sh", "-c", "exit 3", stdin=b"y" * (1 << 20),
                 seconds=20)
    if got.code != 3:
        raise Failure("exit code of one that reads nothing\n" + got.text())
