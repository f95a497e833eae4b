package payments_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestExampleInItsOwnModule builds and runs the package's example from a module
// of its own, as an application would that imports this one.
func TestExampleInItsOwnModule(t *testing.T) {
	t.Parallel()
	root, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	module := t.TempDir()
	mod, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	// The requirements of this module are those of the application too.
	_, requirements, _ := strings.Cut(string(mod), "\nrequire")
	files := map[string]string{
		"go.mod": fmt.Sprintf("module example.com/application\n\ngo 1.26.0\n\nrequire github.com/numerai-app/payments v0.0.0\n\nreplace github.com/numerai-app/payments => %s\n\nrequire%s", root, requirements),
	}
	for _, name := range []string{"go.sum", "example_test.go"} {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = string(content)
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(module, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	command := exec.CommandContext(t.Context(), "go", "test", "-run", "^Example$", "-v", ".")
	command.Dir = module
	command.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
	output, err := command.CombinedOutput()
	if err != nil || !strings.Contains(string(output), "--- PASS: Example") {
		t.Fatalf("go test in a module of its own: %v\n%s", err, output)
	}
}
