// Where in a playlist a picture is: the player counts seconds of its own, the broadcast has the media clock, and the
// fragments of the playlist tie the two together. At a gap they go apart, so no one difference stands for all. Pure.

/** What of a fragment ties the clocks: both in seconds but the date, which is in ms since 1970. */
export interface Tie {
  start: number
  duration: number
  programDateTime: number | null
}

/** The player's position of a moment; the nearest picture there is. Null while no fragment has a date. */
export function positionOf(fragments: readonly Tie[], date: number): number | null {
  let before: Tie | null = null
  for (const f of fragments) {
    if (f.programDateTime === null) continue
    if (f.programDateTime > date) return before === null ? f.start : within(before, date)
    before = f
  }
  return before === null ? null : within(before, date)
}

function within(f: Tie, date: number): number {
  return f.start + Math.min(f.duration, (date - (f.programDateTime ?? date)) / 1000)
}

/** The seconds that an address asks for: 90, 90s, 1m30s, 1h2m3s; null if it asks for nothing that is a time. */
export function secondsOf(text: unknown): number | null {
  if (typeof text !== 'string') return null
  const m = /^(?:(\d{1,4})h)?(?:(\d{1,5})m)?(?:(\d{1,7})s?)?$/.exec(text)
  if (!m || text === '') return null
  return Number(m[1] ?? 0) * 3600 + Number(m[2] ?? 0) * 60 + Number(m[3] ?? 0)
}
