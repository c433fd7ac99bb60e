package edge

import (
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/problem"
	"github.com/barrage-live/barrage/internal/quota"
)

var errTooMany = fault.New(fault.Exhausted, "too_many_requests", "too many requests come from this address or its network").After(time.Second)

// Allowance is what one address may ask for. The zero value has no bound.
type Allowance struct {
	// Rate is that of one address; its networks have quota.Factor as much.
	Rate quota.Rate
	// Costs are of requests that do not cost 1.
	Costs []Cost
	// Refused counts those who asked for more, and heads that were too large, by code; nil: nobody does.
	Refused *prometheus.CounterVec
}

// Cost is that of the requests for a path, or, if it ends with a slash, for all that is under it. Those that
// the handler counts by itself cost 0. A long head costs what it takes to read besides.
type Cost struct {
	Path string
	Cost float64
}

// NewRefused is the counter of an Allowance, registered with r.
func NewRefused(r prometheus.Registerer) *prometheus.CounterVec {
	c := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "barrage_http_refused_total", Help: "HTTP requests that were refused before anything looked at them, by code.",
	}, []string{"code"})
	r.MustRegister(c)
	return c
}

// counts are what addresses have asked for.
type counts struct {
	Allowance
	callers *quota.Callers
	log     *slog.Logger
}

func newCounts(a Allowance, proxies []netip.Prefix, log *slog.Logger) *counts {
	return &counts{a, quota.NewCallers(a.Rate, proxies), log}
}

// take counts a request with a head of so many bytes, or answers it.
func (c *counts) take(w http.ResponseWriter, r *http.Request, addr netip.Addr, head int) bool {
	cost := c.cost(r.URL.Path) + headCost(max(head, hiddenHead(r)))
	switch {
	case c.Rate != (quota.Rate{}) && cost > 0 && !c.callers.Take(addr, cost):
		c.refuse(w, r, addr, problem.Of(errTooMany))
	case head > maxHead:
		c.refuse(w, r, addr, problem.At(http.StatusRequestHeaderFieldsTooLarge, errHead))
	default:
		return true
	}
	return false
}

// refuse answers with what says nothing of anybody: pages elsewhere and players see what it is, and when to
// come again.
func (c *counts) refuse(w http.ResponseWriter, r *http.Request, addr netip.Addr, p *problem.Problem) {
	if c.Refused != nil {
		c.Refused.WithLabelValues(p.Code).Inc()
	}
	c.log.LogAttrs(r.Context(), slog.LevelDebug, "request refused", slog.String("addr", addr.String()), slog.String("code", p.Code))
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Access-Control-Expose-Headers", "Retry-After")
	p.Write(w)
}

func (c *counts) cost(path string) float64 {
	for _, one := range c.Costs {
		if path == one.Path || strings.HasSuffix(one.Path, "/") && strings.HasPrefix(path, one.Path) {
			return one.Cost
		}
	}
	return 1
}
