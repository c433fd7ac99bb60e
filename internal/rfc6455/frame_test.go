package rfc6455

import (
	"encoding/hex"
	"strings"
	"testing"
)

func TestFramesOfTheRFC(t *testing.T) {
	for _, c := range []struct {
		name string
		got  []byte
		want string
	}{
		{"5.7 unmasked text", AppendFrame(nil, Text, []byte("Hello")), "810548656c6c6f"},
		{"5.7 masked text", AppendMasked(nil, Text, true, key, []byte("Hello")), "818537fa213d7f9f4d5158"},
		{"5.7 fragment 1", AppendMasked(nil, Text, false, [4]byte{}, []byte("Hel")), "01830000000048656c"},
		{"5.7 pong", AppendFrame(nil, Pong, []byte("Hello")), "8a0548656c6c6f"},
		{"5.7 256 bytes", AppendHeader(nil, Binary, true, 256), "827e0100"},
		{"5.7 64 KiB", AppendHeader(nil, Binary, true, 65536), "827f0000000000010000"},
		{"125 bytes", AppendHeader(nil, Text, true, 125), "817d"},
		{"126 bytes", AppendHeader(nil, Text, true, 126), "817e007e"},
		{"65535 bytes", AppendHeader(nil, Text, true, 65535), "817effff"},
		{"close", AppendClose(nil, 4008, "slow"), "88060fa8736c6f77"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := hex.EncodeToString(c.got); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestCloseReasonIsCutAtACharacter(t *testing.T) {
	b := AppendClose(nil, CloseNormal, strings.Repeat("弹", 60))
	if len(b) != 2+2+123 {
		t.Errorf("%d bytes, want 41 characters of 3 bytes behind header and code", len(b))
	}
}

func TestAcceptKeyOfTheRFC(t *testing.T) {
	if got := Accept("dGhlIHNhbXBsZSBub25jZQ=="); got != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Errorf("got %s", got)
	}
}

func TestValidKey(t *testing.T) {
	for key, want := range map[string]bool{
		"dGhlIHNhbXBsZSBub25jZQ==":  true,
		"":                          false,
		"dGhlIHNhbXBsZSBub25jZQ":    false,
		"dGhlIHNhbXBsZSBub25j":      false,
		"dGhlIHNhbXBsZSBub25jZR==":  false,
		"dGhlIHNhbXBsZSBub25jZWVl":  false,
		"!!!!IHNhbXBsZSBub25jZQ==":  false,
		"dGhlIHNhbXBsZSBub25jZQ== ": false,
	} {
		if got := ValidKey(key); got != want {
			t.Errorf("ValidKey(%q) = %v", key, got)
		}
	}
}
