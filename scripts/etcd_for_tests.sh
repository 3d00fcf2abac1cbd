#!/bin/sh
# Puts Debian's etcd into build/tools (unpacked, not installed: its package starts a service),
# unless one is in PATH. The store's contract test and the bench look there.
set -eu
cd "$(dirname "$0")/.."
if command -v etcd >/dev/null || [ -x build/tools/etcd ]; then
	exit 0
fi
mkdir -p build/tools
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
chmod 755 "$dir" # apt drops its rights while it downloads
(cd "$dir" && apt-get download etcd-server >/dev/null 2>&1 && dpkg -x etcd-server_*.deb .) || {
	echo "etcd-server cannot be downloaded: is the network there, and 'apt-get update' done?" >&2
	exit 1
}
cp "$dir/usr/bin/etcd" build/tools/etcd.new
mv build/tools/etcd.new build/tools/etcd
