// Package housetest holds the checks of the house rules that the compiler does not make: who may import
// whom, how long things may be, what must be documented and which habits are refused.
//
// It owns nothing and is called only by the root package's floors test, which carries the rules themselves
// as data. A check is a pure function over a parsed Tree and answers with findings, each one line that
// names the file and says what to do; no findings means that the rule holds. Load fails when a file cannot
// be read or parsed. The controls in this package's own test feed each check with a violation and see that
// it is caught.
package housetest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"strings"
)

// File is one parsed Go file.
type File struct {
	// Path is relative to the root of the module, with slashes.
	Path string
	// Lines counts the lines of the file.
	Lines int
	// Generated says that a program wrote it.
	Generated bool
	// Syntax is the parsed file.
	Syntax *ast.File

	set   *token.FileSet
	lines []string
}

// Dir is the folder of the file, "." for the root.
func (f *File) Dir() string { return path.Dir(f.Path) }

// Test says whether the file is compiled into tests only.
func (f *File) Test() bool { return strings.HasSuffix(f.Path, "_test.go") }

// Imports lists the paths that the file imports.
func (f *File) Imports() []string {
	out := make([]string, 0, len(f.Syntax.Imports))
	for _, spec := range f.Syntax.Imports {
		out = append(out, strings.Trim(spec.Path.Value, "`\""))
	}
	return out
}

func (f *File) line(p token.Pos) int { return f.set.Position(p).Line }

// Tree is every Go file of a module.
type Tree struct {
	// Module is the path that our own imports begin with.
	Module string
	Files  []*File
}

// Add parses one file into the tree.
func (t *Tree) Add(name string, source []byte) error {
	set := token.NewFileSet()
	syntax, err := parser.ParseFile(set, name, source, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	t.Files = append(t.Files, &File{
		Path: name, Lines: strings.Count(string(source), "\n"), Generated: ast.IsGenerated(syntax), Syntax: syntax, set: set,
		lines: strings.Split(string(source), "\n"),
	})
	return nil
}

// Load parses every Go file below root. Folders of other modules, of other tools and of test data are left
// out.
func Load(root, module string) (*Tree, error) {
	t := &Tree{Module: module}
	skip := map[string]bool{"node_modules": true, "testdata": true, "bin": true, "dist": true, "data": true}
	system := os.DirFS(root)
	err := fs.WalkDir(system, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && name != "." && (skip[entry.Name()] || entry.Name()[0] == '.' || hasFile(system, name, "go.mod")):
			return fs.SkipDir
		case entry.IsDir() || !strings.HasSuffix(name, ".go"):
			return nil
		}
		source, err := fs.ReadFile(system, name)
		if err != nil {
			return err
		}
		return t.Add(name, source)
	})
	return t, err
}

func hasFile(system fs.FS, dir, name string) bool {
	_, err := fs.Stat(system, path.Join(dir, name))
	return err == nil
}

// own gives the folder of an import of ours, false for an import of others.
func (t *Tree) own(imported string) (string, bool) {
	if imported == t.Module {
		return ".", true
	}
	return strings.CutPrefix(imported, t.Module+"/")
}

// within says whether dir is folder or below it. The folder "." is the root package alone.
func within(dir, folder string) bool {
	return dir == folder || folder != "." && strings.HasPrefix(dir, folder+"/")
}
