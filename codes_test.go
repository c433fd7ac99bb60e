package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/barrage-live/barrage/internal/problem"
)

// raised is where the sources raise a code: folders, and the names of kinds as the sources write them (""
// if a helper decides).
type raised struct{ folders, kinds []string }

// composed are the codes that no literal shows, and the folders that make them: those of stored documents
// are made of a document's name, and those of refused forms are what package rest calls the refusals of its
// framework.
func composed() map[string]string {
	return map[string]string{
		"account_unreadable": "storage/table", "account_unwritable": "storage/table", "channel_unreadable": "storage/table",
		"channel_unwritable": "storage/table", "session_unreadable": "storage/table", "session_unwritable": "storage/table",
		"bad_request": "gateway/rest", "validation_failed": "gateway/rest",
	}
}

// shared are the codes that several folders raise, and what they all mean by it. A code that is not here
// has one folder: two meanings of one word would be the same to errors.Is and to every client.
func shared() map[string]string {
	return map[string]string{
		"account_unreadable": "a row of an account cannot be read", "account_unwritable": "a row of an account cannot be written",
		"bad_audio_config":     "the codec and the adapter read the same configuration",
		"bad_video_config":     "the codec and the adapter read the same configuration",
		"bad_config":           "a setting of a component is refused before anything starts; it never reaches a client",
		"bad_mode":             "a danmaku has no such mode, on the socket and in the room",
		"bad_object_range":     "the port and a driver refuse the same",
		"bad_reply":            "an actor answered with something else, seen by a client of it",
		"bad_size":             "a danmaku has no such size, on the socket and in the room",
		"broadcast_ended":      "the broadcast is over, for its channel and its packager",
		"codec_unsupported":    "the same rule at two depths",
		"deadline_exceeded":    "the deadline of the caller passed",
		"draining":             "this node goes away, whichever part of it is asked",
		"id_taken":             "a drawn identifier exists; drawn anew and never seen by clients",
		"internal":             "our own fault",
		"lease_lost":           "the lease of the node has ended",
		"login_required":       "nobody is logged in, over HTTP, on the socket and in a room",
		"method_not_allowed":   "the address does not know the method",
		"no_broadcast":         "a channel has had no such broadcast, or nothing of it was recorded",
		"no_media":             "there is no such media",
		"no_room":              "there is no such room",
		"no_route":             "there is nothing at the address",
		"no_tracks":            "a publication without a track",
		"not_live":             "nothing is on",
		"outcome_unknown":      "it is not known whether a change was done",
		"server_stopping":      "the server stops, for publishers and for who waits for an answer",
		"stale_channel":        "a room has heard a newer activation of its channel, and the channel believes it",
		"storage_closed":       "a store was closed",
		"storage_failed":       "the disk failed and nothing was done",
		"token_expired":        "the token has expired",
		"too_many_connections": "too many connections of one origin",
		"too_many_requests":    "too much was asked for in too short a time",
		"unknown_command":      "an actor does not know a message",
	}
}

// TestEveryErrorCodeIsExplained holds the list that is served at /v1/errors against all codes that the
// sources raise.
func TestEveryErrorCodeIsExplained(t *testing.T) {
	t.Parallel()
	found, opaque, err := codesOf(".")
	if err != nil {
		t.Fatal(err)
	}
	delete(opaque, "internal/wire/wireclient") // repeats what a server said
	for _, folder := range composed() {
		delete(opaque, folder)
	}
	if len(opaque) > 0 {
		t.Errorf("%v raise codes that are no literals: list them in composed", slices.Collect(maps.Keys(opaque)))
	}
	for code, folder := range composed() {
		found[code] = raised{folders: append(found[code].folders, folder), kinds: append(found[code].kinds, "")}
	}
	listed := map[string]problem.Code{}
	for _, c := range problem.Codes() {
		listed[c.Code] = c
	}
	for code, at := range found {
		c, ok := listed[code]
		if !ok {
			t.Errorf("internal/problem/codes.txt does not explain %q, which %v raises", code, at.folders)
		}
		for _, kind := range at.kinds {
			if ok && kind != "" && !strings.EqualFold(kind, strings.ReplaceAll(c.Kind, "_", "")) {
				t.Errorf("%q is %s in codes.txt, and %s in %v", code, c.Kind, kind, at.folders)
			}
		}
		if why, many := shared()[code]; many != (len(at.folders) > 1) {
			t.Errorf("%q is raised in %v, and shared says %q", code, at.folders, why)
		}
	}
	for code := range listed {
		if _, ok := found[code]; !ok {
			t.Errorf("nothing raises %q of internal/problem/codes.txt", code)
		}
	}
}

// TestCodesAreFound shows that the search sees each way in which a code is raised.
func TestCodesAreFound(t *testing.T) {
	t.Parallel()
	found, opaque, err := codesOf("internal/housetest/testdata/codes")
	if err != nil || !opaque["internal/housetest/testdata/codes"] {
		t.Fatalf("opaque %v, %v", opaque, err)
	}
	for _, code := range []string{"direct", "formatted", "wrapped", "of_a_helper", "of_a_helpers_helper", "of_a_method"} {
		if _, ok := found[code]; !ok {
			t.Errorf("%q is not found", code)
		}
	}
	if len(found) != 6 {
		t.Errorf("found %v", found)
	}
}

// codesOf reads all product sources below root. What serves tests only has a folder that ends in "test".
func codesOf(root string) (found map[string]raised, opaque map[string]bool, err error) {
	packages := map[string][]*ast.File{}
	err = filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && p != root && (d.Name() == "node_modules" || d.Name() == "testdata" || d.Name()[0] == '.' || strings.HasSuffix(d.Name(), "test")):
			return filepath.SkipDir
		case d.IsDir() || path.Ext(p) != ".go" || strings.HasSuffix(p, "_test.go"):
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.SkipObjectResolution)
		folder := filepath.ToSlash(filepath.Dir(p))
		packages[folder] = append(packages[folder], f)
		return err
	})
	found, opaque = map[string]raised{}, map[string]bool{}
	for folder, files := range packages {
		c := collector{folder: folder, found: found, raisers: map[string]int{}, opaque: opaque}
		for n := -1; n != len(c.raisers); { // a helper may call a helper that stands below it
			n = len(c.raisers)
			for _, f := range files {
				c.file(f)
			}
		}
	}
	return found, opaque, err
}

// collector finds the codes of one package.
type collector struct {
	folder  string
	found   map[string]raised
	raisers map[string]int // functions of the package that pass an argument on as the code, and which one; methods have a dot before
	opaque  map[string]bool
}

func (c *collector) file(f *ast.File) {
	for _, d := range f.Decls {
		fn, _ := d.(*ast.FuncDecl)
		ast.Inspect(d, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				c.call(call, fn)
			}
			return true
		})
	}
}

func (c *collector) call(call *ast.CallExpr, within *ast.FuncDecl) {
	at, kind, ok := c.raiser(call)
	if !ok || at >= len(call.Args) {
		return
	}
	switch code := call.Args[at].(type) {
	case *ast.BasicLit:
		word, _ := strconv.Unquote(code.Value)
		r := c.found[word]
		if !slices.Contains(r.folders, c.folder) {
			r.folders = append(r.folders, c.folder)
		}
		r.kinds = append(r.kinds, kind)
		c.found[word] = r
	case *ast.Ident:
		if i, ok := parameter(within, code.Name); ok {
			c.raisers[nameOf(within)] = i
			return
		}
		c.opaque[c.folder] = true
	case *ast.SelectorExpr: // that of another refusal
		if code.Sel.Name != "Code" {
			c.opaque[c.folder] = true
		}
	default:
		c.opaque[c.folder] = true
	}
}

func nameOf(fn *ast.FuncDecl) string {
	if fn.Recv != nil {
		return "." + fn.Name.Name
	}
	return fn.Name.Name
}

// raiser tells which argument of a call is a code, and the kind if the call shows it.
func (c *collector) raiser(call *ast.CallExpr) (at int, kind string, ok bool) {
	name := ""
	switch fun := call.Fun.(type) {
	case *ast.SelectorExpr:
		if at, ok := c.raisers["."+fun.Sel.Name]; ok {
			return at, "", true
		}
		of, _ := fun.X.(*ast.Ident)
		if of == nil || of.Name != "fault" {
			return 0, "", false
		}
		name = fun.Sel.Name
	case *ast.Ident:
		if at, ok := c.raisers[fun.Name]; ok {
			return at, "", true
		}
		if c.folder != "internal/fault" {
			return 0, "", false
		}
		name = fun.Name
	}
	if !slices.Contains([]string{"New", "Newf", "Wrap"}, name) {
		return 0, "", false
	}
	switch k := call.Args[0].(type) {
	case *ast.SelectorExpr:
		if of, _ := k.X.(*ast.Ident); of != nil && of.Name == "fault" {
			kind = k.Sel.Name
		}
	case *ast.Ident:
		if c.folder == "internal/fault" && ast.IsExported(k.Name) {
			kind = k.Name
		}
	}
	return 1, kind, true
}

// parameter is the place of a name among the parameters of a function.
func parameter(fn *ast.FuncDecl, name string) (place int, ok bool) {
	if fn == nil {
		return 0, false
	}
	for _, field := range fn.Type.Params.List {
		for _, n := range field.Names {
			if n.Name == name {
				return place, true
			}
			place++
		}
	}
	return 0, false
}
