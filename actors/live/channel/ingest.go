package channel

import (
	"time"

	"github.com/barrage-live/barrage/live/packager"
)

// Ingest is how a publisher is doing.
type Ingest struct {
	Phase Phase
	Since time.Time // when the phase began
	// Health is what the packager measured, and what it advises, with the channel's own warnings in front.
	packager.Health
	// Refusal is the last one of this activation, zero if there was none.
	Refusal Refusal
}

// Refusal is that a publisher with a key of the channel was turned away, or let go.
type Refusal struct {
	Code, Message string // as the publisher was told
	Protocol      string
	At            time.Time
}

// silence is how long a present publisher may send nothing before it is told.
const silence = 3 * time.Second

// judged adds what only the channel knows to what was measured.
func judged(c Channel, h packager.Health, loop bool, now time.Time) Ingest {
	i := Ingest{Phase: c.Phase, Since: c.Since, Health: h}
	switch {
	case c.Phase == Offline:
		i.Health = packager.Health{}
	case c.Phase == Interrupted:
		i.Warnings = []packager.Warning{{Code: "publisher_lost", Message: "The publisher is gone. The broadcast ends unless it returns."}}
	case now.Sub(h.LastArrival) > silence && now.Sub(c.Since) > silence:
		i.Warnings = append([]packager.Warning{{Code: "no_data", Message: "Nothing has arrived for some seconds."}}, h.Warnings...)
	}
	if loop && c.Phase != Offline {
		i.Warnings = append([]packager.Warning{{
			Code: "takeover_loop", Message: "Two encoders publish with keys of this channel, and each throws the other out. Stop one of them.",
		}}, i.Warnings...)
	}
	return i
}
