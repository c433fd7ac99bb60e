// Package revocation tells every node which access tokens are to be refused before they expire, so that
// whoever checks a token asks nobody: ended logins, and users whose rights have changed.
//
// The actor that decides (a session that ends, an account whose roles change or that is shut out) calls
// Board.Revoke in the flow of that change, after the change is durable and before it is answered. Revoke
// writes a row, then tells the node's auth.Revocations and its sockets. Every node reads the rows before it
// opens its listeners (Board.Load) and again every few seconds (Board.Run), which is how other nodes hear
// of it, and what is left if anything else fails.
//
// It promises: after Revoke has returned nil no token that it meant is taken by this node, nor by any other
// later than Config.Every after that, over restarts too. After an error the same must be revoked again.
// Nothing is remembered for longer than a token could be taken (auth.Tokens.Lifetime).
//
// # Storage
//
// Table "revocation", plain. A partition holds what was written within 15 s, and is named by the number of
// those 15 s since 1970, in decimal, so that reading again costs as much as there is news. All rows expire.
//
//	'l' session id                     of a login; value: JSON {"until_ms"}
//	'u' user id '/' version in decimal of an account's rights; value: JSON {"until_ms"}
//
// It fails as storage/table does. A row that is damaged or whose value cannot be read revokes what its key
// names for as long as one of its partition may, and is removed after that; one whose key cannot be read is
// passed over. Both are logged.
package revocation

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/storage/table"
)

const (
	slot = 15 * time.Second
	// overlap is how much later than it was begun a write may be found, on a node whose clock is ahead: the
	// time a work of an actor has, and as much again.
	overlap      = time.Minute
	defaultEvery = 3 * time.Second
)

func rows() table.Table { return table.Plain("revocation") }

// Sockets are those of the node; the gateway implements it.
type Sockets interface {
	// Revoke says that tokens of a login, or of a user, are to be refused from now on; one of the two is
	// empty. Every socket that came with one asks auth.Revocations again. It returns at once.
	Revoke(login id.Session, user id.User)
}

// Revoker is what an actor needs of a Board.
type Revoker interface {
	Revoke(ctx context.Context, n Notice) error
}

// Config is what a Board stands on. Every may be zero, Sockets nil: then the node has none.
type Config struct {
	Table *table.Store
	// Known is what the node looks at.
	Known *auth.Revocations
	// Lifetime is how long a revocation is remembered: auth.Tokens.Lifetime.
	Lifetime time.Duration
	Sockets  Sockets
	// Every is how often the rows are read again; zero means 3 s.
	Every   time.Duration
	Log     *slog.Logger
	Metrics *Metrics
}

// Board is where revocations are hung out. Revoke may be called from any goroutine; Load and Run belong to
// one.
type Board struct {
	cfg  Config
	read time.Time // what was begun before is known
}

// New makes a board. Load must follow before a token is looked at.
func New(cfg Config) *Board {
	cfg.Every = cmp.Or(cfg.Every, defaultEvery)
	return &Board{cfg: cfg}
}

// Notice names what is revoked: a login, or the rights that a user had before a version.
type Notice struct {
	Login id.Session
	User  id.User
	// Rights is the least version that is still taken.
	Rights uint64
}

// row is the value of a stored notice.
type row struct {
	UntilMS int64 `json:"until_ms"`
}

// Revoke makes a notice durable and known. It may be repeated.
func (b *Board) Revoke(ctx context.Context, n Notice) error {
	now := time.Now()
	until := now.Add(b.cfg.Lifetime)
	value, err := json.Marshal(row{until.UnixMilli()})
	if err != nil {
		return err
	}
	_, err = b.cfg.Table.Write(ctx, table.Batch{
		Table: rows(), Partition: partition(now), Ops: []table.Op{table.Expiring(table.Put(n.key(), value), b.cfg.Lifetime)},
	})
	b.cfg.Metrics.written(err)
	if err != nil {
		return err
	}
	b.learn(n, until)
	return nil
}

// learn tells the node.
func (b *Board) learn(n Notice, until time.Time) {
	var news bool
	if n.Login != "" {
		news = b.cfg.Known.EndLogin(n.Login, until)
	} else {
		news = b.cfg.Known.OutdateUser(n.User, n.Rights, until)
	}
	if news && b.cfg.Sockets != nil {
		b.cfg.Sockets.Revoke(n.Login, n.User)
	}
}

// Load reads all that is to be known.
func (b *Board) Load(ctx context.Context) error {
	begun := time.Now()
	for at, first := table.Cursor(""), true; first || at != ""; first = false {
		names, next, err := b.cfg.Table.Walk(ctx, rows(), at, 0)
		if err != nil {
			return err
		}
		for _, name := range names {
			if err := b.scan(ctx, name); err != nil {
				return err
			}
		}
		at = next
	}
	b.read = begun
	return nil
}

// Run reads what is new again and again until ctx ends.
func (b *Board) Run(ctx context.Context) {
	tick := time.NewTicker(b.cfg.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		b.cfg.Known.Forget(time.Now())
		err := b.catchUp(ctx)
		b.cfg.Metrics.caughtUp(err, b.cfg.Known.Len())
		if err != nil && ctx.Err() == nil {
			b.cfg.Log.Warn("revocations could not be read again", slog.Any("error", err))
		}
	}
}

// catchUp reads what was written since the last time, with what may have been on its way then.
func (b *Board) catchUp(ctx context.Context) error {
	begun := time.Now()
	for at := b.read.Add(-overlap); at.Before(begun.Add(overlap)); at = at.Add(slot) {
		if err := b.scan(ctx, partition(at)); err != nil {
			return err
		}
	}
	b.read = begun
	return nil
}

func (b *Board) scan(ctx context.Context, name string) error {
	var damaged [][]byte // which the table logs
	r := table.Range{
		Table: rows(), Partition: name, Limit: table.MaxLimit, Damaged: func(key []byte) { damaged = append(damaged, bytes.Clone(key)) },
	}
	for page, err := range b.cfg.Table.Pages(ctx, r) {
		if err != nil {
			return err
		}
		for _, stored := range page {
			n, until, err := parse(stored)
			if err != nil {
				b.cfg.Log.Error("a stored revocation cannot be read", slog.String("partition", name), slog.Any("error", err))
				damaged = append(damaged, stored.Key)
				continue
			}
			b.learn(n, until)
		}
	}
	b.makeGood(ctx, name, damaged)
	return nil
}

// makeGood learns what damaged rows of a partition say: the key names what is revoked, and the partition
// until when it was at the latest. Rows of which that is past are removed, because a damaged one may not
// expire; those that cannot be yet are met again.
func (b *Board) makeGood(ctx context.Context, name string, damaged [][]byte) {
	until, ok := b.last(name)
	if !ok {
		return
	}
	var gone []table.Op
	for _, key := range damaged {
		n, err := parseKey(key)
		switch {
		case !until.After(time.Now()):
			gone = append(gone, table.Delete(key))
		case err == nil:
			b.learn(n, until)
		}
	}
	for ops := range slices.Chunk(gone, table.MaxOps) {
		if _, err := b.cfg.Table.Write(ctx, table.Batch{Table: rows(), Partition: name, Ops: ops}); err != nil {
			b.cfg.Log.Warn("damaged revocations that are past stay", slog.Any("error", err))
			return
		}
	}
}

// last is until when revocations of a partition are remembered at the latest; ok is false for one that was
// not written here.
func (b *Board) last(partition string) (until time.Time, ok bool) {
	n, err := strconv.ParseInt(partition, 10, 64)
	return time.Unix((n+1)*int64(slot/time.Second), 0).Add(b.cfg.Lifetime), err == nil
}

func partition(at time.Time) string { return strconv.FormatInt(at.Unix()/int64(slot/time.Second), 10) }

func (n Notice) key() []byte {
	if n.Login != "" {
		return append([]byte{'l'}, n.Login...)
	}
	return strconv.AppendUint(append(append([]byte{'u'}, n.User...), '/'), n.Rights, 10)
}

var errRow = errors.New("a key that was not written here")

func parse(stored table.Row) (n Notice, until time.Time, err error) {
	var v row
	if err := json.Unmarshal(stored.Value, &v); err != nil {
		return n, until, err
	}
	n, err = parseKey(stored.Key)
	return n, time.UnixMilli(v.UntilMS), err
}

func parseKey(key []byte) (n Notice, err error) {
	kind, rest := key[0], string(key[1:])
	switch kind {
	case 'l':
		return Notice{Login: id.Session(rest)}, nil
	case 'u':
		user, version, _ := strings.Cut(rest, "/")
		rights, err := strconv.ParseUint(version, 10, 64)
		return Notice{User: id.User(user), Rights: rights}, err
	}
	return n, errRow
}
