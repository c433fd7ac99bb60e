package housetest

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// Floor is one folder of the building and the folders that it may import.
type Floor struct {
	Folder string
	May    []string
	// Why is shown to the one who broke the rule.
	Why string
}

// Lattice finds imports between our own folders that no floor allows. A folder may always import below
// itself.
func (t *Tree) Lattice(floors []Floor) []string {
	var out []string
	for _, f := range t.Files {
		floor := floorOf(floors, f.Dir())
		if floor == nil {
			out = append(out, fmt.Sprintf("%s: the folder is on no floor; give it one in floors_test.go", f.Path))
			continue
		}
		for _, imported := range f.Imports() {
			dir, ours := t.own(imported)
			allowed := func(folder string) bool { return within(dir, folder) }
			if ours && !slices.ContainsFunc(append(floor.May, floor.Folder), allowed) {
				out = append(out, fmt.Sprintf("%s imports %s: %s may import %s: %s", f.Path, dir, floor.Folder, list(floor.May), floor.Why))
			}
		}
	}
	return out
}

func list(folders []string) string {
	if len(folders) == 0 {
		return "nothing of ours"
	}
	return strings.Join(folders, ", ")
}

// floorOf is the floor with the longest folder that holds dir.
func floorOf(floors []Floor, dir string) *Floor {
	var best *Floor
	for i := range floors {
		if within(dir, floors[i].Folder) && (best == nil || len(floors[i].Folder) > len(best.Folder)) {
			best = &floors[i]
		}
	}
	return best
}

// Shelves finds imports within one folder that do not go to a lower shelf, and packages that stand on no
// shelf. Each shelf lists package folders relative to the folder; a package below a listed one stands with
// it. Test files may look up to *test packages.
func (t *Tree) Shelves(folder string, shelves [][]string) []string {
	var out []string
	height := func(dir string) int {
		name := strings.TrimPrefix(dir, folder+"/")
		best, longest := -1, 0
		for i, shelf := range shelves {
			for _, p := range shelf {
				if within(name, p) && len(p) > longest {
					best, longest = i, len(p)
				}
			}
		}
		return best
	}
	for _, f := range t.Files {
		if !within(f.Dir(), folder) {
			continue
		}
		mine := height(f.Dir())
		if mine < 0 {
			out = append(out, fmt.Sprintf("%s: the package stands on no shelf of %s; put it on the lowest that fits, in floors_test.go", f.Path, folder))
			continue
		}
		for _, imported := range f.Imports() {
			dir, ours := t.own(imported)
			if !ours || !within(dir, folder) || dir == f.Dir() || f.Test() && forTests(dir) {
				continue
			}
			if height(dir) >= mine && !within(dir, f.Dir()) && !within(f.Dir(), dir) {
				out = append(out, fmt.Sprintf("%s imports %s, which does not stand lower in %s", f.Path, dir, folder))
			}
		}
	}
	return out
}

// Owner says which folders may import a package of others.
type Owner struct {
	// Imports is the package or a parent of packages.
	Imports string
	// Folders may import it.
	Folders []string
	// Tests says that test files anywhere and *test packages may, too.
	Tests bool
	Why   string
}

// Owners finds imports of other people's packages outside the folders that own them. The longest rule that
// fits counts.
func (t *Tree) Owners(owners []Owner) []string {
	var out []string
	for _, f := range t.Files {
		for _, imported := range f.Imports() {
			o := ownerOf(owners, imported)
			if o == nil || o.Tests && (f.Test() || forTests(f.Dir())) {
				continue
			}
			if !slices.ContainsFunc(o.Folders, func(folder string) bool { return within(f.Dir(), folder) }) {
				out = append(out, fmt.Sprintf("%s imports %s, which only %s may: %s", f.Path, imported, o.who(), o.Why))
			}
		}
	}
	return out
}

func ownerOf(owners []Owner, imported string) *Owner {
	var best *Owner
	for i := range owners {
		if within(imported, owners[i].Imports) && (best == nil || len(owners[i].Imports) > len(best.Imports)) {
			best = &owners[i]
		}
	}
	return best
}

func (o *Owner) who() string {
	if len(o.Folders) == 0 {
		return "tests"
	}
	return list(o.Folders)
}

// forTests says whether a folder holds a package that only tests may import.
func forTests(dir string) bool {
	name := path.Base(dir)
	return strings.HasSuffix(name, "test") && name != "test"
}

// TestPackages finds imports of *test packages, and of testing itself, from code that ships.
func (t *Tree) TestPackages() []string {
	var out []string
	for _, f := range t.Files {
		if f.Test() || forTests(f.Dir()) {
			continue
		}
		for _, imported := range f.Imports() {
			if dir, ours := t.own(imported); within(imported, "testing") || ours && forTests(dir) {
				out = append(out, fmt.Sprintf("%s imports %s, which is for tests: move what both need out of it", f.Path, imported))
			}
		}
	}
	return out
}
