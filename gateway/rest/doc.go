// Package rest is the chassis of the HTTP interface for programs: JSON operations declared with huma,
// described at /openapi.json.
//
// A face declares its operations (Handle), each with what it demands and how it refuses, and New puts them
// behind the gates that every request goes through, from the outside in:
//
//	observe    metrics by route pattern, one log line without query or secrets, a request id; a panic becomes a 500
//	private    no-store and same-origin, unless the operation is a public read or the origin is allowed
//	cors       off unless an origin is allowed by name
//	csrf       a browser's request from another origin must not change anything (Sec-Fetch-Site, else Origin)
//	bound      a deadline, a body limit, application/json and nothing else
//	head       HEAD as GET, of which net/http drops the body
//	cached     of a public read (Operation.Cached): the answer whole, its ETag and Cache-Control, 304 to who has it
//	authorize  bearer token and living session, as the operation demands
//	counted    of what is no read and demands a token: a write of the account, its address and networks (Config.Writes)
//	whole      the body of at most 4 KiB, read to its end within 5 s; what it costs to decode against
//	           what the address and its networks have left
//	reads      of a read: what it costs against what the address and its networks have left, or, where the answer
//	           is not the same for everybody, against what the account has (Config.Reads)
//	handler    object rights (RequireRight), then the actor's client
//
// It knows no actor, and owns no state but the counts of reads, writes and bodies, which are this node's
// alone and bounded in memory. It promises that refusals are application/problem+json (RFC 9457) with the
// fault's kind, code and field, that values are never echoed, and that unknown and repeated JSON members,
// members in capitals and null are refused while what the description allows is not. Who may do what stands
// beside each operation and is decided by what an account is now, its roles and its ownership, not by what
// its token said minutes ago.
package rest
