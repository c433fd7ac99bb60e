package document

import (
	"context"
	"time"

	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/table"
)

// Core is the rules of a kind: S is its state, a value whose copy is a copy of it. The zero document is of one that does not exist.
type Core[S any] interface {
	*S
	// Apply performs one command at a moment and appends its effects to dst. It gets Loaded like any other.
	Apply(now time.Time, cmd any, dst []Effect) []Effect
	// Exists reports whether there is a document.
	Exists() bool
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
	// Name is the cluster's name of the kind, and the word for a document in errors.
	Name string
	// Idle is that of cluster.Kind.
	Idle time.Duration
	// Tables hold the documents: row "doc" of the partition that is named as the key, in an owned table.
	Tables *table.Store
	Table  table.Table
	// Parse refuses keys that name nothing; nil: all are good.
	Parse func(key string) error
	// Core makes a core that knows its configuration; Loaded follows.
	Core func() S
	// Around writes what belongs beside a document: it calls save once, which is nil when the document is durable, and does the rest
	// before and after. If it fails after that, the change stands and its asker is told Timeout "outcome_unknown". Nil: just save.
	Around func(ctx context.Context, w Write[D], save func(context.Context) error) error
	// Mend brings what lies beside a stored document in line with it, before an activation begins. Nil: nothing.
	Mend func(ctx context.Context, doc D) error
	// Actor puts the kind's own shell around the common one; nil: there is none.
	Actor func(*Shell[D, S, C]) cluster.Actor
}

// Cluster is the kind as the cluster wants it.
func (k Kind[D, S, C]) Cluster() cluster.Kind {
	return cluster.Kind{
		Name:  k.Name,
		Idle:  k.Idle,
		State: func(key string) (table.Table, string) { return k.Table, key },
		Activate: func(ctx context.Context, a cluster.Activation) (cluster.Actor, error) {
			if k.Parse != nil {
				if err := k.Parse(a.Key); err != nil {
					return nil, err
				}
			}
			s := &Shell[D, S, C]{kind: &k, key: a.Key, core: k.Core()}
			if a.Exists {
				var err error
				if s.loaded, s.version, err = k.load(ctx, a.Key); err != nil {
					return nil, err
				}
				if s.loaded.Exists && k.Mend != nil {
					if err := k.Mend(ctx, s.loaded.Doc); err != nil {
						return nil, err
					}
				}
			}
			if k.Actor == nil {
				return s, nil
			}
			return k.Actor(s), nil
		},
	}
}

func (k *Kind[D, S, C]) documents() table.Document[D] {
	return table.Document[D]{Store: k.Tables, Table: k.Table, Key: []byte("doc"), Name: k.Name}
}

func (k *Kind[D, S, C]) load(ctx context.Context, key string) (Loaded[D], table.Version, error) {
	doc, version, err := k.documents().Load(ctx, key)
	return Loaded[D]{Doc: doc, Exists: version != 0}, version, err
}

// settle reads what is stored after every write of this activation has been decided.
func (k *Kind[D, S, C]) settle(ctx context.Context, key string, fence position.Fence) (Loaded[D], table.Version, error) {
	if err := k.Tables.Fence(ctx, k.Table, key, fence); err != nil {
		return Loaded[D]{}, 0, err
	}
	l, version, err := k.load(ctx, key)
	l.Again = true
	return l, version, err
}

// save writes a document over a version, which is 0 if there is none, and gives the new one.
func (k *Kind[D, S, C]) save(
	ctx context.Context, key string, fence position.Fence, e Save[D], version table.Version,
) (table.Version, error) {
	if version == 0 { // until now the partition may have had no fence
		if err := k.Tables.Fence(ctx, k.Table, key, fence); err != nil {
			return 0, err
		}
	}
	return k.documents().Save(ctx, fence, key, e.Doc, version, e.TTL)
}
