package problem

import (
	_ "embed"
	"net/http"
	"strconv"
	"strings"

	"github.com/barrage-live/barrage/internal/fault"
)

//go:embed codes.txt
var codes string

// Code explains one code of a refusal.
type Code struct {
	Code    string `json:"code" doc:"the code; stable" example:"name_taken"`
	Kind    string `json:"kind" enum:"invalid,unauthenticated,denied,not_found,conflict,fenced,exhausted,timeout,unavailable,internal" doc:"how to treat it" example:"conflict"`
	Status  int    `json:"status" doc:"the HTTP status it has" example:"409"`
	Retry   bool   `json:"retry" doc:"the same request may succeed later" example:"false"`
	Meaning string `json:"meaning" doc:"what was wrong, in one sentence" example:"The name of the channel is taken."`
}

// Codes explains every code that this program raises, in the order of the alphabet. Lines of the list have
// the form "code kind meaning" or, where the status is not that of the kind, "code kind:status meaning".
func Codes() []Code {
	var all []Code
	for line := range strings.Lines(codes) {
		code, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		kind, meaning, _ := strings.Cut(rest, " ")
		kind, status, _ := strings.Cut(kind, ":")
		c := Code{Code: code, Kind: kind, Meaning: meaning}
		for k := fault.Internal; k <= fault.Unavailable; k++ {
			if k.String() == kind {
				c.Status, c.Retry = k.HTTP(), k.Retry()
			}
		}
		if n, err := strconv.Atoi(status); err == nil && http.StatusText(n) != "" {
			c.Status = n
		}
		all = append(all, c)
	}
	return all
}
