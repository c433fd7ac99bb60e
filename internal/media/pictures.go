package media

// Pictures makes the units of a video publication decodable from every key picture on: it finds the key
// pictures, puts what their decoder needs into those that came without, and tells from where another
// configuration holds. That may come inside the pictures or beside them (Use). One goroutine uses it.
type Pictures struct {
	config *Config
	sets   [][]byte // what a key picture carries: parameter sets, or the sequence header
	fresh  bool
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

// Fill fills in Data, Key and Config of a picture that consists of data, as it came. It keeps data, and
// copies what it has to remember of it. It reports whether it is a picture at all.
func (p *Pictures) Fill(u *Unit, data [][]byte) bool {
	found, key, ok := look(p.config.Codec, data)
	if !ok {
		return false
	}
	u.Data, u.Key = data, key
	if found != nil && !within(p.sets, found) {
		if c, err := fromInBand(p.config.Codec, found); err == nil { // what cannot be read stays where it came
			p.Use(c)
		}
	}
	if !key {
		return true
	}
	if len(found) < len(p.sets) { // none came, or not all
		u.Data = append(append(make([][]byte, 0, len(data)+len(p.sets)), p.sets...), data...)
	}
	if p.fresh {
		u.Config, p.fresh = p.config, false
	}
	return true
}

// ConfigOf makes the Config of what a picture itself says; nil when it does not say enough.
func ConfigOf(codec Codec, data [][]byte) *Config {
	found, _, ok := look(codec, data)
	if !ok || found == nil {
		return nil
	}
	c, err := fromInBand(codec, found)
	if err != nil {
		return nil
	}
	return c
}

// look finds in a picture what a Config can be made of, all of it or nil, and whether decoding can start
// here.
func look(codec Codec, data [][]byte) (found [][]byte, key, ok bool) {
	if len(data) == 0 {
		return nil, false, false
	}
	switch codec {
	case H264, H265:
		found, key = lookNAL(codec, data)
	case AV1:
		if h := headerOBU(data); h != nil {
			found = [][]byte{h}
		}
		key = keyOBUs(data)
	case VP9:
		if key, ok = vp9Frame(data[0]); !ok {
			return nil, false, false
		}
		if key {
			found = data[:1]
		}
	case AAC, Opus:
		return nil, false, false
	}
	return found, key, true
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
