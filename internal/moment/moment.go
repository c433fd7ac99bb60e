// Package moment turns points in time into protobuf and back, for messages of actors.
//
// It owns nothing. It promises that a zero time is zero on the other side, which google.protobuf.Timestamp
// alone does not: its zero is the year 1970. Times arrive in UTC, without a monotonic reading, to the
// nanosecond. It fails in no way: seconds and nanoseconds that make no sense make some other time.
package moment

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"
)

// Proto leaves the zero time out.
func Proto(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// Time is the zero time where there is none.
func Time(m *timestamppb.Timestamp) time.Time {
	if m == nil {
		return time.Time{}
	}
	return m.AsTime()
}
