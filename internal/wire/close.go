package wire

// Close codes that are not those of a fault kind. SPEC.md has the whole table.
const (
	// CloseSlow ends a connection that asks and does not take the answers, or takes nothing for a while.
	CloseSlow = 4008
	// CloseIdle ends a connection that said nothing for too long.
	CloseIdle = 4408
)

// Next is what a client does after a connection has been closed.
type Next uint8

// What there is to do, in the words of SPEC.md section 5.
const (
	// Reconnect comes back with the back-off of section 3.
	Reconnect Next = iota
	// ReconnectSlowly comes back with the back-off at its longest.
	ReconnectSlowly
	// NewToken comes back with a new token, or as a guest.
	NewToken
	// StayAway does not come back: it would end the same way.
	StayAway
)

// AfterClose says what a client does after the close code; 1006 stands for an end without a close frame.
func AfterClose(code int) Next {
	switch code {
	case 1000, 1002, 1003, 1007, 1008, 1009, 4001, 4403, 4404, 4409:
		return StayAway
	case 4401:
		return NewToken
	case 4429:
		return ReconnectSlowly
	}
	return Reconnect
}
