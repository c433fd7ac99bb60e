package main

import (
	"strings"
	"testing"
	"time"

	"github.com/barrage-live/barrage/internal/housetest"
)

const module = "github.com/barrage-live/barrage"

// floors is the building, bottom up: what each folder may import of ours. The longest folder that fits
// counts. Do not change this to make a build pass: an import that goes up says that something stands in the
// wrong place.
func floors() []housetest.Floor {
	return []housetest.Floor{
		{Folder: "internal", Why: "shared vocabulary knows nobody"},
		{Folder: "storage", May: []string{"internal"}, Why: "ports of storage know no feature"},
		{Folder: "live", May: []string{"internal", "storage"}, Why: "what media needs decided above it asks through a port of its own"},
		{Folder: "cluster", May: []string{"internal", "storage"}, Why: "placement does not know what it places"},
		{Folder: "cluster/coordination", May: []string{"internal", "storage"}, Why: "the agreement on owners does not know how actors run"},
		{Folder: "actors", May: []string{"internal", "storage", "live", "cluster"}, Why: "rules do not know who is connected and how"},
		{Folder: "gateway", May: []string{"internal", "actors"}, Why: "the edge talks to clients of actors; the root plugs in the rest"},
		{Folder: "gateway/socket", May: []string{"internal", "actors"}, Why: "the faces do not know each other"},
		{Folder: "gateway/rest", May: []string{"internal"}, Why: "the chassis knows no actor"},
		{Folder: "gateway/api", May: []string{"internal", "actors", "gateway/rest", "gateway/api/identity", "gateway/api/live"}, Why: "the faces do not know each other"},
		{Folder: "gateway/api/identity", May: []string{"internal", "actors/identity", "gateway/rest", "gateway/api/live"}, Why: "a wing of the API asks its own wing of actors, and others through their face"},
		{Folder: "gateway/api/live", May: []string{"internal", "actors/identity", "actors/live", "gateway/rest"}, Why: "a wing of the API asks its own wing of actors and those before it"},
		{Folder: "gateway/edge", May: []string{"internal"}, Why: "what the faces have in common knows none of them"},
		{Folder: "gateway/web", May: []string{"internal"}, Why: "the pages use the public interfaces only"},
		{Folder: "loadtest", May: []string{"internal"}, Why: "it talks to the binary from outside and knows what is on the wire, nothing else"},
		{Folder: ".", May: []string{"internal", "storage", "live", "cluster", "actors", "gateway"}, Why: "the root puts the floors together"},
	}
}

// shelves order the packages of internal: each imports lower ones only.
func shelves() [][]string {
	return [][]string{
		{"docs", "fault", "fifo", "housetest", "media/index/indexpb", "moment", "promisetest", "rfc6455", "subnet", "wheel", "wire/wirepb"},
		{"caller", "conf", "id", "media", "metrics", "position", "problem", "quota", "text"},
		{"auth", "logbound", "media/fmp4", "media/m3u8", "media/mediatest", "reserved", "wire"},
		{"media/index", "media/rtmptest", "media/segmenter", "wire/wireclient"},
	}
}

// kinds order the kinds of actors, wing after wing: a kind may import clients of the wings before its own,
// and of what stands lower in its own; a new kind stands with its wing. What every kind is built with comes
// first, their list and the test world of them all last.
func kinds() [][]string {
	return [][]string{
		{"actortest", "document", "follower"},
		{"identity/revocation"},
		{"identity"},
		{"identity/accountlist"},
		{"live/livepb"},
		{"live"},
		{"live/broadcast"},
		{"actors"},
		{"worldtest"},
	}
}

// faces order the packages of the gateway.
func faces() [][]string {
	return [][]string{
		{"socket/ws", "socket/frame"},
		{"socket/protocol"},
		{"socket/hub"},
		{"socket"},
		{"socket/sockettest"},
		{"rest"},
		{"api/live"},
		{"api/identity"},
		{"api", "web", "edge"},
	}
}

// owners says who may import what others wrote. Every framework can be replaced by rewriting the folders
// that own it.
func owners() []housetest.Owner {
	return []housetest.Owner{
		{Imports: "github.com/asynkron/protoactor-go", Folders: []string{"cluster"}, Why: "actors are written against cluster.Turn"},
		{Imports: "github.com/lesismal/nbio", Folders: []string{"gateway/socket/ws"}, Why: "one event loop, seen by one package"},
		{Imports: "github.com/bluenviron/gortmplib", Folders: []string{"live/ingest/rtmp", "internal/media/rtmptest", "loadtest/e2e"}, Why: "a protocol stays with its adapter and its tests"},
		{Imports: "github.com/bluenviron/mediacommon/v2", Folders: []string{"internal/media", "live/ingest"}, Tests: true, Why: "elsewhere media are Tracks and Units"},
		{Imports: "github.com/Eyevinn/mp4ff", Folders: []string{"internal/media"}, Tests: true, Why: "elsewhere media are Tracks and Units"},
		{Imports: "github.com/cockroachdb/pebble/v2", Folders: []string{"storage/table/pebbletable"}, Tests: true, Why: "elsewhere it is a table"},
		{Imports: "github.com/cockroachdb/pebble/v2/vfs", Folders: []string{"storage"}, Tests: true, Why: "the file system that tests can break belongs to storage"},
		{Imports: "github.com/danielgtaylor/huma/v2", Folders: []string{"gateway/rest", "gateway/api", "."}, Why: "the HTTP interface is declared in one place"},
		{Imports: "github.com/go-chi/chi/v5", Folders: []string{"gateway/rest", "gateway/api", "."}, Why: "routes are laid in one place"},
		{Imports: "github.com/alexedwards/argon2id", Folders: []string{"internal/auth"}, Why: "secrets are handled in one place"},
		{Imports: "github.com/golang-jwt/jwt/v5", Folders: []string{"internal/auth"}, Tests: true, Why: "secrets are handled in one place"},
		{Imports: "github.com/goccy/go-yaml", Folders: []string{"internal/conf"}, Why: "settings are read in one place"},
		{Imports: "github.com/prometheus/client_golang/prometheus/promhttp", Folders: []string{"internal/metrics"}, Why: "one registry, one handler"},
		{Imports: "github.com/coder/websocket", Folders: []string{"internal/wire/wireclient"}, Tests: true, Why: "our side of the socket is gateway/socket/ws; this is the client"},
		{Imports: "github.com/bluenviron/gohlslib/v2", Tests: true, Why: "the packager is ours; this one is the independent reader"},
		{Imports: "github.com/cockroachdb/datadriven", Tests: true, Why: "an instrument of tests"},
		{Imports: "github.com/google/go-cmp", Tests: true, Why: "an instrument of tests"},
		{Imports: "go.uber.org/goleak", Tests: true, Why: "an instrument of tests"},
		{Imports: "pgregory.net/rapid", Tests: true, Why: "an instrument of tests"},
		{Imports: "net/http", Folders: []string{"gateway", "live/egress", "internal/caller", "internal/fault", "internal/metrics", "internal/problem", "internal/wire/wireclient", "loadtest/viewers", "."}, Tests: true, Why: "HTTP is spoken at the edge"},
		{Imports: "os/exec", Folders: []string{"."}, Tests: true, Why: "child processes have one owner"},
	}
}

func caps() housetest.Caps {
	return housetest.Caps{
		File: 600, FileSoft: 400, Actor: 200, Function: 100, FunctionSoft: 60, Interface: 5, DocLines: 3, Columns: 110,
	}
}

// TestFloors holds the whole module to the house rules. That each check sees a violation is shown by the
// controls in internal/housetest.
func TestFloors(t *testing.T) {
	t.Parallel()
	begin := time.Now()
	tree, err := housetest.Load(".", module)
	if err != nil {
		t.Fatal(err)
	}
	hard, soft := tree.Caps(caps())
	for _, check := range []struct {
		name  string
		found []string
	}{
		{"imports go down", tree.Lattice(floors())},
		{"internal is ordered", tree.Shelves("internal", shelves())},
		{"wings of actors are ordered", tree.Shelves("actors", kinds())},
		{"faces of the gateway are apart", tree.Shelves("gateway", faces())},
		{"frameworks have owners", tree.Owners(owners())},
		{"tests stay out of the product", tree.TestPackages()},
		{"nothing is too long", hard},
		{"packages are explained", tree.PackageDocs(caps())},
		{"comments are not too wide", tree.Comments(caps())},
		{"habits", tree.Habits()},
		{"actors share nothing", tree.Actors("actors", "client.go", "gate.go", "listing.go")},
	} {
		t.Run(check.name, func(t *testing.T) {
			t.Parallel()
			if len(check.found) > 0 {
				t.Errorf("%d findings:\n%s", len(check.found), strings.Join(check.found, "\n"))
			}
		})
	}
	t.Logf("%d files in %v; worth a look:\n%s", len(tree.Files), time.Since(begin).Round(time.Millisecond), strings.Join(soft, "\n"))
}
