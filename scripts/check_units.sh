#!/bin/sh
# check_units.sh - systemd's own word on scripts/systemd: units are well formed, and as little exposed as
# they can be. Exit code 77 where there is no systemd.
set -eu
cd "$(dirname "$0")/systemd"
command -v systemd-analyze >/dev/null || exit 77
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Programs stand where they are installed; here something else does.
for unit in *; do
	sed -E 's,=(/usr/local/bin/skiff-[a-z]+|/usr/bin/etcd|/usr/bin/containerd|/sbin/ip) ,=/bin/true ,' \
		"$unit" >"$work/$unit"
done
SYSTEMD_UNIT_PATH="$work:" systemd-analyze verify --man=no "$work"/* 2>&1 | grep -F "$work" && exit 1
exposed() { # UNIT AT-MOST (tenths): 0 is nothing, 100 everything
	said=$(systemd-analyze security --offline=yes --no-pager "$work/$1" | tail -n 1 |
		sed -E 's/.*: ([0-9]+)\.([0-9]).*/\1\2/')
	[ "${said:-100}" -le "$2" ] || { echo "$1: exposure is $said, not at most $2"; exit 1; }
	echo "$1: $said of at most $2"
}
exposed skiff-apiserver.service 12
exposed skiff-controller.service 12
exposed skiff-etcd.service 13
exposed skiff-nodeagent.service 70
