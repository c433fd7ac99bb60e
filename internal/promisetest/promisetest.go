// Package promisetest runs the numbered promises of a port against one of its drivers.
//
// A port keeps its promises as a numbered list in the package comment of its suite, and proves each by one
// or more functions over a rig: the port, opened fresh, with what the proof needs around it. The package
// owns the run: one subtest for each proof, named after the number, and a rig that is made before it and
// taken down after it. It is called by the suites of the ports, whose Run the drivers call; it fails the
// test it is given.
//
// Promises: every proof has a rig of its own; a rig is closed also when its proof has failed; no goroutine
// outlives its proof; the numbers of the list and of the proofs are the same, so that no promise is written
// down without being proven.
package promisetest

import (
	"fmt"
	"regexp"
	"slices"
	"testing"

	"go.uber.org/goleak"
)

// Promise is one numbered promise and a proof of it. Several proofs may have the same number.
type Promise[R any] struct {
	Number int
	Name   string
	Prove  func(r R)
}

// Suite is what a port promises. All fields but Always, Close and Bubble are required.
type Suite[R any] struct {
	// Letter stands before the numbers, as B in B07.
	Letter string
	// List is the source that has the promises in a comment, in lines that begin with letter and number.
	List string
	// Promises are their proofs.
	Promises []Promise[R]
	// Always are the numbers of promises that have no proof of their own, because the run looks at them
	// after each one.
	Always []int
	// Open makes a rig; what goes wrong is fatal to the test.
	Open func(t *testing.T) R
	// Close takes it down; nil leaves that to the cleanup of the test.
	Close func(r R)
	// Bubble runs a proof, as synctest.Test does; nil runs it as it is.
	Bubble func(t *testing.T, proof func(t *testing.T))
}

// Run proves every promise in a subtest.
func Run[R any](t *testing.T, s Suite[R]) {
	t.Helper()
	if missing := s.unproven(); len(missing) > 0 {
		t.Errorf("the list and the proofs differ in %v", missing)
	}
	bubble := s.Bubble
	if bubble == nil {
		bubble = func(t *testing.T, proof func(t *testing.T)) { t.Helper(); proof(t) }
	}
	for _, p := range s.Promises {
		t.Run(s.label(p.Number)+" "+p.Name, func(t *testing.T) {
			before := goleak.IgnoreCurrent()
			t.Cleanup(func() { goleak.VerifyNone(t, before) }) // after all that the rig cleans up
			bubble(t, func(t *testing.T) { s.prove(t, p) })
		})
	}
}

func (s Suite[R]) prove(t *testing.T, p Promise[R]) {
	r := s.Open(t)
	if s.Close != nil {
		defer s.Close(r) // also when a proof ends the test
	}
	p.Prove(r)
}

func (s Suite[R]) label(number int) string { return fmt.Sprintf("%s%02d", s.Letter, number) }

// unproven gives the promises that are in the list or in the suite, and not in both.
func (s Suite[R]) unproven() (differ []string) {
	var proven []string
	for _, p := range s.Promises {
		proven = append(proven, s.label(p.Number))
	}
	for _, number := range s.Always {
		proven = append(proven, s.label(number))
	}
	var listed []string
	for _, found := range regexp.MustCompile(`(?m)^//\s+(`+regexp.QuoteMeta(s.Letter)+`\d+)\s`).FindAllStringSubmatch(s.List, -1) {
		listed = append(listed, found[1])
	}
	for _, label := range slices.Compact(slices.Sorted(slices.Values(slices.Concat(listed, proven)))) {
		if !slices.Contains(listed, label) || !slices.Contains(proven, label) {
			differ = append(differ, label)
		}
	}
	return differ
}
