package history

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/barrage-live/barrage/internal/fault"
)

func TestLogAndRead(t *testing.T) {
	var file bytes.Buffer
	l := NewLog(&file)
	want := usual().out
	for _, r := range want {
		l.Append(r)
	}
	if err := l.Flush(); err != nil {
		t.Fatal(err)
	}
	got, err := Read(bytes.NewReader(file.Bytes()))
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%d records became %d, %v", len(want), len(got), err)
	}
	torn, err := Read(bytes.NewReader(file.Bytes()[:file.Len()-7]))
	if err != nil || !slices.Equal(torn, want[:len(want)-1]) {
		t.Errorf("a torn file: %d of %d records, %v", len(torn), len(want), err)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("full") }

func TestLogKeepsItsError(t *testing.T) {
	l := NewLog(full{})
	for range 2000 {
		l.Append(Record{Kind: Info, Reason: strings.Repeat("x", 100)})
	}
	for range 2 {
		if l.Flush() == nil {
			t.Error("a log that could not be written says nothing")
		}
	}
}

func TestReadRefuses(t *testing.T) {
	for name, line := range map[string]string{
		"not JSON":         "{",
		"no kind":          `{"t":1,"room":"7"}`,
		"an unknown kind":  `{"t":1,"kind":"guess","room":"7"}`,
		"an unknown field": `{"t":1,"kind":"ok","room":"7","colour":1}`,
		"two values":       `{"t":1,"kind":"ok","room":"7"} {}`,
		"an endless line":  strings.Repeat(" ", maxLine+1),
	} {
		if _, err := Read(strings.NewReader(line + "\n")); err == nil || fault.CodeOf(err) != "bad_history" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMergeKeepsTheOrderOfAMoment(t *testing.T) {
	a := []Record{{T: 2, Proc: "a", Kind: Recv}, {T: 2, Proc: "a", Kind: Resume}, {T: 5, Proc: "a", Kind: OK}}
	b := []Record{{T: 1, Proc: "b", Kind: Invoke}, {T: 4, Proc: "b", Kind: Info}}
	var kinds []Kind
	for _, r := range Merge(a, b) {
		kinds = append(kinds, r.Kind)
	}
	if want := []Kind{Invoke, Recv, Resume, Info, OK}; !slices.Equal(kinds, want) {
		t.Errorf("got %v, want %v", kinds, want)
	}
}

func FuzzRead(f *testing.F) {
	var file bytes.Buffer
	l := NewLog(&file)
	for _, r := range usual().out[:12] {
		l.Append(r)
	}
	if err := l.Flush(); err != nil {
		f.Fatal(err)
	}
	f.Add(file.Bytes())
	f.Add([]byte("{\"kind\":\"gap\",\"room\":\"7\",\"offset\":18446744073709551615,\"to\":1}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		records, err := Read(bytes.NewReader(text))
		if err != nil {
			return
		}
		_ = Check(Merge(records)).String()
		var again bytes.Buffer
		l := NewLog(&again)
		for _, r := range records {
			l.Append(r)
		}
		if err := l.Flush(); err != nil {
			t.Fatal(err)
		}
		back, err := Read(&again)
		if err != nil || !slices.Equal(back, records) {
			t.Fatalf("%d records became %d, %v", len(records), len(back), err)
		}
	})
}
