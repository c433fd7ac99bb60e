package media

import "time"

// Pictures makes the units of a video publication decodable from every key picture on: it finds the key
// pictures, puts what their decoder needs into those that came without, and tells from where another
// configuration holds. That may come inside the pictures or beside them (Use). One goroutine uses it.
type Pictures struct {
	config *Config
	sets   [][]byte // what a key picture carries: parameter sets, or the sequence header
	fresh  bool
	// shown is when the key picture of an open group is, whose leading pictures may come; left is how many.
	shown time.Duration
	left  int
}

// NewPictures begins with a Config that was made here.
func NewPictures(c *Config) *Pictures { return &Pictures{config: c, sets: inBand(c)} }

// Config is what holds for the pictures to come.
func (p *Pictures) Config() *Config { return p.config }

// Use takes the configuration of the pictures to come, of the same codec.
func (p *Pictures) Use(c *Config) {
	if !c.Equal(p.config) {
		p.config, p.sets, p.fresh = c, inBand(c), true
	}
}

// Fill fills in Data, Key, Open, Gradual and Config of a picture that consists of data, as it came. Key is
// taken for what its publisher says of it. Fill keeps data, and copies what it has to remember of it. It
// reports whether it is a picture at all.
func (p *Pictures) Fill(u *Unit, data [][]byte) bool {
	found, how, ok := look(p.config.Codec, data, u.Key)
	if !ok {
		return false
	}
	if how == unmarked {
		data, how = marked(data), open
	}
	u.Data, u.Key, u.Open, u.Gradual = data, how >= open, how == open, how == gradual
	if found != nil && !within(p.sets, found) {
		if c, err := fromInBand(p.config.Codec, found); err == nil { // what cannot be read stays where it came
			p.Use(c)
		}
	}
	if !u.Key {
		return true
	}
	p.left = 0
	if u.Open {
		p.shown, p.left = u.PTS, maxLeading
	}
	if len(found) < len(p.sets) { // none came, or not all
		u.Data = append(append(make([][]byte, 0, len(data)+len(p.sets)), p.sets...), data...)
	}
	if p.fresh {
		u.Config, p.fresh = p.config, false
	}
	return true
}

// maxLeading is how many leading pictures a key picture can have: as many as H.264 can reorder.
const maxLeading = 16

// Leading reports whether a picture, the last one filled in, is shown before the key picture of the open
// group it follows. Who starts at that has not the pictures it refers to, and decoders of H.264 do not find
// out: that of Chromium fails for good.
func (p *Pictures) Leading(u *Unit) bool {
	if u.Key || p.left == 0 {
		return false
	}
	p.left--
	if u.PTS >= p.shown {
		p.left = 0
		return false
	}
	return true
}

// ConfigOf makes the Config of what a picture itself says; nil when it does not say enough.
func ConfigOf(codec Codec, data [][]byte) *Config {
	found, _, ok := look(codec, data, false)
	if !ok || found == nil {
		return nil
	}
	c, err := fromInBand(codec, found)
	if err != nil {
		return nil
	}
	return c
}

// look finds in a picture what a Config can be made of, all of it or nil, and how decoding can start here.
func look(codec Codec, data [][]byte, said bool) (found [][]byte, how entry, ok bool) {
	if len(data) == 0 {
		return nil, none, false
	}
	key := false
	switch codec {
	case H264, H265:
		found, how = lookNAL(codec, data, said)
		return found, how, true
	case AV1:
		if h := headerOBU(data); h != nil {
			found = [][]byte{h}
		}
		key = keyOBUs(data)
	case VP9:
		if key, ok = vp9Frame(data[0]); !ok {
			return nil, none, false
		}
		if key {
			found = data[:1]
		}
	case AAC, Opus:
		return nil, none, false
	}
	if key {
		how = closed
	}
	return found, how, true
}

// fromInBand makes the Config of what look found.
func fromInBand(codec Codec, found [][]byte) (*Config, error) {
	switch codec {
	case H264:
		return NewH264(found...)
	case H265:
		return NewH265(found[0], found[1], found[2])
	case AV1:
		return NewAV1(found[0])
	case VP9:
		return NewVP9(found[0])
	case AAC, Opus:
	}
	return nil, badVideo(codec.Title()+" has no pictures", nil)
}

// inBand is what a key picture of a configuration carries; nothing of VP9, whose frames say it all.
func inBand(c *Config) [][]byte {
	if c.Codec == AV1 {
		return [][]byte{c.Record[4:]}
	}
	return c.ParameterSets()
}

// within reports whether nothing is found that is not known. A picture may bring some of the sets that an
// encoder has announced.
func within(sets, found [][]byte) bool {
	for _, f := range found {
		if !contains(sets, f) {
			return false
		}
	}
	return true
}
