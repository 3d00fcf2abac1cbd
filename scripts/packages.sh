# packages.sh - the Debian packages that Skiff needs; sourced by scripts/up and scripts/test.
#
# What is in PATH already is used. etcd and containerd are unpacked, not installed: their packages
# start services, and containerd's would remove docker-ce.

BUILD_PACKAGES="gcc libc6-dev cmake ninja-build pkg-config python3 python3-yaml protobuf-c-compiler
libuv1-dev libmicrohttpd-dev libjansson-dev libcurl4-gnutls-dev libhttp-parser-dev libyaml-dev libnghttp2-dev
libprotobuf-c-dev libnftables-dev libgnutls28-dev libldns-dev libmnl-dev
libnetfilter-conntrack-dev zlib1g-dev"
RUN_PACKAGES="curl iproute2 nftables procps util-linux busybox-static containernetworking-plugins
ca-certificates mmdebstrap tar tzdata"
# What only scripts/test needs: the second compiler's warnings, and the format.
TEST_PACKAGES="clang clang-format-14"

say() { printf '%s\n' "$*"; }
fail() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

is_installed() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

missing_packages() {
	for package in "$@"; do
		is_installed "$package" || printf '%s ' "$package"
	done
}

check_machine() {
	[ "$(id -u)" = 0 ] || fail "containers and networks need root: run this as root (sudo $0)"
	. /etc/os-release
	[ "${ID:-}" = debian ] && [ "${VERSION_ID:-0}" -ge 12 ] ||
		fail "this is ${PRETTY_NAME:-no Debian}: Debian 12 is needed (other systems: see docs/install.md)"
	[ -d /sys/fs/cgroup ] && [ -n "$(ls /sys/fs/cgroup)" ] ||
		fail "no cgroups are mounted under /sys/fs/cgroup: mount them, or leave the restricted container"
}

# check_disk DIR - room for the build, the tools and a cluster.
check_disk() {
	place=$1
	while [ ! -d "$place" ]; do place=$(dirname "$place"); done
	[ "$(df -Pk "$place" | awk 'NR == 2 { print $4 }')" -ge 1048576 ] ||
		fail "less than 1 GiB is free under $1: make room, or use another disk with --root DIR"
}

apt() {
	DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@"
}

update_once() {
	[ -n "${APT_UPDATED:-}" ] && return
	# Without this apt only warns when it reaches nobody.
	apt -o APT::Update::Error-Mode=any update >/dev/null 2>&1 ||
		fail "the package lists cannot be fetched: is the network there? (try 'apt-get update')"
	APT_UPDATED=1
}

install_packages() {
	missing=$(missing_packages "$@")
	[ -z "$missing" ] && return
	update_once
	# shellcheck disable=SC2086
	apt install -y --no-install-recommends --no-remove $missing >/dev/null 2>&1 ||
		fail "these packages cannot be installed: $missing (try 'apt-get install $missing')"
}

# unpack_package PACKAGE DIR - its files below DIR/usr, without installing it.
unpack_package() {
	update_once
	work=$(mktemp -d)
	chmod 755 "$work"
	(cd "$work" && apt-get download "$1" >/dev/null 2>&1) ||
		{ rm -rf "$work"; fail "the package $1 cannot be downloaded: is the network there?"; }
	mkdir -p "$2"
	dpkg -x "$work"/"$1"_*.deb "$2"
	rm -rf "$work"
}

# provide_tools DIR - etcd, containerd and runc: from PATH, else unpacked into DIR.
provide_tools() {
	command -v etcd >/dev/null || [ -x "$1/usr/bin/etcd" ] || unpack_package etcd-server "$1"
	command -v containerd >/dev/null || [ -x "$1/usr/bin/containerd" ] ||
		unpack_package containerd "$1"
	command -v runc >/dev/null || [ -x "$1/usr/sbin/runc" ] || unpack_package runc "$1"
}
