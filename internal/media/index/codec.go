package index

import (
	"math"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/id"
	pb "github.com/barrage-live/barrage/internal/media/index/indexpb"
)

// Bounds of what a row may hold.
const (
	// MaxRow is the size of a row, in bytes.
	MaxRow = 4 << 10
	// MaxObject is the size of an object, in bytes.
	MaxObject = 1 << 40
	// MaxCodecs is how many tracks an init segment describes, and how many codecs a playlist names.
	MaxCodecs = 8
	// maxSpan bounds times since the start of a broadcast.
	maxSpan = 10 * 365 * 24 * time.Hour
	maxSize = 1 << 16 // of a picture, in pixels
)

func bad(why string) error {
	return fault.Newf(fault.Internal, "bad_index_row", "a row of a recording cannot be read: %s", why)
}

func marshal(m proto.Message) ([]byte, error) {
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "bad_index_row", "a row of a recording cannot be encoded", err)
	}
	return b, nil
}

func unmarshal(b []byte, m proto.Message) error {
	if len(b) > MaxRow {
		return bad("it is too long")
	}
	if err := proto.Unmarshal(b, m); err != nil {
		return fault.Wrap(fault.Internal, "bad_index_row", "a row of a recording cannot be read", err)
	}
	return nil
}

// Encode gives the row of a header.
func (h *Header) Encode() ([]byte, error) {
	m := &pb.Header{
		Channel: string(h.Channel), Room: string(h.Room), Title: h.Title, Start: h.Start.UnixNano(), Target: int64(h.Target),
		State: pb.State(h.State), Next: h.Next, Duration: int64(h.Duration), Bytes: h.Bytes, Peak: h.Peak, Fps: h.FPS, Objects: h.Objects,
		PartTarget: int64(h.PartTarget), NextInit: h.NextInit,
	}
	if !h.End.IsZero() {
		m.End = h.End.UnixNano()
	}
	return marshal(m)
}

// DecodeHeader reads the row of a header.
func DecodeHeader(b []byte) (Header, error) {
	var m pb.Header
	if err := unmarshal(b, &m); err != nil {
		return Header{}, err
	}
	h := Header{
		Channel: id.Channel(m.GetChannel()), Room: id.Room(m.GetRoom()), Title: m.GetTitle(),
		Start: time.Unix(0, m.GetStart()).UTC(), Target: time.Duration(m.GetTarget()), State: State(m.GetState()),
		Listed: Listed{m.GetNext(), m.GetNextInit()}, Duration: time.Duration(m.GetDuration()), Bytes: m.GetBytes(), Peak: m.GetPeak(), FPS: m.GetFps(),
		Objects: m.GetObjects(), PartTarget: time.Duration(m.GetPartTarget()),
	}
	if m.GetEnd() != 0 {
		h.End = time.Unix(0, m.GetEnd()).UTC()
	}
	_, err := id.ParseNumber[id.Channel](m.GetChannel())
	switch {
	case err != nil:
		return Header{}, bad("there is no channel")
	case m.GetState() < pb.State_STATE_OPEN || m.GetState() > pb.State_STATE_REMOVED:
		return Header{}, bad("its state is unknown")
	case h.Target < time.Second || h.Target > time.Hour || h.Target%time.Second != 0:
		return Header{}, bad("its target duration is none")
	case h.PartTarget < 0 || h.PartTarget > h.Target:
		return Header{}, bad("its part target is none")
	case h.Duration < 0 || h.Duration > maxSpan || h.Bytes < 0 || h.Peak < 0 || h.Next > math.MaxInt64:
		return Header{}, bad("its length is none")
	case math.IsNaN(h.FPS) || h.FPS < 0 || h.FPS > 1e6:
		return Header{}, bad("its frame rate is none")
	}
	return h, nil
}

// Encode gives the row of an init segment; the number is in its key.
func (i *Init) Encode() ([]byte, error) {
	return marshal(i.proto())
}

func (i *Init) proto() *pb.Init {
	return &pb.Init{Place: i.Place.proto(), Codecs: i.Codecs, Width: uint32(i.Width), Height: uint32(i.Height)}
}

// DecodeInit reads the row of an init segment.
func DecodeInit(number uint32, b []byte) (Init, error) {
	var m pb.Init
	if err := unmarshal(b, &m); err != nil {
		return Init{}, err
	}
	return toInit(number, &m)
}

func toInit(number uint32, m *pb.Init) (Init, error) {
	place, err := toPlace(m.GetPlace())
	if err != nil {
		return Init{}, err
	}
	if len(m.GetCodecs()) > MaxCodecs || m.GetWidth() > maxSize || m.GetHeight() > maxSize {
		return Init{}, bad("it has too many tracks, or too large a picture")
	}
	for _, c := range m.GetCodecs() {
		if !plain(c) {
			return Init{}, bad("a codec has no name")
		}
	}
	return Init{Number: number, Place: place, Codecs: m.GetCodecs(), Width: int(m.GetWidth()), Height: int(m.GetHeight())}, nil
}

// plain reports whether a codec string can stand in a playlist.
func plain(codec string) bool {
	for i := range len(codec) {
		if c := codec[i]; c <= ' ' || c > '~' || c == '"' || c == ',' || c == '\\' {
			return false
		}
	}
	return codec != ""
}

// Encode gives the row of a segment; the sequence number is in its key.
func (s *Segment) Encode() ([]byte, error) { return marshal(s.proto()) }

func (s *Segment) proto() *pb.Segment {
	m := &pb.Segment{
		Init: s.Init, Discontinuity: s.Discontinuity, Independent: s.Independent, Gap: s.Gap, Media: int64(s.Media), Duration: int64(s.Duration),
	}
	if !s.Gap {
		m.Place = s.Place.proto()
	}
	return m
}

// DecodeSegment reads the row of a segment.
func DecodeSegment(sequence uint64, b []byte) (Segment, error) {
	var m pb.Segment
	if err := unmarshal(b, &m); err != nil {
		return Segment{}, err
	}
	return toSegment(sequence, &m)
}

func toSegment(sequence uint64, m *pb.Segment) (Segment, error) {
	s := Segment{
		Sequence: sequence, Init: m.GetInit(), Discontinuity: m.GetDiscontinuity(), Independent: m.GetIndependent(), Gap: m.GetGap(),
		Media: time.Duration(m.GetMedia()), Duration: time.Duration(m.GetDuration()),
	}
	var err error
	if !s.Gap {
		s.Place, err = toPlace(m.GetPlace())
	}
	switch {
	case err != nil:
		return Segment{}, err
	case s.Media < -maxSpan || s.Media > maxSpan || s.Duration < 0 || s.Duration > time.Hour:
		return Segment{}, bad("its time or duration is none")
	}
	return s, nil
}

func (p Place) proto() *pb.Place {
	return &pb.Place{Object: p.Object, Offset: p.Offset, Length: p.Length, Sum: p.Sum}
}

func toPlace(m *pb.Place) (Place, error) {
	p := Place{Object: m.GetObject(), Offset: m.GetOffset(), Length: m.GetLength(), Sum: m.GetSum()}
	if p.Offset < 0 || p.Length <= 0 || p.Offset > MaxObject || p.Length > MaxObject-p.Offset {
		return Place{}, bad("its place is none")
	}
	return p, nil
}
