package room

// Bounds in bytes of what a room hands to nodes and readers. All are sums of Danmaku.Weight, so they bound
// the frames made of them in every encoding, apart from the few hundred bytes of a frame's other fields.
const (
	// MaxBatchBytes bounds one batch, one page of history and one page of a recovery, so that each fits
	// into one frame.
	MaxBatchBytes = 48 << 10
	// MaxTickBytes bounds what a node is sent at once. More than that waits for the next tick.
	MaxTickBytes = 4 * MaxBatchBytes

	// fixedBytes is what a danmaku takes on the wire beside its strings: in JSON, with all names and the
	// longest numbers.
	fixedBytes = 256
	// pageRows is how many danmaku fit into MaxBatchBytes, and one more.
	pageRows = MaxBatchBytes/fixedBytes + 1
)

// Weight is how many bytes a danmaku takes at most: within a frame of either encoding of the socket
// protocol, whichever is longer, as a row of the log, and about as many in memory.
func (d *Danmaku) Weight() int {
	return fixedBytes + jsonBytes(d.Key) + jsonBytes(string(d.User)) + jsonBytes(d.Name) + jsonBytes(d.Text)
}

// jsonBytes bounds the length of a UTF-8 string between the quotes of any JSON encoder that escapes no
// letters. Encoders must escape quotes, backslashes and control characters; many also escape what is
// dangerous inside HTML or JavaScript.
func jsonBytes(s string) int {
	n := len(s)
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"', c == '\\':
			n++
		case c < 0x20, c == 0x7F, c == '<', c == '>', c == '&':
			n += len(`\u0000`) - 1
		case c == 0xE2 && i+2 < len(s) && s[i+1] == 0x80 && s[i+2]|1 == 0xA9: // U+2028, U+2029
			n += len(`\u2028`) - 3
		}
	}
	return n
}
