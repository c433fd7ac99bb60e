package web

import (
	"bytes"
	_ "embed"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"

	"github.com/barrage-live/barrage/internal/caller"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/problem"
	"github.com/barrage-live/barrage/internal/reserved"
)

// index is the application's document.
const index = "index.html"

//go:embed unbuilt.html
var unbuilt []byte

// Handler answers GET and HEAD for the pages. It is safe for concurrent use.
type Handler struct {
	assets map[string]*asset
	start  *asset // the application, or the notice that it is not built
}

// New reads the built pages. Embedded is the usual source.
func New(files fs.FS) (*Handler, error) {
	assets, err := load(files)
	if err != nil {
		return nil, err
	}
	h := &Handler{assets: assets, start: assets[index]}
	if h.start == nil {
		h.start = newAsset(index, unbuilt)
	}
	return h, nil
}

// Built says whether the application is there; if not, the start page tells how to build it.
func (h *Handler) Built() bool { return h.assets[index] != nil }

// ServeHTTP answers with an asset, with the application for a path that may be one of its pages, or with a
// problem.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	secure(w.Header(), caller.Of(r, nil).TLS)
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		problem.At(http.StatusMethodNotAllowed, fault.New(fault.Invalid, "method_not_allowed", "pages are only read")).Write(w)
		return
	}
	name := strings.TrimPrefix(path.Clean("/"+r.URL.Path), "/")
	if a := h.assets[name]; a != nil && name != index {
		serve(w, r, a)
		return
	}
	if belongsToBackend(r.URL.Path) || strings.HasPrefix(name, "assets/") || path.Ext(name) != "" && name != index {
		problem.Of(fault.New(fault.NotFound, "no_route", "there is nothing at this address")).Write(w)
		return
	}
	if isChannel(name) { // as channels' pages were called before they had an @; names of channels are never those of pages
		to := url.URL{Path: "/@" + name, RawQuery: r.URL.RawQuery}
		w.Header().Set("Cache-Control", "public, max-age=86400")
		http.Redirect(w, r, to.String(), http.StatusPermanentRedirect)
		return
	}
	serve(w, r, h.start)
}

// isChannel says whether a path is one segment that can be the name of a channel.
func isChannel(name string) bool {
	if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") != "" || reserved.Name(name) {
		return false
	}
	return name[0] != '_' && name[0] != '-'
}

// belongsToBackend says whether a path is, or may become, an address of the backend: a mistyped one is
// never answered with a page.
func belongsToBackend(p string) bool {
	first, _, _ := strings.Cut(strings.TrimPrefix(path.Clean("/"+p), "/"), "/")
	return reserved.Route(first)
}

func serve(w http.ResponseWriter, r *http.Request, a *asset) {
	encoding, suffix, body := a.pick(r.Header.Get("Accept-Encoding"))
	tag := `"` + a.tag + suffix + `"`
	h := w.Header()
	h.Set("Content-Type", a.contentType)
	h.Set("ETag", tag)
	h.Set("Vary", "Accept-Encoding")
	if encoding != "" {
		h.Set("Content-Encoding", encoding)
	}
	if a.immutable {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		h.Set("Cache-Control", "no-cache")
	}
	if matches(r.Header.Get("If-None-Match"), tag) {
		h.Del("Content-Type")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return
	}
	// A failed write means that the reader went away; there is nobody left to tell.
	_, _ = bytes.NewReader(body).WriteTo(w)
}

// matches compares an If-None-Match header weakly, as RFC 9110 section 13.1.2 asks.
func matches(header, tag string) bool {
	for item := range strings.SplitSeq(header, ",") {
		if item = strings.TrimSpace(item); item == "*" || strings.TrimPrefix(item, "W/") == tag {
			return true
		}
	}
	return false
}
