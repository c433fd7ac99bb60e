// Package reserved holds the one list of words that nobody may take for a name: first segments of addresses that the backend
// answers or will answer, first segments of pages, and words by which a stranger could pose as the operator.
//
// Channel names and handles refuse every one of them; the pages leave the routes to the backend. A test in the root holds the
// list against the server's route table, the files of the build and the routes of the pages, so that whoever adds a route adds
// its word here. The package is pure and nothing in it can fail.
package reserved

import "strings"

// use says what a word is kept for.
type use uint8

const (
	free  use = iota
	route     // of the backend, now or later: a mistyped address of these is never answered with a page
	page      // of the pages, now or later
	claim     // of authority
)

// Route says whether the first segment of a path belongs to the backend, in any case: a server that tells them apart would
// answer a mistyped one with a page.
func Route(segment string) bool { return useOf(strings.ToLower(segment)) == route }

// Name says whether a name is kept. It expects the name folded to lower case and, if letters of other scripts are allowed, to the
// Latin letters that it looks like. Hyphens and underscores do not make another name of a kept word.
func Name(folded string) bool {
	return useOf(folded) != free || useOf(strings.NewReplacer("-", "", "_", "").Replace(folded)) != free
}

func useOf(word string) use {
	switch word {
	case "v1", "v2", "ws", "sub", "live", "vod", "whip", "whep", "openapi.json", "openapi.yaml", "openapi-3.0.json", "openapi-3.0.yaml",
		"docs", "schemas", "errors", ".well-known", "metrics", "healthz", "readyz", "debug", "api", "rpc", "graphql", "oauth", "oidc",
		"saml", "callback", "webhook", "webhooks", "upload", "uploads", "download", "downloads", "media", "images", "thumbnails",
		"avatars", "covers", "embed", "oembed", "feed", "feeds", "rss", "assets", "static", "cdn", "internal", "sitemap.xml",
		"robots.txt", "backup":
		return route
	case "home", "studio", "search", "discover", "explore", "browse", "trending", "popular", "ranking", "rankings", "watch", "video",
		"videos", "clip", "clips", "channel", "channels", "room", "rooms", "user", "users", "me", "profile", "profiles", "account",
		"accounts", "settings", "preferences", "login", "signin", "logout", "signout", "register", "signup", "recover", "reset",
		"verify", "confirm", "invite", "invites", "password", "email", "security", "privacy", "terms", "legal", "imprint",
		"copyright", "dmca", "cookies", "rules", "guidelines", "about", "contact", "help", "faq", "blog", "news", "press", "jobs",
		"careers", "status", "changelog", "history", "library", "playlist", "playlists", "favourites", "favorites", "following",
		"followers", "subscriptions", "notifications", "inbox", "messages", "comments", "danmaku", "category", "categories", "tag",
		"tags", "topic", "topics", "zone", "zones", "game", "games", "music", "anime", "shop", "store", "cart", "order", "orders",
		"checkout", "payment", "payments", "billing", "wallet", "gift", "gifts", "premium", "pricing", "ads", "advertise",
		"campaign", "campaigns", "course", "courses", "learn", "lesson", "lessons", "analytics", "insights", "dashboard", "creator",
		"creators", "report", "reports", "appeal", "moderation", "console", "developers", "error", "null", "undefined", "unknown",
		"deleted", "anonymous", "guest", "guests", "everyone", "index":
		return page
	case "admin", "admins", "administrator", "administrators", "moderator", "moderators", "operator", "operators", "root", "system",
		"support", "official", "staff", "team", "barrage", "abuse", "postmaster", "hostmaster", "webmaster", "noreply", "automod":
		return claim
	}
	return free
}
