// Package cachetest holds the promises of the cache port and the suite that proves them for a driver.
//
// Every driver calls Run with a Harness of its own; the package owns nothing else and fails the test it is
// given. Time runs as the Harness says: in a synctest bubble for engines in this process, for real for
// others.
//
//	C01  Never more events pass than the limit in any window, and after a silent window the whole limit is there again.
//	C02  A refused event is not counted, and retryAfter tells when the next would pass: not long after one window at most.
//	C03  Of concurrent events under one key exactly the limit passes.
//	C04  Keys do not know of each other. Under one key the rate may change; what was counted stays counted.
//	C05  Keys and rates over the limits are refused with fault.Invalid.
//	C06  A context that ended stops a call, and nothing is counted.
package cachetest
