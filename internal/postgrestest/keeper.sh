# Keeps a private PostgreSQL cluster for as long as standard input stays open.
# $1 is the folder of PostgreSQL's programs, $2 an empty folder to work in, $3
# the settings of the server as options, $4 the folder of the socket of a server
# to be a standby of, if there is one. Prints "ready", or what went wrong, and
# "done" or "failed" for each line that it reads: "stop" kills the server, "start"
# starts it again, "promote" makes a standby take writes, and "follow" with a
# socket's folder makes a server that was stopped a standby, of a fresh copy.
bin=$1
dir=$2
settings=$3
primary=$4
log=$dir/log

end() {
	if [ -e "$dir/data/postmaster.pid" ]; then
		"$bin/pg_ctl" stop -s -D "$dir/data" -m immediate
	fi
	cd / && rm -rf "$dir"
} >/dev/null 2>&1
trap end EXIT
trap '' PIPE # nobody may be there to read the answer to the last order

# The order of a language, as most databases have it: a query that counts on
# the order of bytes without saying so fails here as it would in production.
initialize() {
	"$bin/initdb" -D "$dir/data" --username=payments --auth=trust --no-sync \
		--encoding=UTF8 --locale=C --locale-provider=icu --icu-locale=en-US
}

# A standby goes by the name of its cluster, which is among the settings.
follow() {
	rm -rf "$dir/data" &&
		"$bin/pg_basebackup" --host="$1" --username=payments --pgdata="$dir/data" \
			--checkpoint=fast --wal-method=stream --write-recovery-conf --no-sync
}

prepare() {
	if [ -n "$primary" ]; then follow "$primary"; else initialize; fi
}

# No TCP, and the folder of the socket is closed to others: hence no password.
start() {
	"$bin/pg_ctl" start -w -t 60 -D "$dir/data" -l "$log" -o "-k '$dir' -c listen_addresses='' \
		-c max_connections=300 $settings"
}

if ! { prepare && start; } >>"$log" 2>&1 </dev/null; then
	cat "$log"
	exit 1
fi
echo ready
while read -r order argument; do
	case $order in
	stop) "$bin/pg_ctl" stop -s -D "$dir/data" -m immediate ;;
	start) start ;;
	promote) "$bin/pg_ctl" promote -s -w -t 60 -D "$dir/data" ;;
	follow) follow "$argument" && start ;;
	*) false ;;
	esac >>"$log" 2>&1 </dev/null && echo done || echo failed
done
