// Package auth is the arithmetic of who is who: access tokens, passwords, refresh tokens, stream keys,
// handles and roles. Authority (which account exists, which session lives) belongs to
// actors/identity/account, actors/identity/session and actors/live/channel; this package only mints, parses
// and compares.
//
//	access token   a JWT, EdDSA, typ at+jwt (RFC 9068), minutes      Tokens, Ring, JWKS, Revocations
//	refresh token  {session id}.{gen, nonce, mac}, days              Refresh
//	password       RFC 8265, argon2id (OWASP), bounded pool          Hasher, CheckPassword
//	stream key     {channel id}-{160 random bits, Crockford base32}  StreamKey
//	handle         NFKC, one script, as folded and as it looks       Handle
//
// It owns no goroutine and no network. The only file it ever touches is the one behind KeyFile, the
// embedded KeyStore. Callers are the account actors, the HTTP API, the socket gateway and ingest.
//
// Promises: nothing here answers differently in time for "unknown" and "wrong"; every parser is bounded
// before it reads; a token is refused unless its algorithm, type, key, issuer, audience and times are
// exactly ours; hashing uses at most Hasher's slots times its memory, and no address or network holds more
// than a share of the line that waits for it.
//
// A token is verified without a question to anybody: what was revoked since it was minted is known to the
// node (Revocations), which the actors tell.
//
// Refusals: fault.Unauthenticated token_expired and token_invalid (tokens, refresh tokens), session_ended,
// token_outdated, bad_stream_key; fault.Invalid for handles and passwords, with the field named;
// fault.Exhausted hash_pool_full.
package auth
