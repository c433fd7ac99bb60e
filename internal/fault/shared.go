package fault

// ErrCursor is the refusal of every list to go on from what none of its answers gave.
var ErrCursor = New(Invalid, "bad_cursor", "a cursor is the next of an earlier answer").In("cursor")
