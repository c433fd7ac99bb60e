package api_test

import (
	"flag"
	"os"
	"testing"

	"github.com/barrage-live/barrage/gateway/api"
)

// TestTheTableOfRights compares who may do what with the table that people read; "-args -update" writes it.
// TestWhoMayDoWhat shows that it is true.
func TestTheTableOfRights(t *testing.T) {
	t.Parallel()
	const file = "testdata/rights.txt"
	got := api.Rights()
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the table is\n%s\nrun: go test ./gateway/api -run Rights -args -update", got)
	}
}
