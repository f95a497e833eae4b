package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/numerai-app/payments"
	"github.com/numerai-app/payments/internal/store"
)

func TestOpenSaysWhatToDo(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	for _, c := range []struct{ name, url, want string }{
		{"nothing", "", "DATABASE_URL"},
		{"another engine", "mysql://root:secret@localhost/payments", "write sqlite:PATH or postgres://"},
		{"a path alone", "/var/lib/payments.db", "write sqlite:PATH"},
		{"no path", "sqlite:", "write sqlite:payments.db"},
		{"slashes", "sqlite://payments.db", "write sqlite:payments.db"},
		{"memory", "sqlite::memory:", "would lose what was paid"},
		{"settings", "sqlite:payments.db?_synchronous=OFF", "is not the path of a file"},
		{"no directory", "sqlite:" + filepath.Join(directory, "none", "payments.db"), "make sure that the directory exists"},
		{"not a database", "sqlite:" + textFile(t, directory), "not a database"},
		{"a broken URL", "postgres://user:secret@localhost:port/payments", "read the URL of the PostgreSQL database"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s, err := store.Open(t.Context(), c.url, store.Options{})
			if err == nil {
				t.Fatal(errors.Join(errors.New("it opened"), s.Close()))
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %q, want one that contains %q", err, c.want)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("error shows the password: %q", err)
			}
		})
	}
}

func textFile(t *testing.T, directory string) string {
	t.Helper()
	path := filepath.Join(directory, "notes.txt")
	if err := os.WriteFile(path, []byte(strings.Repeat("this is no database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Nobody listens at a socket in an empty directory.
func TestOpenPostgresThatIsNotThere(t *testing.T) {
	t.Parallel()
	_, err := store.Open(t.Context(), "postgres://user:secret@/payments?host="+t.TempDir(), store.Options{})
	if !errors.Is(err, payments.ErrUnavailable) {
		t.Errorf("error is %v, want ErrUnavailable", err)
	}
	if err != nil && strings.Contains(err.Error(), "secret") {
		t.Errorf("error shows the password: %q", err)
	}
}

func TestSQLiteFileIsItsOwnersAlone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "with space & 100%.db")
	s, err := store.Open(t.Context(), "sqlite:"+path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Migrate(t.Context()), s.Close()); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 || info.Size() == 0 {
		t.Errorf("the file has mode %v and %d bytes", info.Mode(), info.Size())
	}
}

func TestClosedStoreIsNotAPanic(t *testing.T) {
	t.Parallel()
	s, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "payments.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Ping(t.Context()); err == nil {
		t.Error("a closed store answers")
	}
	if err := s.Update(t.Context(), func(payments.Tx) error { return nil }); err == nil {
		t.Error("a closed store takes updates")
	}
}
