package moment_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	"github.com/barrage-live/barrage/internal/moment"
)

func crossed(tb interface{ Fatal(...any) }, t time.Time) time.Time {
	m := moment.Proto(t)
	if m == nil {
		return moment.Time(nil)
	}
	b, err := proto.Marshal(m)
	if err != nil {
		tb.Fatal(err)
	}
	var back timestamppb.Timestamp
	if err := proto.Unmarshal(b, &back); err != nil {
		tb.Fatal(err)
	}
	return moment.Time(&back)
}

func TestTimesStayWhatTheyAre(t *testing.T) {
	for _, at := range []time.Time{{}, time.Unix(0, 0), time.Now(), time.Time{}.Add(1), time.Unix(1<<40, 999_999_999)} {
		got := crossed(t, at)
		if !got.Equal(at) || got.IsZero() != at.IsZero() || got.Location() != time.UTC || got != got.Round(0) {
			t.Errorf("%v arrives as %v", at, got)
		}
	}
	rapid.Check(t, func(r *rapid.T) {
		at := time.Unix(rapid.Int64Range(-1<<40, 1<<40).Draw(r, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(r, "nanoseconds"))
		if got := crossed(r, at); !got.Equal(at) {
			r.Errorf("%v arrives as %v", at, got)
		}
	})
}
