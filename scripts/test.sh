#!/bin/sh
# Runs the tests: every package, with the race detector, on SQLite and on
# PostgreSQL. Arguments are those of go test; without any, ./... is tested.
#
# Two things may be missing on a fresh machine: a C compiler, which the race
# detector needs, and PostgreSQL's server. Root on Debian or Ubuntu gets them
# installed. Anyone else is told what is left out, and the rest runs. Where
# CI=true nothing may be left out; PAYMENTS_TEST_REQUIRE=race,postgres asks for
# the same by name.
set -eu
cd "$(dirname "$0")/.."

GO=${GO:-go}

say() {
	echo "test: $*" >&2
}

# required WORD: may WORD not be left out?
required() {
	[ "${CI:-}" = true ] && return 0
	case ",${PAYMENTS_TEST_REQUIRE:-}," in
	*",$1,"*) return 0 ;;
	*) return 1 ;;
	esac
}

# leave_out WORD WHAT_IS_MISSING: goes on without, or stops where it is required.
leave_out() {
	if required "$1"; then
		say "FAILED: $2; it is required here (CI=true or PAYMENTS_TEST_REQUIRE)"
		exit 1
	fi
	say "SKIPPED: $2"
}

can_install() {
	[ "$(id -u)" = 0 ] && command -v apt-get >/dev/null
}

# install PACKAGE...: installs Debian packages; quiet unless it fails.
install() {
	say "installing $* with apt-get"
	output=$(mktemp)
	if DEBIAN_FRONTEND=noninteractive && export DEBIAN_FRONTEND &&
		{ apt-get update && apt-get install -y --no-install-recommends "$@"; } >"$output" 2>&1 </dev/null; then
		rm -f "$output"
		return 0
	fi
	cat "$output" >&2
	rm -f "$output"
	return 1
}

# compiles_c: is there a C compiler, with the headers of the C library?
compiles_c() {
	[ "$("$GO" env CGO_ENABLED)" = 1 ] || return 1
	# CC may be several words, such as "ccache gcc".
	# shellcheck disable=SC2046
	echo '#include <stdlib.h>' | $("$GO" env CC) -x c -c -o /dev/null - >/dev/null 2>&1
}

has_postgres() {
	[ -n "${PAYMENTS_TEST_POSTGRES:-}" ] && return 0
	command -v initdb >/dev/null && return 0
	for program in /usr/lib/postgresql/*/bin/postgres /usr/pgsql-*/bin/postgres; do
		[ -x "$program" ] && return 0
	done
	return 1
}

# Debian makes and starts a cluster as soon as the server is installed. The
# tests start their own, so for the time of the installation a setting forbids
# it.
install_postgres() {
	setting=/etc/postgresql-common/createcluster.d/payments-tests.conf
	mkdir -p "$(dirname "$setting")"
	echo 'create_main_cluster = false' >"$setting"
	installed=0
	install postgresql || installed=1
	rm -f "$setting"
	return "$installed"
}

race=-race
if ! compiles_c && can_install; then
	install gcc libc6-dev || true
fi
if ! compiles_c; then
	race=
	leave_out race "the race detector, for lack of a C compiler (Debian: gcc libc6-dev)"
fi

if ! has_postgres && can_install; then
	install_postgres || true
fi
if ! has_postgres; then
	leave_out postgres "the tests on PostgreSQL, for lack of its server (Debian: postgresql)"
fi

if [ "${*:-./...}" != ./... ]; then
	set -x
	exec "$GO" test $race "$@"
fi
set -x
"$GO" test $race ./...
# Some hundred histories more, of which the race detector is not to see each.
exec env PAYMENTS_HISTORIES=100 "$GO" test . -run TestTroubleEndsAlike -rapid.checks=100
