package rest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"mime"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/barrage-live/barrage/internal/problem"
)

// observe counts and logs a request, names it, and turns a panic into a 500.
func (rt *Router) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		rt.Metrics.inFlight.Inc()
		defer rt.Metrics.inFlight.Dec()
		var b [8]byte
		_, _ = rand.Read(b[:]) // ends the process itself if the system has no randomness
		request := hex.EncodeToString(b[:])
		w.Header().Set("X-Request-Id", request)
		c := rt.caller(r)
		ww := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
		log := rt.Log.With(slog.String("request", request), slog.String("method", r.Method))
		defer func() {
			if reason := recover(); reason != nil {
				log.Error("handler panicked", slog.Any("reason", reason), slog.String("stack", string(debug.Stack())))
				if ww.Status() == 0 {
					problem.Of(errInternal).Write(ww)
				}
			}
			rt.record(log, r, ww, c, time.Since(start))
		}()
		next.ServeHTTP(ww, r.WithContext(context.WithValue(r.Context(), callerKey{}, c)))
	})
}

func (rt *Router) record(log *slog.Logger, r *http.Request, w middleware.WrapResponseWriter, c Caller, took time.Duration) {
	route := chi.RouteContext(r.Context()).RoutePattern()
	if route == "" || route == "/*" {
		route = "unmatched"
	}
	method := r.Method
	if !slices.Contains(methods(), method) {
		method = "other"
	}
	status := max(w.Status(), http.StatusOK)
	rt.Metrics.requests.WithLabelValues(method, route, strconv.Itoa(status)).Inc()
	rt.Metrics.seconds.WithLabelValues(route).Observe(took.Seconds())
	level := logLevel(r, status)
	attrs := []slog.Attr{
		slog.String("route", route), slog.String("path", shortened(r.URL.Path)), slog.Int("status", status),
		slog.Int("bytes", w.BytesWritten()), slog.Duration("took", took), slog.String("addr", c.Addr.String()),
	}
	// Three texts, because the log bounds each by itself, and each route: what anybody can have refused
	// must not hide what was done.
	switch {
	case status < http.StatusBadRequest:
		log.LogAttrs(r.Context(), level, "request", attrs...)
	case status < http.StatusInternalServerError:
		log.LogAttrs(r.Context(), level, "request refused", attrs...)
	default:
		log.LogAttrs(r.Context(), level, "request failed", attrs...)
	}
}

// maxLogged is how many bytes of a path are logged: whoever asks chooses it.
const maxLogged = 256

func shortened(path string) string {
	if len(path) <= maxLogged {
		return path
	}
	return strings.ToValidUTF8(path[:maxLogged], "") + "…"
}

// logLevel keeps the log of a busy service readable: reads that went well are of interest to debuggers
// only, and so are those that were too many, of which a line each would be what the limit is there to
// prevent. They are counted.
func logLevel(r *http.Request, status int) slog.Level {
	if (status < http.StatusBadRequest || status == http.StatusTooManyRequests) && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

func methods() []string {
	return []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions}
}

// private sets what every answer carries besides what the edge says (package edge): pages of other origins
// do not read it, and nobody keeps it.
func (rt *Router) private(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// cors answers the browsers of allowed origins; to all others it says nothing, and they refuse.
func (rt *Router) cors(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h, origin := w.Header(), r.Header.Get("Origin")
		h.Add("Vary", "Origin")
		if origin == "" || !slices.Contains(rt.Config.Origins, origin) {
			next.ServeHTTP(w, r)
			return
		}
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Allow-Credentials", "true")
		h.Set("Access-Control-Expose-Headers", "Retry-After, X-Request-Id, ETag")
		h.Set("Cross-Origin-Resource-Policy", "cross-origin")
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			h.Set("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE")
			h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
			h.Set("Access-Control-Max-Age", "600")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// csrf refuses what a browser sends from a foreign page and what could change something.
func (rt *Router) csrf(next http.Handler) http.Handler {
	guard := http.NewCrossOriginProtection()
	for _, o := range rt.Config.Origins {
		_ = guard.AddTrustedOrigin(o) // Validate has refused what this would
	}
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		badForm(http.StatusForbidden, "cross_origin", "a page of another origin may not do this").Write(w)
	}))
	return guard.Handler(next)
}

// bound limits time, size and form of a request.
func (rt *Router) bound(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), rt.Config.Timeout)
		defer cancel()
		if r.ContentLength > maxBody {
			w.Header().Set("Connection", "close") // what was not read is not waited for
			unread(nil).Write(w)
			return
		}
		if r.ContentLength != 0 && !isJSON(r.Header.Get("Content-Type")) {
			badForm(http.StatusUnsupportedMediaType, "unsupported_media_type", "a body is application/json").Write(w)
			return
		}
		if enc := r.Header.Get("Content-Encoding"); enc != "" && !strings.EqualFold(enc, "identity") {
			badForm(http.StatusUnsupportedMediaType, "unsupported_encoding", "a body is not compressed").Write(w)
			return
		}
		if r.ContentLength != 0 {
			r.Header.Set("Content-Type", "application/json") // in the case that formats knows
		}
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

func isJSON(contentType string) bool {
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil || media != "application/json" {
		return false
	}
	charset, named := params["charset"]
	return !named || strings.EqualFold(charset, "utf-8")
}
