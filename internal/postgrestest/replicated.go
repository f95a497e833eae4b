package postgrestest

import (
	"testing"
)

// replicated are the settings of both servers of a pair: each waits for a
// standby of that name, and is called so when it is the standby.
const replicated = "-c synchronous_standby_names=standby -c cluster_name=standby"

// Pair is a private PostgreSQL server and its synchronous standby: whoever
// commits is answered when both have it on disk. While there is no standby,
// commits wait.
type Pair struct{ Primary, Standby *Cluster }

// Replicated starts a pair, as Durable starts one server.
func Replicated(t testing.TB) *Pair {
	t.Helper()
	running, err := startCluster(replicated)
	primary := kept(t, running, err)
	running, err = primary.running.startStandby(replicated)
	return &Pair{Primary: primary, Standby: kept(t, running, err)}
}

// URL names both servers, and leads to the one that takes writes. It stays the
// same over a failover.
func (p *Pair) URL() string {
	address := p.Primary.running.address()
	parameters := address.Query()
	parameters.Set("host", p.Primary.Host()+","+p.Standby.Host())
	parameters.Set("target_session_attrs", "read-write")
	address.RawQuery = parameters.Encode()
	return address.String()
}

// FailOver stops the primary hard and has the standby take its place. Then it
// makes the one that was stopped the new standby, with nothing of what it had.
func (p *Pair) FailOver() error {
	if err := p.Primary.Crash(); err != nil {
		return err
	}
	p.Primary, p.Standby = p.Standby, p.Primary
	if err := p.Primary.running.order("promote"); err != nil {
		return err
	}
	return p.Standby.running.order("follow " + p.Primary.Host())
}
