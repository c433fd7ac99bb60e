// Package text holds the rules of texts that people write: when two of them read as the same.
//
// It is pure: strings in, strings out, no state, no lock, no I/O. What it promises holds for every string: a form it gives is
// its own form (folding twice is folding once), because such forms are keys of tables and a key that moves loses what it found.
package text
