package housetest

import (
	"fmt"
	"go/ast"
	"maps"
	"path"
	"slices"
	"strings"
	"unicode/utf8"
)

// Caps are the most lines, methods and so on that a thing may have; past the soft ones it is only listed.
type Caps struct {
	File, FileSoft         int
	Actor                  int // a file named actor.go
	Function, FunctionSoft int
	Interface              int // methods
	DocLines               int // the least lines of a package comment
	Columns                int // of a line of comment, with tabs of four
}

// Caps finds files, functions and interfaces that are too long. Soft findings are for a person to look at.
func (t *Tree) Caps(c Caps) (hard, soft []string) {
	for _, f := range t.Files {
		if f.Generated {
			continue
		}
		most := c.File
		if path.Base(f.Path) == "actor.go" {
			most = c.Actor
		}
		switch {
		case f.Lines > most:
			hard = append(hard, fmt.Sprintf("%s has %d lines, more than %d: split it by role", f.Path, f.Lines, most))
		case f.Lines > c.FileSoft:
			soft = append(soft, fmt.Sprintf("%s has %d lines", f.Path, f.Lines))
		}
		for _, d := range f.Syntax.Decls {
			h, s := f.declCaps(d, c)
			hard, soft = append(hard, h...), append(soft, s...)
		}
	}
	return hard, soft
}

func (f *File) declCaps(d ast.Decl, c Caps) (hard, soft []string) {
	if fn, ok := d.(*ast.FuncDecl); ok && fn.Body != nil {
		lines := f.line(fn.Body.Rbrace) - f.line(fn.Body.Lbrace) - 1
		switch {
		case lines > c.Function:
			hard = append(hard, fmt.Sprintf("%s:%d: %s has %d lines, more than %d: give its parts names", f.Path, f.line(fn.Pos()), fn.Name.Name, lines, c.Function))
		case lines > c.FunctionSoft:
			soft = append(soft, fmt.Sprintf("%s:%d: %s has %d lines", f.Path, f.line(fn.Pos()), fn.Name.Name, lines))
		}
	}
	for _, spec := range types(d) {
		face, ok := spec.Type.(*ast.InterfaceType)
		if ok && face.Methods.NumFields() > c.Interface {
			hard = append(hard, fmt.Sprintf("%s:%d: interface %s has %d methods, more than %d: put the extra abilities into interfaces of their own",
				f.Path, f.line(spec.Pos()), spec.Name.Name, face.Methods.NumFields(), c.Interface))
		}
	}
	return hard, soft
}

func types(d ast.Decl) []*ast.TypeSpec {
	var out []*ast.TypeSpec
	if gen, ok := d.(*ast.GenDecl); ok {
		for _, s := range gen.Specs {
			if spec, ok := s.(*ast.TypeSpec); ok {
				out = append(out, spec)
			}
		}
	}
	return out
}

// Comments finds lines of comments that are too wide to read. Diagrams and tables, which are indented by a
// tab, and comments after code may be wider.
func (t *Tree) Comments(c Caps) []string {
	var out []string
	for _, f := range t.Files {
		if f.Generated {
			continue
		}
		for _, group := range f.Syntax.Comments {
			for _, comment := range group.List {
				line := f.lines[f.line(comment.Pos())-1]
				text, prose := strings.CutPrefix(strings.TrimLeft(line, "\t"), "// ")
				indent := len(line) - len(strings.TrimLeft(line, "\t"))
				if columns := 4*indent + len("// ") + utf8.RuneCountInString(text); prose && columns > c.Columns {
					out = append(out, fmt.Sprintf("%s:%d: a comment of %d columns, more than %d", f.Path, f.line(comment.Pos()), columns, c.Columns))
				}
			}
		}
	}
	return out
}

// PackageDocs finds packages without a comment of enough lines. Packages that are generated throughout need
// none.
func (t *Tree) PackageDocs(c Caps) []string {
	best := map[string]int{}
	for _, f := range t.Files {
		if f.Generated || strings.HasSuffix(f.Syntax.Name.Name, "_test") {
			continue
		}
		lines := 0
		if f.Syntax.Doc != nil {
			lines = len(strings.Split(strings.TrimSpace(f.Syntax.Doc.Text()), "\n"))
		}
		best[f.Dir()] = max(best[f.Dir()], lines)
	}
	var out []string
	for _, dir := range slices.Sorted(maps.Keys(best)) {
		if best[dir] < c.DocLines {
			out = append(out, fmt.Sprintf("%s: its package comment has %d lines: say what it is, what it owns, who calls it, what it promises, how it fails", dir, best[dir]))
		}
	}
	return out
}
