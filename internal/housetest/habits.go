package housetest

import (
	"fmt"
	"go/ast"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Habits finds what the house does not do: init functions, sleeping and skipping tests, things left for
// later, and names that say nothing.
func (t *Tree) Habits() []string {
	later := regexp.MustCompile(`\b(TODO|FIXME|XXX)\b`)
	var out []string
	for _, f := range t.Files {
		if f.Generated {
			continue
		}
		add := func(n ast.Node, format string, args ...any) {
			out = append(out, fmt.Sprintf("%s:%d: ", f.Path, f.line(n.Pos()))+fmt.Sprintf(format, args...))
		}
		for _, group := range f.Syntax.Comments {
			for _, c := range group.List {
				if word := later.FindString(c.Text); word != "" {
					add(c, "%s: do it, or open an issue and say in words what is not done", word)
				}
			}
		}
		if name := f.Syntax.Name.Name; emptyWord(name) {
			add(f.Syntax.Name, "package %s: name it after what it holds", name)
		}
		for _, d := range f.Syntax.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Name.Name == "init" && fn.Recv == nil {
				add(fn, "init: write the list out where it is used")
			}
			for _, spec := range types(d) {
				if emptyType(spec.Name.Name) {
					add(spec, "type %s: name it after what it holds or does", spec.Name.Name)
				}
			}
		}
		if f.Test() {
			f.testHabits(add)
		}
	}
	return out
}

// testHabits looks at the calls of a test file. Where time is fake sleeping is how it passes, so files that
// work in synctest bubbles, and what is handed to a function named bubble, may sleep.
func (f *File) testHabits(add func(ast.Node, string, ...any)) {
	bubbles := slices.ContainsFunc(f.Imports(), func(imported string) bool {
		return imported == "testing/synctest" || path.Base(imported) == "actortest"
	})
	ast.Inspect(f.Syntax, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		of, name := selector(call.Fun)
		switch {
		case strings.EqualFold(name, "bubble"):
			return false
		case of == "time" && name == "Sleep" && !bubbles:
			add(n, "time.Sleep in a test: use synctest, a channel, or a poll with a deadline")
		case slices.Contains([]string{"Skip", "Skipf", "SkipNow"}, name) && slices.Contains([]string{"t", "b", "f", "tb"}, of):
			add(n, "%s.%s: a test runs or is not there", of, name)
		}
		return true
	})
}

func selector(e ast.Expr) (of, name string) {
	if plain, ok := e.(*ast.Ident); ok {
		return "", plain.Name
	}
	s, ok := e.(*ast.SelectorExpr)
	if !ok {
		return "", ""
	}
	if x, ok := s.X.(*ast.Ident); ok {
		of = x.Name
	}
	return of, s.Sel.Name
}

func emptyWord(name string) bool {
	return slices.Contains([]string{
		"util", "utils", "helper", "helpers", "common", "manager", "managers", "data", "base", "defs", "misc", "shared", "lib",
	}, name)
}

func emptyType(name string) bool {
	for _, word := range []string{"Util", "Utils", "Helper", "Helpers", "Common", "Manager"} {
		if strings.HasSuffix(name, word) {
			return true
		}
	}
	return emptyWord(strings.ToLower(name))
}

// Actors finds shared memory in the folders of actors: what an actor holds has one owner, so a lock, an
// atomic or a goroutine there means that something escaped. Tests, and the files of the given names, which
// are the callers' side, are outside of actors.
func (t *Tree) Actors(folder string, callers ...string) []string {
	var out []string
	for _, f := range t.Files {
		if !within(f.Dir(), folder) || f.Test() || forTests(f.Dir()) || f.Generated || slices.Contains(callers, path.Base(f.Path)) {
			continue
		}
		for _, imported := range f.Imports() {
			if imported == "sync" || imported == "sync/atomic" {
				out = append(out, fmt.Sprintf("%s imports %s: an actor's state has one owner; hand out copies or immutable snapshots", f.Path, imported))
			}
		}
		ast.Inspect(f.Syntax, func(n ast.Node) bool {
			if _, ok := n.(*ast.GoStmt); ok {
				out = append(out, fmt.Sprintf("%s:%d: go: long work goes through Turn.Pipe or Turn.Await", f.Path, f.line(n.Pos())))
			}
			return true
		})
	}
	return out
}
