package main

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestAPartThatHangsLeavesTimeToTheOthers stops parts of which some do not end before they are told that
// the time is over.
func TestAPartThatHangsLeavesTimeToTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s steps
		var log strings.Builder
		left := map[string]time.Duration{}
		var order []string
		add := func(what string, hangs bool) {
			s.add(what, func(ctx context.Context) error {
				end, _ := ctx.Deadline()
				order = append(order, what)
				left[what] = time.Until(end)
				if !hangs {
					return nil
				}
				<-ctx.Done()
				return ctx.Err()
			})
		}
		add("tables", false)
		add("actors", false)
		add("http", true)
		add("viewers", true)
		ctx, cancel := context.WithTimeout(t.Context(), 32*time.Second)
		defer cancel()
		err := s.undo(ctx, slog.New(slog.NewTextHandler(&log, nil)))
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "stop viewers") || !strings.Contains(err.Error(), "stop http") {
			t.Errorf("told %v", err)
		}
		if !slices.Equal(order, []string{"viewers", "http", "actors", "tables"}) {
			t.Errorf("stopped in the order %q", order)
		}
		for what, want := range map[string]time.Duration{"viewers": 16 * time.Second, "http": 8 * time.Second, "actors": 4 * time.Second, "tables": 4 * time.Second} {
			if left[what] != want {
				t.Errorf("%s had %v, want %v", what, left[what], want)
			}
		}
		if n := strings.Count(log.String(), "not stopped in its time"); n != 2 || !strings.Contains(log.String(), "part=viewers") {
			t.Errorf("the log says\n%s", log.String())
		}
	})
}
