// Package conf fills a plain struct from defaults, a YAML file, the environment and the command line, in
// that order of growing weight, and refuses everything it does not understand.
//
// It owns no state: Load reads its sources once and either fills the whole struct or leaves it as it was.
// The root package calls it at start and for `barrage config`; no other package reads files, flags or
// variables for settings.
//
// A setting is a field. Its key is the path of field names in snake_case joined by dots (`conf:"name"`
// renames one, `conf:"-"` leaves one out); the flag is --live.dvr, the variable BARRAGE_LIVE_DVR, and in
// the file dots are nesting:
//
//	type Live struct {
//		DVR  time.Duration `default:"30m" min:"1m" max:"24h" doc:"how far back viewers can seek"`
//		Part conf.Size     `default:"64KiB" doc:"..."`
//	}
//
// Tags: default, doc, min, max (numbers, durations, sizes), oneof (words separated by blanks),
// format:"addr" (host:port), allow:"empty" (an empty text means something), secret:"true" (never printed).
// A field that is already set when Load is called keeps that value as its default. Kinds of fields: bool,
// integers, floats, text, time.Duration, Size, types with UnmarshalText, slices of those, and structs of
// them.
//
// Promises: every fault is reported at once, each with its key, where it came from and the nearest known
// key; a number is never silently cut, rounded or taken for a text; without a max tag numbers end at
// 2^31-1, durations at ten years, sizes at 1 PiB; nothing below zero is taken without a min tag. Hostile
// input costs bounded time and memory (the file at most 64 KiB, without anchors, aliases or tags) and never
// panics.
//
// Fails with fault.Invalid code "bad_config" wrapping Faults, with ErrHelp when help was asked for, and with
// fault.Internal code "bad_config_struct" when the struct itself cannot be configured, which is our own bug.
package conf
