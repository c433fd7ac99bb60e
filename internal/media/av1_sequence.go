package media

import (
	"errors"

	"github.com/bluenviron/mediacommon/v2/pkg/bits"
)

// av1Sequence is what a record tells of a sequence header (AV1 specification section 5.5). The library's
// reader of sequence headers takes none with decoder model information or an initial display delay, which
// SVT-AV1 and hardware encoders write; this one takes every form that the section has, and reads no further
// than the colours.
type av1Sequence struct {
	profile, level, tier byte // the last two of the first operating point
	width, height        int
	depth                int
	mono                 bool
	subX, subY           bool
	position             byte // chroma_sample_position
}

var errReserved = errors.New("a profile that is reserved")

// av1Bits reads the bits of a header. It stays at the first error; what is read then is 0.
type av1Bits struct {
	b   []byte
	at  int
	err error
}

// read gives the next bits, 64 at most.
func (r *av1Bits) read(n int) uint64 {
	if r.err != nil {
		return 0
	}
	v, err := bits.ReadBits(r.b, &r.at, n)
	if err != nil {
		r.err = err
		return 0
	}
	return v
}

func (r *av1Bits) flag() bool { return r.read(1) == 1 }

// skip passes over fields, each of so many bits.
func (r *av1Bits) skip(fields ...int) {
	for _, n := range fields {
		r.read(n)
	}
}

// uvlc passes over a number of variable length (section 4.10.3); one of 32 zeros is no picture's duration.
func (r *av1Bits) uvlc() {
	if r.err == nil {
		_, r.err = bits.ReadGolombUnsigned(r.b, &r.at)
	}
}

// readAV1Sequence reads what follows the OBU header.
func readAV1Sequence(b []byte) (s av1Sequence, err error) {
	r := &av1Bits{b: b}
	s.profile = byte(r.read(3))
	if s.profile > 2 {
		return s, errReserved
	}
	r.flag() // still_picture
	reduced := r.flag()
	if reduced {
		s.level = byte(r.read(5))
	} else {
		s.operatingPoints(r)
	}
	w, h := int(r.read(4))+1, int(r.read(4))+1
	s.width, s.height = int(r.read(w))+1, int(r.read(h))+1
	if !reduced && r.flag() { // frame_id_numbers_present_flag
		r.skip(4, 3)
	}
	r.skip(1, 1, 1) // use_128x128_superblock to enable_intra_edge_filter
	if !reduced {
		skipAV1Tools(r)
	}
	r.skip(1, 1, 1) // enable_superres to enable_restoration
	s.colors(r)
	return s, r.err
}

// operatingPoints reads from timing_info_present_flag to the last operating point.
func (s *av1Sequence) operatingPoints(r *av1Bits) {
	model, delay := false, 0
	if r.flag() { // timing_info_present_flag
		r.skip(32, 32)
		if r.flag() { // equal_picture_interval
			r.uvlc()
		}
		if model = r.flag(); model {
			delay = int(r.read(5)) + 1
			r.skip(32, 5, 5)
		}
	}
	display := r.flag() // initial_display_delay_present_flag
	for i := range int(r.read(5)) + 1 {
		r.skip(12) // operating_point_idc
		level, tier := byte(r.read(5)), byte(0)
		if level > 7 {
			tier = byte(r.read(1))
		}
		if i == 0 {
			s.level, s.tier = level, tier
		}
		if model && r.flag() { // operating_parameters_info (section 5.5.5)
			r.skip(delay, delay, 1)
		}
		if display && r.flag() {
			r.skip(4)
		}
	}
}

// skipAV1Tools passes over the fields from enable_interintra_compound to order_hint_bits_minus_1.
func skipAV1Tools(r *av1Bits) {
	const chosen = 2   // SELECT_SCREEN_CONTENT_TOOLS
	r.skip(1, 1, 1, 1) // enable_interintra_compound to enable_dual_filter
	order := r.flag()  // enable_order_hint
	if order {
		r.skip(1, 1)
	}
	tools := uint64(chosen)
	if !r.flag() { // seq_choose_screen_content_tools
		tools = r.read(1)
	}
	if tools > 0 && !r.flag() { // seq_choose_integer_mv
		r.skip(1)
	}
	if order {
		r.skip(3)
	}
}

// colors reads color_config (section 5.5.2).
func (s *av1Sequence) colors(r *av1Bits) {
	const srgb = 1<<16 | 13<<8 // BT.709 primaries, the transfer of sRGB, the identity matrix
	s.depth = 8
	if r.flag() { // high_bitdepth
		s.depth = 10
		if s.profile == 2 && r.flag() {
			s.depth = 12
		}
	}
	s.mono = s.profile != 1 && r.flag()
	var described uint64
	if r.flag() { // color_description_present_flag
		described = r.read(24)
	}
	switch {
	case s.mono:
		r.skip(1)
		s.subX, s.subY = true, true
		return
	case described == srgb:
		return
	}
	r.skip(1) // color_range
	switch {
	case s.profile == 0:
		s.subX, s.subY = true, true
	case s.profile == 1:
	case s.depth == 12:
		s.subX = r.flag()
		s.subY = s.subX && r.flag()
	default:
		s.subX = true
	}
	if s.subX && s.subY {
		s.position = byte(r.read(2))
	}
}
