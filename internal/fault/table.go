package fault

import "net/http"

// row is what the outside sees of a kind.
type row struct {
	name  string
	http  int
	close int // websocket close code (RFC 6455 section 7.4.2 leaves 4000-4999 to us)
	retry bool
}

var table = [...]row{
	Internal:        {"internal", http.StatusInternalServerError, 1011, true},
	Invalid:         {"invalid", http.StatusUnprocessableEntity, 4001, false},
	Unauthenticated: {"unauthenticated", http.StatusUnauthorized, 4401, false},
	Denied:          {"denied", http.StatusForbidden, 4403, false},
	NotFound:        {"not_found", http.StatusNotFound, 4404, false},
	Conflict:        {"conflict", http.StatusConflict, 4409, false},
	Fenced:          {"fenced", http.StatusConflict, 1012, true},
	Exhausted:       {"exhausted", http.StatusTooManyRequests, 4429, true},
	Timeout:         {"timeout", http.StatusGatewayTimeout, 1013, true},
	Unavailable:     {"unavailable", http.StatusServiceUnavailable, 1013, true},
}

// String is the kind's stable word.
func (k Kind) String() string { return k.row().name }

// HTTP is the status an API answers with.
func (k Kind) HTTP() int { return k.row().http }

// CloseCode is the code a socket is closed with when the refusal ends the connection.
func (k Kind) CloseCode() int { return k.row().close }

// Retry says whether the same request may succeed later.
func (k Kind) Retry() bool { return k.row().retry }

func (k Kind) row() row {
	if int(k) < len(table) {
		return table[k]
	}
	return table[Internal]
}
