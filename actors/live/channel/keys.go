package channel

import (
	"slices"
	"time"

	"github.com/barrage-live/barrage/actors/document"
	"github.com/barrage-live/barrage/internal/auth"
)

const (
	maxKeys     = 16             // keys that are valid at once
	keepExpired = 24 * time.Hour // how long a dead key is still told key_revoked and listed
)

// Key is what an owner may know of a stream key after it was shown once.
type Key struct {
	ID      string
	Hint    string // the first letters of its secret part
	Created time.Time
	Used    time.Time // zero: never
	Expires time.Time // zero: not set; at the end of the overlap after a newer key was made
	Revoked time.Time // zero: no
	InUse   bool      // the present publisher came with it
}

// keyRecord is a stored key.
type keyRecord struct {
	ID      string       `json:"id"`
	Hint    string       `json:"hint"`
	Hash    auth.KeyHash `json:"hash"`
	Rights  uint64       `json:"rights,omitempty"` // the version of the owner's rights that it was made under
	Created time.Time    `json:"created"`
	Used    time.Time    `json:"used,omitzero"`
	Expires time.Time    `json:"expires,omitzero"`
	Revoked time.Time    `json:"revoked,omitzero"`
}

func (k *keyRecord) valid(now time.Time) bool {
	return k.Revoked.IsZero() && (k.Expires.IsZero() || now.Before(k.Expires))
}

// died is when the key stopped being valid; ok is false while it is valid.
func (k *keyRecord) died(now time.Time) (at time.Time, ok bool) {
	switch {
	case !k.Revoked.IsZero():
		return k.Revoked, true
	case !k.valid(now):
		return k.Expires, true
	}
	return time.Time{}, false
}

// match finds the record of a key; it always looks at all of them.
func (s *state) match(key auth.StreamKey) *keyRecord {
	hash := key.Hash()
	var found *keyRecord
	for i := range s.doc.Keys {
		if s.doc.Keys[i].Hash.Equal(hash) {
			found = &s.doc.Keys[i]
		}
	}
	return found
}

// mint adds a key and lets the older ones run out after the overlap. A request that was authorized before the
// owner was shut out, and arrives after that, is refused.
func (s *state) mint(now time.Time, c mintKey, dst []effect) []effect {
	if c.rights < s.doc.Rights {
		return append(dst, document.Refuse{Err: auth.ErrTokenOutdated})
	}
	now = now.UTC()
	kept := slices.DeleteFunc(slices.Clone(s.doc.Keys), func(k keyRecord) bool {
		at, dead := k.died(now)
		return dead && now.Sub(at) >= keepExpired
	})
	valid := 0
	for i := range kept {
		k := &kept[i]
		if !k.valid(now) {
			continue
		}
		valid++
		if end := now.Add(s.cfg.Overlap); k.Expires.IsZero() || end.Before(k.Expires) {
			k.Expires = end
		}
	}
	if valid >= maxKeys || len(kept) >= 8*maxKeys {
		return append(dst, document.Refuse{Err: ErrTooManyKeys})
	}
	record := keyRecord{ID: c.id, Hint: c.key.Hint(), Hash: c.key.Hash(), Rights: c.rights, Created: now}
	s.doc.Keys = append(kept, record)
	return append(dst, save{Doc: s.snapshot()}, document.Reply{Value: record.public(s)})
}

// keys lists them, the newest first.
func (s *state) keys(now time.Time) []Key {
	out := make([]Key, 0, len(s.doc.Keys))
	for _, k := range s.doc.Keys {
		if at, dead := k.died(now); !dead || now.Sub(at) < keepExpired {
			out = append(out, k.public(s))
		}
	}
	slices.Reverse(out)
	return out
}

// revoke ends a key at once, and with it the publisher that came with it.
func (s *state) revoke(now time.Time, c revokeKey, dst []effect) []effect {
	i := slices.IndexFunc(s.doc.Keys, func(k keyRecord) bool { return k.ID == c.id })
	if i < 0 {
		return append(dst, document.Refuse{Err: ErrNoKey})
	}
	s.doc.Keys = slices.Clone(s.doc.Keys)
	k := &s.doc.Keys[i]
	if k.Revoked.IsZero() {
		k.Revoked = now.UTC()
		dst = append(dst, save{Doc: s.snapshot()})
	}
	if s.phase == Live && s.keyID == k.ID {
		dst = append(dst, interrupt{s.lease, ErrKeyRevoked})
	}
	return append(dst, document.Reply{Value: k.public(s)})
}

// revokeAll ends every key that was made under lower rights, and the publisher if it came with none of the
// others: also one whose key has run out or was forgotten since. It may come long after the owner was let in
// again, and ends nothing that is of later rights. Rights of 0, which an older build leaves out, end all.
func (s *state) revokeAll(now time.Time, c revokeKeys, dst []effect) []effect {
	s.doc.Keys = slices.Clone(s.doc.Keys)
	changed, serves := c.rights > s.doc.Rights, false
	for i := range s.doc.Keys {
		switch k := &s.doc.Keys[i]; {
		case c.rights > 0 && k.Rights >= c.rights:
			serves = serves || k.ID == s.keyID
		case k.Revoked.IsZero():
			k.Revoked, changed = now.UTC(), true
		}
	}
	if changed {
		s.doc.Rights = max(s.doc.Rights, c.rights)
		dst = append(dst, save{Doc: s.snapshot()})
	}
	if s.phase == Live && !serves {
		dst = append(dst, interrupt{s.lease, ErrKeyRevoked})
	}
	return append(dst, document.Reply{Value: s.keys(now)})
}

func (k *keyRecord) public(s *state) Key {
	return Key{k.ID, k.Hint, k.Created, k.Used, k.Expires, k.Revoked, s.phase == Live && s.keyID == k.ID}
}

// snapshot is the document as it is now; later changes do not show in it.
func (s *state) snapshot() stored {
	d := s.doc
	d.Keys = slices.Clone(d.Keys)
	return d
}
