package tabletest

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/storage/table"
)

func roundTrip(r *rig) {
	if _, err := r.store.Get(r.Context(), "t", "p", []byte("k")); !errors.Is(err, table.ErrNoRow) {
		r.Errorf("absent row: %v, want ErrNoRow", err)
	}
	key, value := []byte("k"), []byte("v1")
	r.write("p", table.Put(key, value))
	key[0], value[0] = 'x', 'x'
	row := r.row("p", "k")
	if string(row.Key) != "k" || string(row.Value) != "v1" || row.Version == 0 {
		r.Errorf("got %q = %q version %d", row.Key, row.Value, row.Version)
	}
	r.write("p", table.Put([]byte("k"), nil))
	if row := r.row("p", "k"); len(row.Value) != 0 {
		r.Errorf("empty value came back as %q", row.Value)
	}
	r.write("p", table.Delete([]byte("k")), table.Delete([]byte("never there")))
	if rows := r.all("p"); len(rows) != 0 {
		r.Errorf("after delete: %q", keys(rows))
	}
}

func versionsGrow(r *rig) {
	last := uint64(0)
	step := func(what string) {
		r.Helper()
		r.write("p", table.Put([]byte("k"), []byte(what)))
		v := r.row("p", "k").Version
		if v <= last {
			r.Errorf("%s: version %d after %d", what, v, last)
		}
		last = v
	}
	step("first")
	step("second")
	r.write("p", table.Delete([]byte("k")))
	step("after delete")
	r.reopen()
	if v := r.row("p", "k").Version; v != last {
		r.Errorf("reopening changed the version from %d to %d", last, v)
	}
	step("after reopen")
	if c, ok := r.h.(Crasher); ok {
		old := r.store
		c.Crash(rand.New(rand.NewPCG(1, 1)))
		_ = old.Close()
		r.open()
		step("after crash")
	}
}

func order(r *rig) {
	want := []string{"\x00", "\x00\x00", "\x00\x01", "\x01", "a", "a\x00", "a\x00b", "aa", "a\xff", "b", "\xfe", "\xff", "\xff\x00", "\xff\xff"}
	shuffled := slices.Clone(want)
	rand.New(rand.NewPCG(3, 4)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	for _, k := range shuffled {
		r.write("p", table.Put([]byte(k), []byte("v"+k)))
	}
	for i := range len(want) + 1 {
		for j := range len(want) + 1 {
			rg := table.Range{Table: "t", Partition: "p"}
			lo, hi := 0, len(want)
			if i < len(want) {
				rg.From, lo = []byte(want[i]), i
			}
			if j < len(want) {
				rg.To, hi = []byte(want[j]), j
			}
			expect := want[lo:max(lo, hi)]
			for _, reverse := range []bool{false, true} {
				rg.Reverse = reverse
				rows, err := r.store.Scan(r.Context(), rg)
				if err != nil {
					r.Fatalf("scan: %v", err)
				}
				got := keys(rows)
				if reverse {
					slices.Reverse(got)
				}
				if !slices.Equal(got, expect) {
					r.Errorf("from %q to %q reverse %v: %q, want %q", rg.From, rg.To, reverse, got, expect)
				}
			}
		}
	}
}

func paging(r *rig) {
	const n = 257
	var want []string
	var ops []table.Op
	for i := range n {
		k := fmt.Sprintf("%05d", i*7)
		want = append(want, k)
		ops = append(ops, table.Put([]byte(k), []byte(k)))
	}
	r.write("p", ops...)
	r.write("o", table.Put([]byte("other"), nil))
	r.write("q", table.Put([]byte("other"), nil))
	for _, limit := range []int{1, 2, 64, 256, 257, 258, table.MaxLimit} {
		for _, reverse := range []bool{false, true} {
			rows, err := pages(r.Context(), r.store, table.Range{Table: "t", Partition: "p", Limit: limit, Reverse: reverse})
			if err != nil {
				r.Fatalf("limit %d: %v", limit, err)
			}
			got := keys(rows)
			if reverse {
				slices.Reverse(got)
			}
			if !slices.Equal(got, want) {
				r.Errorf("limit %d reverse %v: %d rows do not match", limit, reverse, len(got))
			}
		}
	}
	if rows, err := r.store.Scan(r.Context(), table.Range{Table: "t", Partition: "p"}); err != nil || len(rows) != 100 {
		r.Errorf("a range without limit gave %d rows, %v; want 100", len(rows), err)
	}
}

func oddKeys(r *rig) {
	names := []string{"a", "aa", "a\x00", "a\x00\x01", "a\x00\xff", "\x00", "\x00\x01", "\x00\xff", "\xff", "\xff\xff", "ä", strings.Repeat("\x00", table.MaxName)}
	long := strings.Repeat("\xff", table.MaxKey)
	ctx := r.Context()
	for _, tab := range names {
		for _, p := range append(names, long) {
			v := []byte(tab + "|" + p)
			ops := []table.Op{table.Put([]byte("\x00"), v), table.Put([]byte(long), v), table.Put([]byte(long[1:]), v)}
			if err := r.store.Write(ctx, table.Batch{Table: tab, Partition: p, Ops: ops}); err != nil {
				r.Fatalf("write %q %q: %v", tab, p, err)
			}
		}
	}
	for _, tab := range names {
		for _, p := range append(names, long) {
			rows, err := r.store.Scan(ctx, table.Range{Table: tab, Partition: p})
			if err != nil || len(rows) != 3 {
				r.Fatalf("scan %q %q: %d rows, %v", tab, p, len(rows), err)
			}
			for i, k := range []string{"\x00", long[1:], long} {
				if string(rows[i].Key) != k || string(rows[i].Value) != tab+"|"+p {
					r.Errorf("table %q partition %q row %d belongs to %q", tab, p, i, rows[i].Value)
				}
			}
			if row, err := r.store.Get(ctx, tab, p, []byte(long)); err != nil || string(row.Value) != tab+"|"+p {
				r.Errorf("get of the longest key: %q, %v", row.Value, err)
			}
		}
	}
}

func limits(r *rig) {
	big := func(n int) []byte { return bytes.Repeat([]byte{7}, n) }
	many := make([]table.Op, table.MaxOps+1)
	for i := range many {
		many[i] = table.Put(fmt.Appendf(nil, "%06d", i), nil)
	}
	for _, c := range []struct {
		name string
		b    table.Batch
	}{
		{"no table", table.Batch{Partition: "p", Ops: many[:1]}},
		{"no partition", table.Batch{Table: "t", Ops: many[:1]}},
		{"no key", table.Batch{Table: "t", Partition: "p", Ops: []table.Op{table.Put(nil, nil)}}},
		{"nothing", table.Batch{Table: "t", Partition: "p"}},
		{"long table", table.Batch{Table: string(big(table.MaxName + 1)), Partition: "p", Ops: many[:1]}},
		{"long partition", table.Batch{Table: "t", Partition: string(big(table.MaxKey + 1)), Ops: many[:1]}},
		{"long key", table.Batch{Table: "t", Partition: "p", Ops: []table.Op{table.Put(big(table.MaxKey+1), nil)}}},
		{"big value", table.Batch{Table: "t", Partition: "p", Ops: []table.Op{many[0], table.Put([]byte("k"), big(table.MaxValue+1))}}},
		{"too many ops", table.Batch{Table: "t", Partition: "p", Ops: many}},
		{"key twice", table.Batch{Table: "t", Partition: "p", Ops: []table.Op{many[1], many[0], many[1]}}},
		{"negative ttl", table.Batch{Table: "t", Partition: "p", Ops: []table.Op{table.Expiring(many[0], -1)}}},
	} {
		if err := r.store.Write(r.Context(), c.b); err == nil || fault.KindOf(err) != fault.Invalid {
			r.Errorf("%s: %v, want fault.Invalid", c.name, err)
		}
	}
	if rows := r.all("p"); len(rows) != 0 {
		r.Errorf("refused writes left %q", keys(rows))
	}
	r.write("p", many[:table.MaxOps]...)
	r.write("q", table.Put(big(table.MaxKey), big(table.MaxValue)))
	if rows := r.all("p"); len(rows) != table.MaxOps {
		r.Errorf("the largest batch left %d rows", len(rows))
	}
	if row := r.row("q", string(big(table.MaxKey))); !bytes.Equal(row.Value, big(table.MaxValue)) {
		r.Error("the largest value changed")
	}
}

func reopen(r *rig) {
	for i := range 50 {
		r.write("p", table.Put(fmt.Appendf(nil, "%03d", i), fmt.Appendf(nil, "value %d", i)))
		if i%10 == 0 {
			r.reopen()
		}
	}
	closed := r.store
	r.reopen()
	rows := r.all("p")
	if len(rows) != 50 {
		r.Fatalf("%d rows after reopening, want 50", len(rows))
	}
	for i, row := range rows {
		if string(row.Value) != fmt.Sprintf("value %d", i) {
			r.Errorf("row %d is %q", i, row.Value)
		}
	}
	_, getErr := closed.Get(r.Context(), "t", "p", []byte("000"))
	_, scanErr := closed.Scan(r.Context(), table.Range{Table: "t", Partition: "p"})
	writeErr := closed.Write(r.Context(), table.Batch{Table: "t", Partition: "p", Ops: []table.Op{table.Put([]byte("k"), nil)}})
	for what, err := range map[string]error{"get": getErr, "scan": scanErr, "write": writeErr} {
		if err == nil || fault.KindOf(err) != fault.Unavailable {
			r.Errorf("%s on a closed store: %v, want fault.Unavailable", what, err)
		}
	}
	if err := closed.Close(); err != nil {
		r.Errorf("second close: %v", err)
	}
}
