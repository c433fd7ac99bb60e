package tabletest

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/storage/table"
)

func roundTrip(r *rig) {
	if _, err := r.store.Get(r.Context(), shared(), "p", []byte("k")); !errors.Is(err, table.ErrNoRow) {
		r.Errorf("absent row: %v, want ErrNoRow", err)
	}
	for _, tab := range []table.Table{owned(), shared(), plain()} {
		b := table.Batch{Table: tab, Partition: "p", Ops: []table.Op{table.Put([]byte("k"), []byte("v1")), table.Put([]byte("l"), []byte("v1"))}}
		if tab == owned() {
			b.Fence = at(1, 1)
			if err := r.fence(r.store, "p", b.Fence); err != nil {
				r.Fatal(err)
			}
		}
		v, err := r.settle(r.store, b)
		if err != nil || v == 0 {
			r.Fatalf("table %s: version %d, %v", tab.Name, v, err)
		}
		for _, s := range []*table.Store{r.store, r.other} {
			for _, key := range []string{"k", "l"} {
				row, err := s.Get(r.Context(), tab, "p", []byte(key))
				if err != nil || string(row.Key) != key || string(row.Value) != "v1" || row.Version != v {
					r.Errorf("table %s: got %q = %q version %d, %v; want version %d", tab.Name, row.Key, row.Value, row.Version, err, v)
				}
			}
		}
	}
	r.write("p", table.Put([]byte("k"), nil))
	if row := r.row("p", "k"); len(row.Value) != 0 {
		r.Errorf("empty value came back as %q", row.Value)
	}
	r.write("p", table.Delete([]byte("k")))
	r.write("p", table.Delete([]byte("never there")), table.Delete([]byte("l")))
	if rows := r.all("p"); len(rows) != 0 {
		r.Errorf("after delete: %q", keys(rows))
	}
}

func versions(r *rig) {
	seen := map[table.Version]string{0: "no row"}
	note := func(what string, v table.Version) {
		r.Helper()
		if before, known := seen[v]; known {
			r.Errorf("%s has version %d, like %s", what, v, before)
		}
		seen[v] = what
	}
	step := func(what string) {
		r.Helper()
		note(what, r.write("p", table.Put([]byte("k"), []byte(what))))
	}
	step("first")
	step("second")
	note("another row", r.write("q", table.Put([]byte("k"), []byte("1"))))
	r.write("p", table.Delete([]byte("k")))
	step("after delete")
	v := r.row("p", "k").Version
	r.reopen()
	if again := r.row("p", "k").Version; again != v {
		r.Errorf("reopening changed the version from %d to %d", v, again)
	}
	step("after reopen")
	var mu sync.Mutex
	var wg sync.WaitGroup
	for w, s := range []*table.Store{r.store, r.other, r.store, r.other} {
		wg.Go(func() {
			for i := range 50 {
				what := fmt.Sprintf("write %d of writer %d", i, w)
				v, err := r.settle(s, table.Batch{Table: plain(), Partition: fmt.Sprint("p", w), Ops: []table.Op{table.Put([]byte("k"), []byte(what))}})
				if err != nil {
					r.Error(err)
					return
				}
				mu.Lock()
				note(what, v)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if c, ok := r.h.(Crasher); ok {
		c.Crash(rand.New(rand.NewPCG(1, 1)))
		r.abandon()
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
			rg := table.Range{Table: shared(), Partition: "p"}
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
				rows, _, err := r.store.Scan(r.Context(), rg)
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
			rows, err := pages(r.Context(), r.store, table.Range{Table: shared(), Partition: "p", Limit: limit, Reverse: reverse})
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
	if rows, more, err := r.store.Scan(r.Context(), table.Range{Table: shared(), Partition: "p"}); err != nil || len(rows) == 0 || len(rows) > 100 || !more {
		r.Errorf("a range without limit gave %d rows, more %v, %v; want at most 100 and more", len(rows), more, err)
	}
	for _, none := range []table.Range{
		{Table: shared(), Partition: "nowhere"},
		{Table: shared(), Partition: "p", From: []byte("x")},
		{Table: shared(), Partition: "p", From: []byte("x"), To: []byte("a")},
	} {
		if rows, more, err := r.store.Scan(r.Context(), none); err != nil || len(rows) != 0 || more {
			r.Errorf("a range without rows gave %d rows, more %v, %v", len(rows), more, err)
		}
	}
}

// pagesOfBytes reads rows of very different sizes.
func pagesOfBytes(r *rig) {
	sizes := []int{10, table.MaxValue, 1, 1, 400 << 10, 400 << 10, 400 << 10, 0, table.MaxValue, table.MaxValue, 7}
	for i, size := range sizes {
		r.write("p", table.Put(fmt.Appendf(nil, "%02d", i), make([]byte, size)))
	}
	for _, bound := range []int{0, 1, 500, 900 << 10, table.MaxPage} {
		for _, reverse := range []bool{false, true} {
			rg := table.Range{Table: shared(), Partition: "p", Bytes: bound, Reverse: reverse}
			n := 0
			for more := true; more; {
				var page []table.Row
				var err error
				if page, more, err = r.store.Scan(r.Context(), rg); err != nil {
					r.Fatal(err)
				}
				total := 0
				for _, row := range page {
					total += len(row.Key) + len(row.Value)
				}
				if most := max(bound, 1); bound == 0 && total > 1<<20 && len(page) > 1 || bound != 0 && total > most && len(page) > 1 {
					r.Errorf("bound %d: a page has %d bytes in %d rows", bound, total, len(page))
				}
				if more && len(page) == 0 {
					r.Fatalf("bound %d: an empty page that is not the last", bound)
				}
				n, rg = n+len(page), table.Rest(rg, page)
			}
			if n != len(sizes) {
				r.Errorf("bound %d reverse %v: %d rows, want %d", bound, reverse, n, len(sizes))
			}
		}
	}
}

func oddKeys(r *rig) {
	tables := []table.Table{table.Plain("suite_odd"), table.Shared("suite_odd_"), table.Plain("suite_od"), table.Plain("0")}
	names := []string{
		"a", "aa", "a\x00", "a\x00\x01", "a\x00\xff", "\x00", "\x00\x01", "\x00\xff", "\xff", "\xff\xff", "ä",
		strings.Repeat("\x00", table.MaxKey), strings.Repeat("\xff", table.MaxKey),
	}
	long := strings.Repeat("\xff", table.MaxKey)
	for _, tab := range tables {
		for _, p := range names {
			v := []byte(tab.Name + "|" + p)
			ops := []table.Op{table.Put([]byte("\x00"), v), table.Put([]byte(long), v), table.Put([]byte(long[1:]), v)}
			if _, err := r.settle(r.store, table.Batch{Table: tab, Partition: p, Ops: ops}); err != nil {
				r.Fatalf("write %q %q: %v", tab.Name, p, err)
			}
		}
	}
	for _, tab := range tables {
		for _, p := range names {
			rows := r.allOf(tab, p)
			if len(rows) != 3 {
				r.Fatalf("scan %q %q: %d rows", tab.Name, p, len(rows))
			}
			for i, k := range []string{"\x00", long[1:], long} {
				if string(rows[i].Key) != k || string(rows[i].Value) != tab.Name+"|"+p {
					r.Errorf("table %q partition %q row %d belongs to %q", tab.Name, p, i, rows[i].Value)
				}
			}
			if row, err := r.store.Get(r.Context(), tab, p, []byte(long)); err != nil || string(row.Value) != tab.Name+"|"+p {
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
		{"no partition", table.Batch{Table: shared(), Ops: many[:1]}},
		{"no key", table.Batch{Table: shared(), Partition: "p", Ops: []table.Op{table.Put(nil, nil)}}},
		{"nothing", table.Batch{Table: shared(), Partition: "p"}},
		{"long table", table.Batch{Table: table.Shared(strings.Repeat("a", table.MaxName+1)), Partition: "p", Ops: many[:1]}},
		{"long partition", table.Batch{Table: shared(), Partition: string(big(table.MaxKey + 1)), Ops: many[:1]}},
		{"long key", table.Batch{Table: shared(), Partition: "p", Ops: []table.Op{table.Put(big(table.MaxKey+1), nil)}}},
		{"big value", table.Batch{Table: shared(), Partition: "p", Ops: []table.Op{many[0], table.Put([]byte("k"), big(table.MaxValue+1))}}},
		{"too many ops", table.Batch{Table: shared(), Partition: "p", Ops: many}},
		{"key twice", table.Batch{Table: shared(), Partition: "p", Ops: []table.Op{many[1], many[0], many[1]}}},
		{"odd table", table.Batch{Table: table.Shared("Name"), Partition: "p", Ops: many[:1]}},
		{"only a check", table.Batch{Table: shared(), Partition: "p", Ops: []table.Op{table.Check([]byte("k"), 0)}}},
		{"key of a range", table.Batch{Table: shared(), Partition: "p", Ops: []table.Op{many[5], table.DeleteRange(many[4].Key, many[6].Key)}}},
		{"ranges that meet", table.Batch{Table: shared(), Partition: "p", Ops: []table.Op{
			table.DeleteRange(many[4].Key, many[6].Key), table.DeleteRange(many[5].Key, nil),
		}}},
		{"empty range", table.Batch{Table: shared(), Partition: "p", Ops: []table.Op{table.DeleteRange(many[4].Key, many[4].Key)}}},
		{"ttl of a delete", table.Batch{Table: shared(), Partition: "p", Ops: []table.Op{table.Expiring(table.Delete(many[4].Key), time.Minute)}}},
		{"negative ttl", table.Batch{Table: shared(), Partition: "p", Ops: []table.Op{table.Expiring(many[0], -1)}}},
	} {
		if _, err := r.store.Write(r.Context(), c.b); err == nil || fault.KindOf(err) != fault.Invalid {
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

// classes writes what the class of a table does not take.
func classes(r *rig) {
	put := []table.Op{table.Put([]byte("k"), nil)}
	for _, c := range []struct {
		name string
		b    table.Batch
	}{
		{"owned without a fence", table.Batch{Table: owned(), Partition: "p", Ops: put}},
		{"owned with a fence that servers cannot hold", table.Batch{Table: owned(), Partition: "p", Fence: at(1<<63, 1), Ops: put}},
		{"shared with a fence", table.Batch{Table: shared(), Partition: "p", Fence: at(1, 1), Ops: put}},
		{"plain with a fence", table.Batch{Table: plain(), Partition: "p", Fence: at(1, 1), Ops: put}},
		{"plain with a condition", table.Batch{Table: plain(), Partition: "p", Ops: []table.Op{table.PutIfAbsent([]byte("k"), nil)}}},
		{"plain with a check", table.Batch{Table: plain(), Partition: "p", Ops: append(slices.Clone(put), table.Check([]byte("l"), 0))}},
		{"a table declared in two ways", table.Batch{Table: table.Plain(shared().Name), Partition: "p", Ops: put}},
		{"a table that is not declared", table.Batch{Partition: "p", Ops: put}},
	} {
		r.all("p") // the shared table is in use
		if _, err := r.store.Write(r.Context(), c.b); err == nil || fault.KindOf(err) != fault.Invalid {
			r.Errorf("%s: %v, want fault.Invalid", c.name, err)
		}
	}
	for name, err := range map[string]error{
		"of a shared table": r.store.Fence(r.Context(), shared(), "p", at(1, 1)),
		"of a plain table":  r.store.Fence(r.Context(), plain(), "p", at(1, 1)),
		"that is none":      r.store.Fence(r.Context(), owned(), "p", at(0, 0)),
		"of no partition":   r.store.Fence(r.Context(), owned(), "", at(1, 1)),
	} {
		if err == nil || fault.KindOf(err) != fault.Invalid {
			r.Errorf("a fence %s: %v, want fault.Invalid", name, err)
		}
	}
	for _, t := range []table.Table{owned(), shared(), plain()} {
		if rows := r.allOf(t, "p"); len(rows) != 0 {
			r.Errorf("refused writes left %q", keys(rows))
		}
	}
}

// walk names partitions, more than one page of them.
func walk(r *rig) {
	const n = 1234
	tab := table.Plain("suite_walk")
	write := func(t table.Table, p string, ops ...table.Op) {
		if _, err := r.settle(r.store, table.Batch{Table: t, Partition: p, Ops: ops}); err != nil {
			r.Error(err)
		}
	}
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			for i := w; i < n; i += 16 {
				write(tab, fmt.Sprintf("p\x00%d", i), table.Put([]byte("a"), nil), table.Put([]byte("b"), nil))
			}
		})
	}
	wg.Wait()
	write(tab, "gone", table.Put([]byte("a"), []byte("1")))
	write(tab, "gone", table.Delete([]byte("a")))
	write(table.Plain("suite_walk_"), "elsewhere", table.Put([]byte("a"), nil))
	write(table.Plain("suite_wal"), "elsewhere", table.Put([]byte("a"), nil))
	for limit, s := range map[int]*table.Store{0: r.store, 7: r.other} {
		seen := map[string]int{}
		for cursor, more := table.Cursor(""), true; more; more = cursor != "" {
			names, next, err := s.Walk(r.Context(), tab, cursor, limit)
			if err != nil {
				r.Fatal(err)
			}
			if limit > 0 && len(names) > limit {
				r.Errorf("%d partitions of a page of %d", len(names), limit)
			}
			for _, name := range names {
				seen[name]++
			}
			cursor = next
		}
		for i := range n {
			if name := fmt.Sprintf("p\x00%d", i); seen[name] != 1 {
				r.Errorf("partition %q was named %d times", name, seen[name])
			}
		}
		delete(seen, "gone")
		if len(seen) != n {
			r.Errorf("%d partitions were named, want %d", len(seen), n)
		}
	}
	if _, _, err := r.store.Walk(r.Context(), table.Plain("No"), "", 0); err == nil || fault.KindOf(err) != fault.Invalid {
		r.Errorf("a walk over no table: %v, want fault.Invalid", err)
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
	_, getErr := closed.Get(r.Context(), shared(), "p", []byte("000"))
	_, _, scanErr := closed.Scan(r.Context(), table.Range{Table: shared(), Partition: "p"})
	_, writeErr := closed.Write(r.Context(), table.Batch{Table: shared(), Partition: "p", Ops: []table.Op{table.Put([]byte("k"), nil)}})
	_, _, walkErr := closed.Walk(r.Context(), shared(), "", 0)
	fenceErr := closed.Fence(r.Context(), owned(), "p", at(1, 1))
	for what, err := range map[string]error{"get": getErr, "scan": scanErr, "walk": walkErr, "write": writeErr, "fence": fenceErr} {
		if err == nil || fault.KindOf(err) != fault.Unavailable {
			r.Errorf("%s on a closed store: %v, want fault.Unavailable", what, err)
		}
	}
	if err := closed.Close(); err != nil {
		r.Errorf("second close: %v", err)
	}
}
