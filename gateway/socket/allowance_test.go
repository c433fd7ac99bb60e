package socket

import (
	"net/netip"
	"testing"
)

// TestWhoIsRefusedHasUsedNothing asks again and again while neighbours have used up what the address may ask
// for: once there is some again, the user and the connection have all of their own.
func TestWhoIsRefusedHasUsedNothing(t *testing.T) {
	cfg := Config{AddressRate: 1, UserRate: 10}.filled()
	a := allowance{allowances: newAllowances(cfg), addr: netip.MustParseAddr("192.0.2.1")}
	a.charge("", 20) // the debt of 10 takes longer than this test
	for range 50 {
		if a.take("ann", 9, false) {
			t.Fatal("an address takes what it owes")
		}
	}
	a.all.Charge("", a.addr, -20)
	if !a.take("ann", 9, false) {
		t.Error("who was refused has used up something")
	}
}
