package conf

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

const (
	maxFile  = 64 << 10 // bytes
	maxDepth = 32       // of brackets, so that the parser's recursion stays shallow
)

// file reads the YAML file that was named, if one was.
func (l *loader) file(path string) {
	if l.path != "" {
		path = l.path
	}
	if path == "" {
		return
	}
	text, err := readSmall(path)
	if err != nil {
		l.refuse(fileKey, "file "+path, err.Error())
		return
	}
	l.yaml(filepath.Base(path), text)
}

func readSmall(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("cannot be opened: %w", errors.Unwrap(err))
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("cannot be read: %w", errors.Unwrap(err))
	case len(text) > maxFile:
		return nil, fmt.Errorf("is larger than %d bytes", maxFile)
	}
	return text, nil
}

// yaml offers the values of a document.
func (l *loader) yaml(name string, text []byte) {
	doc, err := parseYAML(text)
	if err != nil {
		l.refuse(fileKey, "file "+name, err.Error())
		return
	}
	w := yamlWalk{loader: l, name: name, seen: map[string]bool{}}
	switch top := doc.(type) {
	case nil:
	case *ast.MappingNode:
		w.mapping(top.Values, "")
	case *ast.MappingValueNode:
		w.mapping([]*ast.MappingValueNode{top}, "")
	case *ast.NullNode:
	default:
		l.refuse(fileKey, w.at(doc), "want keys and values at the top of the file")
	}
}

// parseYAML gives the one document of the text, nil if it is empty. The library's parser is fenced: what it
// does to hostile input is its bug, but whether we start is ours.
func parseYAML(text []byte) (doc ast.Node, err error) {
	defer func() {
		if r := recover(); r != nil {
			doc, err = nil, errors.New("is not YAML that we can read")
		}
	}()
	if !printableText(text) {
		return nil, errors.New("holds control characters or is not UTF-8")
	}
	if bracketDepth(text) > maxDepth {
		return nil, fmt.Errorf("has more than %d open brackets", maxDepth)
	}
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil, plainYAMLError(err)
	}
	for _, d := range file.Docs {
		switch {
		case d.Body == nil:
		case doc != nil:
			return nil, errors.New("holds more than one document")
		default:
			doc = d.Body
		}
	}
	return doc, nil
}

// plainYAMLError keeps the place and the reason and drops the excerpt, which could show a secret.
func plainYAMLError(err error) error {
	var bad yaml.Error
	if !errors.As(err, &bad) {
		return errors.New("is not YAML")
	}
	if t := bad.GetToken(); t != nil && t.Position != nil {
		return fmt.Errorf("is not YAML: line %d: %s", t.Position.Line, bad.GetMessage())
	}
	return errors.New("is not YAML: " + bad.GetMessage())
}

func printableText(text []byte) bool {
	for _, b := range text {
		if b < ' ' && b != '\n' && b != '\r' && b != '\t' || b == 0x7f {
			return false
		}
	}
	return true
}

// bracketDepth is an upper bound of the nesting of flow collections and of lists within lists on one line.
func bracketDepth(text []byte) int {
	depth, most := 0, 0
	dashes := 0
	for _, b := range text {
		switch b {
		case '[', '{':
			depth++
		case ']', '}':
			depth = max(0, depth-1)
		case '-', '?', ':':
			dashes++
		case '\n':
			dashes = 0
		}
		most = max(most, depth, dashes/4)
	}
	return most
}
