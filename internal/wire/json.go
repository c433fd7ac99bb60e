package wire

import "strconv"

// object writes the members of a JSON object as protojson writes them, by their order and only those that
// are not at their default. It begins after the opening brace.
type object struct{ b []byte }

// name begins a member.
func (w *object) name(name string) {
	if w.b[len(w.b)-1] != '{' {
		w.b = append(w.b, ',')
	}
	w.b = append(w.b, '"')
	w.b = append(w.b, name...)
	w.b = append(w.b, '"', ':')
}

// open begins a member that is an object itself.
func (w *object) open(name string) {
	w.name(name)
	w.b = append(w.b, '{')
}

// uint64 writes a 64-bit number, which is a string in JSON.
func (w *object) uint64(name string, v uint64) {
	if v != 0 {
		w.name(name)
		w.b = append(strconv.AppendUint(append(w.b, '"'), v, 10), '"')
	}
}

func (w *object) int64(name string, v int64) {
	if v != 0 {
		w.name(name)
		w.b = append(strconv.AppendInt(append(w.b, '"'), v, 10), '"')
	}
}

func (w *object) uint32(name string, v uint32) {
	if v != 0 {
		w.name(name)
		w.b = strconv.AppendUint(w.b, uint64(v), 10)
	}
}

func (w *object) flag(name string, v bool) {
	if v {
		w.name(name)
		w.b = append(w.b, "true"...)
	}
}

// appendEnum writes the name of a value, or its number if it has none.
func appendEnum(dst []byte, v int32, names map[int32]string) []byte {
	if s, known := names[v]; known {
		return append(append(append(dst, '"'), s...), '"')
	}
	return strconv.AppendInt(dst, int64(v), 10)
}

func (w *object) text(name, s string) {
	if s != "" {
		w.name(name)
		w.b = appendQuoted(w.b, valid(s))
	}
}

// appendQuoted writes a JSON string. What must be escaped is; everything else stays as it is.
func appendQuoted(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	begin := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(append(dst, s[begin:i]...), '\\')
		begin = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, c)
		case '\b':
			dst = append(dst, 'b')
		case '\f':
			dst = append(dst, 'f')
		case '\n':
			dst = append(dst, 'n')
		case '\r':
			dst = append(dst, 'r')
		case '\t':
			dst = append(dst, 't')
		default:
			dst = append(dst, 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	return append(append(dst, s[begin:]...), '"')
}
