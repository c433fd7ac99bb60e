package logbound

import (
	"bytes"
	"errors"
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

// TestLinesAreToldApartByAnAttribute floods the line of one route and writes that of another once.
func TestLinesAreToldApartByAnAttribute(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(New(slog.NewTextHandler(&out, nil), Config{Rate: quota.Rate{PerSecond: 2, Burst: 5}, Apart: "route"}))
	for range 1000 {
		log.Info("request", slog.Int("status", 204), slog.String("route", "/logout"))
	}
	log.Info("request", slog.Int("status", 200), slog.String("route", "/room"))
	if flood, one := strings.Count(out.String(), "route=/logout"), strings.Count(out.String(), "route=/room"); flood != 5 || one != 1 {
		t.Errorf("%d lines of the flood, %d of the other route", flood, one)
	}
}

// secret is logged as something else.
type secret string

func (s secret) LogValue() slog.Value { return slog.StringValue(string(s)) }

// TestNoAttributeIsLong writes attributes of every kind that can be long.
func TestNoAttributeIsLong(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	wide := strings.Repeat("\xff", 100_000)
	for name, write := range map[string]func(log *slog.Logger){
		"text":               func(log *slog.Logger) { log.Info("line", slog.String("a", long)) },
		"not UTF-8":          func(log *slog.Logger) { log.Info("line", slog.String("a", wide)) },
		"an error":           func(log *slog.Logger) { log.Warn("line", slog.Any("a", errors.New(long))) },
		"a list":             func(log *slog.Logger) { log.Info("line", slog.Any("a", []string{long, long})) },
		"a value of its own": func(log *slog.Logger) { log.Info("line", slog.Any("a", secret(long))) },
		"a group":            func(log *slog.Logger) { log.Info("line", slog.Group("g", slog.Int("n", 1), slog.String("a", long))) },
		"of the logger":      func(log *slog.Logger) { log.With(slog.String("a", long)).Info("line") },
		"within a group":     func(log *slog.Logger) { log.WithGroup("g").Info("line", slog.String("a", long)) },
		"of a real error":    func(log *slog.Logger) { log.Error("line", slog.String("a", long)) },
	} {
		t.Run(name, func(t *testing.T) {
			for form, handler := range map[string]func(*bytes.Buffer) slog.Handler{
				"text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
				"json": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
			} {
				most := 6*maxValue + 300
				if name == "of a real error" {
					most = 6*maxErrorValue + 300
				}
				var out bytes.Buffer
				write(slog.New(New(handler(&out), Config{})))
				if line := out.String(); len(line) > most || !strings.Contains(line, "bytes more)") || !strings.Contains(line, "line") {
					t.Errorf("%s: %d bytes: %.200s", form, len(line), line)
				}
			}
		})
	}
	var out bytes.Buffer
	slog.New(New(slog.NewTextHandler(&out, nil), Config{})).Info("line", slog.String("a", long[:maxValue]), slog.Any("b", []string{"x", "y"}))
	if !strings.Contains(out.String(), long[:maxValue]) || strings.Contains(out.String(), "bytes more") || !strings.Contains(out.String(), `b="[x y]"`) {
		t.Errorf("what is short enough is changed: %s", out.String())
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
