package media

import (
	"bytes"
	"encoding/binary"
)

// ParameterSets gives the parameter sets in the record of an H.264 or H.265 Config made here, in the order in
// which a picture carries them; nil of other codecs. They are slices of the record.
func (c *Config) ParameterSets() (sets [][]byte) {
	switch c.Codec { //nolint:exhaustive // others have none
	case H264:
		sps, rest := set(c.Record[6:])
		pps, _ := set(rest[1:])
		return [][]byte{sps, pps}
	case H265:
		rest := c.Record[23:]
		for range 3 {
			var one []byte
			one, rest = set(rest[3:])
			sets = append(sets, one)
		}
	}
	return sets
}

// set splits off a parameter set behind its length.
func set(b []byte) (one, rest []byte) {
	n := 2 + int(binary.BigEndian.Uint16(b))
	return b[2:n:n], b[n:]
}

// Pictures makes the units of an H.264 or H.265 publication decodable from every key picture on: it puts the
// parameter sets into those that came without, and tells when other ones hold. The sets may come inside the
// pictures or beside them (Use). One goroutine uses it.
type Pictures struct {
	config *Config
	sets   [][]byte
	fresh  bool
}

// NewPictures begins with a Config made by NewH264 or NewH265.
func NewPictures(c *Config) *Pictures { return &Pictures{config: c, sets: c.ParameterSets()} }

// Use takes the configuration of the pictures to come.
func (p *Pictures) Use(c *Config) {
	if !c.Equal(p.config) {
		p.config, p.sets, p.fresh = c, c.ParameterSets(), true
	}
}

// Fill fills in Data, Key and Config of a picture that consists of nals. It keeps nals, and copies parameter
// sets that it has to remember.
func (p *Pictures) Fill(u *Unit, nals [][]byte) {
	var found [3][]byte
	u.Data = nals
	for _, n := range nals {
		key, place := nalRole(p.config.Codec, n)
		u.Key = u.Key || key
		if place >= 0 {
			found[place] = n
		}
	}
	complete := true
	for _, s := range found[:len(p.sets)] {
		complete = complete && s != nil
	}
	if complete {
		p.learn(found[:len(p.sets)])
	}
	if !u.Key {
		return
	}
	if !complete {
		u.Data = append(append(make([][]byte, 0, len(nals)+len(p.sets)), p.sets...), nals...)
	}
	if p.fresh {
		u.Config, p.fresh = p.config, false
	}
}

// learn takes sets that came in a picture. Those that cannot be read change nothing: they stay where they
// came.
func (p *Pictures) learn(sets [][]byte) {
	same := true
	for i := range sets {
		same = same && bytes.Equal(sets[i], p.sets[i])
	}
	if same {
		return
	}
	read := func() (*Config, error) { return NewH264(sets[0], sets[1]) }
	if p.config.Codec == H265 {
		read = func() (*Config, error) { return NewH265(sets[0], sets[1], sets[2]) }
	}
	if c, err := read(); err == nil {
		p.Use(c)
	}
}

// nalRole tells what a NAL unit is: the slice of a picture from which decoding can start (an IDR picture of
// H.264, any intra random access point of H.265), or a parameter set, with its place among them; else -1
// (ITU-T H.264 table 7-1, H.265 table 7-1).
func nalRole(codec Codec, nal []byte) (key bool, place int) {
	if len(nal) == 0 {
		return false, -1
	}
	if codec == H265 {
		switch kind := int(nal[0] >> 1 & 0x3f); {
		case kind >= 16 && kind <= 21:
			return true, -1
		case kind >= 32 && kind <= 34:
			return false, kind - 32
		}
		return false, -1
	}
	switch kind := int(nal[0] & 0x1f); kind {
	case 5:
		return true, -1
	case 7, 8:
		return false, kind - 7
	}
	return false, -1
}
