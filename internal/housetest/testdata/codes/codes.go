// Package codes raises refusals in every way that the search for codes has to see.
package codes

import "github.com/barrage-live/barrage/internal/fault"

var direct = fault.New(fault.Invalid, "direct", "a literal")

func all(n int, cause error) []error {
	return []error{
		direct, fault.Newf(fault.Denied, "formatted", "%d", n), fault.Wrap(fault.Internal, "wrapped", "with its cause", cause),
		helper(n, "of_a_helper"), second("of_a_helpers_helper"),
		raiser{}.raise("of_a_method"), fault.New(fault.Invalid, "opaque_"+direct.Code, "made of parts"),
	}
}

func second(code string) error { return helper(1, code) }

func helper(n int, code string) error { return fault.Newf(fault.Invalid, code, "%d", n) }

type raiser struct{}

func (raiser) raise(code string) error { return fault.New(fault.Invalid, code, "by a method") }
