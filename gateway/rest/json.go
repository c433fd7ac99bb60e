package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

const (
	// maxDepth is how deeply a body may nest; ours nest once.
	maxDepth = 16
	// maxTokens is how many names, values and brackets a body may have; ours have a dozen. All that comes
	// later, and what is said of each of them, takes time in proportion.
	maxTokens = 128
)

var (
	errMany     = errors.New("the JSON has too many values")
	errDeep     = errors.New("the JSON nests too deeply")
	errRepeated = errors.New("the JSON names a member twice")
	errTrailing = errors.New("there is something after the JSON value")
	errCase     = errors.New("the name of a member is not in lower case")
	errNull     = errors.New("a member is null: leave it out")
)

// formats is JSON only, read strictly.
func formats() map[string]huma.Format {
	f := huma.Format{Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: unmarshal}
	return map[string]huma.Format{"application/json": f, "json": f}
}

// unmarshal refuses what two readers could understand differently.
func unmarshal(b []byte, v any) error {
	if err := strict(b); err != nil {
		return err
	}
	err := json.Unmarshal(b, v)
	// To JSON Schema 5.0 is an integer, to encoding/json it is none. No number of ours is above 2^53, and
	// the schema has been checked.
	if wrong := new(json.UnmarshalTypeError); errors.As(err, &wrong) && strings.HasPrefix(wrong.Value, "number") {
		var plain any
		if json.Unmarshal(b, &plain) != nil {
			return err
		}
		if b, again := json.Marshal(plain); again == nil {
			return json.Unmarshal(b, v)
		}
	}
	return err
}

// strict walks the tokens: one value, no repeated member, no null, bounded depth and number. encoding/json
// and huma take members in any case, and null for what may be absent; the description does not. All members
// of ours are in lower case.
func strict(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var open []level
	for n := 0; ; n++ {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if n == maxTokens {
			return errMany
		}
		if open, err = nest(open, t); err != nil {
			return err
		}
		if len(open) == 0 && d.InputOffset() < int64(len(bytes.TrimRight(b, " \t\r\n"))) {
			return errTrailing
		}
	}
}

// level is one open object or array; names is nil in an array.
type level struct {
	names map[string]struct{}
	value bool // the next token of an object is a value
}

func nest(open []level, t json.Token) ([]level, error) {
	top := len(open) - 1
	delim, isDelim := t.(json.Delim)
	if isDelim && (delim == '}' || delim == ']') {
		return open[:top], nil
	}
	if top >= 0 && open[top].names != nil {
		if name, ok := t.(string); ok && !open[top].value {
			if strings.ToLower(strings.ToUpper(name)) != name {
				return nil, errCase
			}
			if _, repeated := open[top].names[name]; repeated {
				return nil, errRepeated
			}
			open[top].names[name] = struct{}{}
			open[top].value = true
			return open, nil
		}
		if t == nil {
			return nil, errNull
		}
		open[top].value = false
	}
	if !isDelim {
		return open, nil
	}
	if len(open) == maxDepth {
		return nil, errDeep
	}
	l := level{}
	if delim == '{' {
		l.names = map[string]struct{}{}
	}
	return append(open, l), nil
}
