// Where in a playlist a picture is: the player counts seconds of its own, the broadcast has the media clock, and the
// fragments of the playlist tie the two together. After a gap or a discontinuity they go apart, so no difference of two
// moments stands for all of them. Pure.

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

/** The moment of the picture at a position of the player. Null if no fragment with a date is there. */
export function dateOf(fragments: readonly Tie[], position: number): number | null {
  let low = 0
  let high = fragments.length - 1
  while (low <= high) {
    const mid = (low + high) >> 1
    const f = fragments[mid] as Tie
    if (position < f.start) high = mid - 1
    else if (position >= f.start + f.duration && mid < fragments.length - 1) low = mid + 1
    else return f.programDateTime === null ? null : f.programDateTime + (position - f.start) * 1000
  }
  return null
}

/** A length of time as people write it: 4:05, 1:04:05. */
export function clockText(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  const parts = [Math.floor(whole / 60) % 60, whole % 60]
  const hours = Math.floor(whole / 3600)
  const tail = String(parts[1]).padStart(2, '0')
  return hours > 0 ? `${hours}:${String(parts[0]).padStart(2, '0')}:${tail}` : `${parts[0]}:${tail}`
}

/** The seconds that an address asks for: 90, 90s, 1m30s, 1h2m3s; null if it asks for nothing that is a time. */
export function secondsOf(text: unknown): number | null {
  if (typeof text !== 'string') return null
  const m = /^(?:(\d{1,4})h)?(?:(\d{1,5})m)?(?:(\d{1,7})s?)?$/.exec(text)
  if (!m || text === '') return null
  return Number(m[1] ?? 0) * 3600 + Number(m[2] ?? 0) * 60 + Number(m[3] ?? 0)
}
