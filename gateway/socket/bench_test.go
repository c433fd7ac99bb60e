package socket_test

import (
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/barrage-live/barrage/gateway/socket"
	"github.com/barrage-live/barrage/gateway/socket/sockettest"
	"github.com/barrage-live/barrage/gateway/socket/ws"
	"github.com/barrage-live/barrage/internal/rfc6455"
	"github.com/barrage-live/barrage/internal/wire"
)

// audience opens n sockets that join Room and, if asked, read whatever comes, on one goroutine each.
func audience(b *testing.B, w *sockettest.World, n int, read bool) {
	b.Helper()
	join := rfc6455.AppendMasked(nil, rfc6455.Text, true, [4]byte{}, []byte(`{"id":"1","join":{"room":"42"}}`))
	var opening sync.WaitGroup
	for lane := range 16 {
		opening.Go(func() {
			for i := lane; i < n; i += 16 {
				conn, err := new(net.Dialer).DialContext(b.Context(), "tcp", w.Addr)
				if err != nil {
					b.Error(err)
					return
				}
				b.Cleanup(func() { _ = conn.Close() })
				if _, err := conn.Write(append([]byte(sockettest.Handshake("test.example", wire.JSON)), join...)); err != nil {
					b.Error(err)
					return
				}
				if read {
					go func() { _, _ = io.Copy(io.Discard, conn) }()
				}
			}
		})
	}
	opening.Wait()
	sockettest.Eventually(b, "everybody is in the room", func() bool { return w.Metric(b, "barrage_hub_subscribers", "") == float64(n) })
}

// BenchmarkSockets measures a tick through the kernel to readers in the same process: one batch of 32
// danmaku to every socket.
func BenchmarkSockets(b *testing.B) {
	for _, n := range []int{1000, 5000} {
		b.Run(fmt.Sprintf("sockets=%d", n), func(b *testing.B) {
			w := sockettest.NewWorld(b, socket.Config{WS: ws.Config{HandshakeBurst: 1 << 20}}, false)
			audience(b, w, n, true)
			texts := make([]string, 32)
			for i := range texts {
				texts[i] = fmt.Sprint("前方高能 ", i)
			}
			want := w.Metric(b, "barrage_hub_deliveries_total", "")
			begin, cpu := time.Now(), processTime(b)
			ticks := 0
			for b.Loop() {
				w.Rooms.Append(sockettest.Room, texts...)
				w.Rooms.Tick()
				want += float64(n)
				ticks++
				for w.Metric(b, "barrage_hub_deliveries_total", "") < want {
					runtime.Gosched()
				}
			}
			writes := float64(ticks * n)
			b.ReportMetric(writes/time.Since(begin).Seconds(), "writes/s")
			b.ReportMetric(32*writes/time.Since(begin).Seconds(), "deliveries/s")
			b.ReportMetric(float64((processTime(b)-cpu).Microseconds())/writes, "cpu-µs/write")
			if w.Refusals(b) != 0 {
				b.Errorf("%v deliveries were refused", w.Refusals(b))
			}
		})
	}
}

// BenchmarkIdle reports what an idle viewer in a room costs in heap and goroutines; the heap holds the
// client's net.Conn too.
func BenchmarkIdle(b *testing.B) {
	const n = 5000
	w := sockettest.NewWorld(b, socket.Config{WS: ws.Config{HandshakeBurst: 1 << 20}}, false)
	goroutines := runtime.NumGoroutine()
	heap := liveHeap()
	audience(b, w, n, false)
	for b.Loop() {
		b.ReportMetric(float64(liveHeap()-heap)/n, "heap-B/viewer")
	}
	b.ReportMetric(float64(runtime.NumGoroutine()-goroutines), "more-goroutines")
}

func liveHeap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
