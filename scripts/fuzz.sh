#!/bin/sh
# Runs every fuzz test for a while, one after the other, as go test wants it.
# $1 is the time for each, the rest are packages. An input that finds something
# new is made smaller for a second only: go test would spend a minute on each,
# and try nothing else meanwhile.
set -eu
cd "$(dirname "$0")/.."

GO=${GO:-go}
time=$1
shift
[ $# -gt 0 ] || set -- ./...

folders=$("$GO" list -f '{{.Dir}}' "$@")
IFS='
'
for folder in $folders; do
	# shellcheck disable=SC2013 # a name is one word
	for name in $(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$folder"/*_test.go 2>/dev/null); do
		echo "fuzz: $name in $folder" >&2
		"$GO" test -run '^$' -fuzz "^$name\$" -fuzztime "$time" -fuzzminimizetime 1s "$folder"
	done
done
