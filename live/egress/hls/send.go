package hls

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/problem"
	"github.com/barrage-live/barrage/live/packager"
	"github.com/barrage-live/barrage/live/recording"
)

const (
	// patience is how long a client may take for the first bytes of an answer, and minRate the bytes per
	// second after.
	patience = 10 * time.Second
	minRate  = 32 << 10
)

// limitTime sets the deadline for writing a response of n bytes. It ends with the next request on the
// connection, for whose answer the server sets another before anything is written.
func limitTime(w http.ResponseWriter, n int64) {
	// A writer without deadlines is one of a test.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(patience + time.Duration(n)*time.Second/minRate))
}

// fields are values of headers that all answers share: one made for each would be most of what a request
// allocates here. Nobody changes them.
type fields struct {
	playlist, media, forever, encoding, gzip, any, exposed, nosniff []string
}

func newFields() fields {
	return fields{
		playlist: []string{typePlaylist}, media: []string{typeMP4}, forever: []string{cacheForever},
		encoding: []string{"Accept-Encoding"}, gzip: []string{"gzip"}, any: []string{"*"},
		exposed: []string{"Content-Length, Content-Range, Date, Age, Retry-After"}, nosniff: []string{"nosniff"},
	}
}

// sendText answers with a playlist.
func (f *fields) sendText(w http.ResponseWriter, r *http.Request, d packager.Document, policy string) error {
	h := w.Header()
	h["Content-Type"] = f.playlist
	h["Cache-Control"] = []string{policy}
	h["Vary"] = f.encoding
	var b []byte
	if acceptsGzip(r.Header.Get("Accept-Encoding")) {
		b = d.Gzip()
		h["Content-Encoding"] = f.gzip
	} else {
		b = d.Plain()
	}
	h["Content-Length"] = []string{strconv.Itoa(len(b))}
	limitTime(w, int64(len(b)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(b) // the client is gone if it fails, and nobody is left to tell
	}
	return nil
}

// sendMedia answers with a segment, part or init segment, or the range of it that was asked for.
func (f *fields) sendMedia(w http.ResponseWriter, r *http.Request, body io.ReadSeeker) error {
	size, err := body.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = body.Seek(0, io.SeekStart)
	}
	if err != nil {
		return fault.Wrap(fault.Unavailable, "storage_failed", "the media cannot be read", err)
	}
	h := w.Header()
	h["Content-Type"] = f.media
	h["Cache-Control"] = f.forever
	limitTime(w, size)
	http.ServeContent(w, singleRange(r), "", time.Time{}, body)
	return nil
}

// singleRange leaves a request for several ranges without any, which RFC 9110 section 14.2 allows: nobody
// plays a multipart answer, and one could make us send a segment many times over. So it does with a unit
// that is not bytes, which is to be ignored (section 14.1) and net/http refuses.
func singleRange(r *http.Request) *http.Request {
	spec := r.Header.Get("Range")
	ranges, bytes := strings.CutPrefix(spec, "bytes=")
	if spec == "" || bytes && !strings.Contains(ranges, ",") {
		return r
	}
	c := *r
	c.Header = r.Header.Clone()
	c.Header.Del("Range")
	return &c
}

// refuse answers with a problem.
func refuse(w http.ResponseWriter, status int, e *fault.Error) {
	limitTime(w, 0)
	problem.At(status, e).Write(w)
}

// counter notes what was answered.
type counter struct {
	http.ResponseWriter
	status int
	bytes  int64
}

// WriteHeader implements http.ResponseWriter.
func (c *counter) WriteHeader(status int) {
	if c.status == 0 {
		c.status = status
	}
	c.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (c *counter) Write(b []byte) (int, error) {
	if c.status == 0 {
		c.status = http.StatusOK
	}
	n, err := c.ResponseWriter.Write(b)
	c.bytes += int64(n)
	return n, err
}

// ReadFrom sends what is in memory as it lies there, not in pieces through a buffer, and lets the kernel send
// what it can send by itself.
func (c *counter) ReadFrom(r io.Reader) (n int64, err error) {
	if part, ok := r.(*io.LimitedReader); ok {
		if held, ok := part.R.(*packager.Held); ok {
			sent, err := c.Write(held.Next(part.N))
			return int64(sent), err
		}
	}
	if c.status == 0 {
		c.status = http.StatusOK
	}
	if r, err = sendable(r); err == nil {
		n, err = io.Copy(c.ResponseWriter, r)
	}
	c.bytes += n
	return n, err
}

// sendable gives, for a part of a recording as net/http copies it, the file behind it: net/http hands that to
// the connection, and the connection to the kernel.
func sendable(r io.Reader) (io.Reader, error) {
	part, ok := r.(*io.LimitedReader)
	if !ok {
		return r, nil
	}
	m, ok := part.R.(*recording.Media)
	if !ok {
		return r, nil
	}
	file, ok, err := m.Sendable(part.N)
	if !ok || err != nil {
		return r, err
	}
	return io.LimitReader(file, part.N), nil
}

// Unwrap lets http.ResponseController find the connection.
func (c *counter) Unwrap() http.ResponseWriter { return c.ResponseWriter }
