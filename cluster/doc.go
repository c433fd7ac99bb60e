// Package cluster runs the actors: keyed pieces of state that exist as soon as someone writes to them, live in memory
// while they are used, and are touched by one turn at a time.
//
// It owns the activations of this process, their mailboxes, timers and workers, and the node's lease. Actor packages
// give it their Kinds and call each other through Ask, AskFunc and Tell; serve.go makes a node, gives it to whoever needs its
// address, starts it and ends it. It is the only package that
// knows the actor engine (protoactor), and no type of the engine leaves it.
//
// An actor is addressed by kind and key. The address falls into one of 4096 shards; a node claims a shard from the
// coordination store when it first needs it, and the epoch of the claim travels with every message and fences every
// durable write. One gate actor per shard begins the activations; messages do not pass through it:
//
//	Ask/Tell -> register of the shard -> mailbox of the activation -> turn -> Reply
//	                  | first use
//	                  v
//	            gate: claim, spawn -> load (Kind.Activate, on a worker) -> first turn
//
// Promises. At most one activation of an address runs under one epoch, and its turns do not overlap. Messages of one
// sender to one actor are received in the order in which they were sent, over passivations too. A message is executed
// at most once; nothing is ever sent again. A message whose deadline has passed is not executed. A message that was
// accepted is executed, or its asker is told why not. Passivation loses nothing that Passivate wrote. Whatever ends an
// activation, its Actor is told last (Closer).
//
// Every queue is bounded. A full mailbox refuses the newest message, a full worker queue the newest work; both are
// counted by kind and code in barrage_cluster_refused_total.
//
// Failures are of package fault:
//
//	NotFound    unknown_kind       no such kind here
//	Invalid     bad_actor_key      the key is empty or longer than 512 bytes
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
//	Unavailable not_owner          another node owns the shard
//	Fenced      stale_epoch        the Ref is of an earlier ownership
//	Fenced      lease_lost         the node lost its lease; it executes nothing any more
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
