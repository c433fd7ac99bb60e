package document

import (
	"context"
	"errors"
	"time"

	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/outbox"
	"github.com/barrage-live/barrage/storage/table"
)

// Core is the rules of a kind: S is its state, a value whose copy is a copy of it. The zero document is of
// one that does not exist.
type Core[S any] interface {
	*S
	// Apply performs one command at a moment and appends its effects to dst. It gets Loaded like any other.
	Apply(now time.Time, cmd any, dst []Effect) []Effect
	// Exists reports whether there is a document.
	Exists() bool
	// Busy reports whether something goes on that must be ended even if nobody asks: after a crash the
	// actor is woken.
	Busy() bool
}

// Write is a Save on its way.
type Write[D any] struct {
	Doc D
	// First says that there was no document.
	First bool
	Note  any
}

// Kind describes a kind whose document is D and whose core is C.
type Kind[D, S any, C Core[S]] struct {
	// Name is the cluster's name of the kind, and the word for a document in errors. With the key it is the
	// source of events.
	Name string
	// Idle is that of cluster.Kind.
	Idle time.Duration
	// Messages are what crosses to and from the actors besides Wake, as in cluster.Kind, under numbers below
	// 1000.
	Messages []cluster.Message
	// Tables hold the documents: row "doc" of the partition that is named as the key, in an owned table,
	// beside the rows of the outbox.
	Tables *table.Store
	Table  table.Table
	// Log takes the events; nil: nobody is told any.
	Log outbox.Log
	// Undone counts what activations have left to do; nil: nobody does.
	Undone *outbox.Undone
	// Parse refuses keys that name nothing; nil: all are good.
	Parse func(key string) error
	// Core makes a core that knows its configuration; Loaded follows.
	Core func() S
	// Around writes what belongs beside a document: it calls save once, which is nil when the document is
	// durable, and does the rest before and after. If it fails after that, the change stands, its asker is
	// told Timeout "outcome_unknown", and Settle does what may be missing. Nil: just save.
	Around func(ctx context.Context, w Write[D], save func(context.Context) error) error
	// Settle writes what belongs beside the document that is stored, as far as Around does that after the
	// save. It is called when that may be missing, until it succeeds. Nil: nothing.
	//
	// Around and Settle go on beside later changes, and after a stall beside those of a successor: doc may be
	// out of date by then. What they tell others has to carry its versions, so that nothing newer is undone.
	Settle func(ctx context.Context, doc D) error
	// Actor puts the kind's own shell around the common one; nil: there is none.
	Actor func(*Shell[D, S, C]) cluster.Actor
}

// Cluster is the kind as the cluster wants it.
func (k Kind[D, S, C]) Cluster() cluster.Kind {
	return cluster.Kind{
		Name:     k.Name,
		Idle:     k.Idle,
		Messages: messages(k.Messages),
		State:    func(key string) (table.Table, string) { return k.Table, key },
		Activate: func(ctx context.Context, a cluster.Activation) (cluster.Actor, error) {
			if k.Parse != nil {
				if err := k.Parse(a.Key); err != nil {
					return nil, err
				}
			}
			s := &Shell[D, S, C]{kind: &k, key: a.Key, core: k.Core(), stored: stored[D]{box: &outbox.Box{}}, entry: k.Undone.Enter(k.Name)}
			if a.Exists {
				var err error
				if s.stored, err = k.load(ctx, a.Key); err != nil {
					return nil, err
				}
			}
			if k.Actor == nil {
				return s, nil
			}
			return k.Actor(s), nil
		},
	}
}

func (k *Kind[D, S, C]) documents() table.Document[D] { return Of[D](k.Tables, k.Table, k.Name) }

// load reads what is stored.
func (k *Kind[D, S, C]) load(ctx context.Context, key string) (s stored[D], err error) {
	if s.doc, s.version, err = k.documents().Load(ctx, key); err != nil {
		return s, err
	}
	var rows []table.Row
	if k.Log != nil {
		// What may be staged is far below what a page may have.
		r := table.Range{Table: k.Table, Partition: key, To: outbox.End(), Limit: table.MaxLimit, Bytes: table.MaxPage}
		if rows, _, err = k.Tables.Scan(ctx, r); err != nil {
			return s, err
		}
	}
	s.box, err = outbox.New(rows)
	return s, err
}

// reread reads what is stored after every write of this activation has been decided.
func (k *Kind[D, S, C]) reread(ctx context.Context, key string, fence position.Fence) (stored[D], error) {
	if err := k.Tables.Fence(ctx, k.Table, key, fence); err != nil {
		return stored[D]{}, err
	}
	return k.load(ctx, key)
}

func (k *Kind[D, S, C]) marks() outbox.Marks { return outbox.Marks{Tables: k.Tables} }

func (k *Kind[D, S, C]) owner(key string) (shard uint16, o outbox.Owner) {
	return uint16(cluster.ShardOf(k.Name, key)), outbox.Owner{Kind: k.Name, Key: key}
}

// writing is a Save that a worker performs.
type writing[D, S any, C Core[S]] struct {
	kind   *Kind[D, S, C]
	key    string
	fence  position.Fence
	effect Save[D]
	stored stored[D] // before it
	batch  outbox.Batch
	mark   bool
	place  outbox.Place

	// What came of it.
	marked  bool
	version table.Version // 0: the document is not stored, or that is not known
	failure error         // of the write of the document, if it was tried
}

func (w *writing[D, S, C]) do(ctx context.Context) error {
	if w.mark {
		shard, owner := w.kind.owner(w.key)
		if err := w.kind.marks().Put(ctx, shard, owner, w.place); err != nil {
			return err
		}
		w.marked = true
	}
	if w.kind.Around == nil {
		return w.save(ctx)
	}
	return w.kind.Around(ctx, Write[D]{Doc: w.effect.Doc, First: w.stored.version == 0, Note: w.effect.Note}, w.save)
}

func (w *writing[D, S, C]) save(ctx context.Context) error {
	k := w.kind
	if w.stored.version == 0 { // until now the partition may have had no fence
		if w.failure = k.Tables.Fence(ctx, k.Table, w.key, w.fence); w.failure != nil {
			return w.failure
		}
	}
	w.version, w.failure = k.documents().Save(
		ctx, w.fence, w.key, w.effect.Doc, w.stored.version, w.effect.TTL, w.batch.Ops...,
	)
	return w.failure
}

// Of are the documents of a table, where name is the word for one.
func Of[D any](s *table.Store, t table.Table, name string) table.Document[D] {
	return table.Document[D]{Store: s, Table: t, Key: documentKey(), Name: name}
}

func documentKey() []byte { return []byte("doc") }

// Exists reports whether a key has a document, without waking its actor and without reading what it says.
func Exists(ctx context.Context, s *table.Store, t table.Table, key string) (bool, error) {
	_, err := s.Get(ctx, t, key, documentKey())
	if errors.Is(err, table.ErrNoRow) {
		return false, nil
	}
	return err == nil, err
}

// pageSize is how many documents a page has at most. So many can be read within a work, however slow the
// disk is.
const pageSize = 32

// Page gives f documents from a place on, "" being the beginning, at most 32, in no order; next is the place
// to go on from, "" at the end. A document that is stored and cannot be read is given as its error, an
// Internal one. All of them are to be seen again after an error of f, which ends the page.
func Page[D any](ctx context.Context, of table.Document[D], from string, f func(key string, doc D, unread error) error) (next string, err error) {
	keys, at, err := of.Store.Walk(ctx, of.Table, table.Cursor(from), pageSize)
	if err != nil {
		return "", err
	}
	for _, key := range keys {
		doc, version, err := of.Load(ctx, key)
		switch {
		case err != nil && fault.KindOf(err) != fault.Internal:
			return "", err
		case err == nil && version == 0:
			continue
		}
		if err := f(key, doc, err); err != nil {
			return "", err
		}
	}
	return string(at), nil
}

// Damaged tells a document of the kind that cannot be read, as whoever asks its actor learns it, from a
// question with an unknown outcome, as that to an actor which panicked.
func Damaged(kind string, err error) bool {
	code := fault.CodeOf(err)
	return code == table.ErrCorrupt.Code || code == kind+"_unreadable"
}
