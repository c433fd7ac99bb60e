package rtmp

import (
	"time"

	"github.com/barrage-live/barrage/internal/fault"
)

var errBitrate = fault.New(fault.Exhausted, "bitrate_too_high",
	"more bits per second are sent than a channel may have; lower the encoder's bitrate")

// bitrateBurst is how many seconds' worth may come at once: keyframes, and what an encoder kept while its
// network was away.
const bitrateBurst = 4

// messageCost is how many bytes a message counts for beyond its own: to read one takes work, however small
// it is, and to answer a ping a write. Encoders send a hundred or two a second.
const messageCost = 256

// bitrate is a token bucket over the bytes of a publisher. Its zero value has no limit.
type bitrate struct {
	rate float64 // bytes per second
	left float64
	at   time.Time
}

func newBitrate(bits int, now time.Time) bitrate {
	rate := float64(bits) / 8
	return bitrate{rate: rate, left: rate * bitrateBurst, at: now}
}

// take reports with errBitrate that n more bytes are too many.
func (b *bitrate) take(n int, now time.Time) error {
	if b.rate == 0 {
		return nil
	}
	b.left = min(b.left+now.Sub(b.at).Seconds()*b.rate, b.rate*bitrateBurst) - float64(n)
	b.at = now
	if b.left < 0 {
		return errBitrate
	}
	return nil
}
