package web

import (
	"embed"
	"io/fs"
)

// dist holds what `make web` built; .keep is committed so that the pattern matches in a clean clone.
//
//go:embed all:dist
var dist embed.FS

// Embedded is the built pages inside the binary.
func Embedded() (fs.FS, error) { return fs.Sub(dist, "dist") }
