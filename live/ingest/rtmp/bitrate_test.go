package rtmp

import (
	"errors"
	"testing"
	"time"
)

func TestBitrate(t *testing.T) {
	start := time.Unix(1_000_000, 0)
	cases := []struct {
		name   string
		each   int // bytes, ten times a second
		first  int
		refuse time.Duration // 0 means never
	}{
		{name: "at the limit", each: 100_000},
		{name: "a burst of four seconds, then at the limit", first: 4_000_000, each: 100_000},
		{name: "a burst of more", first: 4_000_001, refuse: 1},
		{name: "twice the limit", each: 200_000, refuse: 4 * time.Second},
		{name: "ten times the limit", each: 1_000_000, refuse: 500 * time.Millisecond},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := newBitrate(8_000_000, start)
			var at time.Duration
			err := b.take(c.first, start)
			for err == nil && at < time.Hour {
				at += 100 * time.Millisecond
				err = b.take(c.each, start.Add(at))
			}
			if (err != nil) != (c.refuse != 0) || (err != nil && !errors.Is(err, errBitrate)) || (err != nil && at > c.refuse) {
				t.Errorf("after %v: %v", at, err)
			}
		})
	}
	var free bitrate
	if err := free.take(1<<40, start); err != nil {
		t.Errorf("no limit: %v", err)
	}
}
