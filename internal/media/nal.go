package media

import "encoding/binary"

// ParameterSets gives the parameter sets in the record of an H.264 or H.265 Config made here, in the order in
// which a picture carries them; nil of other codecs. They are slices of the record.
func (c *Config) ParameterSets() (sets [][]byte) {
	switch c.Codec { //nolint:exhaustive // others have none
	case H264:
		rest := c.Record[5:]
		for _, mask := range [...]byte{maxSets, 0xff} { // SPS, then PPS
			n := rest[0] & mask
			rest = rest[1:]
			for range n {
				var one []byte
				one, rest = set(rest)
				sets = append(sets, one)
			}
		}
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

// lookNAL finds the parameter sets of a picture, all kinds of them or nil, and how decoding can start here.
// said is whether its publisher calls it a key picture.
func lookNAL(codec Codec, nals [][]byte, said bool) (sets [][]byte, how entry) {
	var all [3][]byte
	seen := 0
	for _, n := range nals {
		key, place := nalRole(codec, n)
		if key {
			how = closed
		}
		if place >= 0 {
			all[place] = n
			seen++
		}
	}
	switch {
	case seen == 0:
	case codec == H264:
		if sps, pps := sortSets(nals); len(sps) > 0 && len(pps) > 0 {
			sets = append(sps, pps...)
		}
	case all[0] != nil && all[1] != nil && all[2] != nil:
		sets = append(sets, all[:]...)
	}
	if how == none {
		how = recoveryOf(codec, nals, said)
	}
	return sets, how
}

// nalRole tells what a NAL unit is: the slice of a picture from which decoding can start (an IDR picture of
// H.264, any intra random access point of H.265), or a parameter set, with its place among them; else -1
// (ITU-T H.264 table 7-1, H.265 table 7-1).
func nalRole(codec Codec, nal []byte) (key bool, place int) {
	switch kind := nalType(codec, nal); {
	case codec == H265 && kind >= 16 && kind <= 21, codec == H264 && kind == 5:
		return true, -1
	case codec == H265 && kind >= 32 && kind <= 34:
		return false, kind - 32
	case codec == H264 && (kind == 7 || kind == 8):
		return false, kind - 7
	}
	return false, -1
}

// nalType is the type of a NAL unit, -1 of one that has no header.
func nalType(codec Codec, nal []byte) int {
	switch {
	case len(nal) < nalHead(codec):
		return -1
	case codec == H265:
		return int(nal[0] >> 1 & 0x3f)
	}
	return int(nal[0] & 0x1f)
}

// nalHead is how many bytes the header of a NAL unit has.
func nalHead(codec Codec) int {
	if codec == H265 {
		return 2
	}
	return 1
}
