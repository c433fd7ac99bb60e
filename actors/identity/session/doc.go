// Package session is one login of one account on one device: one actor per session, keyed by session id.
//
// It owns the refresh-token family in table "session" and the list of a user's sessions in table
// "session_by_user", whose rows go when the session ends, or a day after it has died of age. The HTTP API
// opens, refreshes and revokes. Sockets are not known here: a token is checked without asking (package
// revocation).
//
//	        refresh with the current token
//	            +------------+
//	            v            |
//	open --> [ live ] -------+--- the previous token within 5 min: the identical successor, nothing changes
//	            |
//	            +-- logout, revoke, an older token of ours --> [ ended ] access tokens revoked, row kept a day
//	            +-- idle or absolute life over ------------->  expired (no write: the row has a time to live)
//
// Promises: of two refreshes with one token, on whatever nodes, both get the same successor; a token two
// generations old ends the whole family, and so does the third one in a row whose retry comes late; a text
// that was never our token changes nothing, so knowing a session id is no power over it. Only hashes are
// stored; the successor within the retry window is computed again from the presented token and a stored
// salt. An end is answered when it is durable and every node refuses the session's access tokens (package
// revocation); an end whose second half failed is fault.Timeout outcome_unknown, and may be repeated. The
// index row is written before the session's, so a session that lives is always listed.
//
// Refusals: fault.Unauthenticated token_invalid, token_expired, token_reused, session_ended,
// fault.Exhausted refreshed_often, and those of package document.
package session
