#!/bin/sh
# run.sh [RUNS [BENCH…]] - all benches as one table, each figure beside its floor from the same run;
# medians of RUNS (5) alternating runs. BENCH: read, writes, collection, lists, watch, turns, two, store,
# cluster, services. Needs root, wrk and the build tools; starts its own servers and clusters and leaves
# nothing.
set -eu
cd "$(dirname "$0")/../.."
runs=${1:-5}
[ $# -gt 0 ] && shift
benches=${*:-read writes collection lists watch turns two store cluster services}
. scripts/packages.sh
provide_tools "$PWD/build/tools-test"
export PATH="$PATH:$PWD/build/tools-test/usr/bin:$PWD/build/tools-test/usr/sbin"
[ -f build/release/build.ninja ] || cmake --preset release >/dev/null
cmake --build build/release --target all bench_store bench_services >/dev/null
rows=$(mktemp)
trap 'rm -f "$rows"' EXIT

for bench in $benches; do
	printf '… %s\n' "$bench" >&2
	case $bench in
	read) sh tests/bench/bench_read.sh 2 "$runs" ;;
	writes | collection | lists | watch | turns | two)
		/usr/bin/python3 "tests/bench/bench_$bench.py" "$runs" ;;
	store) build/release/bin/bench_store 2 ;;
	cluster) /usr/bin/python3 tests/bench/bench_cluster.py "$runs" ;;
	services) unshare -n build/release/bin/bench_services ;;
	*) fail "there is no bench '$bench'; the head of this file names them" ;;
	esac >>"$rows"
done
printf '%s, %s cores, load %s\n\n' "$(uname -sr)" "$(nproc)" "$(cut -d' ' -f1-3 /proc/loadavg)"
awk -F '\t' 'BEGIN { OFS = "\t"; print "figure", "unit", "floor", "Skiff", "ratio", "wanted" }
	{ print }' "$rows" | awk -F '\t' '
	{ for (i = 1; i <= NF; i++) { cell[NR, i] = $i; n = length($i); if (n > width[i]) width[i] = n } }
	END { for (r = 1; r <= NR; r++) { line = ""
		for (i = 1; i <= 6; i++)
			line = line sprintf(i < 3 || i == 6 ? "%-" width[i] "s  " : "%" width[i] "s  ", cell[r, i])
		sub(/ +$/, "", line); print line } }'
