package origin

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/live"
)

func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata/script", func(t *testing.T, path string) {
		var s state
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			var broadcast string
			var fence uint64
			d.MaybeScanArgs(t, "broadcast", &broadcast)
			d.MaybeScanArgs(t, "fence", &fence)
			b := id.Broadcast(broadcast)
			command := map[string]any{
				"open":       open{Lease{Broadcast: b, Resumes: d.HasArg("resumes"), Fence: fence}},
				"restore":    restore{Lease{Broadcast: b, Resumes: true, Fence: fence}},
				"interrupt":  interrupt{fence, live.ErrEnded},
				"finish":     finish{b, fence},
				"drop":       drop{b},
				"gone":       gone{b},
				"lost":       lost{},
				"unattached": unattached{},
			}[d.Cmd]
			var out strings.Builder
			for _, e := range s.apply(command, nil) {
				switch e := e.(type) {
				case begin:
					fmt.Fprintf(&out, "begin %s\n", e.Broadcast)
				case resume:
					fmt.Fprintf(&out, "resume %s\n", e.Broadcast)
				case refuse:
					fmt.Fprintf(&out, "refuse %s\n", fault.CodeOf(e.err))
				case detach:
					fmt.Fprintf(&out, "detach %s\n", fault.CodeOf(e.reason))
				default:
					fmt.Fprintf(&out, "%s %+v\n", strings.TrimPrefix(fmt.Sprintf("%T", e), "origin."), e)
				}
			}
			fmt.Fprintf(&out, "%s %s fence=%d\n", [...]string{"idle", "on air", "interrupted", "ended"}[s.phase], s.broadcast, s.fence)
			return out.String()
		})
	})
}
