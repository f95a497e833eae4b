//go:build unix

package postgrestest

import (
	"bufio"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// keeper is the shell script that starts the cluster, waits until its standard
// input ends, stops the cluster and removes its folder. The kernel closes that
// input when the test binary ends, also after a panic, a signal or os.Exit, so
// no server stays behind; a deferred call or a TestMain could not promise that.
//
//go:embed keeper.sh
var keeper string

// cluster is a running private server.
type cluster struct {
	dir      string
	programs string         // the folder of PostgreSQL's programs
	life     io.WriteCloser // orders for the keeper; closing it ends the cluster
	messages *bufio.Reader  // reaches its end when the cluster is gone
}

// startCluster makes a cluster in a temporary folder and starts it with
// settings, as options of the server.
func startCluster(settings string) (*cluster, error) { return launch(settings, "") }

// startStandby starts one that is a copy of c, and stays one.
func (c *cluster) startStandby(settings string) (*cluster, error) { return launch(settings, c.dir) }

// launch starts a cluster that is new, or a standby of the one in that folder.
func launch(settings, primary string) (*cluster, error) {
	bin, err := findPrograms()
	if err != nil {
		return nil, err
	}
	owner, err := unprivileged()
	if err != nil {
		return nil, err
	}
	dir, err := makeFolder(owner)
	if err != nil {
		return nil, fmt.Errorf("making the cluster's folder: %w", err)
	}
	c, err := keep(owner, bin, dir, settings, primary)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting PostgreSQL: %w", err), os.RemoveAll(dir))
	}
	return c, nil
}

// keep runs the keeper and returns when the server takes connections.
func keep(owner *syscall.Credential, bin, dir, settings, primary string) (*cluster, error) {
	command := exec.Command("/bin/sh", "-c", keeper, "keeper", bin, dir, settings, primary) //nolint:noctx // it outlives every context and ends with this process
	command.Dir = dir
	// Nothing of the environment: PGDATA, PGHOST and LC_ALL would be obeyed.
	command.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C", "HOME=" + dir}
	// A group of its own: an interrupt from the keyboard must not reach the
	// keeper before it has cleaned up.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: owner}
	life, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	messages, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	c := &cluster{dir: dir, programs: bin, life: life, messages: bufio.NewReader(messages)}
	line, err := c.messages.ReadString('\n')
	if line == "ready\n" {
		return c, nil
	}
	rest, _ := io.ReadAll(c.messages)
	return nil, errors.Join(errors.New(line+string(rest)), err, command.Wait())
}

// address returns the URL of the cluster's first database.
func (c *cluster) address() *url.URL {
	parameters := url.Values{"host": {c.dir}, "sslmode": {"disable"}}
	return &url.URL{Scheme: "postgres", User: url.User("payments"), Path: "/postgres", RawQuery: parameters.Encode()}
}

// findPrograms returns the folder of initdb, pg_ctl and postgres: that of the
// search path, or the newest of a Linux distribution's.
func findPrograms() (string, error) {
	if initdb, err := exec.LookPath("initdb"); err == nil {
		// Beside the link's target: the folder of links may lack the others.
		if target, err := filepath.EvalSymlinks(initdb); err == nil {
			return filepath.Dir(target), nil
		}
	}
	var found []string
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin/postgres", "/usr/pgsql-*/bin/postgres"} {
		matches, err := filepath.Glob(pattern)
		if err != nil {
			return "", fmt.Errorf("looking for PostgreSQL: %w", err)
		}
		found = append(found, matches...)
	}
	if len(found) == 0 {
		return "", fmt.Errorf("%w: neither initdb in PATH nor /usr/lib/postgresql/*/bin/postgres; install Debian's "+
			"package postgresql or name a server in PAYMENTS_TEST_POSTGRES", errNotInstalled)
	}
	return filepath.Dir(slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) })), nil
}

// version returns the first number in a path, such as 15.
func version(path string) int {
	digits := strings.FieldsFunc(path, func(r rune) bool { return r < '0' || r > '9' })
	if len(digits) == 0 {
		return 0
	}
	number, err := strconv.Atoi(digits[0])
	if err != nil {
		return 0
	}
	return number
}

// unprivileged returns the user that runs the server: nil means this one,
// unless this one is root, as whom PostgreSQL refuses to run.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		account, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(account.Uid, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("reading the user id of %s: %w", name, err)
		}
		gid, err := strconv.ParseUint(account.Gid, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("reading the group id of %s: %w", name, err)
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("root cannot run PostgreSQL, and there is neither a user postgres nor a user nobody")
}

// makeFolder makes the cluster's folder, which only its owner can enter. It is
// under /tmp whatever TMPDIR says: every user may go there, also where root's
// own TMPDIR is closed, and a socket's path must be short.
func makeFolder(owner *syscall.Credential) (string, error) {
	dir, err := os.MkdirTemp("/tmp", "payments-postgres-")
	if err != nil || owner == nil {
		return dir, err
	}
	return dir, os.Chown(dir, int(owner.Uid), int(owner.Gid))
}

// order has the keeper do something with the server: keeper.sh says what.
func (c *cluster) order(what string) error {
	if _, err := io.WriteString(c.life, what+"\n"); err != nil {
		return err
	}
	answer, err := c.messages.ReadString('\n')
	if answer != "done\n" {
		return errors.Join(fmt.Errorf("the keeper says %q to %s", answer, what), err)
	}
	return nil
}

// close ends the cluster, and waits until it is gone.
func (c *cluster) close() {
	_ = c.life.Close()
	_, _ = io.Copy(io.Discard, c.messages) // until the keeper has gone
}
