// Package identity is accounts and logins over HTTP: register, log in and out, one's own logins, and the
// accounts of others for those who look after the platform.
//
// It owns what this process remembers of callers, bounded: from where accounts were logged in to and
// what strangers have guessed. Operations binds what it declares to Ports, which the
// clients of the actors fill. What is promised of every operation is said in package rest. Refresh tokens
// travel in the body, or, if the client asks for "cookie": true, in an HttpOnly SameSite=Strict cookie of
// path /v1/auth and then never in a body.
//
// It refuses what the clients refuse, and NotFound no_session, Denied wrong_password, Conflict own_account,
// Exhausted rate_limited.
package identity
