package edge

import (
	"net/http"

	"github.com/barrage-live/barrage/internal/fault"
)

const (
	// fieldSize is what a field of a head has besides its bytes, as HTTP/2 counts it (RFC 9113, section
	// 6.5.2): many small fields take longer to read than few long ones.
	fieldSize = 32
	// freeHead is a head that costs nothing to read; every headPerUnit more cost as much as a request.
	freeHead    = 4 << 10
	headPerUnit = 1 << 10
)

var errHead = fault.Newf(fault.Invalid, "head_too_large", "the address and the headers of a request, cookies among them, are at most %d KiB", maxHead>>10)

// headSize is the size of the head of a request.
func headSize(r *http.Request) int {
	n := len(r.Method) + len(r.RequestURI) + len(r.Host) + fieldSize
	for name, values := range r.Header {
		for _, value := range values {
			n += len(name) + len(value) + fieldSize
		}
	}
	return n
}

// hiddenHead is how large the part of a head may be that is not seen: net/http takes out the names of
// trailers, which follow a body whose length is not told, and forgets those that it does not like.
func hiddenHead(r *http.Request) int {
	if r.Trailer != nil || r.ContentLength < 0 {
		return hardHead
	}
	return 0
}

// headCost is what it has cost to read a head.
func headCost(size int) float64 { return float64(max(0, size-freeHead)) / headPerUnit }
