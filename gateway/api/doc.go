// Package api is the HTTP face for programs: JSON under /v1, declared with huma, described at /openapi.json.
//
// It owns no state. New puts a handler together from narrow ports, which the clients of the actors fill; the listener, its
// header limits and its end belong to the caller. Every request goes through the same gates, from the outside in:
//
//	observe    metrics by route pattern, one log line without query or secrets, a request id; a panic becomes a 500
//	harden     security headers, no-store
//	cors       off unless an origin is allowed by name
//	csrf       a browser's request from another origin must not change anything (Sec-Fetch-Site, else Origin)
//	bound      a deadline, a body limit, application/json and nothing else
//	authorize  bearer token and living session, as the operation demands
//	handler    object rights, then the actor's client
//
// Refusals are application/problem+json (RFC 9457) with the fault's kind, code and field; values are never echoed. Unknown and
// repeated JSON members, members in capitals and null are refused; what the description allows is not. Who may do what stands beside
// each operation (rights.go) and in testdata/rights.txt; it is decided by what an account is now (its roles, its ownership), not by
// what its token said minutes ago.
//
// Refresh tokens travel in the body, or, if the client asks for "cookie": true, in an HttpOnly SameSite=Strict cookie of path
// /v1/auth and then never in a body.
package api
