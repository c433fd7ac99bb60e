// Package cluster runs the actors: keyed pieces of state that exist as soon as someone writes to them, live
// in memory while they are used, and are touched by one turn at a time.
//
// It owns the activations of this process, their mailboxes, timers and workers, and the node's lease. Actor
// packages give it their Kinds and call each other through Ask, AskFunc and Tell; the root makes a node,
// gives it to whoever needs its address, starts it and ends it. It is the only package that knows the actor
// engine (protoactor), and no type of the engine leaves it. The rules are pure: cluster/internal/life is
// the life of an activation, cluster/internal/ownership the lease of the node and what becomes of a shard.
//
// An actor is addressed by kind and key. The address falls into one of 4096 shards; a node claims a shard
// from the coordination store when it first needs it, and the epoch of the claim travels with every message
// and fences every durable write. One actor per shard begins the activations; messages do not pass through
// it:
//
//	Ask/Tell -> register of the shard -> mailbox of the activation -> turn -> Reply
//	                  | first use
//	                  v
//	            shard: claim, spawn -> load (fence, Kind.Activate, on a worker) -> first turn
//
// Doubt suspends, proof drops. A lease is renewed at a third of its life, and a renewal that fails or hangs
// is repeated within half a second, so one that hangs once, or a store that is away for less than the
// lease, is not noticed by anybody. In the last fifth of its life a lease is in doubt: nothing acts, what
// comes is held for a second and then refused "suspended", what is in memory stays. When the store says
// that the lease is lost, the activations under it end without a flush, and the node joins again under a
// higher epoch, in the same process: messages that wait are executed under the next ownership. Everything
// that acts asks the clock first, sleep of the machine included, so a process that did not run for a while
// finds out before it does anything.
//
// Promises. At most one activation of an address runs under one epoch, and its turns do not overlap.
// Messages of one sender to one actor are received in the order in which they were sent, over passivations
// too. A message is executed at most once; nothing is ever sent again. A message whose deadline has passed
// is not executed. A message that was accepted is executed, or its asker is told why not. Passivation loses
// nothing that Passivate wrote. Whatever ends an activation, its Actor is told last (Closer).
//
// Messages are data. A kind says in Kind.Messages how its commands and answers cross; with Config.Encode
// everything is encoded and decoded also within the process, refusals too, so that no pointer, channel or
// interface crosses unnoticed. Refusals cross by kind, code, message, field and RetryAfter, which is all
// that errors.Is needs; causes stay where they are. What an actor sends to itself (timers, the ends of
// works) does not cross.
//
// Every queue is bounded. A full mailbox refuses the newest message, a full worker queue the newest work;
// both are counted by kind and code in barrage_cluster_refused_total.
//
// Failures are of package fault:
//
//	NotFound    unknown_kind       no such kind here
//	Invalid     bad_actor_key      the key is empty or longer than 512 bytes
//	Invalid     bad_message        what came is not a message of the kind
//	Invalid     bad_kind           a kind lacks what it needs; the node does not start
//	Internal    unregistered_message  the message is not among Kind.Messages; nothing was done
//	Internal    message_unencodable   the message has something that protobuf does not take; nothing was done
//	Internal    bad_reply          the answer is not what was asked for, or does not cross; the outcome is unknown
//	Exhausted   mailbox_full       Kind.Mailbox messages wait; retry later
//	Exhausted   workers_busy       Config.Backlog works wait; retry later
//	Timeout     deadline_exceeded  nobody waits any more; the outcome is unknown
//	Timeout     abandoned          the asker's context was cancelled; the outcome is unknown
//	Internal    actor_panicked     the turn panicked; the activation was dropped and the next message makes another.
//	                               How far it came is unknown
//	Internal    activation_ended   the activation ended before its work did; the outcome is unknown
//	Internal    unanswered         the turn ended without an answer; the outcome is unknown
//	Unavailable quarantined        three panics within 60 s; rests 5 s, doubling to 5 min; RetryAfter says how long
//	Unavailable activation_failed  Kind.Activate failed without a fault of its own
//	Unavailable not_started        the node was made and not started yet
//	Unavailable draining, closed   the node ends
//	Unavailable not_owner          another node owns the shard; RetryAfter says when it is asked for again
//	Unavailable not_claimed        the coordination store did not say whose the shard is
//	Unavailable suspended          the lease of the node is in doubt; nothing was done
//
// The smallest actor:
//
//	type greeter struct{ n int }
//
//	func (g *greeter) Receive(t *cluster.Turn, msg any) {
//		switch m := msg.(type) {
//		case Greet:
//			g.n++
//			t.Reply(fmt.Sprintf("hello %s, you are number %d", m.Name, g.n))
//		}
//	}
package cluster
