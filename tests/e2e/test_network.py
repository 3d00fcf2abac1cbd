"""Services on a real kernel: NodePorts on 127.0.0.1, martians, hostPorts, ClientIP affinity, what
happens without endpoints, and policies Local and Cluster across two nodes."""
import re
import socket
import struct
import subprocess

from harness import check, run, wait_for
from kube import Kube, deployment, pod, pod_spec

NODES = 2
SERVE = "echo $HOSTNAME > /tmp/index.html; exec httpd -f -p 8080 -h /tmp"
CLIENTS = 6


def in_node(cluster, i, *command, seconds=10):
    return run(["nsenter", "--net=/run/netns/" + cluster.config["nodes"][i]["netns"], *command],
               seconds=seconds)


def fetch(address, port, *prefix, source=None):
    """Whose page it is; None: no answer."""
    got = run([*prefix, "curl", "-s", "--max-time", "3",
               *(["--interface", source] if source else []), "http://%s:%d/" % (address, port)],
              seconds=10)
    return got.out.strip() if got.code == 0 else None


def fetch_in_pod(k, name, address, port):
    # Not wget: Debian's static busybox crashes in it for an address in a bare root.
    script = r"printf 'GET / HTTP/1.0\r\n\r\n' | nc -w 3 %s %d | tail -n 1" % (address, port)
    return k.try_("exec", name, "--", "sh", "-c", script).out.strip()


def service(name, port=80, **spec):
    ports = spec.pop("ports", [{"port": port, "targetPort": 8080}])
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
            "spec": dict({"selector": {"app": "web"}, "ports": ports}, **spec)}


def port_of(k, name):
    return k.get("service/" + name)["spec"]["ports"][0]["nodePort"]


def netns(cluster, i):
    return "nsenter", "--net=/run/netns/" + cluster.config["nodes"][i]["netns"]


def case_node_ports(cluster):
    k = Kube(cluster, "ports")
    k.apply(deployment("web", pod_spec(SERVE), replicas=2),
            service("web", type="NodePort"),
            service("near", type="NodePort", externalTrafficPolicy="Local"))
    k.rolled_out("deploy/web")
    names = {p["metadata"]["name"] for p in k.pods("app=web")}
    port, near = port_of(k, "web"), port_of(k, "near")
    for i in range(2):
        for address in (cluster.node_ip(i), "127.0.0.1"):
            wait_for("NodePort on %s of node %d" % (address, i), lambda a=address, n=i: fetch(
                a, port, *netns(cluster, n)) in names, 20)
        # Through all endpoints, also those of the other node, whose answers must find back.
        seen = {fetch("127.0.0.1", port, *netns(cluster, i)) for _ in range(24)}
        check(seen == names, "127.0.0.1 on node %d reaches all endpoints" % i, seen, names)
        outside = {fetch(cluster.node_ip(i), port) for _ in range(24)}
        check(outside == names, "from outside, node %d reaches all endpoints" % i, outside)
    here = {p["spec"]["nodeName"]: p["metadata"]["name"] for p in k.pods("app=web")}
    for i in range(2):
        seen = {fetch(cluster.node_ip(i), near) for _ in range(6)}
        check(seen == {here[cluster.node_name(i)]}, "policy Local keeps to its node", seen)
    k.ok("scale", "deploy/web", "--replicas=0")
    address = k.get("service/web")["spec"]["clusterIP"]

    def refused():
        # 7: refused; a dropped connection would end by the time limit (28).
        return in_node(cluster, 0, "curl", "-s", "--max-time", "3",
                       "http://%s/" % address).code == 7
    wait_for("without endpoints it is refused, not dropped", refused, 20)
    k.ok("delete", "namespace", k.namespace, "--wait=false")


def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def send_frame(cluster, mac, source, target, port):
    """A UDP datagram as a neighbour on the nodes' link may forge it."""
    payload = b"forged00"
    udp = struct.pack("!HHHH", 4444, port, 8 + len(payload), 0) + payload
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0,
                       socket.inet_aton(source), socket.inet_aton(target))
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    bridge = run(["ip", "-o", "address", "show", "to",
                  cluster.config["advertiseIP"]]).out.split()[1]
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as s:
        s.bind((bridge, 0))
        own = s.getsockname()[4]
        s.send(bytes.fromhex(mac.replace(":", "")) + own + b"\x08\x00" + head + udp)


LISTEN = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("0.0.0.0", 7777))
print("ready", flush=True)
while True:
    data, sender = s.recvfrom(100)
    print("from", sender[0], flush=True)
"""


def case_martians(cluster):
    """route_localnet does not open 127.0.0.0/8 to neighbours."""
    mac = re.search(r"link/ether (\S+)", in_node(cluster, 0, "ip", "link", "show", "eth0").out)[1]
    on = in_node(cluster, 0, "cat", "/proc/sys/net/ipv4/conf/all/route_localnet").out.strip()
    check(on == "1", "route_localnet in the node's namespace", on)
    host = cluster.config["advertiseIP"]
    with subprocess.Popen([*netns(cluster, 0), "python3", "-c", LISTEN], text=True,
                          stdout=subprocess.PIPE) as listener:
        try:
            check(listener.stdout.readline() == "ready\n", "it listens")
            send_frame(cluster, mac, host, "127.0.0.1", 7777)
            send_frame(cluster, mac, "127.0.0.1", cluster.node_ip(0), 7777)
            send_frame(cluster, mac, host, cluster.node_ip(0), 7777)
            # Frames keep their order: the first that arrives is the honest one.
            got = listener.stdout.readline()
            check(got == "from %s\n" % host, "only the honest datagram arrives", got)
        finally:
            listener.kill()


def case_host_ports(cluster):
    k = Kube(cluster, "hostports")
    ports = [{"containerPort": 8080, "hostPort": 18080},
             {"containerPort": 8080, "hostPort": 18081, "hostIP": "127.0.0.1"}]
    k.apply(pod("holder", SERVE, nodeName="node-1", ports=ports), pod("client", nodeName="node-2"))
    k.ok("wait", "pod", "--all", "--for=condition=Ready", "--timeout=30s")
    ip = cluster.node_ip(0)
    wait_for("from outside", lambda: fetch(ip, 18080) == "holder", 20)
    check(fetch_in_pod(k, "client", ip, 18080) == "holder", "from a pod of another node")
    check(fetch_in_pod(k, "holder", ip, 18080) == "holder", "from itself")
    check(fetch("127.0.0.1", 18080, *netns(cluster, 0)) == "holder", "on 127.0.0.1")
    check(fetch("127.0.0.1", 18081, *netns(cluster, 0)) == "holder", "hostIP 127.0.0.1")
    check(fetch(ip, 18081) is None, "and nowhere else")
    check(fetch(cluster.node_ip(1), 18080) is None, "not on the other node")
    k.ok("delete", "pod/holder", "--wait")
    wait_for("gone with its pod", lambda: fetch(ip, 18080) is None, 10)
    k.ok("delete", "namespace", k.namespace, "--wait=false")


def case_client_ip(cluster):
    """The same client comes to the same pod, whatever way; different clients are spread."""
    k = Kube(cluster, "affinity")
    k.apply(deployment("web", pod_spec(SERVE), replicas=4),
            service("web", type="NodePort", sessionAffinity="ClientIP"),
            *[pod("client-%d" % i) for i in range(CLIENTS)])
    k.rolled_out("deploy/web")
    k.ok("wait", "pod", "--all", "--for=condition=Ready", "--timeout=30s")
    names = {p["metadata"]["name"] for p in k.pods("app=web")}
    address = k.get("service/web")["spec"]["clusterIP"]
    wait_for("it answers", lambda: fetch_in_pod(k, "client-0", address, 80) in names, 20)
    chosen = []
    for i in range(CLIENTS):
        seen = {fetch_in_pod(k, "client-%d" % i, address, 80) for _ in range(3)}
        check(len(seen) == 1 and seen <= names, "client-%d keeps to one pod" % i, seen)
        chosen += seen
    check(len(set(chosen)) > 1, "clients are spread", chosen)
    seen = {fetch(cluster.node_ip(0), port_of(k, "web")) for _ in range(12)}
    check(len(seen) == 1 and seen <= names, "by the NodePort too", seen)
    k.ok("delete", "namespace", k.namespace, "--wait=false")
