package ws

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/rfc6455"
	"github.com/barrage-live/barrage/internal/wire"
)

// Metrics counts what the sockets do.
type Metrics struct {
	open      prometheus.Gauge
	pending   prometheus.Gauge
	overShare prometheus.Counter
	opened    *prometheus.CounterVec
	refused   *prometheus.CounterVec
	closed    *prometheus.CounterVec
	messages  prometheus.Counter
	written   prometheus.Counter
	bytes     prometheus.Counter
	pings     prometheus.Counter
	excess    *prometheus.CounterVec
	shed      *prometheus.CounterVec
	waiting   prometheus.Gauge
	unwatched prometheus.Counter
}

// NewMetrics registers the metrics with r.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		open:      prometheus.NewGauge(prometheus.GaugeOpts{Name: "barrage_ws_connections_open", Help: "Websockets open now."}),
		pending:   prometheus.NewGauge(prometheus.GaugeOpts{Name: "barrage_ws_pending_bytes", Help: "Bytes that wait for all sockets, besides those in the kernel; shared ones count for each socket."}),
		overShare: prometheus.NewCounter(prometheus.CounterOpts{Name: "barrage_ws_pending_closed_total", Help: "Sockets closed because more waited for them than an equal share while too much waited for all."}),
		opened:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "barrage_ws_connections_opened_total", Help: "Upgrades that succeeded, by path: polled or streamed."}, []string{"path"}),
		refused:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "barrage_ws_handshakes_refused_total", Help: "Upgrades refused, by code."}, []string{"code"}),
		closed:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "barrage_ws_connections_closed_total", Help: "Connections that ended, by close code: 1006 without one, other for one that means nothing here."}, []string{"code"}),

		messages:  prometheus.NewCounter(prometheus.CounterOpts{Name: "barrage_ws_messages_received_total", Help: "Data messages received."}),
		written:   prometheus.NewCounter(prometheus.CounterOpts{Name: "barrage_ws_writes_total", Help: "Writes handed to sockets."}),
		bytes:     prometheus.NewCounter(prometheus.CounterOpts{Name: "barrage_ws_written_bytes_total", Help: "Bytes handed to sockets."}),
		pings:     prometheus.NewCounter(prometheus.CounterOpts{Name: "barrage_ws_pings_sent_total", Help: "Pings sent into silence."}),
		excess:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "barrage_ws_messages_refused_total", Help: "Messages refused, by reason: rate, queue, or cost."}, []string{"reason"}),
		shed:      prometheus.NewCounterVec(prometheus.CounterOpts{Name: "barrage_ws_accepts_shed_total", Help: "TCP connections closed at once, by code: connections_full without an open file for them, too_many_connections of one caller, too_many_handshakes of one that opens them too fast."}, []string{"code"}),
		waiting:   prometheus.NewGauge(prometheus.GaugeOpts{Name: "barrage_ws_connections_waiting", Help: "Connections with requests that wait for a worker."}),
		unwatched: prometheus.NewCounter(prometheus.CounterOpts{Name: "barrage_ws_handover_failures_total", Help: "Upgraded connections that could not be taken over."}),
	}
	r.MustRegister(m.open, m.pending, m.overShare, m.opened, m.refused, m.closed, m.messages, m.written, m.bytes, m.pings, m.excess, m.shed, m.waiting, m.unwatched)
	return m
}

// ended counts the end of a connection. A client may close with any of 3,000 codes, so those that are not
// in the specification are one.
func (m *Metrics) ended(code int) {
	label := "other"
	if specified(code) {
		label = strconv.Itoa(code)
	}
	m.closed.WithLabelValues(label).Inc()
}

// specified reports whether a close code has a meaning here: it is one of RFC 6455, or ours.
func specified(code int) bool {
	if code >= rfc6455.CloseNormal && code <= 1015 || code == wire.CloseSlow || code == wire.CloseIdle {
		return true
	}
	for k := fault.Internal; k <= fault.Unavailable; k++ {
		if k.CloseCode() == code {
			return true
		}
	}
	return false
}
