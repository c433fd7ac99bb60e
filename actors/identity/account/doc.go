// Package account is the authority over who exists: one actor per account, keyed by user id.
//
// It owns the account's document (handle, password hash, roles, disabled flag) in table "account", and the
// claims on what its handle looks like, in small letters and as it is shown (auth.Handle.Skeletons), in
// table "account_handle", whose partitions are skeletons, so that two names people take for one cannot both
// exist. The HTTP API and the command line call it through Client; nobody else sees a password hash.
//
//	Register: claim the handle's skeletons (expire) -> write the document -> confirm the claims -> answer
//
// A crash between the steps, or an outcome that nobody hears of, leaves claims that expire, or a document
// whose claims are made good by whoever looks for the handle before they expire, or by the next start; it
// never leaves two accounts of one handle. The answer is given after the last step is durable. Writes carry
// the activation's fence and the version of the document read, so an activation that was superseded changes
// nothing.
//
// A change of rights (roles set by an administrator, shut out, let in) raises their version, which access
// tokens carry, and is answered when it is durable and every node refuses tokens of lower versions (package
// revocation); if the second half fails it is fault.Timeout outcome_unknown, and may be repeated. A refresh
// gives a token with the present rights. A role that is only granted outdates nothing.
//
// A changed password and a shut-out raise the version of logins (Account.Logins). A login that was opened
// under a lower one is over at its next refresh, whatever a crash kept from being ended.
//
// An account that is shut out loses what it has elsewhere (Deps.Shut) in the same way: after the change is
// durable, and again until it has succeeded. To shut it out once more raises both versions, and so ends
// whatever it has by then. It is let in again only when all of that is gone. What is said to logins and
// channels carries the version of the account (ShutOut), so that a shut-out whose work comes late, perhaps
// from an activation that has a successor, ends nothing of the time after.
//
// Passwords are hashed and compared in the caller's goroutine, in auth.Hasher's bounded pool, never in the
// mailbox.
//
// Refusals: fault.Conflict handle_taken; fault.Invalid for handles, passwords and roles;
// fault.Unauthenticated bad_credentials, the same in content and time for an unknown handle and a wrong
// password; fault.Denied account_disabled, only after the right password; fault.NotFound no_account;
// and those of package document.
package account
