package api_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// schema is as much of JSON Schema as the description uses for what clients send.
type schema struct {
	Ref                  string             `json:"$ref"`
	Type                 any                `json:"type"`
	Properties           map[string]*schema `json:"properties"`
	Required             []string           `json:"required"`
	Items                *schema            `json:"items"`
	Enum                 []any              `json:"enum"`
	Minimum              *float64           `json:"minimum"`
	Maximum              *float64           `json:"maximum"`
	MaxLength            *int               `json:"maxLength"`
	Pattern              string             `json:"pattern"`
	Examples             []any              `json:"examples"`
	AdditionalProperties any                `json:"additionalProperties"`
}

type described struct {
	Summary     string                `json:"summary"`
	Description string                `json:"description"`
	Tags        []string              `json:"tags"`
	OperationID string                `json:"operationId"`
	Responses   map[string]*responded `json:"responses"`
	Parameters  []struct {
		Name, In string
		Required bool
		Schema   *schema
	} `json:"parameters"`
	RequestBody *struct {
		Content map[string]struct {
			Schema  *schema `json:"schema"`
			Example any     `json:"example"`
		} `json:"content"`
	} `json:"requestBody"`
}

type responded struct {
	Description string         `json:"description"`
	Headers     map[string]any `json:"headers"`
	Content     map[string]struct {
		Example any `json:"example"`
	} `json:"content"`
}

type description struct {
	Paths      map[string]map[string]*described `json:"paths"`
	Components struct {
		Schemas map[string]*schema `json:"schemas"`
	} `json:"components"`
	Tags []struct{ Name, Description string } `json:"tags"`
}

func describedBy(t *testing.T, w *world) *description {
	t.Helper()
	var d description
	if err := json.Unmarshal([]byte(w.do(call{method: "GET", path: "/openapi.json"}).body), &d); err != nil {
		t.Fatal(err)
	}
	return &d
}

func (d *description) resolve(s *schema) *schema {
	if name, ok := strings.CutPrefix(s.Ref, "#/components/schemas/"); ok {
		return d.Components.Schemas[name]
	}
	return s
}

// valid makes a value of the schema.
func (d *description) valid(s *schema) any {
	s = d.resolve(s)
	switch {
	case len(s.Examples) > 0:
		return s.Examples[0]
	case len(s.Enum) > 0:
		return s.Enum[0]
	case s.Properties != nil:
		all := map[string]any{}
		for name, p := range s.Properties {
			all[name] = d.valid(p)
		}
		return all
	case s.Items != nil:
		return []any{d.valid(s.Items)}
	case s.Type == "boolean":
		return false
	case s.Type == "integer":
		return 1
	}
	return "abc"
}

// invalid makes values that the schema refuses.
func (d *description) invalid(s *schema) map[string]any {
	s = d.resolve(s)
	bad := map[string]any{"null": nil, "another type": map[string]any{"a": 1}}
	switch s.Type {
	case "string":
		bad["a number"] = 7
		if len(s.Enum) > 0 {
			bad["a word that is none of them"] = "nonsense"
		}
		if s.MaxLength != nil {
			bad["too long"] = strings.Repeat("a", *s.MaxLength+1)
		}
	case "integer":
		bad["text"], bad["a fraction"], bad["more than 64 bits"] = "7", 7.5, json.Number("99999999999999999999")
		if s.Minimum != nil {
			bad["too small"] = *s.Minimum - 1
		}
		if s.Maximum != nil {
			bad["too large"] = *s.Maximum + 1
		}
	case "boolean":
		bad["text"], bad["a number"] = "true", 1
	case "array":
		bad["no array"] = "a"
		for why, v := range d.invalid(s.Items) {
			bad["an item: "+why] = []any{v}
		}
	}
	return bad
}

// bodies are requests to be taken and to be refused for their form.
func (d *description) bodies(s *schema) (good, bad map[string]any) {
	s = d.resolve(s)
	whole, _ := d.valid(s).(map[string]any)
	least := map[string]any{}
	for _, name := range s.Required {
		least[name] = whole[name]
	}
	good = map[string]any{"all members": whole, "the required members": least}
	bad = map[string]any{"an array": []any{whole}, "text": "text"}
	with := func(name string, v any) map[string]any {
		m := maps.Clone(whole)
		m[name] = v
		return m
	}
	bad["a member that is not described"] = with("nonsense", 1)
	for name, p := range s.Properties {
		for why, v := range d.invalid(p) {
			bad[name+": "+why] = with(name, v)
		}
		m := with(strings.ToUpper(name), whole[name])
		delete(m, name)
		bad[name+" in capitals"] = m
		if d.resolve(p).Type == "integer" {
			good[name+" with a fraction of nothing"] = with(name, json.Number(fmt.Sprintf("%.1f", whole[name])))
		}
	}
	for _, name := range s.Required {
		m := maps.Clone(whole)
		delete(m, name)
		bad["without "+name] = m
	}
	return good, bad
}

// TestTheServerIsAsStrictAsItsDescription makes requests out of the description: what it allows is not
// refused for its form, and what it does not allow is.
func TestTheServerIsAsStrictAsItsDescription(t *testing.T) {
	s := newStage(t)
	d := describedBy(t, s.world)
	boss := s.people["admin"]
	refused := func(a answer) bool {
		code := a.text("code")
		return code == "validation_failed" || code == "bad_request"
	}
	for path, methods := range d.Paths {
		for method, op := range methods {
			if op.OperationID == "end-sessions" || op.OperationID == "logout" {
				continue // has no form, and would end the login of this test
			}
			query := url.Values{}
			for _, p := range op.Parameters {
				if p.In == "query" && p.Required {
					query.Set(p.Name, fmt.Sprint(d.valid(p.Schema)))
				}
			}
			send := func(q url.Values, body any) answer {
				return s.do(call{method: strings.ToUpper(method), path: s.replace.Replace(path) + "?" + q.Encode(), token: boss.token, body: body})
			}
			try := func(why string, q url.Values, body any, form bool) {
				t.Helper()
				if a := send(q, body); refused(a) == form {
					t.Errorf("%s, %s: %v %v was answered %d %s", op.OperationID, why, q, body, a.status, a.body)
				}
			}
			var fine any
			if op.RequestBody != nil {
				body := op.RequestBody.Content["application/json"].Schema
				good, bad := d.bodies(body)
				for why, v := range bad {
					try(why, query, v, false)
				}
				if op.OperationID != "change-password" { // which would end the login of nobody else, but once only
					for why, v := range good {
						try(why, query, v, true)
					}
				}
				fine = good["all members"]
			}
			if method == "delete" {
				continue
			}
			for _, p := range op.Parameters {
				if p.In != "query" {
					continue
				}
				q := maps.Clone(query)
				q.Set(p.Name, fmt.Sprint(d.valid(p.Schema)))
				try(p.Name, q, fine, true)
				for why, v := range d.invalid(p.Schema) {
					if v != nil && d.resolve(p.Schema).Type != "string" && why != "text" && why != "a number" || strings.HasPrefix(why, "too") {
						q.Set(p.Name, fmt.Sprint(v))
						try(p.Name+": "+why, q, fine, false)
					}
				}
				q.Del(p.Name)
				if p.Required {
					try("without "+p.Name, q, fine, false)
				}
			}
			unknown := maps.Clone(query)
			unknown.Set("nonsense", "1")
			try("a parameter that is not described", unknown, fine, false)
		}
	}
}

// TestTheDescriptionIsFitForAGenerator: every operation, member, tag and limit is explained, and types have
// names of the domain.
func TestTheDescriptionIsFitForAGenerator(t *testing.T) {
	w := newWorld(t, nil)
	d := describedBy(t, w)
	tags := map[string]bool{}
	for _, tag := range d.Tags {
		tags[tag.Name] = tag.Description != ""
	}
	for path, methods := range d.Paths {
		for method, op := range methods {
			if op.Summary == "" || op.Description == "" || len(op.Tags) != 1 || !tags[op.Tags[0]] || !strings.Contains(op.OperationID, "-") && !slices.Contains([]string{"register", "login", "refresh", "logout"}, op.OperationID) {
				t.Errorf("%s %s is not explained: %+v", method, path, op)
			}
			if r := op.Responses["429"]; r != nil && r.Headers["Retry-After"] == nil {
				t.Errorf("%s %s: 429 without Retry-After", method, path)
			}
			if op.RequestBody != nil && op.RequestBody.Content["application/json"].Example == nil {
				t.Errorf("%s %s: no example of a request", method, path)
			}
			for status, r := range op.Responses {
				if r.Description == "" {
					t.Errorf("%s %s %s is not explained", method, path, status)
				}
				for kind, c := range r.Content {
					if c.Example == nil {
						t.Errorf("%s %s %s %s: no example", method, path, status, kind)
					}
				}
			}
		}
	}
	var raw struct {
		Components struct {
			Schemas map[string]struct {
				Properties map[string]map[string]any `json:"properties"`
			} `json:"schemas"`
		} `json:"components"`
	}
	if err := json.Unmarshal([]byte(w.do(call{method: "GET", path: "/openapi.json"}).body), &raw); err != nil {
		t.Fatal(err)
	}
	for name, s := range raw.Components.Schemas {
		if strings.HasSuffix(name, "Body") || strings.HasSuffix(name, "In") || strings.HasSuffix(name, "Out") {
			t.Errorf("%s is no name for people", name)
		}
		for member, p := range s.Properties {
			if text, _ := p["description"].(string); text == "" && p["$ref"] == nil {
				t.Errorf("%s.%s is not explained", name, member)
			}
			if at, _ := p["format"].(string); at == "date-time" {
				t.Errorf("%s.%s is a time that is no integer", name, member)
			}
		}
	}
}
