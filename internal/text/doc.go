// Package text holds the rules of texts that people write: what may stand in one line of text, and when two
// texts read as the same.
//
//	Line      a title, a danmaku, a label: normalised, or refused     bad_text, text_too_long, text_marks
//	Fold      equal for texts that differ in case and form only
//	Skeleton  equal for names that look the same
//
// It is pure: strings in, strings out, no state, no lock, no I/O. What it promises holds for every string:
// a form it gives is its own form (Line of a line is the line, folding twice is folding once), because such
// forms are stored and compared, and a key that moves loses what it found. Work is bounded by the length of
// the input, which Line bounds before it looks.
//
// All scripts may be written: joiners, direction marks and balanced isolates, without which Persian, Hindi,
// Hebrew or family emoji come out wrong, are kept. What acts on text outside of the line, or shows nothing
// while it takes a place, is refused or dropped.
//
// Refusals are fault.Invalid and name no field: the caller knows it (fault.From(err).In).
package text
