// Package document is the shell of actors whose state is one document in a table: accounts, logins, channels.
//
// A kind that stands on it writes its rules as a Core (commands in, effects out, no clock and no I/O) and
// lists itself as a Kind; Shell feeds commands to the core and performs the effects that every kind has.
// What only one kind does is an effect of its own, which Shell hands to Shell.Own. A Shell is used by the
// turns of its activation alone; its Close takes it out of the figures of what is left to do.
//
//	command -> Core.Apply -> Save, then Reply, Refuse, After, Pin, and the kind's own
//	                           |
//	                           +-- durable: the rest is performed
//	                           +-- surely not done: the core is what it was, the asker is told why
//	                           +-- unknown: the core is what it was, the asker is told so, and the document is read again
//
// Promises:
//
//  1. What follows a Save in the effects is performed after the document is durable, and not at all if it
//     is not known to be.
//  2. A write of unknown outcome ends nothing that runs. Until the table has said what became of it,
//     commands that do not change the document are answered from memory, and those that do are refused
//     Unavailable "unsettled" with a RetryAfter. The table is asked with the activation's fence, so that no
//     write which is still on its way can take effect after the answer, and asked again with a growing
//     pause for as long as it cannot answer. Then the core is given Loaded.
//  3. Every write carries the fence of the activation and the version that was read. One who was superseded
//     changes nothing: the kind gets Lost, and the activation ends. So it is with one whose document turns
//     out to be damaged; whoever asks it from then on is refused as the table refuses it.
//  4. Asking for what does not exist keeps no activation in memory.
//  5. Events of a Save are appended to the log if and only if the document is stored (package
//     storage/outbox), a moment later, or as soon as the log takes them. What belongs beside a document
//     (Kind.Settle) is written if the document is, whatever happens in between. Who has something left of
//     this is marked before it begins, and WakeAll has it done after a crash, though nobody asks. An
//     activation that ended otherwise in between, with a panic, leaves its mark for who looks next
//     (actors.Tend, once a minute).
//
// Refusals: those of the core; those of the table for a Save; Unavailable "unsettled"; Timeout
// "outcome_unknown" where the document is stored, but what belongs beside it may not be (Kind.Around);
// Exhausted "outbox_full" for changes that have something to tell while the log takes nothing.
package document
