package revocation_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/barrage-live/barrage/actors/identity/revocation"
	"github.com/barrage-live/barrage/actors/worldtest"
	"github.com/barrage-live/barrage/internal/auth"
	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	"github.com/barrage-live/barrage/storage/table"
)

const lifetime = 16 * time.Minute

// node is what one node knows.
type node struct {
	*revocation.Board
	known   auth.Revocations
	sockets worldtest.Sockets
	log     bytes.Buffer
}

// start makes a node that has read the table and goes on reading.
func start(t *testing.T, s *table.Store) *node {
	t.Helper()
	n := &node{}
	n.Board = revocation.New(revocation.Config{
		Table: s, Known: &n.known, Lifetime: lifetime, Sockets: &n.sockets, Log: slog.New(slog.NewTextHandler(&n.log, nil)),
		Metrics: revocation.NewMetrics(prometheus.NewRegistry()),
	})
	if err := n.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		n.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return n
}

func (n *node) check(login id.Session, user id.User, rights uint64) error {
	return n.known.Check(auth.Identity{Session: login, User: user, RightsVersion: rights, Expires: time.Now().Add(time.Minute)})
}

func TestEveryNodeHearsOfARevocation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := worldtest.NewFlaky(t)
		here, there := start(t, s), start(t, s)
		for _, n := range []revocation.Notice{{Login: "a"}, {User: "42", Rights: 2}, {User: "42", Rights: 3}} {
			if err := here.Revoke(t.Context(), n); err != nil {
				t.Fatal(err)
			}
		}
		look := func(name string, n *node) {
			t.Helper()
			for _, x := range []struct{ got, want error }{
				{n.check("a", "41", 0), auth.ErrSessionEnded},
				{n.check("b", "42", 2), auth.ErrTokenOutdated},
				{n.check("b", "42", 3), nil},
				{n.check("b", "41", 0), nil},
			} {
				if !errors.Is(x.got, x.want) {
					t.Errorf("%s: %v, want %v", name, x.got, x.want)
				}
			}
		}
		look("at once, on the node that did it", here)
		time.Sleep(4 * time.Second)
		look("a few seconds later, on another", there)
		look("on one that starts", start(t, s))
		time.Sleep(time.Minute)
		for name, n := range map[string]*node{"here": here, "there": there} {
			if l, u := n.sockets.Logins(), n.sockets.Users(); !slices.Equal(l, []id.Session{"a"}) || len(u) == 0 || len(u) > 2 {
				t.Errorf("%s the sockets of %v and %v were told: each news once", name, l, u)
			}
		}
		time.Sleep(lifetime)
		if here.known.Len()+there.known.Len() != 0 {
			t.Errorf("%d and %d are remembered for longer than a token can live", here.known.Len(), there.known.Len())
		}
	})
}

// TestARevocationThatIsWrittenLate: the write was begun a while ago, or on a node whose clock is behind.
func TestARevocationThatIsWrittenLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, disk := worldtest.NewFlaky(t)
		here, there := start(t, s), start(t, s)
		disk.Fail("revocation", worldtest.Stalled)
		done := make(chan error, 1)
		go func() { done <- here.Revoke(t.Context(), revocation.Notice{Login: "a"}) }()
		time.Sleep(50 * time.Second)
		disk.Fail("", worldtest.None)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		time.Sleep(4 * time.Second)
		if err := there.check("a", "42", 0); !errors.Is(err, auth.ErrSessionEnded) {
			t.Errorf("got %v", err)
		}
	})
}

// TestAnOutageOfTheTable: what was written meanwhile, or could not be read, is known soon after.
func TestAnOutageOfTheTable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, disk := worldtest.NewFlaky(t)
		here, there := start(t, s), start(t, s)
		if err := here.Revoke(t.Context(), revocation.Notice{Login: "a"}); err != nil {
			t.Fatal(err)
		}
		disk.Fail("revocation", worldtest.Away)
		if err := here.Revoke(t.Context(), revocation.Notice{Login: "b"}); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("got %v", err)
		}
		if err := here.check("b", "42", 0); err != nil {
			t.Errorf("what was refused is known: %v", err)
		}
		time.Sleep(10 * time.Minute)
		if err := there.check("a", "42", 0); err != nil {
			t.Fatalf("the node has read what it cannot: %v", err)
		}
		disk.Fail("", worldtest.None)
		time.Sleep(4 * time.Second)
		if err := there.check("a", "42", 0); !errors.Is(err, auth.ErrSessionEnded) {
			t.Errorf("after the outage: %v", err)
		}
	})
}

// TestRowsThatCannotBeReadHideNoOthers also reads more of them than a page holds.
func TestRowsThatCannotBeReadHideNoOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := worldtest.NewFlaky(t)
		here := start(t, s)
		var bad []table.Op
		for key, value := range map[string]string{"x1": "{}", "l2": "{", "u4": "{}", "u4/x": "{}", "u": "{}"} {
			bad = append(bad, table.Put([]byte(key), []byte(value)))
		}
		at := fmt.Sprint(time.Now().Unix() / 15)
		if _, err := s.Write(t.Context(), table.Batch{Table: table.Plain("revocation"), Partition: at, Ops: bad}); err != nil {
			t.Fatal(err)
		}
		for i := 0; i < 3*table.MaxOps; i += table.MaxOps {
			many := make([]table.Op, 0, table.MaxOps)
			for n := range table.MaxOps {
				many = append(many, table.Put([]byte(fmt.Sprintf("lmany%05d", i+n)), []byte(`{"until_ms":99999999999999}`)))
			}
			if _, err := s.Write(t.Context(), table.Batch{Table: table.Plain("revocation"), Partition: at, Ops: many}); err != nil {
				t.Fatal(err)
			}
		}
		if err := here.Revoke(t.Context(), revocation.Notice{Login: "z"}); err != nil {
			t.Fatal(err)
		}
		next := start(t, s)
		for _, login := range []id.Session{"z", "many00000", "many12287"} {
			if err := next.check(login, "42", 0); !errors.Is(err, auth.ErrSessionEnded) {
				t.Errorf("%s: %v", login, err)
			}
		}
		if n := strings.Count(next.log.String(), "cannot be read"); n != 5 {
			t.Errorf("%d of 5 were logged: %s", n, next.log.String())
		}
	})
}

// TestADamagedRevocationHidesNoOther: a node starts, and knows the others.
func TestADamagedRevocationHidesNoOther(t *testing.T) {
	s := worldtest.NewDamaged(t, func(_, _ string, key []byte) bool { return string(key) == "la" })
	here := start(t, s)
	for _, login := range []id.Session{"a", "b"} {
		if err := here.Revoke(t.Context(), revocation.Notice{Login: login}); err != nil {
			t.Fatal(err)
		}
	}
	if err := start(t, s).check("b", "42", 0); !errors.Is(err, auth.ErrSessionEnded) {
		t.Errorf("got %v", err)
	}
}

// TestADamagedRevocationRevokesAllTheSame, or one whose value cannot be read: its key says what; until no
// token can be meant any more.
func TestADamagedRevocationRevokesAllTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var on atomic.Bool
		s := worldtest.NewDamaged(t, func(_, _ string, key []byte) bool {
			return on.Load() && (string(key) == "la" || string(key) == "u42/2")
		})
		here := start(t, s)
		for _, n := range []revocation.Notice{{Login: "a"}, {User: "42", Rights: 2}} {
			if err := here.Revoke(t.Context(), n); err != nil {
				t.Fatal(err)
			}
		}
		at := fmt.Sprint(time.Now().Unix() / 15)
		bad := table.Batch{Table: table.Plain("revocation"), Partition: at, Ops: []table.Op{table.Put([]byte("lc"), []byte("{"))}}
		if _, err := s.Write(t.Context(), bad); err != nil {
			t.Fatal(err)
		}
		on.Store(true)
		there := start(t, s)
		for login, rights := range map[id.Session]uint64{"a": 2, "c": 2, "b": 1} {
			if err := there.check(login, "42", rights); err == nil {
				t.Errorf("login %s with rights %d is let in", login, rights)
			}
		}
		if err := there.check("b", "42", 2); err != nil {
			t.Errorf("got %v", err)
		}
		time.Sleep(lifetime + time.Minute)
		if n := there.known.Len(); n != 0 {
			t.Errorf("%d are remembered for longer than a token can live", n)
		}
		start(t, s)
		on.Store(false)
		if _, err := s.Get(t.Context(), table.Plain("revocation"), at, []byte("lc")); !errors.Is(err, table.ErrNoRow) {
			t.Errorf("it is still there: %v", err)
		}
	})
}
