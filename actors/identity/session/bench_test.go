package session_test

import (
	"sync/atomic"
	"testing"

	"github.com/barrage-live/barrage/actors/identity/session"
	"github.com/barrage-live/barrage/actors/worldtest"
	"github.com/barrage-live/barrage/internal/id"
)

// BenchmarkRefresh rotates the tokens of many sessions at once, each durably (in memory here: the disk is
// not measured).
func BenchmarkRefresh(b *testing.B) {
	w := worldtest.New(b, worldtest.Config{})
	var users atomic.Int64
	b.ReportAllocs()
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		user := id.User("4" + string(rune('0'+users.Add(1)%10)))
		r, err := w.Sessions.Open(b.Context(), user, 0, "")
		if err != nil {
			b.Error(err)
			return
		}
		var next session.Rotation
		for pb.Next() {
			if next, err = w.Sessions.Refresh(b.Context(), r.Token.Reveal()); err != nil {
				b.Error(err)
				return
			}
			r = next
		}
	})
}
