#!/bin/sh
# Checks everything that is not a test. All checks run, also after one that
# fails, so that one run tells all.
set -eu
cd "$(dirname "$0")/.."

GO=${GO:-go}
# The code as it is released, and the tools without a C compiler: see TOOL in
# the Makefile.
CGO_ENABLED=0
export GO CGO_ENABLED

failed=

tool() {
	"$GO" tool -modfile=tools/go.mod "$@"
}

# check NAME FUNCTION
check() {
	echo "lint: $1"
	if ! "$2"; then
		echo "lint: $1 FAILED"
		failed="$failed, $1"
	fi
}

format() {
	unformatted=$(tool gofumpt -l .) || return 1
	if [ -n "$unformatted" ]; then
		echo "not formatted (make fmt):"
		echo "$unformatted"
		return 1
	fi
}

vet() {
	"$GO" vet ./...
}

linters() {
	tool golangci-lint run ./...
}

# Generates in a copy of the tree and compares.
generated() {
	copy=$(mktemp -d) || return 1
	fresh=0
	tar -cf - --exclude=./.git --exclude=./bin --exclude=./.payments . | tar -xf - -C "$copy" &&
		"$copy/scripts/generate.sh" &&
		diff -r -u --exclude=.git --exclude=bin --exclude=.payments . "$copy" || fresh=1
	rm -rf "$copy"
	[ "$fresh" = 0 ] || echo "generated code is stale (make generate)"
	return "$fresh"
}

modules() {
	"$GO" mod tidy -diff && "$GO" mod verify
}

# A vulnerability in code that is called fails. A database that cannot be
# reached does not: the code is no worse for it.
vulnerabilities() {
	report=$(mktemp) || return 1
	status=0
	tool govulncheck ./... >"$report" 2>&1 || status=$?
	if [ "$status" != 0 ] && grep -q '^govulncheck: fetching vulnerabilities:' "$report"; then
		echo "SKIPPED: the vulnerability database cannot be reached from here:"
		status=0
	fi
	cat "$report"
	rm -f "$report"
	return "$status"
}

check "format" format
check "go vet" vet
check "golangci-lint" linters
check "generated code" generated
check "go.mod and go.sum" modules
check "known vulnerabilities" vulnerabilities

if [ -n "$failed" ]; then
	echo "lint: failed: ${failed#, }"
	exit 1
fi
echo "lint: all good"
