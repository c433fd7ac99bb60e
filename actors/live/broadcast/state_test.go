package broadcast

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/barrage-live/barrage/actors/actortest"
	"github.com/barrage-live/barrage/actors/live/channel"
	"github.com/barrage-live/barrage/internal/id"
)

func TestScripts(t *testing.T) {
	actortest.Scripts(t, "testdata/script", func() actortest.Core {
		var s state
		return func(now time.Time, d *datadriven.TestData) string {
			var broadcast string
			var fence int
			d.MaybeScanArgs(t, "broadcast", &broadcast)
			d.MaybeScanArgs(t, "fence", &fence)
			b, f, resumes := id.Broadcast(broadcast), channel.Fence(fence), d.HasArg("resumes")
			command := map[string]any{
				"open":      open{channel.Opening{Broadcast: b, Resumes: resumes, Fence: f}},
				"interrupt": interrupt{f},
				"finish":    finish{b},
				"erase":     erase{b},
				"tend":      tend{b},
				"gone":      gone{b},
			}[d.Cmd]
			var out strings.Builder
			for _, e := range s.apply(now, command, nil) {
				switch e := e.(type) {
				case begin:
					fmt.Fprintf(&out, "begin %s\n", e.Broadcast)
				case attach:
					fmt.Fprintf(&out, "attach fence=%d\n", e.Fence)
				case refuse:
					fmt.Fprintf(&out, "refuse %v\n", e.err)
				default:
					fmt.Fprintf(&out, "%s %+v\n", strings.TrimPrefix(fmt.Sprintf("%T", e), "broadcast."), e)
				}
			}
			fmt.Fprintf(&out, "%s %s fence=%d\n", [...]string{"idle", "live", "interrupted", "ended"}[s.phase], s.broadcast, s.fence)
			return out.String()
		}
	})
}
