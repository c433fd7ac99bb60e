package conf

import (
	"fmt"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// yamlWalk carries a parsed document to the loader.
type yamlWalk struct {
	loader *loader
	name   string
	seen   map[string]bool
}

func (w *yamlWalk) at(n ast.Node) string {
	if t := n.GetToken(); t != nil && t.Position != nil {
		return fmt.Sprintf("file %s:%d", w.name, t.Position.Line)
	}
	return "file " + w.name
}

func (w *yamlWalk) mapping(pairs []*ast.MappingValueNode, prefix string) {
	for _, pair := range pairs {
		name, ok := pair.Key.(*ast.StringNode)
		if !ok {
			w.loader.refuse(prefix, w.at(pair), "want a plain word as key"+quoted(pair.Key.String()))
			continue
		}
		key := name.Value
		if prefix != "" {
			key = prefix + "." + key
		}
		if w.seen[key] {
			w.loader.refuse(printableKey(key), w.at(pair), "is given twice in the file")
			continue
		}
		w.seen[key] = true
		w.pair(key, pair)
	}
}

// pair offers one value. A dotted key stands for nesting, as it does on the command line.
func (w *yamlWalk) pair(key string, pair *ast.MappingValueNode) {
	if w.loader.leaf(key) != nil {
		r := w.raw(pair.Value)
		r.origin = w.at(pair)
		w.loader.offer(key, r)
		return
	}
	inner, isMap := mappingOf(pair.Value)
	switch {
	case !w.group(key):
		w.loader.refuse(printableKey(key), w.at(pair), "unknown key"+w.loader.suggest(key))
	case !isMap:
		w.loader.refuse(key, w.at(pair), "want a group of keys, got "+w.raw(pair.Value).what())
	default:
		w.mapping(inner, key)
	}
}

// group says whether keys live below this one.
func (w *yamlWalk) group(key string) bool {
	for i := range w.loader.leaves {
		if strings.HasPrefix(w.loader.leaves[i].key, key+".") {
			return true
		}
	}
	return false
}

func mappingOf(n ast.Node) ([]*ast.MappingValueNode, bool) {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, true
	}
	return nil, false
}

// raw classifies a node. Anchors, aliases, merges and tags become a group of keys, which no setting takes:
// they save nothing in a file this small and are how hostile files grow.
func (w *yamlWalk) raw(n ast.Node) raw {
	switch n := n.(type) {
	case nil, *ast.NullNode:
		return raw{kind: rawNull}
	case *ast.StringNode:
		return raw{kind: rawString, text: n.Value}
	case *ast.LiteralNode:
		return raw{kind: rawString, text: n.Value.Value}
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return raw{kind: rawNumber, text: n.GetToken().Value}
	case *ast.BoolNode:
		return raw{kind: rawBool, text: n.GetToken().Value}
	case *ast.SequenceNode:
		r := raw{kind: rawList}
		for _, item := range n.Values {
			r.items = append(r.items, w.raw(item))
		}
		return r
	}
	return raw{kind: rawMap}
}
