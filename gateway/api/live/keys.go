package live

import (
	"context"
	"net/http"
	"time"

	"github.com/barrage-live/barrage/actors/identity/account"
	"github.com/barrage-live/barrage/actors/live/channel"
	"github.com/barrage-live/barrage/gateway/rest"
)

// mintLimit is how many stream keys one account may ask for in the window.
const mintLimit = 60

// StreamKey is the right to publish, without its secret.
type StreamKey struct {
	ID        string `json:"id" doc:"the key's id" example:"k1"`
	Hint      string `json:"hint" doc:"the first letters of the secret part" example:"abcd"`
	CreatedMS int64  `json:"created_at_ms" doc:"in ms since 1970" example:"1794000000000"`
	UsedMS    int64  `json:"last_used_at_ms,omitempty" doc:"in ms since 1970; absent: never" example:"1795000000000"`
	ExpiresMS int64  `json:"expires_at_ms,omitempty" doc:"in ms since 1970; set when a newer key was made"`
	Revoked   bool   `json:"revoked" doc:"it serves no more" example:"false"`
	InUse     bool   `json:"in_use" doc:"the present publisher came with it" example:"true"`
}

// StreamKeyList is the keys of a channel and where to use them.
type StreamKeyList struct {
	Keys    []StreamKey `json:"keys" nullable:"false" doc:"a channel has a few at most"`
	RTMPURL string      `json:"rtmp_url" doc:"the server to enter beside a key" example:"rtmp://live.example.org/live"`
}

// MintedKey is a new key; its secret is shown this once.
type MintedKey struct {
	ID        string `json:"id" doc:"the key's id" example:"k1"`
	StreamKey string `json:"stream_key" doc:"the secret: shown once, never again"`
	RTMPURL   string `json:"rtmp_url" doc:"the server to enter beside the key" example:"rtmp://live.example.org/live"`
	CreatedMS int64  `json:"created_at_ms" doc:"in ms since 1970" example:"1794000000000"`
}

type keysOut struct{ Body StreamKeyList }

type mintedOut struct{ Body MintedKey }

type keyIn struct {
	ChannelRef
	Key string `path:"key" doc:"id of the key" example:"k1"`
}

func (h *handlers) keyOperations() []rest.Operation {
	return []rest.Operation{
		rest.Handle(rest.Operation{
			ID: "list-keys", Method: http.MethodGet, Path: "/v1/channels/{channel}/keys",
			Summary: "List stream keys",
			Text:    "Without their secrets.",
			Tag:     "keys", Access: rest.Users, Right: channelOwner(), Codes: []string{"no_channel"},
		}, h.listKeys),
		rest.Handle(rest.Operation{
			ID: "create-key", Method: http.MethodPost, Path: "/v1/channels/{channel}/keys",
			Summary: "Make a stream key",
			Text:    "The secret is shown this once. Older keys go on for a while, so that an encoder can be changed over.",
			Tag:     "keys", Status: http.StatusCreated, Access: rest.Users, Right: channelOwner(), Codes: []string{"no_channel", "too_many_keys"},
		}, h.mintKey),
		rest.Handle(rest.Operation{
			ID: "revoke-key", Method: http.MethodDelete, Path: "/v1/channels/{channel}/keys/{key}",
			Summary: "End a stream key and its publisher",
			Text:    "At once.",
			Tag:     "keys", Status: http.StatusNoContent, Access: rest.Users, Right: channelOwner(), Codes: []string{"no_channel", "no_key"},
		}, h.revokeKey),
	}
}

func (h *handlers) listKeys(ctx context.Context, in *ChannelRef) (*keysOut, error) {
	ch, err := h.own(ctx, in.Channel)
	if err != nil {
		return nil, err
	}
	list, err := h.StreamKeys.Keys(ctx, ch.ID)
	out := &keysOut{}
	out.Body.RTMPURL = h.rtmpURL(ctx)
	out.Body.Keys = make([]StreamKey, 0, len(list))
	for _, k := range list {
		out.Body.Keys = append(out.Body.Keys, keyOf(k))
	}
	return out, err
}

func (h *handlers) mintKey(ctx context.Context, in *ChannelRef) (*mintedOut, error) {
	ch, err := h.own(ctx, in.Channel)
	if err != nil {
		return nil, err
	}
	i, err := rest.RequireIdentity(ctx)
	if err != nil {
		return nil, err
	}
	if err := h.Limits.Within(ctx, rest.UserLimit("mint_key", i, mintLimit)); err != nil {
		return nil, err
	}
	owner, err := h.Accounts.Find(ctx, string(ch.Owner)) // an administrator may ask as well
	if err != nil {
		return nil, err
	}
	// A request may have been let in before its owner was shut out, and an administrator may ask: rights of
	// one who is shut out make no key.
	if owner.Disabled {
		return nil, account.ErrDisabled
	}
	k, secret, err := h.StreamKeys.MintKey(ctx, ch.ID, owner.RightsVersion)
	if err != nil {
		return nil, err
	}
	return &mintedOut{MintedKey{k.ID, secret.Reveal(), h.rtmpURL(ctx), k.Created.UnixMilli()}}, nil
}

func (h *handlers) revokeKey(ctx context.Context, in *keyIn) (*struct{}, error) {
	ch, err := h.own(ctx, in.Channel)
	if err != nil {
		return nil, err
	}
	_, err = h.StreamKeys.RevokeKey(ctx, ch.ID, in.Key)
	return nil, err
}

func keyOf(k channel.Key) StreamKey {
	return StreamKey{k.ID, k.Hint, k.Created.UnixMilli(), milliseconds(k.Used), milliseconds(k.Expires), !k.Revoked.IsZero(), k.InUse}
}

// milliseconds is 0 for "never".
func milliseconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
