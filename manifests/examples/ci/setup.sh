#!/bin/sh
# setup.sh KUBECONFIG_OUT - once, by the cluster's administrator: the namespace, the pipeline's own
# ServiceAccount, and a kubeconfig that holds nothing but that account's token.
set -eu
[ $# -eq 1 ] || { echo "usage: setup.sh KUBECONFIG_OUT" >&2; exit 2; }
skiff=${SKIFF:-skiff}
umask 077
"$skiff" apply --quiet -f "$(dirname "$0")/account.yaml"
"$skiff" token deployer -n ci --duration "${DURATION:-24h}" --as-kubeconfig >"$1.new"
mv "$1.new" "$1"
echo "the pipeline's kubeconfig: $1"
