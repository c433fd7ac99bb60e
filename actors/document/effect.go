package document

import (
	"time"

	"github.com/barrage-live/barrage/storage/outbox"
)

// Effect is what a core wants done: one of the types here, or one of the kind's own.
type Effect any

type (
	// Reply answers the command.
	Reply struct{ Value any }
	// Refuse answers the command with an error.
	Refuse struct{ Err error }
	// Save writes the document. What comes after it waits until it is durable. A command saves at most
	// once, and before all else.
	Save[D any] struct {
		Doc D
		// Events are told if, and only if, the document is stored.
		Events []outbox.Event
		// Fragile says that Kind.Around does something after the document is stored that must be done even
		// if the process ends between.
		Fragile bool
		// TTL is after how long the document is gone; zero is never.
		TTL time.Duration
		// Note is for Kind.Around.
		Note any
	}
	// After gives the core a command once the time has passed. It is lost with the activation.
	After struct {
		D   time.Duration
		Cmd any
	}
	// Pin keeps the activation in memory, or lets it go when it is idle.
	Pin struct{ On bool }
	// Lost is given to Shell.Own before the activation ends because its document is not its own any more: a
	// newer owner exists, or what is stored is damaged.
	Lost struct{ Cause error }
)

// Loaded is the first command of every activation, and the one after a time in which it was not known what
// is stored. Commands that nobody had asked for may have been dropped meanwhile if they change the
// document, so a core decides anew what is to be done.
type Loaded[D any] struct {
	Doc    D
	Exists bool
	// Again says that the activation goes on: whatever else the core knows is still so.
	Again bool
}
