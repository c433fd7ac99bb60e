package main

import (
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/barrage-live/barrage/actors/actortest"
	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/storage/table"
	"github.com/barrage-live/barrage/storage/table/faulttable"
	"github.com/barrage-live/barrage/storage/table/pebbletable/pebbletest"
)

// TestKeysAreReplacedWhileActorsHang: whoever is woken and does not answer holds up no key.
func TestKeysAreReplacedWhileActorsHang(t *testing.T) {
	folder := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d, err := pebbletest.NewMem().Open()
		if err != nil {
			t.Fatal(err)
		}
		let := make(chan struct{})
		tables := table.New(faulttable.Wrap(d, func(c faulttable.Call) faulttable.Fault {
			if c.Table == "outbox" {
				<-let
			}
			return faulttable.Fault{}
		}))
		defer tables.Close()
		ring, err := auth.OpenRing(keysOf(folder), time.Now().Add(-keyReign))
		if err != nil {
			t.Fatal(err)
		}
		node, end := actortest.Run(t, tables)
		defer end()
		p := &platform{
			cfg: Config{Data: folder}, log: slog.New(slog.DiscardHandler), node: node, tables: tables,
			tokens: auth.NewTokens(auth.TokenConfig{}, ring),
		}
		p.keepTending()
		time.Sleep(2 * tendEvery)
		if n := len(p.tokens.JWKS().Keys); n != 2 {
			t.Errorf("%d keys after the reign of one", n)
		}
		close(let)
		if err := p.steps.undo(t.Context(), p.log); err != nil {
			t.Error(err)
		}
	})
}
