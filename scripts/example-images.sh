#!/bin/sh
# example-images.sh DIR [a-depends-on-b | shop]… - makes the images of these examples (the first, if
# none is named) into DIR, once.
#
# One Debian root with Flask and one with Redis, from Debian's packages; the example programs are
# laid over the first. What is there already is kept.
set -eu
cd "$(dirname "$0")/.."
dir=$1
shift
[ $# -gt 0 ] || set -- a-depends-on-b
mkdir -p "$dir"

debian_root() { # NAME PACKAGES
	[ -f "$dir/$1.root.tar" ] && return
	mmdebstrap --format=tar --variant=essential --include="$2" \
		--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' \
		"$(. /etc/os-release; echo "$VERSION_CODENAME")" "$dir/$1.root.tar.new" >"$dir/$1.log" 2>&1 || {
		echo "the Debian root for '$1' cannot be made; the last lines of $dir/$1.log:" >&2
		tail -n 5 "$dir/$1.log" >&2
		exit 1
	}
	mv "$dir/$1.root.tar.new" "$dir/$1.root.tar"
}

image() { # NAME ROOT SOURCE ENTRYPOINT…
	name=$1 root=$2 source=$3
	shift 3
	archive="$dir/$name.tar"
	[ -f "$archive" ] && [ "$archive" -nt "$dir/$root.root.tar" ] &&
		[ -z "$(find "$source" -newer "$archive")" ] && return
	work=$(mktemp -d)
	cp -r "$source" "$work/app"
	chmod 755 "$work"
	scripts/image.sh "localhost/$name:1" "$dir/$root.root.tar" "$work" "$archive" "$@"
	rm -rf "$work"
}

debian_root python python3-flask,python3-redis
for example; do
	case $example in
	a-depends-on-b)
		image flask-a python manifests/examples/images/a python3 /app/main.py
		image flask-b python manifests/examples/images/b python3 /app/main.py ;;
	shop)
		debian_root redis redis-server
		image redis redis manifests/examples/images/redis redis-server /app/redis.conf
		image shop python manifests/examples/images/shop ;;
	*)
		echo "example-images.sh: there is no example '$example'" >&2
		exit 2 ;;
	esac
done
