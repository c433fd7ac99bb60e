package ws

import (
	"maps"
	"net/http"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"

	"github.com/barrage-live/barrage/internal/fault"
	"github.com/barrage-live/barrage/internal/problem"
	"github.com/barrage-live/barrage/internal/rfc6455"
	"github.com/barrage-live/barrage/internal/wire"
)

// refusal is an upgrade that is answered with an HTTP status.
type refusal struct {
	status int
	header http.Header // beside those of a problem
	reason *fault.Error
}

func refuse(status int, code, message string) *refusal {
	return &refusal{status: status, reason: fault.New(fault.Invalid, code, message)}
}

func badHandshake(message string) *refusal {
	return refuse(http.StatusBadRequest, "bad_handshake", message)
}

// upgradeRequired names what to upgrade to, as RFC 9110 section 15.5.22 demands.
func upgradeRequired(message string) *refusal {
	bad := refuse(http.StatusUpgradeRequired, "upgrade_required", message)
	bad.header = http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}}
	return bad
}

var errOrigin = fault.New(fault.Denied, "origin_refused", "pages of this origin may not connect")

// upgrade is what a good request asks for.
type upgrade struct {
	key      string
	encoding wire.Encoding
}

// checkUpgrade holds a request to section 4.2.1 of RFC 6455.
func checkUpgrade(r *http.Request, o origins) (upgrade, *refusal) {
	if r.Method != http.MethodGet {
		bad := refuse(http.StatusMethodNotAllowed, "method_not_allowed", "a websocket begins with GET")
		bad.header = http.Header{"Allow": {http.MethodGet}}
		return upgrade{}, bad
	}
	if bad := checkHeaders(r); bad != nil {
		return upgrade{}, bad
	}
	if !o.allow(r) {
		return upgrade{}, &refusal{status: http.StatusForbidden, reason: errOrigin}
	}
	encoding, ok := chooseEncoding(r.Header)
	if !ok {
		return upgrade{}, refuse(http.StatusBadRequest, "no_subprotocol",
			"offer "+wire.SubprotocolProto+" or "+wire.SubprotocolJSON+" in Sec-WebSocket-Protocol")
	}
	return upgrade{key: r.Header.Get("Sec-Websocket-Key"), encoding: encoding}, nil
}

func checkHeaders(r *http.Request) *refusal {
	if !httpguts.HeaderValuesContainsToken(r.Header.Values("Connection"), "upgrade") ||
		!httpguts.HeaderValuesContainsToken(r.Header.Values("Upgrade"), "websocket") {
		return upgradeRequired("this address speaks websocket")
	}
	versions, keys := r.Header.Values("Sec-Websocket-Version"), r.Header.Values("Sec-Websocket-Key")
	switch {
	case r.ProtoMajor != 1 || r.ProtoMinor < 1:
		return badHandshake("a websocket needs HTTP/1.1")
	case r.Host == "":
		return badHandshake("the Host is missing")
	case r.ContentLength != 0 || len(r.TransferEncoding) > 0:
		return badHandshake("an upgrade has no body")
	case len(versions) > 1 || len(keys) > 1 || len(r.Header.Values("Origin")) > 1:
		return badHandshake("a header is repeated")
	case len(versions) == 0 || versions[0] != "13":
		bad := upgradeRequired("only version 13 of the protocol is spoken")
		bad.header.Set("Sec-Websocket-Version", "13")
		return bad
	case len(keys) == 0 || !rfc6455.ValidKey(keys[0]):
		return badHandshake("Sec-WebSocket-Key is not 16 bytes in base64")
	}
	return nil
}

func chooseEncoding(h http.Header) (wire.Encoding, bool) {
	for _, line := range h.Values("Sec-Websocket-Protocol") {
		for offer := range strings.SplitSeq(line, ",") {
			if e, ok := wire.ParseSubprotocol(strings.TrimSpace(offer)); ok {
				return e, true
			}
		}
	}
	return 0, false
}

// write answers with a problem.
func (f *refusal) write(w http.ResponseWriter) {
	maps.Copy(w.Header(), f.header)
	problem.At(f.status, f.reason).Write(w)
}

// acceptance is the answer that ends the HTTP part of a connection.
func (u upgrade) acceptance() []byte {
	return []byte("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
		rfc6455.Accept(u.key) + "\r\nSec-WebSocket-Protocol: " + u.encoding.String() + "\r\n\r\n")
}

// since is the time that all buckets and deadlines of a server count in.
func since(start time.Time) time.Duration { return time.Since(start) }
