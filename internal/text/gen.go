//go:build ignore

// Gen makes confusables.txt from the file of that name of Unicode
// (https://www.unicode.org/Public/security/), read from standard input:
//
//	go run gen.go <Public/18.0.0/security/confusables.txt >confusables.txt
//
// A name is composed for compatibility (NFKC) before its skeleton is made, and has only letters, marks and
// digits; what cannot stand in one is left out. Read internal/docs/adr/0011-look-alike-names.md before you
// run it.
package main

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

func main() {
	var lines []string
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		line := strings.TrimPrefix(in.Text(), "\ufeff")
		if strings.HasPrefix(line, "# Version:") {
			fmt.Println("# Unicode confusables.txt, version" + strings.TrimPrefix(line, "# Version:"))
		}
		fields := strings.Split(line, ";")
		if len(fields) < 3 || line[0] == '#' {
			continue
		}
		source := text(fields[0])
		if norm.NFKD.IsNormalString(source) && named([]rune(source)[0]) {
			lines = append(lines, source+" "+text(fields[1]))
		}
	}
	slices.Sort(lines)
	fmt.Println("# © Unicode, Inc. Unicode License v3, https://www.unicode.org/license.txt")
	fmt.Println("# Letters, marks and digits that compatibility leaves alone, each with what it looks like. Made by gen.go; pinned, see ADR 11.")
	fmt.Println(strings.Join(lines, "\n"))
}

// text reads code points in hexadecimal.
func text(field string) string {
	var s strings.Builder
	for _, code := range strings.Fields(field) {
		r, err := strconv.ParseUint(code, 16, 32)
		if err != nil {
			panic(err)
		}
		s.WriteRune(rune(r))
	}
	return s.String()
}

// named tells what can stand in a name. A character that this Go does not know yet may become a letter.
func named(r rune) bool {
	return unicode.In(r, unicode.L, unicode.M, unicode.N) || !unicode.In(r, unicode.P, unicode.S, unicode.Z, unicode.C)
}
