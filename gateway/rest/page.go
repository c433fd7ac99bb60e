package rest

import (
	"encoding/base64"
	"slices"
	"strings"

	"github.com/barrage-live/barrage/internal/fault"
)

// PageQuery asks for a part of a list.
type PageQuery struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"100" default:"50" doc:"at most so many" example:"50"`
	Cursor string `query:"cursor" maxLength:"256" doc:"next of the answer before; absent: from the beginning" example:"NDIxMQ"`
}

// After is the key that the cursor stands for, "" at the beginning.
func (in PageQuery) After() (string, error) {
	key, err := base64.RawURLEncoding.DecodeString(in.Cursor)
	if err != nil {
		return "", fault.ErrCursor
	}
	return string(key), nil
}

// Cursor hides a key, so that clients do not make their own.
func Cursor(key string) string { return base64.RawURLEncoding.EncodeToString([]byte(key)) }

// Part cuts a page out of a whole list, in the order of their keys, and gives the next cursor, "" at the end.
// Keys are unique; what comes and goes between two pages moves nothing else.
func Part[T any](in PageQuery, whole []T, key func(T) string) (page []T, next string, err error) {
	after, err := in.After()
	if err != nil {
		return nil, "", err
	}
	type keyed struct {
		key   string
		value T
	}
	rest := make([]keyed, 0, len(whole)) // keys are made once: they may be dear
	for _, v := range whole {
		if k := key(v); k > after {
			rest = append(rest, keyed{k, v})
		}
	}
	slices.SortFunc(rest, func(a, b keyed) int { return strings.Compare(a.key, b.key) })
	if len(rest) > in.Limit {
		rest = rest[:in.Limit]
		next = Cursor(rest[in.Limit-1].key)
	}
	page = make([]T, len(rest))
	for i := range rest {
		page[i] = rest[i].value
	}
	return page, next, nil
}

// UserRef names a user in a path.
type UserRef struct {
	User string `path:"user" maxLength:"256" doc:"handle or id" example:"ann"`
}
