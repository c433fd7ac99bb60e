package accountlist

import (
	"bytes"
	"cmp"
	"context"
	"strings"

	"github.com/barrage-live/barrage/actors/follower"
	"github.com/barrage-live/barrage/actors/identity/account"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/storage/table"
)

// A place of a build is one of these with where it is: a cursor over the accounts, then a key of the list.
const (
	adding   = "a"
	removing = "r"
	// sweepPage is how many rows are looked at between two looks at the clock.
	sweepPage = 32
)

// build writes the rows of all accounts there are, and then removes those that no account has.
func build(ctx context.Context, s *table.Store, place string, portion *follower.Portion) (next string, err error) {
	if from, ok := strings.CutPrefix(place, removing); ok {
		return remove(ctx, s, from, portion)
	}
	at := strings.TrimPrefix(place, adding)
	for {
		if at, err = account.Page(ctx, s, at, add(portion)); err != nil {
			return "", err
		}
		if at == "" {
			return removing, nil
		}
		if portion.Full() {
			return adding + at, nil
		}
	}
}

// add puts the rows of an account into a portion.
func add(portion *follower.Portion) func(user id.User, a account.Listed, unread error) error {
	return func(user id.User, a account.Listed, unread error) error {
		if unread != nil {
			portion.Skip(fault.Wrap(fault.Internal, "account_unreadable", "account "+string(user)+" cannot be read", unread))
			return nil
		}
		return put(portion, a.Account, a.Folded)
	}
}

// remove removes rows of handles that their accounts do not have, from a key on. An account that cannot be
// read keeps its row: it was there.
func remove(ctx context.Context, s *table.Store, from string, portion *follower.Portion) (next string, err error) {
	r := table.Range{Table: list(), Partition: all, From: []byte(cmp.Or(from, string(rune(handles)))), To: []byte{handles + 1}, Limit: sweepPage}
	for {
		var keys [][]byte
		r.Damaged = func(key []byte) { keys = append(keys, key) } // those of accounts have just been written anew
		rows, more, err := s.Scan(ctx, r)
		if err != nil {
			return "", err
		}
		for _, row := range rows {
			keys = append(keys, row.Key)
		}
		for _, key := range keys {
			if err := check(ctx, s, key, portion); err != nil {
				return "", err
			}
		}
		if !more {
			return "", nil
		}
		if r = table.Rest(r, rows); portion.Full() {
			return removing + string(r.From), nil
		}
	}
}

// check removes one of these rows if it has to be.
func check(ctx context.Context, s *table.Store, key []byte, portion *follower.Portion) error {
	folded, user, found := bytes.Cut(key[1:], []byte{0})
	if !found {
		portion.Delete(bytes.Clone(key))
		return nil
	}
	a, exists, err := account.Read(ctx, s, id.User(user))
	switch {
	case err != nil && fault.KindOf(err) != fault.Internal:
		return err
	case err == nil && !exists:
		portion.Delete(bytes.Clone(key))
		portion.Delete(userKey(account.Account{User: id.User(user)}))
	case err == nil && a.Folded != string(folded):
		portion.Delete(bytes.Clone(key))
	}
	return nil
}
