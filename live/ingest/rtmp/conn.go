package rtmp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/bluenviron/gortmplib"
	"github.com/bluenviron/gortmplib/pkg/message"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/quota"
	"github.com/barrage-live/barrage/live"
	"github.com/barrage-live/barrage/live/ingest"
)

// unreadableRate is how many messages of a connection may be passed over because they cannot be read: some in
// a second are an encoder's way, more are no RTMP.
func unreadableRate() quota.Rate { return quota.Rate{PerSecond: 10, Burst: 100} }

// conn is one connection. Its goroutine is the only one that touches the library.
type conn struct {
	cfg    Config
	guard  *guard
	rtmp   *gortmplib.ServerConn
	log    *slog.Logger
	remote string
	place  *place
	ctx    context.Context //nolint:containedctx // its life, which the server and a newcomer can end; its cause says why
	// unreadable bounds the messages that are passed over, because the library cannot read them.
	unreadable quota.Bucket
	begun      time.Time
	// told is what the Gate may hear of a refusal, once the key is known to be good.
	told ingest.Publication
	// asked: it has said what it wants to publish or play. published: it had a stream.
	asked, published bool
}

// run serves the connection to its end, which it logs and counts once.
func (c *conn) run() {
	var err error
	defer func() {
		if v := recover(); v != nil {
			c.log.Error("connection panicked", slog.Any("panic", fmt.Sprint(v)), slog.String("stack", string(debug.Stack())))
			err = errPanic
		}
		c.note(err)
		_ = c.guard.Close() // it ends here, whatever it says
	}()
	c.cfg.Metrics.conns.Inc()
	defer c.cfg.Metrics.conns.Dec()
	err = c.serve()
}

// note counts and logs the end. Publishers have a line of their own, which the log bounds apart: those who
// come in floods and never get as far leave no trace of it out.
func (c *conn) note(err error) {
	c.cfg.Metrics.closed.WithLabelValues(fault.CodeOf(err)).Inc()
	attrs := []any{slog.String("code", fault.CodeOf(err)), slog.Any("error", err)}
	switch {
	case c.published:
		c.log.Info("publisher gone", attrs...)
	case c.asked:
		c.log.Info("connection refused", attrs...)
	default:
		c.log.Debug("connection closed", attrs...)
	}
}

// serve leads a connection through its life and gives the reason of its end.
func (c *conn) serve() error {
	if err := c.guard.SetDeadline(time.Now().Add(c.cfg.Handshake)); err != nil {
		return c.reason(err) // it may have had to give way already
	}
	if err := c.rtmp.Initialize(); err != nil {
		return c.reason(err)
	}
	if err := c.rtmp.AcceptConn(); err != nil {
		return c.reason(err)
	}
	p := ingest.Publication{Protocol: "rtmp", Remote: c.remote}
	if err := c.verify(&p); err != nil {
		return c.refuse(err)
	}
	c.told = p
	if err := c.place.verify(p.Key); err != nil {
		return c.refuse(err)
	}
	c.guard.in.verified = true
	c.guard.bitrate = newBitrate(c.cfg.MaxBitrate, time.Now())
	if err := c.rtmp.AcceptAction(); err != nil {
		return c.reason(err)
	}
	d, err := c.detect()
	if err != nil {
		return c.refuse(err)
	}
	p.Tracks = d.tracks()
	asking, cancel := context.WithTimeout(c.ctx, gateTimeout)
	stream, err := c.cfg.Gate.Begin(asking, p)
	cancel()
	if err != nil {
		return c.refuse(err)
	}
	c.place.publishes()
	return c.publish(stream, d)
}

// refuse tells the client why, if there is still somebody to tell. Whose chunks were refused hears of it
// when it has shown a key; strangers do not.
func (c *conn) refuse(err error) error {
	if c.ctx.Err() != nil { // its end is closed already
		return context.Cause(c.ctx)
	}
	heard := c.guard.refused == nil || c.guard.in.verified
	if e := fault.From(err); heard && e.Code != errLost.Code && e.Code != errSilent.Code {
		c.report(err)
		tell(c.guard, c.rtmp, err)
	}
	return err
}

// report lets the Gate know of a refusal that is the encoder's, and not that another one took its turn.
func (c *conn) report(err error) {
	if g, ok := c.cfg.Gate.(ingest.Refuser); ok && c.told.Key != "" && !errors.Is(err, live.ErrTakenOver) {
		g.Refused(c.told, err)
	}
}

// verify reads the key and asks whether it is good, if the Gate can tell already.
func (c *conn) verify(p *ingest.Publication) (err error) {
	c.asked = true
	if !c.rtmp.Publish {
		return errPlay
	}
	if p.Key, err = ParsePath(c.rtmp.URL.Path); err != nil {
		return err
	}
	v, ok := c.cfg.Gate.(ingest.Verifier)
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(c.ctx, gateTimeout)
	defer cancel()
	return c.place.try(c.ctx, p.Key, func() error { return v.Verify(ctx, *p) })
}

// read gives the next message. One that the library cannot read is passed over, as the guard passes over
// those that it does not know: encoders send many a thing that nobody needs.
func (c *conn) read() (arrived, error) {
	for {
		m, err := c.rtmp.Read()
		raw := c.guard.message
		if err != nil && c.guard.failed == nil {
			if several, ok := severalSets(raw); ok {
				m, err = several, nil
			}
		}
		switch {
		case err == nil:
			return arrived{m, c.guard.arrival, len(raw.body) + messageCost, soundConfig(raw), keyFrame(raw)}, nil
		case c.guard.failed != nil, !c.passable(err):
			return arrived{}, err //nolint:wrapcheck // reason tells what it means
		}
		c.cfg.Metrics.passed.WithLabelValues("unreadable").Inc()
		if !c.unreadable.Take(time.Since(c.begun), unreadableRate(), 1) {
			return arrived{}, errProtocol
		}
	}
}

// detect reads until the tracks are known.
func (c *conn) detect() (*detector, error) {
	begin := time.Now()
	if err := c.guard.SetDeadline(begin.Add(c.cfg.Detect)); err != nil {
		return nil, errLost
	}
	d := &detector{}
	for {
		m, err := c.read()
		if err != nil {
			if err = c.reason(err); errors.Is(err, errSilent) {
				err = errNoTracks
			}
			return nil, err
		}
		known, err := d.push(m)
		if err != nil {
			return nil, err
		}
		if known {
			c.cfg.Metrics.detect.Observe(time.Since(begin).Seconds())
			return d, nil
		}
	}
}

// publish writes units until the connection or the stream ends.
func (c *conn) publish(s *live.Stream, d *detector) (err error) {
	c.published = true
	c.log = c.log.With(slog.String("stream", string(s.ID())))
	c.log.Info("publishing")
	err = errPanic // what is left when nothing below returns
	watched := make(chan struct{})
	gone := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-s.Done():
			c.guard.wake() // the reader finds the stream closed
		case <-gone:
		}
	}()
	defer func() {
		close(gone)
		<-watched
		s.Close(err)
		asking, cancel := context.WithTimeout(context.WithoutCancel(c.ctx), gateTimeout)
		defer cancel()
		if e := c.cfg.Gate.End(asking, s, err); e != nil {
			c.log.Warn("end not told", slog.Any("error", e))
		}
	}()
	c.guard.idle = c.cfg.Idle
	to := newToStream(s.Tracks(), c.cfg.Metrics, s.Unreadable)
	for _, m := range d.waiting {
		if err := c.write(s, to, m); err != nil {
			return err
		}
	}
	d.waiting = nil
	for {
		m, err := c.read()
		switch {
		case s.Err() != nil:
			return c.refuse(s.Err())
		case err != nil:
			return c.refuse(c.reason(err))
		case isEnd(m.Message):
			if u, ok := to.release(); ok {
				_ = s.Write(u) // it ends all the same
			}
			return live.ErrEnded
		}
		if err := c.write(s, to, m); err != nil {
			return err
		}
	}
}

func (c *conn) write(s *live.Stream, to *toStream, m arrived) error {
	u, ok, err := to.unit(m)
	if err != nil {
		return c.refuse(err)
	}
	if !ok {
		return nil
	}
	if err := s.Write(u); err != nil {
		if s.Err() != nil {
			err = s.Err()
		}
		return c.refuse(err)
	}
	return nil
}

// isEnd recognizes the commands with which publishers end properly.
func isEnd(m message.Message) bool {
	cmd, ok := m.(*message.CommandAMF0)
	return ok && (cmd.Name == "FCUnpublish" || cmd.Name == "deleteStream" || cmd.Name == "closeStream")
}
