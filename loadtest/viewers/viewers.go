package viewers

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"
)

// Tally is what a crowd has watched.
type Tally struct {
	// Watched is the media time of all parts of the first playlist of every viewer together.
	Watched time.Duration
	// Requests are those answered, Bytes their bodies.
	Requests, Bytes int64
	// Failed are viewers that ended early, with the reason of the first.
	Failed int64
	First  error
}

// Crowd watches one multivariant playlist.
type Crowd struct {
	target *url.URL
	texts  texts

	watched, requests, bytes, failed atomic.Int64
	first                            atomic.Pointer[error]
}

// New makes a crowd for the multivariant playlist at a URL.
func New(playlist string) (*Crowd, error) {
	u, err := url.Parse(playlist)
	if err != nil {
		return nil, err
	}
	return &Crowd{target: u}, nil
}

// Watch has n viewers watch until the context ends, who come over a while, as viewers do.
func (c *Crowd) Watch(ctx context.Context, n int, over time.Duration) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			select {
			case <-time.After(over * time.Duration(i) / time.Duration(n)):
			case <-ctx.Done():
				return
			}
			if err := c.view(ctx); err != nil && ctx.Err() == nil {
				c.failed.Add(1)
				c.first.CompareAndSwap(nil, &err)
			}
		})
	}
	all.Wait()
}

// Tally is what was watched so far.
func (c *Crowd) Tally() Tally {
	t := Tally{
		Watched: time.Duration(c.watched.Load()), Requests: c.requests.Load(), Bytes: c.bytes.Load(), Failed: c.failed.Load(),
	}
	if first := c.first.Load(); first != nil {
		t.First = *first
	}
	return t
}

// Since is what was watched after an earlier Tally.
func (t Tally) Since(earlier Tally) Tally {
	t.Watched -= earlier.Watched
	t.Requests -= earlier.Requests
	t.Bytes -= earlier.Bytes
	return t
}

// view is one viewer.
func (c *Crowd) view(ctx context.Context) error {
	main, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer main.close()
	text, err := main.get(c.target.RequestURI())
	if err != nil {
		return err
	}
	names, err := mediaPlaylists(text)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	failed := make(chan error, len(names))
	for i, name := range names {
		at, err := c.target.Parse(name)
		if err != nil {
			return err
		}
		go func() {
			conn := main
			if i > 0 {
				if conn, err = c.connect(ctx); err != nil {
					failed <- err
					return
				}
				defer conn.close()
			}
			failed <- c.follow(ctx, conn, at, i == 0)
		}()
	}
	for range names {
		if e := <-failed; err == nil {
			err = e
		}
		stop()
	}
	return err
}

// follow asks for every update of a media playlist and for the parts of each. A viewer joins at the newest.
func (c *Crowd) follow(ctx context.Context, conn *connection, at *url.URL, counts bool) error {
	query, newest := "", ""
	for ctx.Err() == nil {
		asked := at.RequestURI()
		if query != "" && at.RawQuery != "" {
			asked += "&" + query
		} else if query != "" {
			asked += "?" + query
		}
		body, err := conn.get(asked)
		if err != nil {
			return err
		}
		t, err := c.texts.read(body)
		if err != nil {
			return err
		}
		for _, p := range t.after(newest) {
			where, err := at.Parse(p.uri)
			if err != nil {
				return err
			}
			if _, err := conn.get(where.RequestURI()); err != nil {
				return err
			}
			if counts {
				c.watched.Add(int64(p.duration))
			}
			newest = p.uri
		}
		query = t.next
	}
	return nil
}

// connection is one of a viewer's.
type connection struct {
	crowd *Crowd
	nc    net.Conn
	r     *bufio.Reader
	stop  func() bool
	keep  []byte
}

func (c *Crowd) connect(ctx context.Context) (*connection, error) {
	nc, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, "tcp", c.target.Host)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = nc.Close() })
	return &connection{crowd: c, nc: nc, r: bufio.NewReaderSize(nc, 32<<10), stop: stop}, nil
}

func (c *connection) close() {
	c.stop()
	_ = c.nc.Close()
}

// get asks and reads the whole answer, of which it gives what is small enough to be a text. The bytes are
// good until the next call.
func (c *connection) get(path string) ([]byte, error) {
	_ = c.nc.SetDeadline(time.Now().Add(time.Minute))
	if _, err := fmt.Fprintf(c.nc, "GET %s HTTP/1.1\r\nHost: %s\r\nAccept-Encoding: gzip\r\nUser-Agent: load\r\nAccept: */*\r\n\r\n", path, c.crowd.target.Host); err != nil {
		return nil, err
	}
	res, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", path, res.Status)
	}
	var n int64
	if res.Header.Get("Content-Type") == "video/mp4" {
		n, err = io.Copy(io.Discard, res.Body)
	} else {
		c.keep, err = appendAll(c.keep[:0], res.Body)
		n = int64(len(c.keep))
	}
	c.crowd.requests.Add(1)
	c.crowd.bytes.Add(n)
	return c.keep, err
}

func appendAll(b []byte, r io.Reader) ([]byte, error) {
	for {
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if err == io.EOF {
			return b, nil
		}
		if err != nil {
			return b, err
		}
	}
}
