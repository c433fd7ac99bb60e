package api

import (
	"context"
	"net/http"
	"time"

	"github.com/barrage-live/barrage/actors/channel"
	"github.com/barrage-live/barrage/internal/auth"
)

// mintLimit is how many stream keys one account may ask for in the window.
const mintLimit = 60

// StreamKey is the right to publish, without its secret.
type StreamKey struct {
	ID        string     `json:"id"`
	Hint      string     `json:"hint" doc:"the first letters of the secret part"`
	CreatedAt time.Time  `json:"created_at"`
	UsedAt    *time.Time `json:"last_used_at,omitempty"`
	ExpiresAt *time.Time `json:"expires_at,omitempty" doc:"set when a newer key was made"`
	Revoked   bool       `json:"revoked"`
	InUse     bool       `json:"in_use" doc:"the present publisher came with it"`
}

// MintedKey is a new key; its secret is shown this once.
type MintedKey struct {
	ID        string    `json:"id"`
	StreamKey string    `json:"stream_key" doc:"the secret: shown once, never again"`
	RTMPURL   string    `json:"rtmp_url" doc:"the server to enter beside the key"`
	CreatedAt time.Time `json:"created_at"`
}

type keysOut struct {
	Body struct {
		Keys    []StreamKey `json:"keys" nullable:"false"`
		RTMPURL string      `json:"rtmp_url" doc:"the server to enter beside a key"`
	}
}

type mintedOut struct{ Body MintedKey }

type keyIn struct {
	Channel string `path:"channel" doc:"name or id"`
	Key     string `path:"key"`
}

func (s *server) keys() {
	add(s, operation{"list-keys", http.MethodGet, "/v1/channels/{channel}/keys", "List stream keys", "keys", 0, users}, s.listKeys)
	add(s, operation{"mint-key", http.MethodPost, "/v1/channels/{channel}/keys", "Make a stream key; older ones run out", "keys", http.StatusCreated, users}, s.mintKey)
	add(s, operation{"revoke-key", http.MethodDelete, "/v1/channels/{channel}/keys/{key}", "End a stream key and its publisher", "keys", http.StatusNoContent, users}, s.revokeKey)
}

func (s *server) listKeys(ctx context.Context, in *channelIn) (*keysOut, error) {
	ch, err := s.own(ctx, in.Channel, auth.Admin)
	if err != nil {
		return nil, err
	}
	list, err := s.StreamKeys.Keys(ctx, ch.ID)
	out := &keysOut{}
	out.Body.RTMPURL = s.rtmpURL(ctx)
	out.Body.Keys = make([]StreamKey, 0, len(list))
	for _, k := range list {
		out.Body.Keys = append(out.Body.Keys, keyOf(k))
	}
	return out, err
}

func (s *server) mintKey(ctx context.Context, in *channelIn) (*mintedOut, error) {
	ch, err := s.own(ctx, in.Channel, auth.Admin)
	if err != nil {
		return nil, err
	}
	i, err := asker(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.within(ctx, userLimit("mint_key", i, mintLimit)); err != nil {
		return nil, err
	}
	k, secret, err := s.StreamKeys.MintKey(ctx, ch.ID)
	if err != nil {
		return nil, err
	}
	return &mintedOut{MintedKey{k.ID, secret.Reveal(), s.rtmpURL(ctx), k.Created}}, nil
}

func (s *server) revokeKey(ctx context.Context, in *keyIn) (*struct{}, error) {
	ch, err := s.own(ctx, in.Channel, auth.Admin)
	if err != nil {
		return nil, err
	}
	_, err = s.StreamKeys.RevokeKey(ctx, ch.ID, in.Key)
	return nil, err
}

func keyOf(k channel.Key) StreamKey {
	return StreamKey{k.ID, k.Hint, k.Created, moment(k.Used), moment(k.Expires), !k.Revoked.IsZero(), k.InUse}
}

// moment is nil for "never".
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
