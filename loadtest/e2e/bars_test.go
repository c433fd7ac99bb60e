package e2e

import (
	"os"
	"testing"
)

// bar is a figure that the product promises. Only `make bars` fails when it is missed: a busy machine
// misses any.
func bar(t *testing.T, met bool, format string, args ...any) {
	t.Helper()
	if !met && os.Getenv("BARRAGE_BARS") != "" {
		t.Errorf("missed: "+format, args...)
	}
}
