// Package fault is the one vocabulary of errors: people read the message, programs read the kind and the
// code.
//
// Every refusal that leaves a package is an *Error or wraps one. The Kind is a closed set that decides the
// HTTP status, the websocket close code and whether a retry can help (see table.go); the Code is a stable
// snake_case word that clients may switch on; the Message names what was wrong in plain words and holds no
// secret. Wrapping with %w keeps the kind. An error that carries no *Error is Internal.
package fault

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Kind says how a refusal is to be treated. The set is append-only.
type Kind uint8

// The kinds.
const (
	// Internal is our own bug or an unclassified failure.
	Internal Kind = iota
	// Invalid means the request itself is wrong; the same request will fail again.
	Invalid
	// Unauthenticated means that nobody, or nobody we can verify, asked.
	Unauthenticated
	// Denied means that the one who asked may not.
	Denied
	// NotFound means that the thing does not exist.
	NotFound
	// Conflict means that the state does not allow it now: a lost compare-and-set, a name already taken.
	Conflict
	// Fenced means that a newer owner exists: the writer must step down.
	Fenced
	// Exhausted means that a limit or a queue is full; RetryAfter says when to try again.
	Exhausted
	// Timeout means that the deadline passed; the outcome is unknown.
	Timeout
	// Unavailable means that a part we need is not there now; nothing was done.
	Unavailable
)

// Error is a refusal.
type Error struct {
	Kind Kind
	// Code is a stable word such as "name_taken"; clients may rely on it.
	Code string
	// Message is for people.
	Message string
	// Field names the input that was wrong, if one was.
	Field string
	// RetryAfter is how long to wait before trying again; zero means no advice.
	RetryAfter time.Duration
	cause      error
}

// New makes a refusal.
func New(k Kind, code, message string) *Error { return &Error{Kind: k, Code: code, Message: message} }

// Newf makes a refusal with a formatted message.
func Newf(k Kind, code, format string, args ...any) *Error {
	return New(k, code, fmt.Sprintf(format, args...))
}

// Wrap makes a refusal that keeps its cause for logs; the cause is not part of the message.
func Wrap(k Kind, code, message string, cause error) *Error {
	return &Error{Kind: k, Code: code, Message: message, cause: cause}
}

// In returns a copy that names the offending field.
func (e *Error) In(field string) *Error {
	c := *e
	c.Field = field
	return &c
}

// After returns a copy that advises when to try again.
func (e *Error) After(d time.Duration) *Error {
	c := *e
	c.RetryAfter = d
	return &c
}

// Error is the message with its code and cause, for logs.
func (e *Error) Error() string {
	s := e.Code + ": " + e.Message
	if e.Field != "" {
		s += " (" + e.Field + ")"
	}
	if e.cause != nil {
		s += ": " + e.cause.Error()
	}
	return s
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.cause }

// Is makes errors.Is match refusals of the same kind and code.
func (e *Error) Is(target error) bool {
	var t *Error
	return errors.As(target, &t) && t.Kind == e.Kind && t.Code == e.Code
}

// From gives the refusal inside err; an unclassified error becomes Internal, a passed deadline Timeout, a
// cancelled context Unavailable. From(nil) is nil.
func From(err error) *Error {
	if err == nil {
		return nil
	}
	var e *Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, context.DeadlineExceeded):
		return Wrap(Timeout, "deadline_exceeded", "the deadline passed; the outcome is unknown", err)
	case errors.Is(err, context.Canceled):
		return Wrap(Unavailable, "cancelled", "the request was cancelled", err)
	}
	return Wrap(Internal, "internal", "something went wrong on our side", err)
}

// KindOf is the kind inside err. Call it on non-nil errors only; nil gives Internal.
func KindOf(err error) Kind {
	if e := From(err); e != nil {
		return e.Kind
	}
	return Internal
}

// CodeOf is the code inside err, empty for nil.
func CodeOf(err error) string {
	if e := From(err); e != nil {
		return e.Code
	}
	return ""
}
