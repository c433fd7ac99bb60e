// Package reserved holds the one list of words that nobody may take for a name: first segments of addresses
// that the backend answers or will answer, first segments of pages, and words by which a stranger could
// pose as the operator.
//
// Channel names and handles refuse every one of them, and what looks like one; the pages leave the routes
// to the backend. A test in the root holds the list against the server's route table, the files of the
// build and the routes of the pages, so that whoever adds a route adds its word here. The package is pure
// and nothing in it can fail.
package reserved

import (
	"slices"
	"strings"

	"github.com/barrage-live/barrage/internal/text"
)

// The words, by what they are kept for; each is followed by a space.
const (
	// routes are of the backend, now or later: a mistyped address of these is never answered with a page.
	routes = "v1 v2 ws sub live vod whip whep openapi.json openapi.yaml openapi-3.0.json openapi-3.0.yaml docs " +
		"schemas errors .well-known metrics healthz readyz cluster debug api rpc graphql oauth oidc saml callback " +
		"webhook webhooks upload uploads download downloads media images thumbnails avatars covers embed " +
		"oembed feed feeds rss assets static cdn internal sitemap.xml robots.txt backup "
	// pages are of the pages, now or later.
	pages = "home studio search discover explore browse trending popular ranking rankings watch video videos clip " +
		"clips channel channels room rooms user users me profile profiles account accounts settings " +
		"preferences login signin logout signout register signup recover reset verify confirm invite invites " +
		"password email security privacy terms legal imprint copyright dmca cookies rules guidelines about " +
		"contact help faq blog news press jobs careers status changelog history library playlist playlists " +
		"favourites favorites following followers subscriptions notifications inbox messages comments danmaku " +
		"category categories tag tags topic topics zone zones game games music anime shop store cart order " +
		"orders checkout payment payments billing wallet gift gifts premium pricing ads advertise campaign " +
		"campaigns course courses learn lesson lessons analytics insights dashboard creator creators report " +
		"reports appeal moderation console developers error null undefined unknown deleted anonymous guest " +
		"guests everyone index "
	// claims are of authority.
	claims = "admin admins administrator administrators moderator moderators operator operators root system " +
		"support official staff team barrage abuse postmaster hostmaster webmaster noreply automod "
)

// Route says whether the first segment of a path belongs to the backend, in any case: a server that tells
// them apart would answer a mistyped one with a page.
func Route(segment string) bool { return has(routes, strings.ToLower(segment)) }

// Name says whether a name in small letters is kept. Hyphens and underscores do not make another name of a
// kept word.
func Name(folded string) bool {
	return kept(folded) || kept(bare(folded))
}

// Alike says whether a name, in letters of any script and case, is kept or could be taken for a kept word:
// it is for whoever gives names away. It compares what looks alike (text.Skeleton) and takes a tenth of a
// millisecond.
func Alike(name string) bool {
	name = bare(name)
	looks := []string{text.Skeleton(name), text.Skeleton(text.Fold(name))}
	for word := range strings.FieldsSeq(routes + pages + claims) {
		// In small letters, in capitals, and with one: an I looks like an l, and an m like rn, but an M
		// does not.
		for _, written := range []string{word, strings.ToUpper(word), strings.ToUpper(word[:1]) + word[1:]} {
			if slices.Contains(looks, text.Skeleton(written)) {
				return true
			}
		}
	}
	return false
}

func kept(word string) bool { return has(routes, word) || has(pages, word) || has(claims, word) }

// has looks a word up in a list.
func has(list, word string) bool {
	return word != "" && !strings.Contains(word, " ") && (strings.HasPrefix(list, word+" ") || strings.Contains(list, " "+word+" "))
}

func bare(name string) string { return strings.NewReplacer("-", "", "_", "").Replace(name) }
