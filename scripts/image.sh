#!/bin/sh
# image.sh NAME BASE DIR ARCHIVE [ENTRYPOINT…] - packs a directory as a container image.
# BASE is the tar of a root file system to lay it over, or "-". The archive is of the
# docker-archive form, which `skiff image import` takes; images with one base share its layer.
set -eu
[ $# -ge 4 ] || { echo "usage: image.sh NAME BASE|- DIR ARCHIVE [ENTRYPOINT…]" >&2; exit 2; }
name=$1 base=$2 dir=$3 archive=$4
shift 4
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

sum() { sha256sum "$1" | cut -d' ' -f1; }
files= diffs=
add_layer() {
	files="$files${files:+,}\"$1\""
	diffs="$diffs${diffs:+,}\"sha256:$(sum "$work/$1")\""
}
if [ "$base" != - ]; then
	ln "$base" "$work/base.tar" 2>/dev/null || cp "$base" "$work/base.tar"
	add_layer base.tar
fi
tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -C "$dir" -cf "$work/layer.tar" .
add_layer layer.tar

entry=
for word in "$@"; do
	entry="$entry${entry:+,}\"$(printf '%s' "$word" | sed 's/["\\]/\\&/g')\""
done
cat >"$work/config.json" <<JSON
{"created":"1970-01-01T00:00:00Z","architecture":"$(dpkg --print-architecture)","os":"linux","config":{"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],"Entrypoint":[$entry]},"rootfs":{"type":"layers","diff_ids":[$diffs]}}
JSON
config=$(sum "$work/config.json").json
mv "$work/config.json" "$work/$config"
printf '[{"Config":"%s","RepoTags":["%s"],"Layers":[%s]}]' "$config" "$name" "$files" \
	>"$work/manifest.json"
mkdir -p "$(dirname "$archive")"
tar --mtime=@0 -C "$work" -cf "$work.tar" manifest.json "$config" $(cd "$work" && ls ./*.tar | sed "s,^\./,,")
mv "$work.tar" "$archive"
