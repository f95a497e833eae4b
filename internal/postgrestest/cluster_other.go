//go:build !unix

package postgrestest

import (
	"fmt"
	"net/url"
)

// cluster is a running private server, which only a Unix system can have.
type cluster struct{ dir, programs string }

func startCluster(string) (*cluster, error) {
	return nil, fmt.Errorf("%w: name a server in PAYMENTS_TEST_POSTGRES", errNotInstalled)
}

func (c *cluster) startStandby(string) (*cluster, error) { return nil, errNotInstalled }

func (c *cluster) close() {}

func (c *cluster) order(string) error { return errNotInstalled }

func (c *cluster) address() *url.URL { return nil }
