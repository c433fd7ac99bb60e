package conf

import (
	"slices"
	"strings"
)

// args reads the command line: --key value, --key=value, and --key alone for true. Later ones win.
func (l *loader) args(args []string) error {
	given := map[string]raw{}
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		if arg == "-h" || arg == "--help" || arg == "-help" {
			return ErrHelp
		}
		key, text, joined := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
		lf := l.leaf(key)
		switch {
		case !strings.HasPrefix(arg, "--") || key == "":
			l.refuse("", "command line", "unexpected argument"+quoted(arg))
			continue
		case lf == nil && key != fileKey:
			l.refuse(printableKey(key), "flag --"+printableKey(key), "unknown key"+l.suggest(key))
			if !joined && len(args) > 0 && !strings.HasPrefix(args[0], "--") {
				args = args[1:]
			}
			continue
		case joined:
		case lf != nil && isSwitch(lf) && (len(args) == 0 || args[0] != "true" && args[0] != "false"):
			text = "true"
		case len(args) == 0:
			l.refuse(key, "flag --"+key, "needs a value")
			continue
		default:
			text, args = args[0], args[1:]
		}
		given[key] = raw{kind: rawText, text: text, origin: "flag --" + key}
	}
	l.take(given)
	return nil
}

func isSwitch(lf *leaf) bool { return lf.want(lf.typ) == "true or false" }

// take offers what one source gave, and keeps the path of the file.
func (l *loader) take(given map[string]raw) {
	if r, ok := given[fileKey]; ok {
		delete(given, fileKey)
		switch {
		case r.text == "" || !printable(r.text):
			l.refuse(fileKey, r.origin, "want the path of a file")
		case l.path == "":
			l.path = r.text
		}
	}
	for key, r := range given {
		l.offer(key, r)
	}
}

// environ reads the variables that carry Prefix.
func (l *loader) environ(environ, reserved []string) {
	given := map[string]raw{}
	for _, pair := range environ {
		name, text, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, Prefix) || slices.Contains(reserved, name) || isServiceLink(name) {
			continue
		}
		key := l.keyOfEnv(name)
		if key == "" {
			guess := strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(name, Prefix), "_", "."))
			l.refuse(printableKey(name), "environment", "unknown variable"+l.suggestEnv(guess))
			continue
		}
		given[key] = raw{kind: rawText, text: text, origin: "env " + name}
	}
	l.take(given)
}

func (l *loader) keyOfEnv(name string) string {
	if name == Prefix+strings.ToUpper(fileKey) {
		return fileKey
	}
	for i := range l.leaves {
		if l.leaves[i].env == name {
			return l.leaves[i].key
		}
	}
	return ""
}

// isServiceLink recognises the variables that Kubernetes puts into every container of a namespace that has
// a service named barrage: BARRAGE_SERVICE_HOST, BARRAGE_PORT, BARRAGE_PORT_8080_TCP_ADDR and their like.
// They are not ours.
func isServiceLink(name string) bool {
	rest := strings.TrimPrefix(name, Prefix)
	if rest == "PORT" || rest == "SERVICE_HOST" || rest == "SERVICE_PORT" || strings.HasPrefix(rest, "SERVICE_PORT_") {
		return true
	}
	port, ok := strings.CutPrefix(rest, "PORT_")
	return ok && port != "" && port[0] >= '0' && port[0] <= '9'
}
