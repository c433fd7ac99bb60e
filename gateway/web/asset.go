package web

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io/fs"
	"mime"
	"path"
	"strings"
)

// encoding is a compressed copy that the build may leave beside a file.
type encoding struct{ name, suffix string }

// encodings are those copies, best first.
func encodings() [2]encoding { return [...]encoding{{"br", ".br"}, {"gzip", ".gz"}} }

// asset is one file with everything its answers need; immutable after load.
type asset struct {
	contentType string
	tag         string // the base of the strong ETag; a compressed copy has its own
	immutable   bool   // its name holds a hash of its content
	body        []byte
	encoded     [2][]byte // by the index of encodings; nil where the build left no copy
}

// load reads every file of the build once. A copy such as app.js.br belongs to app.js and is not served by
// its own name.
func load(files fs.FS) (map[string]*asset, error) {
	assets := make(map[string]*asset)
	copies := make(map[string][]byte)
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Base(name) == ".keep" {
			return err
		}
		body, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		if isCopy(name) {
			copies[name] = body
			return nil
		}
		assets[name] = newAsset(name, body)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("web: read the built pages: %w", err)
	}
	for name, a := range assets {
		for i, e := range encodings() {
			a.encoded[i] = copies[name+e.suffix]
		}
	}
	return assets, nil
}

func isCopy(name string) bool {
	for _, e := range encodings() {
		if strings.HasSuffix(name, e.suffix) {
			return true
		}
	}
	return false
}

func newAsset(name string, body []byte) *asset {
	sum := sha256.Sum256(body)
	return &asset{
		contentType: contentType(name),
		tag:         base64.RawURLEncoding.EncodeToString(sum[:12]),
		immutable:   strings.HasPrefix(name, "assets/"),
		body:        body,
	}
}

// contentType names the types the build emits itself, because the table of the machine may lack or redefine
// them.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".webmanifest":
		return "application/manifest+json"
	}
	if t := mime.TypeByExtension(path.Ext(name)); t != "" {
		return t
	}
	return "application/octet-stream"
}

// pick chooses the copy for an Accept-Encoding header: its encoding (empty for plain), its suffix for the
// ETag, its bytes.
func (a *asset) pick(accept string) (encoding, suffix string, body []byte) {
	for i, e := range encodings() {
		if a.encoded[i] != nil && accepts(accept, e.name) {
			return e.name, e.suffix, a.encoded[i]
		}
	}
	return "", "", a.body
}

// accepts reads Accept-Encoding (RFC 9110 section 12.5.3); a coding counts when it is named, or matched by
// *, and its weight is not zero.
func accepts(header, coding string) bool {
	star := false
	for item := range strings.SplitSeq(header, ",") {
		name, params, _ := strings.Cut(item, ";")
		name = strings.ToLower(strings.TrimSpace(name))
		if name != coding && name != "*" {
			continue
		}
		weight, ok := strings.CutPrefix(strings.ReplaceAll(params, " ", ""), "q=")
		allowed := !ok || strings.Trim(weight, "0.") != ""
		if name == coding {
			return allowed
		}
		star = allowed
	}
	return star
}
