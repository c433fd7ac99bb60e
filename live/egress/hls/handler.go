package hls

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/media/index"
	"github.com/barrage-live/barrage/internal/media/m3u8"
	"github.com/barrage-live/barrage/live/packager"
	"github.com/barrage-live/barrage/live/recording"
)

// Source is a broadcast that can be watched; *packager.Packager is one.
type Source interface {
	Broadcast() id.Broadcast
	// Multivariant and Playlist may wait until there is something to show. base leads from the URL asked
	// for to that of the broadcast.
	Multivariant(ctx context.Context, base string) (packager.Document, error)
	Playlist(ctx context.Context, d m3u8.Directives) (*packager.Snapshot, error)
	// Open gives an object; the hinted part is awaited.
	Open(ctx context.Context, n packager.Name) (io.ReadSeekCloser, error)
	// Ended reports whether nothing will be added, so that the recording has all of it.
	Ended() bool
}

// Locator finds channels, named as viewers name them: by id or by name. It fails with fault.NotFound when
// there is no such channel.
type Locator interface {
	// Locate gives the broadcast that is on, or was until a moment ago; fault.NotFound also when nothing is.
	Locate(ctx context.Context, channel string) (Source, error)
	Resolve(ctx context.Context, channel string) (id.Channel, error)
}

// Recordings has what was broadcast; *recording.Store is one.
type Recordings interface {
	Header(ctx context.Context, b id.Broadcast) (index.Header, error)
	Load(ctx context.Context, b id.Broadcast) (*recording.Recording, error)
	Open(ctx context.Context, channel id.Channel, b id.Broadcast, p index.Place) (*recording.Media, error)
}

// Config is what a Handler needs; all fields are required.
type Config struct {
	Locator    Locator
	Recordings Recordings
	Log        *slog.Logger
	Metrics    *Metrics
}

// Handler serves everything under /live/. Its methods are safe for concurrent use.
type Handler struct {
	cfg     Config
	cache   *cache
	library *library
	fields  fields
}

// New makes a Handler.
func New(cfg Config) *Handler {
	return &Handler{cfg: cfg, cache: newCache(cfg.Locator), library: newLibrary(cfg.Locator, cfg.Recordings), fields: newFields()}
}

var _ http.Handler = (*Handler)(nil)

// content types; the playlist's is that of RFC 8216 section 4.
const (
	typePlaylist = "application/vnd.apple.mpegurl"
	typeMP4      = "video/mp4"
)

// Cache-Control of each sort of answer.
const (
	cacheForever = "public, max-age=31536000, immutable"
	cacheWaited  = "public, max-age=4"
	cacheNow     = "public, max-age=1"
	cacheNever   = "no-store"           // of one that lacks what was asked for
	cacheWhole   = "public, max-age=60" // of a broadcast that has ended, which may be deleted
)

// ServeHTTP answers one request.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	begin := time.Now()
	t, ok := parsePath(r.URL.Path)
	cw := &counter{ResponseWriter: w}
	defer func() { h.cfg.Metrics.answered(t.kind, cw.status, cw.bytes, time.Since(begin)) }()
	h.fields.allowOrigins(w.Header())
	switch {
	case r.Method == http.MethodOptions:
		allowMethods(w.Header())
		cw.WriteHeader(http.StatusNoContent)
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD, OPTIONS")
		refuse(cw, http.StatusMethodNotAllowed, fault.New(fault.Invalid, "method_not_allowed", "only GET, HEAD and OPTIONS are served"))
	case !ok:
		h.fail(cw, r, fault.New(fault.NotFound, "no_media", "there is nothing at this address"))
	default:
		if err := h.serve(cw, r, t); err != nil {
			h.fail(cw, r, err)
		}
	}
}

func (h *Handler) serve(w http.ResponseWriter, r *http.Request, t target) error {
	ctx := r.Context()
	source, base, err := h.find(ctx, t)
	if err != nil {
		return err
	}
	switch t.kind {
	case kindMultivariant:
		d, err := source.Multivariant(ctx, base)
		if err != nil {
			return err
		}
		return h.fields.sendText(w, r, d, cacheNow)
	case kindPlaylist:
		d, err := m3u8.ParseDirectives(r.URL.RawQuery)
		if err != nil {
			return err
		}
		s, err := source.Playlist(ctx, d)
		if err != nil {
			return err
		}
		policy := cacheNow
		switch {
		case s.Ended:
			policy = cacheWhole
		case !s.Has(d):
			policy = cacheNever
		case d.Block:
			policy = cacheWaited
		}
		return h.fields.sendText(w, r, s.For(d), policy)
	case kindMedia, kindUnknown: // an unknown one never gets here
	}
	body, err := source.Open(ctx, t.name)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }() // it was only read
	return h.fields.sendMedia(w, r, body)
}

// find gives what a URL names, and the way from there to the broadcast's own URL. One that is over is shown
// from its recording as soon as that has all of it.
func (h *Handler) find(ctx context.Context, t target) (s Source, base string, err error) {
	if t.broadcast == "" {
		if s, err = h.cache.locate(ctx, t.channel, locateTTL); err != nil {
			return nil, "", err
		}
		return s, string(s.Broadcast()) + "/", nil
	}
	if r := h.library.fresh(t.channel, t.broadcast); r != nil {
		return r, "", nil
	}
	on, err := h.cache.locate(ctx, t.channel, locateTTL)
	if err == nil && on.Broadcast() != t.broadcast {
		on, err = h.cache.locate(ctx, t.channel, otherTTL)
	}
	here := err == nil && on.Broadcast() == t.broadcast
	if here && !on.Ended() {
		return on, "", nil
	}
	r, missing := h.library.find(ctx, t.channel, t.broadcast)
	switch {
	case missing == nil && r.Ended():
		return r, "", nil
	case here:
		return on, "", nil
	case err != nil && fault.KindOf(err) != fault.NotFound:
		return nil, "", err // it may be on: what there is of a recording says nothing of that
	case missing != nil:
		return nil, "", missing
	}
	return nil, "", packager.ErrNoMedia // a crash has cut it off, and nobody has settled it yet
}

// fail answers with an error, unless the client is gone. Where the server has ended the request itself, its
// reason is told.
func (h *Handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	e := fault.From(err)
	if cause := context.Cause(r.Context()); cause != nil && !errors.As(cause, &e) {
		w.WriteHeader(statusClientGone)
		return
	}
	status := e.Kind.HTTP()
	if e.Kind == fault.Invalid {
		status = http.StatusBadRequest // HLS asks for 400 where the API says 422
	}
	if status >= http.StatusInternalServerError && e.Code != "playlist_timeout" && r.Context().Err() == nil {
		h.cfg.Log.Error("cannot serve", slog.String("path", r.URL.Path), slog.Any("error", err))
	}
	refuse(w, status, e)
}

// statusClientGone is counted for requests whose client went away while they waited; nobody reads it.
const statusClientGone = 499

// allowOrigins says that pages of any origin may read the answer. What they may send is said to those who ask
// beforehand.
func (f *fields) allowOrigins(h http.Header) {
	h["Access-Control-Allow-Origin"] = f.any
	h["Access-Control-Expose-Headers"] = f.exposed
	h["X-Content-Type-Options"] = f.nosniff
}

func allowMethods(h http.Header) {
	h.Set("Access-Control-Allow-Methods", "GET, HEAD, OPTIONS")
	h.Set("Access-Control-Allow-Headers", "Range, Content-Type, Authorization")
	h.Set("Access-Control-Max-Age", "86400")
}

// acceptsGzip reads Accept-Encoding (RFC 9110 section 12.5.3) as far as gzip goes.
func acceptsGzip(header string) bool {
	for part := range strings.SplitSeq(header, ",") {
		name, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		if name = strings.TrimSpace(name); !strings.EqualFold(name, "gzip") && name != "*" {
			continue
		}
		q, found := strings.CutPrefix(strings.ReplaceAll(params, " ", ""), "q=")
		if !found {
			return true
		}
		v, err := strconv.ParseFloat(q, 64)
		return err == nil && v > 0
	}
	return false
}
