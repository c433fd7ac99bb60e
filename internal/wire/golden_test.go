package wire

import (
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/barrage-live/barrage/internal/wire/wirepb"
)

var rewrite = flag.Bool("rewrite", false, "write the golden vectors anew")

func aPosition() *wirepb.Position { return &wirepb.Position{Epoch: 7, Offset: 12345678901234567890} }

func aDanmaku() *wirepb.Danmaku {
	return &wirepb.Danmaku{
		Offset: 12345678901234567890, User: 1234567890, Name: "阿弹", Text: "前方高能 <b>\"\\ 🎉", Mode: wirepb.Mode_MODE_TOP,
		Colour: new(uint32(0xFF8800)), Size: wirepb.Size_SIZE_LARGE, MediaTimeMs: new(uint64(61_500)), SentAtMs: 1_795_000_000_000,
	}
}

// anOlderDanmaku stands before aDanmaku, was numbered by an earlier owner of the room, and has nothing
// unusual.
func anOlderDanmaku() *wirepb.Danmaku {
	return &wirepb.Danmaku{Epoch: 6, Offset: 12345678901234567889, User: 9, Name: "bob", Text: "233", SentAtMs: 1_794_999_999_000}
}

func before(p *wirepb.Position, n uint64) *wirepb.Position {
	return &wirepb.Position{Epoch: 6, Offset: p.GetOffset() - n}
}

func aState() *wirepb.RoomState {
	return &wirepb.RoomState{
		Room: "42", Online: 3, SlowModeSeconds: 5, MaxLength: 100, Live: true,
		BroadcastStartMs: 1_794_999_938_500, Broadcast: "00112233445566778899aabbccddeeff", Version: 9,
	}
}

func clientVectors() map[string]*wirepb.ClientFrame {
	return map[string]*wirepb.ClientFrame{
		"auth":           {Id: 1, Body: &wirepb.ClientFrame_Auth{Auth: &wirepb.Auth{Token: "eyJ.x.y"}}},
		"join":           {Id: 2, Body: &wirepb.ClientFrame_Join{Join: &wirepb.Join{Room: "42", History: 50}}},
		"join_since":     {Id: 3, Body: &wirepb.ClientFrame_Join{Join: &wirepb.Join{Room: "42", Since: aPosition()}}},
		"leave":          {Id: 4, Body: &wirepb.ClientFrame_Leave{Leave: &wirepb.Leave{Room: "42"}}},
		"post":           {Id: 18446744073709551615, Body: &wirepb.ClientFrame_Post{Post: &wirepb.Post{Room: "42", Key: "k-1_A", Text: "前方高能", Mode: wirepb.Mode_MODE_SCROLL, Colour: new(uint32(0)), Size: wirepb.Size_SIZE_NORMAL, MediaTimeMs: new(uint64(0))}}},
		"post_plain":     {Id: 5, Body: &wirepb.ClientFrame_Post{Post: &wirepb.Post{Room: "42", Key: "k-1_A", Text: "233"}}},
		"ping":           {Body: &wirepb.ClientFrame_Ping{Ping: &wirepb.Ping{}}},
		"history":        {Id: 6, Body: &wirepb.ClientFrame_History{History: &wirepb.History{Room: "42", Before: aPosition(), Limit: 200}}},
		"history_newest": {Id: 7, Body: &wirepb.ClientFrame_History{History: &wirepb.History{Room: "42"}}},
	}
}

func serverVectors() map[string]*wirepb.ServerFrame {
	return map[string]*wirepb.ServerFrame{
		"welcome_guest": {Body: &wirepb.ServerFrame_Welcome{Welcome: &wirepb.Welcome{Connection: "c1", PingSeconds: 25}}},
		"welcome":       {Id: 1, Body: &wirepb.ServerFrame_Welcome{Welcome: &wirepb.Welcome{User: 9, Name: "阿弹", Connection: "c1", PingSeconds: 25, Roles: []string{"viewer", "streamer"}}}},
		"error":         {Id: 5, Body: &wirepb.ServerFrame_Error{Error: &wirepb.Error{Kind: "exhausted", Code: "slow_mode", Message: "wait", RetryAfterMs: 4200, Field: "text"}}},
		"joined":        {Id: 2, Body: &wirepb.ServerFrame_Joined{Joined: &wirepb.Joined{Room: "42", Position: aPosition(), Recovered: true, Danmaku: []*wirepb.Danmaku{aDanmaku()}, State: aState()}}},
		"joined_more":   {Id: 2, Body: &wirepb.ServerFrame_Joined{Joined: &wirepb.Joined{Room: "42", Position: aPosition(), Recovered: true, More: true, Danmaku: []*wirepb.Danmaku{anOlderDanmaku(), aDanmaku()}, State: aState()}}},
		"joined_broken": {Id: 2, Body: &wirepb.ServerFrame_Joined{Joined: &wirepb.Joined{Room: "42", Reason: "too_old", State: &wirepb.RoomState{Room: "42"}}}},
		"left":          {Id: 4, Body: &wirepb.ServerFrame_Left{Left: &wirepb.Left{Room: "42"}}},
		"posted":        {Id: 5, Body: &wirepb.ServerFrame_Posted{Posted: &wirepb.Posted{Room: "42", Key: "k-1_A", Position: aPosition(), Duplicate: true}}},
		"pong":          {Id: 6, Body: &wirepb.ServerFrame_Pong{Pong: &wirepb.Pong{ServerTimeMs: 1_795_000_000_000}}},
		"batch":         {Body: &wirepb.ServerFrame_Batch{Batch: &wirepb.Batch{Room: "42", From: before(aPosition(), 2), To: aPosition(), Danmaku: []*wirepb.Danmaku{anOlderDanmaku(), aDanmaku()}}}},
		"batch_first":   {Body: &wirepb.ServerFrame_Batch{Batch: &wirepb.Batch{Room: "42", To: &wirepb.Position{Epoch: 7, Offset: 1}, Danmaku: []*wirepb.Danmaku{{Offset: 1, User: 9, Name: "bob", Text: "233", SentAtMs: 1_795_000_000_000}}}}},
		"batch_sampled": {Body: &wirepb.ServerFrame_Batch{Batch: &wirepb.Batch{Room: "42", From: before(aPosition(), 400), To: aPosition(), Skipped: 399, Why: "sampled", Danmaku: []*wirepb.Danmaku{aDanmaku()}}}},
		"gap":           {Body: &wirepb.ServerFrame_Gap{Gap: &wirepb.Gap{Room: "42", From: before(aPosition(), 400), To: aPosition(), Count: 400, Reason: "slow"}}},
		"gap_closed":    {Body: &wirepb.ServerFrame_Gap{Gap: &wirepb.Gap{Room: "42", Reason: "room_closed"}}},
		"room_state":    {Body: &wirepb.ServerFrame_RoomState{RoomState: aState()}},
		"reconnect":     {Body: &wirepb.ServerFrame_Reconnect{Reconnect: &wirepb.Reconnect{MaxDelayMs: 5000, Reason: "drain"}}},
		"history_page":  {Id: 7, Body: &wirepb.ServerFrame_HistoryPage{HistoryPage: &wirepb.HistoryPage{Room: "42", To: aPosition(), Danmaku: []*wirepb.Danmaku{aDanmaku()}, More: true}}},
	}
}

// vectors are all of them by file name.
func vectors() map[string]proto.Message {
	all := map[string]proto.Message{}
	for name, f := range clientVectors() {
		all["client_"+name] = f
	}
	for name, f := range serverVectors() {
		all["server_"+name] = f
	}
	return all
}

func TestGoldenVectors(t *testing.T) {
	for name, want := range vectors() {
		t.Run(name, func(t *testing.T) {
			for _, e := range []Encoding{Proto, JSON} {
				got, err := marshal(e, want)
				if err != nil {
					t.Fatal(err)
				}
				golden := golden(t, name, e, got)
				if string(got) != string(golden) {
					t.Errorf("%v: encoded\n%q, golden\n%q", e, got, golden)
				}
				back := want.ProtoReflect().New().Interface()
				if err := unmarshal(e, golden, back); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, back, protocmp.Transform()); diff != "" {
					t.Errorf("%v: decoded -want +got\n%s", e, diff)
				}
			}
		})
	}
}

// golden reads the vector: JSON as it travels, protobuf in hexadecimal.
func golden(t *testing.T, name string, e Encoding, got []byte) []byte {
	t.Helper()
	path := filepath.Join("testdata", "golden", name+".json")
	content := string(got)
	if e == Proto {
		path = filepath.Join("testdata", "golden", name+".hex")
		content = hex.EncodeToString(got)
	}
	if *rewrite {
		if err := os.WriteFile(path, []byte(content+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	line := strings.TrimSuffix(string(b), "\n")
	if e == JSON {
		return []byte(line)
	}
	raw, err := hex.DecodeString(line)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestEveryMessageHasAVector(t *testing.T) {
	for _, frame := range []proto.Message{&wirepb.ClientFrame{}, &wirepb.ServerFrame{}} {
		bodies := frame.ProtoReflect().Descriptor().Oneofs().ByName("body").Fields()
		for i := range bodies.Len() {
			if !covered(bodies.Get(i)) {
				t.Errorf("%s has no golden vector", bodies.Get(i).FullName())
			}
		}
	}
}

func covered(body protoreflect.FieldDescriptor) bool {
	for _, m := range vectors() {
		r := m.ProtoReflect()
		if r.Descriptor() == body.ContainingMessage() && r.Has(body) {
			return true
		}
	}
	return false
}
