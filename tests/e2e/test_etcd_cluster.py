"""Two API servers on an etcd of three members, under load, while members and servers are killed and
one's watches are late: what is acknowledged stays, and the history of each object is linearizable,
by the values read and written (linear.py) and by the versions told."""
import base64
import ctypes
import http.client
import json
import os
import random
import re
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time

import linear
from harness import check, skiff, wait_for
from slow_watch import SlowWatch

LOAD_S = 16
WATCH_DELAY_S = 0.4 # of the second server
KEYS = 3
CLIENTS = 6
SEED = 20


def die_with_us():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL) # PR_SET_PDEATHSIG: a killed test leaves nothing


def free_ports(n):
    sockets = [socket.socket() for _ in range(n)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


class Program:
    def __init__(self, argv, log):
        self.argv, self.log = argv, log
        self.start()

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.argv, stdout=log, stderr=log,
                                            preexec_fn=die_with_us)

    def kill(self):
        self.process.kill()
        self.process.wait()


def address(i):
    return "192.0.2.%d" % (i + 1) # for documents: nobody is there


class World:
    def __init__(self, cluster):
        self.cluster = cluster
        self.dir = tempfile.mkdtemp(prefix="many-", dir=cluster.root)
        self.programs = []
        self.members = self.start_members()
        self.slow = self.start_slow()
        self.servers, self.ports = self.start_servers()
        self.tls = self.client_tls()

    def start_program(self, argv, name):
        program = Program(argv, "%s/%s.log" % (self.dir, name))
        self.programs.append(program)
        return program

    def start_members(self):
        ports = free_ports(6)
        urls = [("http://127.0.0.1:%d" % ports[2 * i], "http://127.0.0.1:%d" % ports[2 * i + 1])
                for i in range(3)]
        self.endpoints = [client for client, _ in urls]
        everybody = ",".join("m%d=%s" % (i, peer) for i, (_, peer) in enumerate(urls))
        return [self.start_program([
            "etcd", "--name=m%d" % i, "--data-dir=%s/m%d" % (self.dir, i),
            "--listen-client-urls=" + client, "--advertise-client-urls=" + client,
            "--listen-peer-urls=" + peer, "--initial-advertise-peer-urls=" + peer,
            "--initial-cluster=" + everybody, "--logger=zap", "--log-level=error",
            "--max-request-bytes=8388608"], "m%d" % i) for i, (client, peer) in enumerate(urls)]

    def start_slow(self):
        ports = free_ports(len(self.endpoints))
        self.slow_endpoints = ["http://127.0.0.1:%d" % port for port in ports]
        return [SlowWatch(port, int(url.rsplit(":", 1)[1]), WATCH_DELAY_S)
                for port, url in zip(ports, self.endpoints)]

    def start_servers(self):
        pki = self.cluster.root + "/pki"
        ports = free_ports(2)
        program = os.path.join(os.path.dirname(skiff()), "skiff-apiserver")
        servers = []
        for i, port in enumerate(ports):
            # Each prefers another member; the second hears of changes late.
            urls = self.slow_endpoints if i else self.endpoints
            etcd = ",".join(urls[i:] + urls[:i])
            servers.append(self.start_program([
                program, "--listen=127.0.0.1:%d" % port, "--etcd=" + etcd,
                "--cluster-id=" + self.cluster.id, "--advertise-address=" + address(i),
                "--tls-cert=%s/apiserver.crt" % pki,
                "--tls-key=%s/apiserver.key" % pki, "--client-ca=%s/ca.crt" % pki,
                "--token-key=%s/token.key" % pki], "api%d" % i))
        return servers, ports

    def client_tls(self):
        with open(self.cluster.kubeconfig, encoding="ascii") as f:
            config = f.read()
        context = ssl.create_default_context(cafile=self.cluster.root + "/pki/ca.crt")
        for part in ("certificate", "key"):
            data = re.search("client-%s-data: \"?([A-Za-z0-9+/=]+)" % part, config)[1]
            with open("%s/admin.%s" % (self.dir, part), "wb") as f:
                f.write(base64.b64decode(data))
        context.load_cert_chain(self.dir + "/admin.certificate", self.dir + "/admin.key")
        return context

    def close(self):
        for program in self.programs:
            program.kill()
        for slow in self.slow:
            slow.close()


class Client:
    """One request at a time; None: whether it was carried out is not known."""

    def __init__(self, world, server):
        self.world, self.server, self.connection = world, server, None

    def call(self, method, path, body=None, seconds=8):
        try:
            if not self.connection:
                self.connection = http.client.HTTPSConnection(
                    "127.0.0.1", self.world.ports[self.server], timeout=seconds,
                    context=self.world.tls)
            self.connection.request(method, path, body and json.dumps(body),
                                    {"Content-Type": "application/json"})
            answer = self.connection.getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError):
            self.connection = None
            return None, None


PATH = "/api/v1/namespaces/default/configmaps"


def config_map(key, value):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "r%d" % key},
            "data": {"v": value}}


def load(world, number, until, history):
    client, draw = Client(world, number % 2), random.Random(SEED + number)
    for n in range(1 << 30):
        if time.monotonic() > until:
            return
        key, is_write = draw.randrange(KEYS), draw.random() < 0.5
        value = "%d-%d" % (number, n)
        begin = time.monotonic()
        if is_write:
            status, body = client.call("PUT", "%s/r%d" % (PATH, key), config_map(key, value))
        else:
            status, body = client.call("GET", "%s/r%d" % (PATH, key))
        end = time.monotonic()
        if status == 200:
            history.append((begin, end, key, is_write, int(body["metadata"]["resourceVersion"]),
                            body["data"]["v"]))
        else:
            history.append((begin, end, key, is_write, None, value))
            time.sleep(0.05)


def check_order(history):
    """Versions are the order. It must agree with real time, and each has one value."""
    for key in range(KEYS):
        values, newest = {}, 0
        done = [h for h in history if h[2] == key and h[4]]
        for _, _, _, is_write, version, value in done:
            check(values.setdefault(version, value) == value, "a version has one value", version,
                  values[version], value)
        # What ended before another began is not newer, and a write is newer than it.
        ends = sorted((h[1], h[4]) for h in done)
        at = 0
        for begin, _, _, is_write, version, value in sorted(done):
            while at < len(ends) and ends[at][0] < begin:
                newest = max(newest, ends[at][1])
                at += 1
            check(version > newest if is_write else version >= newest,
                  "%s of r%d goes back in time" % ("a write" if is_write else "a read", key),
                  "version %d (%s) after %d was told" % (version, value, newest))


def check_values(history, first):
    """The same without a look at the versions: the values alone make a register's history."""
    for key in range(KEYS):
        ops = [linear.Op(begin, end if version else linear.INFINITE, is_write, value)
               for begin, end, k, is_write, version, value in history
               if k == key and (is_write or version)]
        wrong = linear.problem_of(ops, first)
        check(wrong is None, "r%d is not linearizable" % key, wrong,
              *[o for o in ops if wrong and repr(o.value) in wrong])


def brute_force(ops, value=None):
    """Is there an order at all? Tries all of them."""
    if all(o.end == linear.INFINITE for o in ops):
        return True
    soonest = min(o.end for o in ops)
    for i, o in enumerate(ops):
        if o.begin <= soonest and (o.is_write or o.value == value) and brute_force(
                ops[:i] + ops[i + 1:], o.value):
            return True
    return False


def case_the_checker_sees(_):
    """Known histories, good and bad, and thousands of small ones against all their orders."""
    wrong = linear.self_test()
    check(wrong is None, "a history is judged wrongly", wrong)
    draw, good = random.Random(SEED), 0
    for _ in range(3000):
        ops, values = [], ["a", "b", "c"]
        times = draw.sample(range(100), 14)
        for i in range(draw.randint(1, 7)):
            begin, end = sorted(times[2 * i:2 * i + 2])
            if values and draw.random() < 0.45:
                end = linear.INFINITE if draw.random() < 0.2 else end
                ops.append(linear.write(begin, end, values.pop(0)))
            else:
                ops.append(linear.read(begin, end, draw.choice([None, "a", "b", "c"])))
        is_good = brute_force(ops)
        good += is_good
        check((linear.problem_of(ops) is None) == is_good, "judged wrongly", is_good, ops)
    check(300 < good < 2700, "some are good, some are not", good)


def case_members_and_servers_die(cluster):
    world = World(cluster)
    try:
        first = Client(world, 0)
        wait_for("the servers are ready", lambda: all(
            Client(world, i).call("GET", PATH)[0] == 200 for i in range(2)), 20)
        for key in range(KEYS):
            wait_for("a first value", lambda k=key: first.call(
                "POST", PATH, config_map(k, "first"))[0] in (201, 409), 20)
            wait_for("the other sees it", lambda k=key: Client(world, 1).call(
                "GET", "%s/r%d" % (PATH, k))[0] == 200, 20)
        history = []
        until = time.monotonic() + LOAD_S
        threads = [threading.Thread(target=load, args=(world, i, until, history))
                   for i in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for what, then in ((world.members[0], 2), (world.members[1], 2), (world.servers[0], 1)):
            time.sleep(2)
            what.kill()
            time.sleep(then)
            what.start()
        for thread in threads:
            thread.join()
        check_order(history)
        check_values(history, "first")
        held = sum(s.held_total for s in world.slow)
        check(held > 50, "changes were told late to the second server", held)
        good = [h for h in history if h[4]]
        check(len(good) > 300, "most requests were answered", len(good), len(history))
        late = [h for h in good if h[0] > until - 2]
        check({h[3] for h in late} == {True, False}, "reads and writes work at the end", len(late))
        for key in range(KEYS):
            told = max(h[4] for h in good if h[2] == key)
            for i in range(2):
                now = wait_for("an answer", lambda s=i, k=key: Client(world, s).call(
                    "GET", "%s/r%d" % (PATH, k))[1], 10)
                check(int(now["metadata"]["resourceVersion"]) >= told, "nothing told is lost")
        print("       %d of %d requests answered, %d changes told late; longest pause %.1f s" % (
            len(good), len(history), held, longest_pause(good)))
    finally:
        world.close()


def told_addresses(world, server):
    """What a server says of all servers: "IP:PORT", sorted; None: it does not answer."""
    client = Client(world, server)
    status, endpoints = client.call("GET", "/api/v1/namespaces/default/endpoints/kubernetes")
    more, slices = client.call(
        "GET", "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
        "?labelSelector=kubernetes.io/service-name%3Dkubernetes")
    if (status, more) != (200, 200):
        return None
    found = sorted("%s:%d" % (a["ip"], s["ports"][0]["port"])
                   for s in endpoints["subsets"] for a in s["addresses"])
    of_slices = sorted("%s:%d" % (e["addresses"][0], s["ports"][0]["port"])
                       for s in slices["items"] for e in s["endpoints"])
    return found if found == of_slices else None


def case_addresses_of_living_servers(cluster):
    """The Service `kubernetes` has the addresses of the servers that live, and no others."""
    world = World(cluster)
    try:
        names = ["%s:%d" % (address(i), port) for i, port in enumerate(world.ports)]
        moved = "%s:%d" % (address(7), world.ports[1])
        wait_for("both", lambda: all(told_addresses(world, i) == names for i in range(2)), 30)
        second = world.servers[1]
        begin = time.monotonic()
        second.kill()
        wait_for("one that was killed goes", lambda: told_addresses(world, 0) == names[:1], 30)
        took = time.monotonic() - begin
        check(4 < took < 20, "it goes with its lease, not before", took)
        second.argv = [a.replace(address(1), address(7)) for a in second.argv]
        second.start()
        wait_for("it comes back elsewhere",
                 lambda: told_addresses(world, 0) == [names[0], moved], 20)
        begin = time.monotonic()
        second.process.terminate()
        check(second.process.wait(5) == 0, "it ends as it was asked to")
        wait_for("one that ends goes at once", lambda: told_addresses(world, 0) == names[:1], 3)
        check(time.monotonic() - begin < 3, "at once", time.monotonic() - begin)
        leases = Client(world, 0).call(
            "GET", "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases"
            "?labelSelector=apiserver.kubernetes.io/identity%3Dkube-apiserver")[1]["items"]
        check(len(leases) == 3, "each tells of itself, and is remembered for an hour",
              [lease["metadata"]["name"] for lease in leases])
        second.argv = [a.replace(address(7), "127.0.0.1") for a in second.argv]
        second.start()
        check(second.process.wait(5) == 1, "an address that cannot be is refused")
        with open(second.log, encoding="utf-8") as f:
            check("advertised address 127.0.0.1 is on the loopback interface" in f.read(),
                  "and the log says why")
    finally:
        world.close()


def longest_pause(good):
    ends = sorted(h[1] for h in good)
    return max(b - a for a, b in zip(ends, ends[1:]))
