// Package eventlogtest holds the promises of the event log port and the suite that proves them for a driver.
//
// Every driver calls Run with a Harness of its own; the package owns nothing but the harness it is given
// and fails the test it is given. Any Append may have an unknown outcome; then the suite appends again, as
// sources do, and drops repetitions, as readers do. Several clients use the log at once. Crash and age are
// capabilities: a harness that has them proves more.
//
//	E01  An appended event is read back: key, source, number, payload, time. Asking for its partitions changes nothing.
//	E02  Events of one key lie in one partition, in the order of their appends; it stays theirs over reopening and for all
//	     clients.
//	E03  What an Append acknowledged is there for every client at once; an Append that is repeated repeats events.
//	E04  Read begins at the offset asked for, gives at most as much as asked for, but one event whatever its size, and says
//	     where to go on; pages join without gap or overlap. Behind the end it is refused with ErrAhead.
//	E05  A waiting read returns when something is appended, by whichever client, when its time is over, when its context ends
//	     and when the log closes.
//	E06  Concurrent appends of several clients lose nothing and take no offset twice; whoever follows a partition meanwhile
//	     sees what one sees who reads it afterwards.
//	E07  What retention has removed is told: First is above the offset asked for, the page says Lost, and begins with what is
//	     kept. Offsets go on. (Ager)
//	E08  Names and sizes that are not valid are refused with fault.Invalid and change nothing; what is just valid is taken.
//	E09  A context that ended stops a call.
//	E10  After a crash every acknowledged event is there, and what was read lies where it was read. (Crasher)
//	E11  Close leaves no goroutine behind, and is answered with fault.Unavailable afterwards.
//	E12  While calls fail before and after their effect, a source that appends each event until it is acknowledged has all of
//	     them there, in order, once repetitions are dropped.
package eventlogtest
