package table_test

import (
	"testing"
	"time"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/position"
	"github.com/barrage-live/barrage/storage/table"
	"github.com/barrage-live/barrage/storage/table/tabletest"
)

type note struct {
	Text string `json:"text"`
}

func TestDocument(t *testing.T) {
	store := tabletest.OpenMem(t)
	notes := table.Document[note]{Store: store, Table: "note", Key: []byte("doc"), Name: "note"}
	save := func(epoch position.Epoch, text string, version uint64, ttl time.Duration) (uint64, error) {
		return notes.Save(t.Context(), epoch, "p", note{text}, version, ttl)
	}
	expect := func(want string, version uint64) {
		t.Helper()
		if got, v, err := notes.Load(t.Context(), "p"); got.Text != want || v != version || err != nil {
			t.Errorf("loaded %q, version %d, %v; want %q, %d", got.Text, v, err, want, version)
		}
	}
	expect("", 0)
	first, err := save(1, "one", 0, 0)
	if err != nil || first == 0 {
		t.Fatalf("first save: version %d, %v", first, err)
	}
	expect("one", first)
	if _, err := save(1, "again", 0, 0); fault.KindOf(err) != fault.Conflict {
		t.Errorf("a second first save: %v", err)
	}
	second, err := save(2, "two", first, 0)
	if err != nil || second == first {
		t.Fatalf("second save: version %d after %d, %v", second, first, err)
	}
	if _, err := save(2, "stale", first, 0); fault.KindOf(err) != fault.Conflict {
		t.Errorf("a save over an older version: %v", err)
	}
	if _, err := save(1, "late", second, 0); fault.KindOf(err) != fault.Fenced {
		t.Errorf("a save of a lower epoch: %v", err)
	}
	expect("two", second)
	if _, err := save(2, "brief", second, time.Second); err != nil {
		t.Errorf("a document with an end: %v", err)
	}
	for left := 600; left > 0; left-- {
		if _, version, err := notes.Load(t.Context(), "p"); err != nil || version == 0 {
			break
		}
		<-time.After(50 * time.Millisecond)
	}
	expect("", 0)

	err = store.Write(t.Context(), table.Batch{Table: "note", Partition: "p", Epoch: 3, Ops: []table.Op{table.Put([]byte("doc"), []byte("{"))}})
	if err != nil {
		t.Fatal(err)
	}
	if got, v, err := notes.Load(t.Context(), "p"); fault.CodeOf(err) != "note_unreadable" || got != (note{}) || v != 0 {
		t.Errorf("loaded %v, version %d, %v from half a document", got, v, err)
	}
}
