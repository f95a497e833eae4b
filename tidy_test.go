package payments_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The rules of the house that a program can check. CONTRIBUTING.md has the
// others.
const (
	maxFunctionLines = 80
	maxFileLines     = 700
)

// realTime lists the functions of the domain that may ask the machine's clock
// or its randomness by themselves, with the reason. Constructors, called New…,
// always may: there the default is set.
var realTime = map[string]string{
	"operate":   "waits for another request, which takes real time whatever the clock of the records says",
	"waitUntil": "the same wait",
	"CreateKey": "a secret that a test can predict could be predicted elsewhere",

	"newEndpointSecret": "as CreateKey",
}

func TestDomainTakesClockAndChanceFromItsConstructors(t *testing.T) {
	t.Parallel()
	excused := map[string]bool{}
	for _, f := range goFiles(t) {
		if f.test || path.Dir(f.path) != "." {
			continue
		}
		for _, declaration := range f.syntax.Decls {
			function, ok := declaration.(*ast.FuncDecl)
			if ok && strings.HasPrefix(function.Name.Name, "New") {
				continue
			}
			for _, use := range ambient(declaration) {
				if ok && realTime[function.Name.Name] != "" {
					excused[function.Name.Name] = true
					continue
				}
				t.Errorf("%s: %s; take it from the Config", f.position(use), written(use))
			}
		}
	}
	for name := range realTime {
		if !excused[name] {
			t.Errorf("tidy_test.go: %s needs no exception any more", name)
		}
	}
}

// ambient returns every use of the machine's clock and randomness.
func ambient(declaration ast.Node) []*ast.SelectorExpr {
	var uses []*ast.SelectorExpr
	ast.Inspect(declaration, func(n ast.Node) bool {
		selector, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		switch written(selector) {
		case "time.Now", "time.Since", "time.Until":
			uses = append(uses, selector)
		}
		if from, ok := selector.X.(*ast.Ident); ok && from.Name == "rand" {
			uses = append(uses, selector)
		}
		return true
	})
	return uses
}

// written returns a selector as it is written, such as time.Now.
func written(selector *ast.SelectorExpr) string {
	from, ok := selector.X.(*ast.Ident)
	if !ok {
		return ""
	}
	return from.Name + "." + selector.Sel.Name
}

// A wait that is a guess is either too long or, on a busy day, too short; and
// one that no context ends holds up the shutdown.
func TestNobodySleeps(t *testing.T) {
	t.Parallel()
	for _, f := range goFiles(t) {
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			if selector, ok := n.(*ast.SelectorExpr); ok && written(selector) == "time.Sleep" {
				t.Errorf("%s: time.Sleep; wait for the thing itself, or for a timer and the context", f.position(n))
			}
			return true
		})
	}
}

func TestFunctionsAreShort(t *testing.T) {
	t.Parallel()
	for _, f := range goFiles(t) {
		if f.test {
			continue
		}
		for _, declaration := range f.syntax.Decls {
			function, ok := declaration.(*ast.FuncDecl)
			if !ok {
				continue
			}
			lines := f.set.Position(function.End()).Line - f.set.Position(function.Pos()).Line + 1
			if lines > maxFunctionLines {
				t.Errorf("%s: %s has %d lines, more than %d", f.position(function), function.Name.Name, lines, maxFunctionLines)
			}
		}
	}
}

func TestFilesAreShortAndOfOneSubject(t *testing.T) {
	t.Parallel()
	vague := regexp.MustCompile(`^(utils?|helpers?|common|misc|managers?|types|base|shared)(_test)?\.go$`)
	for _, f := range goFiles(t) {
		if lines := f.set.File(f.syntax.FileStart).LineCount(); lines > maxFileLines {
			t.Errorf("%s has %d lines, more than %d", f.path, lines, maxFileLines)
		}
		if vague.MatchString(path.Base(f.path)) {
			t.Errorf("%s: the name does not say what is in it", f.path)
		}
	}
}

func TestEveryPackageAndExportedNameIsDocumented(t *testing.T) {
	t.Parallel()
	documented := map[string]bool{}
	for _, f := range allGoFiles(t) {
		if f.test {
			continue
		}
		folder := path.Dir(f.path)
		documented[folder] = documented[folder] || !f.made && len(f.syntax.Doc.Text()) > 0
		if f.made || f.syntax.Name.Name == "main" {
			continue
		}
		for _, name := range undocumented(f.syntax) {
			t.Errorf("%s: %s has no doc comment", f.position(name), name.Name)
		}
	}
	for folder, ok := range documented {
		if !ok {
			t.Errorf("the package in %s has no doc comment", folder)
		}
	}
}

// undocumented returns the exported names of a file that lack a comment. The
// constants or variables of a group may share one.
func undocumented(file *ast.File) []*ast.Ident {
	var names []*ast.Ident
	add := func(name *ast.Ident, comments ...*ast.CommentGroup) {
		if name.IsExported() && !slices.ContainsFunc(comments, func(c *ast.CommentGroup) bool { return c != nil }) {
			names = append(names, name)
		}
	}
	for _, declaration := range file.Decls {
		switch d := declaration.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil || receiverIsExported(d.Recv) {
				add(d.Name, d.Doc)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch s := spec.(type) {
				case *ast.TypeSpec:
					add(s.Name, s.Doc, d.Doc, s.Comment)
				case *ast.ValueSpec:
					for _, name := range s.Names {
						add(name, s.Doc, d.Doc, s.Comment)
					}
				}
			}
		}
	}
	return names
}

func receiverIsExported(receiver *ast.FieldList) bool {
	exported := false
	ast.Inspect(receiver.List[0].Type, func(n ast.Node) bool {
		if name, ok := n.(*ast.Ident); ok && !exported {
			exported = name.IsExported()
			return false
		}
		return true
	})
	return exported
}

// What is left for later is an issue, not a comment.
func TestNothingIsLeftForLater(t *testing.T) {
	t.Parallel()
	later := regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X|HA` + `CK)\b`)
	ours := regexp.MustCompile(`\.(go|sql|sh|ya?ml|md|html|css|txtar)$|(^|/)(Makefile|run)$`)
	for _, file := range treeFiles(t) {
		if !ours.MatchString(file) {
			continue
		}
		content, err := os.ReadFile(filepath.FromSlash(file))
		if err != nil {
			t.Fatal(err)
		}
		number := 0
		for line := range strings.Lines(string(content)) {
			number++
			if word := later.FindString(line); word != "" {
				t.Errorf("%s:%d: %s", file, number, word)
			}
		}
	}
}

// One history for two databases: each step has the same name on both.
func TestMigrationsComeInPairs(t *testing.T) {
	t.Parallel()
	steps := func(engine string) []string {
		files, err := filepath.Glob(filepath.Join("internal", "store", "migrations", engine, "*.sql"))
		if err != nil {
			t.Fatal(err)
		}
		if len(files) == 0 {
			t.Errorf("no migrations for %s", engine)
		}
		for i, file := range files {
			files[i] = filepath.Base(file)
		}
		return files
	}
	postgres, sqlite := steps("postgres"), steps("sqlite")
	if diff := cmp.Diff(postgres, sqlite); diff != "" {
		t.Errorf("migrations (-postgres +sqlite):\n%s", diff)
	}
	for i, file := range postgres {
		if want := fmt.Sprintf("%05d_", i+1); !strings.HasPrefix(file, want) {
			t.Errorf("%s: the next number is %s", file, want)
		}
	}
}

// goFile is a Go file of the module.
type goFile struct {
	path   string // from the root, with slashes
	test   bool
	made   bool // by a generator
	set    *token.FileSet
	syntax *ast.File
}

func (f goFile) position(n ast.Node) string {
	return fmt.Sprintf("%s:%d", f.path, f.set.Position(n.Pos()).Line)
}

// goFiles returns every Go file that somebody wrote, whatever system it is for.
func goFiles(t *testing.T) []goFile {
	t.Helper()
	return slices.DeleteFunc(allGoFiles(t), func(f goFile) bool { return f.made })
}

// allGoFiles returns the generated ones too.
func allGoFiles(t *testing.T) []goFile {
	t.Helper()
	files, err := parseOnce()
	if err != nil {
		t.Fatal(err)
	}
	return slices.Clone(files)
}

var parseOnce = sync.OnceValues(func() ([]goFile, error) {
	tree, err := listOnce()
	if err != nil {
		return nil, err
	}
	var files []goFile
	for _, file := range tree {
		if path.Ext(file) != ".go" {
			continue
		}
		set := token.NewFileSet()
		syntax, err := parser.ParseFile(set, filepath.FromSlash(file), nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		files = append(files, goFile{
			path: file, test: strings.HasSuffix(file, "_test.go"), made: ast.IsGenerated(syntax),
			set: set, syntax: syntax,
		})
	}
	return files, nil
})

// treeFiles returns every file of the module, with slashes: no hidden folders
// but .ci, no other modules, nothing that was built.
func treeFiles(t *testing.T) []string {
	t.Helper()
	files, err := listOnce()
	if err != nil {
		t.Fatal(err)
	}
	return files
}

var listOnce = sync.OnceValues(func() ([]string, error) {
	var files []string
	err := fs.WalkDir(os.DirFS("."), ".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() {
			if file == "bin" || file == "tools" || file != "." && strings.HasPrefix(name, ".") && file != ".ci" {
				return fs.SkipDir
			}
			return nil
		}
		files = append(files, file)
		return nil
	})
	return files, err
})
