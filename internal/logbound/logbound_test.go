package logbound

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/barrage-live/barrage/internal/quota"
)

// TestALineThatComesOverAndOverIsBounded logs one message far more often than it may, and others beside it.
func TestALineThatComesOverAndOverIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := slog.New(New(slog.NewTextHandler(&out, nil), Config{Rate: quota.Rate{PerSecond: 2, Burst: 5}}))
		child := log.With(slog.String("face", "http"))
		for i := range 1000 {
			child.Info("request", slog.Int("n", i))
		}
		log.Warn("something else")
		if n := strings.Count(out.String(), "msg=request"); n != 5 {
			t.Errorf("%d of 1,000 lines are written, want the burst of 5", n)
		}
		if !strings.Contains(out.String(), "something else") || strings.Contains(out.String(), "left_out") {
			t.Errorf("the log says\n%s", out.String())
		}
		out.Reset()
		time.Sleep(time.Second)
		for range 10 {
			log.Info("request")
		}
		if n := strings.Count(out.String(), "msg=request"); n != 2 || !strings.Contains(out.String(), "left_out=995") {
			t.Errorf("a second later:\n%s", out.String())
		}
		out.Reset()
		time.Sleep(time.Minute)
		log.Info("request")
		if !strings.Contains(out.String(), "left_out=8") {
			t.Errorf("a minute later:\n%s", out.String())
		}
		out.Reset()
		log.Info("request")
		if strings.Contains(out.String(), "left_out") {
			t.Errorf("nothing was left out, and it says\n%s", out.String())
		}
	})
}

// TestErrorsAreAlwaysWritten logs an error more often than other lines may come.
func TestErrorsAreAlwaysWritten(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(New(slog.NewTextHandler(&out, nil), Config{}))
	for range 1000 {
		log.Error("the disk failed")
	}
	if n := strings.Count(out.String(), "\n"); n != 1000 {
		t.Errorf("%d of 1,000 errors are written", n)
	}
}

// TestManyTextsShareABucket logs ever new messages, which nobody should: they cannot fill the memory.
func TestManyTextsShareABucket(t *testing.T) {
	var out bytes.Buffer
	h := New(slog.NewTextHandler(&out, nil), Config{})
	log := slog.New(h)
	for i := range 3 * maxTexts {
		log.Info(fmt.Sprint("text ", i)) //nolint:sloglint // what it is about
	}
	if n := len(h.state.texts); n != maxTexts {
		t.Errorf("%d texts are remembered", n)
	}
	if n := strings.Count(out.String(), "\n"); n < maxTexts+200 || n > maxTexts+300 {
		t.Errorf("%d lines are written", n)
	}
}

func BenchmarkHandle(b *testing.B) {
	var out bytes.Buffer
	log := slog.New(New(slog.NewTextHandler(&out, nil), Config{})) // most lines are left out
	b.ReportAllocs()
	for b.Loop() {
		log.Info("request")
	}
}
