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

// Part cuts a page out of a whole list, which it sorts by key, and gives the next cursor, "" at the end.
// Keys are unique; what comes and goes between two pages moves nothing else.
func Part[T any](in PageQuery, whole []T, key func(T) string) (page []T, next string, err error) {
	after, err := in.After()
	if err != nil {
		return nil, "", err
	}
	slices.SortFunc(whole, func(a, b T) int { return strings.Compare(key(a), key(b)) })
	whole = slices.DeleteFunc(whole, func(v T) bool { return key(v) <= after })
	if len(whole) <= in.Limit {
		return whole, "", nil
	}
	page = whole[:in.Limit]
	return page, Cursor(key(page[len(page)-1])), nil
}

// UserRef names a user in a path.
type UserRef struct {
	User string `path:"user" maxLength:"256" doc:"handle or id" example:"ann"`
}
