package socket

import (
	"strconv"
	"testing"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
)

func TestAbsentRoomsAreRememberedForAMoment(t *testing.T) {
	var a absent
	now := time.Unix(1_800_000_000, 0)
	gone, busy := fault.New(fault.NotFound, "no_room", "no such room"), fault.New(fault.Timeout, "late", "too late")
	a.note(now, "42", gone)
	a.note(now, "43", busy)
	a.note(now, "44", nil)
	a.note(now.Add(absentFor-1), "42", gone) // told again from here: it must not be remembered for ever
	if a.look(now.Add(absentFor), "42") == nil || a.look(now, "43") != nil || a.look(now, "44") != nil {
		t.Error("not just the room that does not exist is remembered")
	}
	if a.look(now.Add(absentFor+1), "42") != nil {
		t.Error("it is remembered for too long")
	}
	for i := range 3 * maxAbsent {
		a.note(now, id.Room(strconv.Itoa(i+1)), gone)
	}
	if n := len(a.mu.rooms); n > maxAbsent {
		t.Errorf("%d are remembered", n)
	}
}
