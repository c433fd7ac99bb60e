package rtmp

import (
	"bytes"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/bluenviron/gortmplib/pkg/amf0"
)

// TestAddressesAsPeopleTypeThem: what is meant is plain, however it was copied.
func TestAddressesAsPeopleTypeThem(t *testing.T) {
	for _, c := range []struct{ where, name, want string }{
		{"rtmp://host/live", "k-a", "k-a"},
		{"rtmp://host/live/", "k-a\n", "k-a"},
		{"rtmp://host/live", " k-a ", "k-a"},
		{"rtmp://host/live", "\u00a0k-a\u200b\ufeff", "k-a"},
		{"rtmp://host/live", "\"k-a\"", "k-a"},
		{"rtmp://host/live ", "<k-a>\r\n", "k-a"},
		{"rtmp://host/live?x=1", "k-a", "k-a"},
		{"rtmp://host/live/?x=1&y=%zz", "k-a?ticket=7", "k-a"},
		{"rtmp://host/live", "live/k-a", "k-a"},
		{"rtmp://host/live", "/k-a", "k-a"},
		{"rtmp://host/live", "rtmp://host/live/k-a", "k-a"},
		{"rtmp://host/live", "RTMPS://host:1936/live/k-a", "k-a"},
		{"rtmp://host/live/k-a", "", "k-a"},
		{"rtmp://[bad host/live", "k-a", "k-a"},
		{"", "k-a", "k-a"},
		{"rtmp://host/live", "k-a b", ""},
		{"rtmp://host/live", "k-a\nb", ""},
		{"rtmp://host/live", "k%-a", "k%-a"},
		{"rtmp://host/live", "%2", "%2"},
		{"rtmp://host/live", "?k-a", ""},
		{"rtmp://host/live", "", ""},
		{"rtmp://host/stream", "k-a", ""},
		{"rtmp://host", "k-a", ""},
	} {
		about := amf0.Object{{Key: "app", Value: "live"}, {Key: "tcUrl", Value: c.where}}
		connect := read(t, tidied(command(t, amf0.Data{"connect", 1.0, about})))
		object, _ := connect[2].(amf0.Object)
		where, _ := object.GetString("tcUrl")
		publish := read(t, tidied(command(t, amf0.Data{"publish", 4.0, nil, c.name, "live"})))
		name, _ := publish[3].(string)
		u, err := joined(where, name)
		if err != nil {
			t.Errorf("%q, %q: the library cannot read %q, %q: %v", c.where, c.name, where, name, err)
			continue
		}
		if key, _ := ParsePath(u); key != c.want {
			t.Errorf("%q, %q: the key is %q, want %q", c.where, c.name, key, c.want)
		}
	}
}

// joined is what the library makes of an address.
func joined(where, name string) (path string, err error) {
	if name != "" {
		where += "/" + name
	}
	u, err := url.Parse(where)
	if err != nil {
		return "", err
	}
	return u.Path, nil
}

func command(t *testing.T, d amf0.Data) rawMessage {
	t.Helper()
	b, err := d.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return rawMessage{kind: typeCommandAMF0, body: b}
}

func read(t *testing.T, m rawMessage) amf0.Data {
	t.Helper()
	d, err := amf0.Unmarshal(m.body)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestConnectInAnyForm: whatever else an encoder says of itself, and in whatever types, does not matter.
func TestConnectInAnyForm(t *testing.T) {
	text := func(s string) []byte { return append([]byte{0, byte(len(s))}, s...) }
	head := append(append([]byte{2}, text("connect")...), 0, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0)
	app := slices.Concat(text("app"), []byte{2}, text("live"))
	end := []byte{0, 0, 9}
	date := append([]byte{11}, make([]byte, 10)...)
	for name, about := range map[string][]byte{
		"a date":                  slices.Concat([]byte{3}, text("since"), date, app, end),
		"a class":                 slices.Concat([]byte{16}, text("Connection"), app, end),
		"an array":                slices.Concat([]byte{8, 0, 0, 0, 1}, app, end),
		"nothing that is defined": slices.Concat([]byte{3}, text("x"), []byte{6}, text("y"), []byte{5}, text("z"), []byte{7, 0, 1}, app, end),
		"lists of codecs":         slices.Concat([]byte{3}, text("fourCcList"), []byte{10, 0, 0, 0, 1, 2}, text("av01"), app, end),
		"long texts":              slices.Concat([]byte{3}, text("app"), []byte{12, 0, 0, 0, 4}, []byte("live"), end),
	} {
		got := read(t, tidied(rawMessage{kind: typeCommandAMF0, body: slices.Concat(head, about)}))
		object, _ := got[2].(amf0.Object)
		if where, _ := object.GetString("tcUrl"); got[1] != 1.0 || where != "rtmp://host/live" {
			t.Errorf("%s: %+v", name, got)
		}
	}
	deep := slices.Concat(head, []byte(strings.Repeat("\x03\x00\x01a", 100)))
	if got := tidied(rawMessage{body: deep}); len(got.body) != len(deep) {
		t.Error("values that lie deep in each other are read")
	}
}

func FuzzTidied(f *testing.F) {
	f.Add([]byte("\x02\x00\x07connect\x00\x3f\xf0\x00\x00\x00\x00\x00\x00\x03\x00\x03app\x02\x00\x04live\x00\x00\x09"))
	f.Add([]byte("\x02\x00\x07publish\x00\x40\x10\x00\x00\x00\x00\x00\x00\x05\x02\x00\x03k-a"))
	f.Add([]byte("\x0a\xff\xff\xff\xff\x05"))
	f.Fuzz(func(t *testing.T, b []byte) {
		out := tidied(rawMessage{kind: typeCommandAMF0, body: b})
		if bytes.Equal(out.body, b) {
			return
		}
		if d, err := amf0.Unmarshal(out.body); err != nil || len(d) < 3 {
			t.Fatalf("%x becomes %x: %v", b, out.body, err)
		}
	})
}
