package account

import (
	"context"
	"encoding/json"
	"time"

	"github.com/barrage-live/barrage/actors/document"
	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/storage/outbox"
	"github.com/barrage-live/barrage/storage/table"
)

// Topic is where accounts tell what has become of them: each event is the whole of what others may know.
const Topic = "account"

// event is the payload of an event. Members are only ever added.
type event struct {
	User     id.User    `json:"user"`
	Handle   string     `json:"handle"`
	Folded   string     `json:"folded"`
	Roles    auth.Roles `json:"roles"`
	Disabled bool       `json:"disabled,omitempty"`
	Created  time.Time  `json:"created"`
	Rights   uint64     `json:"rights,omitempty"`
}

// events is the event of an account as it is now.
func (s *state) events() []outbox.Event {
	payload, err := json.Marshal(event{
		s.doc.User, s.doc.Handle.Shown, s.doc.Handle.Folded, s.doc.Roles, s.doc.Disabled, s.doc.Created, s.doc.Rights,
	})
	if err != nil {
		return nil // then the document cannot be encoded either, and is not stored
	}
	return []outbox.Event{{Topic: Topic, Key: string(s.doc.User), Payload: payload}}
}

// ParseEvent reads the payload of an event: the account, and its handle as it is folded for comparing. ok
// is false for what is none.
func ParseEvent(payload []byte) (a Account, folded string, ok bool) {
	var e event
	if err := json.Unmarshal(payload, &e); err != nil || e.User == "" || e.Folded == "" {
		return a, "", false
	}
	return Account{
		User: e.User, Handle: e.Handle, Roles: e.Roles, Disabled: e.Disabled, Created: e.Created, RightsVersion: e.Rights,
	}, e.Folded, true
}

// Listed is an account as lists know it.
type Listed struct {
	Account
	// Folded is the handle as it is folded for comparing.
	Folded string
}

func documents(s *table.Store) table.Document[stored] {
	return document.Of[stored](s, accounts(), KindName)
}

func listed(d stored) Listed {
	core := state{exists: true, doc: d}
	return Listed{core.public(), d.Handle.Folded}
}

// Page gives f accounts from a place on, as document.Page does.
func Page(ctx context.Context, s *table.Store, from string, f func(user id.User, a Listed, unread error) error) (next string, err error) {
	return document.Page(ctx, documents(s), from, func(key string, d stored, unread error) error {
		return f(id.User(key), listed(d), unread)
	})
}

// Read reads an account from the table, without asking it; exists is false if there is none.
func Read(ctx context.Context, s *table.Store, user id.User) (a Listed, exists bool, err error) {
	d, version, err := documents(s).Load(ctx, string(user))
	return listed(d), version != 0, err
}
