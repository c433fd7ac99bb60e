package rest

import "github.com/danielgtaylor/huma/v2"

// examples gives every body of the description an example, which is put together out of those of its members.
func examples(spec *huma.OpenAPI) {
	registry := spec.Components.Schemas
	fill := func(content map[string]*huma.MediaType) {
		for _, m := range content {
			if m.Schema != nil && m.Example == nil {
				m.Example = exampleOf(registry, m.Schema)
			}
		}
	}
	for _, path := range spec.Paths {
		for _, op := range []*huma.Operation{path.Get, path.Post, path.Put, path.Patch, path.Delete} {
			if op == nil {
				continue
			}
			if op.RequestBody != nil {
				fill(op.RequestBody.Content)
			}
			for _, r := range op.Responses {
				fill(r.Content)
			}
		}
	}
}

func exampleOf(registry huma.Registry, s *huma.Schema) any {
	if s.Ref != "" {
		s = registry.SchemaFromRef(s.Ref)
	}
	switch {
	case len(s.Examples) > 0:
		return s.Examples[0]
	case len(s.Enum) > 0:
		return s.Enum[0]
	}
	switch s.Type {
	case huma.TypeObject:
		members := map[string]any{}
		for name, p := range s.Properties {
			members[name] = exampleOf(registry, p)
		}
		return members
	case huma.TypeArray:
		return []any{exampleOf(registry, s.Items)}
	case huma.TypeInteger, huma.TypeNumber:
		return 1
	case huma.TypeBoolean:
		return false
	}
	return "…"
}
