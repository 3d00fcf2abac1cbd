#!/bin/sh
# bench_read.sh [SECONDS [RUNS]] - GET of 1 KB over TLS at 64 connections, linearizable and from the
# cache, beside the same answer from libmicrohttpd alone; and from a server that writes an audit log (level
# Metadata). Medians of alternating runs, as rows for run.sh.
# Needs wrk, openssl, curl and a release build.
set -eu
cd "$(dirname "$0")/../.."
seconds=${1:-4} runs=${2:-5}
bin=$PWD/build/release/bin
dir=$(mktemp -d)
pids=
trap 'for p in $pids; do kill "$p" 2>/dev/null; done; wait; rm -rf "$dir"' EXIT # they write to the end

free_port() {
	/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
cert() { # NAME SUBJECT EXTENSION
	openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$dir/$1.key" \
		-out "$dir/$1.csr" -subj "$2" 2>/dev/null
	printf '%s\n' "$3" >"$dir/$1.ext"
	openssl x509 -req -in "$dir/$1.csr" -CA "$dir/ca.crt" -CAkey "$dir/ca.key" -CAcreateserial \
		-days 2 -extfile "$dir/$1.ext" -out "$dir/$1.crt" 2>/dev/null
}
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$dir/ca.key" \
	-out "$dir/ca.crt" -subj /CN=bench -days 2 2>/dev/null
cert server /CN=server 'subjectAltName=IP:127.0.0.1'
cert admin /O=system:masters/CN=admin 'extendedKeyUsage=clientAuth'
openssl genrsa -out "$dir/token.key" 2048 2>/dev/null

floor=$(free_port)
"$bin/static_mhd" "$floor" "$dir/server.crt" "$dir/server.key" &
static=$! pids="$pids $!"

serve() { # [FLAG…]: a server at the port $api, with the object and a token
	api=$(free_port)
	"$bin/skiff-apiserver" --store=memory --listen=127.0.0.1:"$api" --tls-cert="$dir/server.crt" \
		--tls-key="$dir/server.key" --client-ca="$dir/ca.crt" --token-key="$dir/token.key" \
		--log-level=error "$@" &
	server=$! pids="$pids $!"
	for _ in $(seq 100); do [ "$(call GET /readyz 2>/dev/null)" = ok ] && break; sleep 0.05; done
	value=$(head -c 600 /dev/zero | tr '\0' x)
	call POST /api/v1/namespaces/default/configmaps \
		"{\"metadata\":{\"name\":\"one\"},\"data\":{\"k\":\"$value\"}}" >/dev/null
	call POST /api/v1/namespaces/default/serviceaccounts '{"metadata":{"name":"default"}}' >/dev/null
	call POST /api/v1/namespaces/default/serviceaccounts \
		'{"metadata":{"name":"bench","labels":{"skiff.dev/role":"deploy"}}}' >/dev/null
	token=$(call POST /api/v1/namespaces/default/serviceaccounts/bench/token \
		'{"spec":{"expirationSeconds":7200}}' | sed -n 's/.*"token":"\([^"]*\)".*/\1/p')
}
call() { # METHOD PATH [BODY]
	curl -sS --noproxy '*' --cacert "$dir/ca.crt" --cert "$dir/admin.crt" --key "$dir/admin.key" \
		-X "$1" "https://127.0.0.1:$api$2" -H 'Content-Type: application/json' ${3:+-d "$3"}
}
serve --audit-log-path="$dir/audit.log" --audit-log-maxbackup=1
audited_api=$api audited=$server audited_token=$token
serve

ticks() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }
measure() { # NAME PID URL TOKEN: requests a second, and µs of CPU each
	before=$(ticks "$2")
	out=$(wrk -t1 -c64 -d"${seconds}s" -H "Authorization: Bearer $4" "$3")
	after=$(ticks "$2")
	rate=$(printf '%s\n' "$out" | awk '/Requests\/sec/ { print int($2) }')
	bad=$(printf '%s\n' "$out" | awk '/Non-2xx/ { print $NF }')
	[ -z "$bad" ] || { echo "$1: $bad answers were no 2xx" >&2; exit 1; }
	total=$(printf '%s\n' "$out" | awk '/requests in/ { print $1 }')
	echo "$rate $(((after - before) * 10000 / total))" >>"$dir/$1.txt"
}
path=/api/v1/namespaces/default/configmaps/one
for _ in $(seq "$runs"); do
	measure floor $static "https://127.0.0.1:$floor/" none
	measure linearizable $server "https://127.0.0.1:$api$path" "$token"
	measure cached $server "https://127.0.0.1:$api$path?resourceVersion=0" "$token"
	measure audited $audited "https://127.0.0.1:$audited_api$path?resourceVersion=0" "$audited_token"
done
median() { sort -n "$dir/$1.txt" | awk '{ r[NR] = $1; c[NR] = $2 } END { print r[int((NR + 1) / 2)], c[int((NR + 1) / 2)] }'; }
row() { printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$@"; } # WHAT UNIT FLOOR OURS RATIO WANTED
ratio() { awk "BEGIN { printf \"%.2f\", $1 / $2 }"; }
set -- $(median floor)
base=$1 base_cpu=$2
for name in linearizable cached; do
	set -- $(median $name)
	row "GET 1 KB, TLS, 64 connections, $name" "req/s" "$base" "$1" "$(ratio "$1" "$base")" \
		"at least 0.8"
	row "    CPU of each" "µs" "$base_cpu" "$2" "$(ratio "$2" "$base_cpu")" "-"
done
base_cpu=$2 # cached
set -- $(median audited)
row "    cached, with an audit log: CPU of each" "µs" "$base_cpu" "$2" "$(ratio "$2" "$base_cpu")" "-"
