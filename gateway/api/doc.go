// Package api is the HTTP face for programs: it puts the wings together (package identity, package live) on
// the chassis that all operations have in common (package rest), under /v1, described at /openapi.json.
//
// It owns no state. New takes narrow ports, which the clients of the actors fill; the listener, its header
// limits and its end belong to the caller. Who may do what stands beside each operation, and as a table in
// testdata/rights.txt. A new wing is a package beside identity and live, and a line in operations.
//
// It fails in no way of its own, but that New refuses a Config that cannot work.
package api
