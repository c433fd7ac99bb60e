package cluster

import (
	"cmp"
	"slices"
	"time"

	"github.com/barrage-live/barrage/cluster/coordination"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/internal/position"
)

// maxLongest is how many mailboxes a Status names.
const maxLongest = 32

// Status is a node as an operator looks at it: what it owns, what lives on it, and where messages wait.
type Status struct {
	Node id.Node `json:"node"`
	// State is new, open, draining or closed.
	State string `json:"state"`
	// Epoch is that of the present lease; 0 before there is one.
	Epoch position.Epoch `json:"epoch"`
	// Suspended says that the lease is in doubt or lost, so that nothing acts; Refusing that messages are
	// refused besides.
	Suspended bool `json:"suspended"`
	Refusing  bool `json:"refusing"`
	// LeaseLeft is for how long the lease is still trusted, in milliseconds; absent if it does not end by
	// time.
	LeaseLeft *int64 `json:"lease_left_ms,omitempty"`
	// Active counts activations by kind.
	Active map[string]int `json:"active"`
	// Shards are those that were used since the start, by number.
	Shards []ShardStatus `json:"shards"`
	// Longest are the mailboxes in which most messages wait, those with the most first; none are named in
	// which nothing waits.
	Longest []MailboxStatus `json:"longest_mailboxes"`
}

// ShardStatus is one shard.
type ShardStatus struct {
	Shard coordination.Shard `json:"shard"`
	// Epoch is that of the ownership; 0: it is not owned.
	Epoch position.Epoch `json:"epoch"`
	// Denied is the code of why nobody is admitted at present, empty if somebody is.
	Denied string `json:"denied,omitempty"`
	Active int    `json:"active"`
}

// MailboxStatus is the queue of one actor.
type MailboxStatus struct {
	Kind    string `json:"kind"`
	Key     string `json:"key"`
	Waiting int    `json:"waiting"`
}

// Status looks at the node without stopping anything: shards and mailboxes are looked at one after the
// other, so what it tells of them is not of one moment. It costs a lock of each shard in use and of each
// mailbox.
func (n *Node) Status() Status {
	s := Status{
		Node: n.ID(), State: [...]string{"new", "open", "draining", "closed"}[n.state.Load()],
		Active: map[string]int{}, Shards: []ShardStatus{}, Longest: []MailboxStatus{},
	}
	if n.state.Load() == stateNew {
		return s
	}
	now := time.Now()
	s.Epoch = position.Epoch(n.trust.epoch.Load())
	s.Suspended, s.Refusing = n.trust.suspended.Load(), n.trust.refusing.Load()
	if until := n.trust.until.Load(); until != 0 {
		left := max(0, time.Duration(until)-n.elapsed(now)).Milliseconds()
		s.LeaseLeft = &left
	}
	n.each(func(shard *shardActor) { s.add(shard, n.elapsed(now)) })
	s.keepLongest()
	return s
}

// add looks at one shard.
func (s *Status) add(shard *shardActor, now time.Duration) {
	one := ShardStatus{Shard: shard.shard, Epoch: position.Epoch(shard.epoch.Load())}
	if d := shard.denial.Load(); d != nil && d.until > now {
		one.Denied = d.err.Code
	}
	shard.register.each(func(a *activation) {
		one.Active++
		s.Active[a.kind.Name]++
		if waiting := a.box.depth(); waiting > 0 {
			s.note(MailboxStatus{a.kind.Name, a.key, waiting})
		}
	})
	s.Shards = append(s.Shards, one)
}

// note keeps a mailbox if it may be among the longest: twice as many as are told are kept before the
// shorter half is let go.
func (s *Status) note(m MailboxStatus) {
	if s.Longest = append(s.Longest, m); len(s.Longest) == 2*maxLongest {
		s.keepLongest()
	}
}

// keepLongest sorts what was noted and lets go of what is too many.
func (s *Status) keepLongest() {
	slices.SortFunc(s.Longest, func(a, b MailboxStatus) int { return cmp.Compare(b.Waiting, a.Waiting) })
	s.Longest = s.Longest[:min(len(s.Longest), maxLongest)]
}
