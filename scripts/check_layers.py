#!/usr/bin/env python3
"""check_layers.py - who may include whom, and who may use which foreign library.

The direction is: base <- schemas <- plan; base <- io <- client; the programs use these and never
one another. Every foreign library is confined to the modules named here.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
ALLOWED = {
    "common/base": {"common/base"},
    "schemas": {"common/base", "schemas"},
    "common/plan": {"common/base", "schemas", "common/plan"},
    "common/io": {"common/base", "common/io"},
    "common/client": {"common/base", "schemas", "common/io", "common/client"},
    "apiserver": {"common/base", "schemas", "common/plan", "common/io", "apiserver"},
    "controller": {"common/base", "schemas", "common/plan", "common/io", "common/client", "controller"},
    "nodeagent": {"common/base", "schemas", "common/plan", "common/io", "common/client", "nodeagent"},
    "cli": {"common/base", "schemas", "common/plan", "common/io", "common/client", "cli"},
    "pause": set(),
}
FOREIGN = {
    r"microhttpd\.h": r"common/io/(http_server|stream_takeover|tls)",
    r"gnutls/": r"common/io/(tls|stream_|http_server)",
    r"http_parser\.h": r"common/io/http_client",
    r"nghttp2/": r"common/io/h2_client",
    r"nftables/": r"nodeagent/net/",
    r"libmnl/|libnetfilter|linux/netfilter|linux/rtnetlink": r"nodeagent/net/",
    r"arpa/nameser\.h": r"nodeagent/net/dns",
    r"yaml\.h": r"schemas/yaml",
    r"uv\.h": r"common/io/loop_uv",
    r"proto/.*\.pb-c\.h": r"common/io/cri_client|apiserver/store_etcd",
    r"zlib\.h": r"apiserver/",
}


def module_of(path):
    for module in sorted(ALLOWED, key=len, reverse=True):
        if path.startswith(module + "/"):
            return module
    return None


def check(path, problems):
    module = module_of(path)
    if module is None:
        return
    for number, line in enumerate((ROOT / path).read_text().splitlines(), 1):
        found = re.match(r'\s*#\s*include\s+(["<])([^">]+)', line)
        if not found:
            continue
        name = found.group(2)
        for pattern, places in FOREIGN.items():
            if re.match(pattern, name) and not re.match(places, path):
                problems.append(f"{path}:{number}: {name} is for {places} only")
        target = module_of(name)
        if found.group(1) == '"' and target and target not in ALLOWED[module]:
            problems.append(f"{path}:{number}: {module} must not include {target}")


def main():
    problems = []
    for module in ALLOWED:
        for file in sorted((ROOT / module).rglob("*.[ch]")):
            check(str(file.relative_to(ROOT)), problems)
    print("\n".join(problems) or "layers are kept")
    return 1 if problems else 0


sys.exit(main())
