#!/bin/sh
# Runs benchmarks, in the packages that have any, and no tests.
# $1 is the expression of go test -bench, the rest are packages.
set -eu
cd "$(dirname "$0")/.."

GO=${GO:-go}
expression=$1
shift
[ $# -gt 0 ] || set -- ./...

# One folder a line. Every loop over them splits at line ends only.
folders=$("$GO" list -f '{{.Dir}}' "$@")
packages=
IFS='
'
for folder in $folders; do
	if grep -q -s '^func Benchmark' "$folder"/*_test.go; then
		packages="$packages$folder$IFS"
	fi
done
if [ -z "$packages" ]; then
	echo "bench: no benchmarks in $*" >&2
	exit 0
fi
# shellcheck disable=SC2086 # one word a folder
exec "$GO" test -timeout 0 -run '^$' -bench "$expression" -benchmem $packages
