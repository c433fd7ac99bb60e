// What is known of the past streams of a channel, page by page. Pure.
import type { Broadcast, BroadcastPage } from '@/api/types'

/** The newest streams of a channel, without a gap, and the cursor of those that are older; "" if there are none. */
export interface PastStreams {
  list: Broadcast[]
  next: string
}

/** Takes the first page anew: what is older stays known, what the page should have and has not is gone. */
export function refreshed(known: PastStreams | null, page: BroadcastPage): PastStreams {
  const last = page.broadcasts.at(-1)
  if (known === null || page.next === undefined || last === undefined) return { list: page.broadcasts, next: page.next ?? '' }
  const ids = new Set(page.broadcasts.map((b) => b.id))
  // Where all that is known is newer, nothing ties the two together.
  const tied = known.list.some((b) => ids.has(b.id))
  const older = tied ? known.list.filter((b) => !ids.has(b.id) && b.start_ms <= last.start_ms) : []
  return { list: [...page.broadcasts, ...older], next: older.length > 0 ? known.next : page.next }
}

/** Adds the page that was asked for with the cursor next. */
export function extended(known: PastStreams, page: BroadcastPage): PastStreams {
  const ids = new Set(known.list.map((b) => b.id))
  return { list: [...known.list, ...page.broadcasts.filter((b) => !ids.has(b.id))], next: page.next ?? '' }
}
