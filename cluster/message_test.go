package cluster_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/barrage-live/barrage/cluster"
	"github.com/barrage-live/barrage/internal/fault"
)

type (
	number  int64
	numbers []int64
	// handle cannot leave the process.
	handle chan int
)

func numberMessage(as uint32) cluster.Message {
	return cluster.MessageOf(as,
		func(n number) *wrapperspb.Int64Value { return wrapperspb.Int64(int64(n)) },
		func(m *wrapperspb.Int64Value) (number, error) { return number(m.GetValue()), nil })
}

func bytesMessage(as uint32) cluster.Message {
	return cluster.MessageOf(as,
		func(n numbers) *wrapperspb.BytesValue {
			b := make([]byte, len(n))
			for i, v := range n {
				b[i] = byte(v)
			}
			return wrapperspb.Bytes(b)
		},
		func(m *wrapperspb.BytesValue) (numbers, error) {
			out := make(numbers, len(m.GetValue()))
			for i, v := range m.GetValue() {
				out[i] = int64(v)
			}
			return out, nil
		})
}

var errOdd = fault.New(fault.Conflict, "odd", "odd numbers are not taken").In("number").After(time.Second)

// coded answers numbers with what they ask for.
func coded(seen chan<- any) cluster.Kind {
	k := kindOf("coded", func(t *cluster.Turn, msg any) {
		select {
		case seen <- msg:
		default:
		}
		switch m := msg.(type) {
		case nil:
			t.Reply(nil)
		case numbers:
			m[0] = 9 // its own: the sender does not see it
			t.Reply(m)
		case number:
			switch {
			case m < 0:
				t.Reply(handle(nil))
			case m%2 == 1:
				t.Fail(errOdd)
			default:
				r := t.Later()
				t.Pipe(func(context.Context) (any, error) { return handle(nil), nil }, // does not cross: it is the actor's own
					func(*cluster.Turn, any, error) { r.Send(m * 2) })
			}
		}
	})
	k.Messages = []cluster.Message{numberMessage(1), bytesMessage(2)}
	return k
}

func TestMessagesCrossAsData(t *testing.T) {
	seen := make(chan any, 16)
	n := start(t, cluster.Config{Encode: true}, coded(seen))
	if v := mustAsk(t, n, "coded", "a", number(4)); v != number(8) {
		t.Errorf("4 is answered with %v", v)
	}
	if v := mustAsk(t, n, "coded", "a", nil); v != nil {
		t.Errorf("nothing is answered with %v", v)
	}
	mine := numbers{1, 2}
	if v := mustAsk(t, n, "coded", "a", mine); mine[0] != 1 || v.(numbers)[0] != 9 {
		t.Errorf("sender and actor share memory: %v, %v", mine, v)
	}
	if _, err := ask(t, n, "coded", "a", number(3)); !errors.Is(err, errOdd) || err == error(errOdd) { //nolint:errorlint // not the same value
		t.Errorf("refused with %v, want what errors.Is takes for %v and is another value", err, errOdd)
	}
	told := make(chan error, 1)
	cluster.AskFunc(n, time.Time{}, "coded", "a", number(3), func(_ any, err error) { told <- err })
	if err := <-told; !errors.Is(err, errOdd) || fault.From(err).RetryAfter != time.Second {
		t.Errorf("AskFunc is told %v", err)
	}
}

func TestWhatCannotLeaveTheProcessIsRefused(t *testing.T) {
	seen := make(chan any, 16)
	n := start(t, cluster.Config{Encode: true}, coded(seen))
	_, err := ask(t, n, "coded", "a", handle(nil))
	wantFault(t, err, fault.Internal, "unregistered_message")
	wantFault(t, cluster.Tell(n, "coded", "a", handle(nil)), fault.Internal, "unregistered_message")
	if len(seen) > 0 {
		t.Errorf("the actor saw %v", <-seen)
	}
	_, err = ask(t, n, "coded", "a", number(-1)) // it was executed: nobody knows with what outcome
	wantFault(t, err, fault.Internal, "bad_reply")
}

func TestWithoutEncodeMessagesAreHandedOver(t *testing.T) {
	n := start(t, cluster.Config{}, coded(nil))
	if v := mustAsk(t, n, "coded", "a", number(-1)); v != handle(nil) {
		t.Errorf("answered with %v", v)
	}
}

func TestMessagesAreNumberedOnce(t *testing.T) {
	for name, messages := range map[string][]cluster.Message{
		"zero": {numberMessage(0)}, "empty": {{}}, "a number twice": {numberMessage(1), bytesMessage(1)},
		"a type twice": {numberMessage(1), numberMessage(2)},
	} {
		n, err := cluster.New(cluster.Config{Coordination: script(t)})
		if err != nil {
			t.Fatal(err)
		}
		k := coded(nil)
		k.Messages = messages
		if err := n.Start(t.Context(), []cluster.Kind{k}); fault.CodeOf(err) != "bad_kind" {
			t.Errorf("%s: started with %v", name, err)
		}
		n.Close()
	}
}
