// Package accountlist is the list of all accounts, for those who look after the platform: one actor, which
// follows what accounts tell (package follower).
//
// It owns table "account_list", partition "all": a row for each account, sorted by handle as it is folded,
// and one by which the row of an account is found that has another handle now. Client reads them; nobody is
// asked but the list itself, whether it knows everything.
//
//	'h' folded handle 0x00 user id     value: JSON of account.Account
//	'u' user id                        value: the folded handle
//
// It promises: every change of an account is in the list a moment after it was answered, or as soon as the
// event log takes it. Whoever reads the list has it read first what was told; if that takes too long the
// list is shown as it is. It is built from the accounts if it was never built or the log has lost events;
// what it had before is shown meanwhile, and an account that cannot be read keeps the row it had. A damaged
// row of its own is left out, and written anew with the next change of its account or the next build.
//
// Refusals: Invalid bad_cursor, Unavailable list_being_built until the list has been built once, and those of
// the tables.
package accountlist

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/barrage-live/barrage/actors/follower"
	"github.com/barrage-live/barrage/actors/identity/account"
	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/text"
	"github.com/barrage-live/barrage/storage/eventlog"
	"github.com/barrage-live/barrage/storage/projection"
	"github.com/barrage-live/barrage/storage/table"
)

const (
	kindName = "account_list"
	// all is the partition, and the key of the actor.
	all = "all"
	// maxPrefix is how many bytes of a prefix are looked at.
	maxPrefix = 256
	// MaxPage is how many accounts a page has.
	MaxPage = 100
	// patience is how long a reader waits for the list to hear the newest.
	patience = time.Second
	handles  = 'h'
	users    = 'u'
)

func list() table.Table { return table.Owned("account_list") }

// Deps is what the kind needs.
type Deps struct {
	Table   *table.Store
	Log     follower.Log
	Metrics *follower.Metrics // nil: nothing is counted
}

// Address is that of the list.
func Address() follower.Address { return follower.Address{Kind: kindName, Key: all} }

// Kind makes the list.
func Kind(d Deps) cluster.Kind {
	return follower.Kind{
		Name: kindName, Topic: account.Topic, Log: d.Log, Tables: d.Table, Table: list(), Apply: apply, Metrics: d.Metrics,
		Build: func(ctx context.Context, _, place string, portion *follower.Portion) (string, error) {
			return build(ctx, d.Table, place, portion)
		},
	}.Cluster()
}

// apply brings the rows of an account to what it has told last.
func apply(ctx context.Context, r eventlog.Record, rows *projection.Rows) error {
	a, folded, ok := account.ParseEvent(r.Payload)
	if !ok { // of a version that is not known here
		return nil
	}
	user := userKey(a)
	old, known, err := rows.Get(ctx, user)
	if err != nil && !errors.Is(err, table.ErrCorrupt) { // a damaged one is written anew
		return err
	}
	if known && string(old) != folded {
		rows.Delete(handleKey(string(old), a))
	}
	return put(rows, a, folded)
}

// put writes both rows of an account, without what only the account itself says.
func put(rows interface{ Put(key, value []byte) }, a account.Account, folded string) error {
	a.Logins, a.Kept = 0, ""
	value, err := json.Marshal(a)
	if err != nil {
		return fault.Wrap(fault.Internal, "account_unwritable", "a listed account cannot be encoded", err)
	}
	rows.Put(userKey(a), []byte(folded))
	rows.Put(handleKey(folded, a), value)
	return nil
}

func userKey(a account.Account) []byte { return append([]byte{users}, a.User...) }

func handleKey(folded string, a account.Account) []byte {
	return slices.Concat([]byte{handles}, []byte(folded), []byte{0}, []byte(a.User))
}

// Client reads the list. It is safe for concurrent use.
type Client struct {
	node  *cluster.Node
	table *table.Store
}

// NewClient reads what the list of n has written to t.
func NewClient(n *cluster.Node, t *table.Store) *Client { return &Client{n, t} }

// List gives the accounts whose handle begins with a prefix ("": all), in the order of their handles, at
// most limit and MaxPage of them, after the cursor ("": from the beginning); next is the cursor to go on
// with, "" at the end. Which logins hold (Account.Logins and Kept) is not in the list.
func (c *Client) List(ctx context.Context, prefix, cursor string, limit int) (page []account.Account, next string, err error) {
	c.catchUp(ctx)
	if err := follower.Built(ctx, c.table, list(), all); err != nil {
		return nil, "", err
	}
	from := append([]byte{handles}, text.Fold(prefix[:min(len(prefix), maxPrefix)])...)
	r := table.Range{
		Table: list(), Partition: all, From: from, To: table.PrefixEnd(from), Limit: max(1, min(limit, MaxPage)),
		Damaged: func([]byte) {}, // which the table counts and logs
	}
	if cursor != "" {
		after := append([]byte{handles}, cursor...)
		if len(after) > table.MaxKey || !bytes.HasPrefix(after, from) {
			return nil, "", fault.ErrCursor
		}
		r.From = table.After(after)
	}
	rows, more, err := c.table.Scan(ctx, r)
	if err != nil {
		return nil, "", err
	}
	for _, row := range rows {
		var a account.Account
		if json.Unmarshal(row.Value, &a) == nil {
			page = append(page, a)
		}
		next = string(row.Key[1:])
	}
	if !more {
		next = ""
	}
	return page, next, nil
}

// catchUp has the list hear the newest, if it can in time.
func (c *Client) catchUp(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, _ = cluster.Ask[any](ctx, c.node, kindName, all, follower.CatchUp{}) // else the list lacks the newest
}
