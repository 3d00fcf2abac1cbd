#!/bin/sh
# pipeline.sh VERSION [SOURCE] - one run of a CI pipeline: builds an image of SOURCE (app), imports
# it, applies web.yaml with it, waits, and goes back to what ran before when it does not come up.
#
# KUBECONFIG is the one that setup.sh wrote. Exit code: 0 the new version runs; 1 it does not, and
# the lines above say why; 2 what was sent is refused; 3 no cluster.
set -eu
[ $# -ge 1 ] || { echo "usage: pipeline.sh VERSION [SOURCE]" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
version=$1 source=${2:-$here/app}
skiff=${SKIFF:-skiff}
pack=${IMAGE_SCRIPT:-$here/../../../scripts/image.sh}
image=localhost/ci-web:$version
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

echo "== build $image"
mkdir -p "$work/root/bin" "$work/root/tmp"
cp -r "$source" "$work/root/app"
cp /bin/busybox "$work/root/bin/busybox" # Debian's busybox-static
for applet in $("$work/root/bin/busybox" --list); do
	[ "$applet" = busybox ] || ln -s busybox "$work/root/bin/$applet"
done
chmod 755 "$work/root" "$work/root/app/run"
sh "$pack" "$image" - "$work/root" "$work/image.tar" /app/run

echo "== import"
if [ "${IMPORT:-yes}" = yes ]; then
	"$skiff" image import "$work/image.tar"
fi

echo "== apply"
code=0
sed "s,image: IMAGE,image: $image," "$here/web.yaml" |
	"$skiff" apply -n ci -f - --wait --timeout "${TIMEOUT:-5m}" --give-up "${GIVE_UP:-20s}" || code=$?
[ $code -ne 0 ] || { echo "== $version runs"; exit 0; }

if [ $code -eq 1 ]; then
	echo "== $version does not come up: back to what ran before"
	if "$skiff" rollout undo -n ci deployment/web; then
		"$skiff" rollout status -n ci deployment/web --timeout "${TIMEOUT:-5m}"
	else
		echo "== there was nothing before"
	fi
fi
exit $code
