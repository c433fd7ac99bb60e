// The danmaku of what was on before, for who watches back: they are fetched by the minute of the pictures they sit on, the
// next minute a little ahead, and each is given once, when its picture comes. Times are ms of media time; the wall clock is
// an argument.

export interface Timed {
  position: { epoch: string; offset: string }
  mediaTimeMs: number | null
}

export interface Page<T> {
  danmaku: T[]
  /** Nothing will be added to it. */
  settled: boolean
  /** There are others in the range, after the last of these. */
  more: boolean
}

/** Asks for what sits on the pictures from <= media time < to. */
export type Load<T> = (fromMs: number, toMs: number, signal: AbortSignal) => Promise<Page<T>>

export const minuteMs = 60_000
const keptMinutes = 5
// The next minute is asked for so long before it begins.
const aheadMs = 15_000
// To a minute that is not settled others may add.
const freshMs = 20_000
// Of a minute that is too full for one answer the next part is asked for so long before the one before runs out, and at
// most so often: who writes faster than that is sampled.
const partAheadMs = 3000
const partEveryMs = 1500
const retryMs = 3000
// The picture was moved if it comes further than this from where it was.
const leapMs = 2000
// What comes late is drawn still, if its picture was on screen so shortly ago.
const lateMs = 4000

interface Minute<T> {
  rows: Map<string, T & { mediaTimeMs: number }>
  /** Up to where all is here. */
  upTo: number
  settled: boolean
  /** When to ask again at the earliest; ms of the wall clock. */
  next: number
  asking: boolean
}

export class Replay<T extends Timed> {
  private minutes = new Map<number, Minute<T>>()
  private last: number | null = null
  private readonly gone = new AbortController()
  /** How often the server was asked. */
  asked = 0

  constructor(private readonly load: Load<T>) {}

  close(): void {
    this.gone.abort()
  }

  /** Those whose pictures came on screen since the last call, in order; after a leap none of what was leapt over. */
  due(pictureMs: number, now: number): T[] {
    this.fetch(pictureMs, now)
    const last = this.last
    this.last = pictureMs
    if (last === null || pictureMs < last || pictureMs - last > leapMs) return []
    const due: (T & { mediaTimeMs: number })[] = []
    for (let n = Math.floor(last / minuteMs); n <= Math.floor(pictureMs / minuteMs); n++) {
      for (const d of this.minutes.get(n)?.rows.values() ?? []) if (d.mediaTimeMs > last && d.mediaTimeMs <= pictureMs) due.push(d)
    }
    return due.sort((a, b) => a.mediaTimeMs - b.mediaTimeMs)
  }

  /** Takes one that was just posted; true if it is to be drawn now: its picture has hardly gone. */
  offer(d: T): boolean {
    const at = d.mediaTimeMs
    if (at === null || this.last === null) return false
    if (at > this.last) {
      this.minutes.get(Math.floor(at / minuteMs))?.rows.set(keyOf(d), { ...d, mediaTimeMs: at })
      return false
    }
    return at > this.last - lateMs
  }

  private fetch(pictureMs: number, now: number): void {
    const n = Math.floor(pictureMs / minuteMs)
    this.want(n, pictureMs, now)
    if ((n + 1) * minuteMs - pictureMs < aheadMs) this.want(n + 1, (n + 1) * minuteMs, now)
  }

  /** Asks for a minute, or for what is missing of it from a picture on. */
  private want(n: number, pictureMs: number, now: number): void {
    const end = (n + 1) * minuteMs
    const m = this.keep(n)
    if (m.asking || now < m.next) return
    let from = n * minuteMs
    if (m.upTo >= end) {
      if (m.settled) return
    } else if (m.upTo > from) {
      if (pictureMs < m.upTo - partAheadMs) return
      from = Math.max(m.upTo, Math.floor(pictureMs))
      if (from >= end) return
    }
    m.asking = true
    this.asked++
    this.load(from, end, this.gone.signal).then(
      (page) => this.took(m, page, end, Date.now()),
      () => (m.next = Date.now() + retryMs),
    ).finally(() => (m.asking = false))
  }

  private took(m: Minute<T>, page: Page<T>, end: number, now: number): void {
    for (const d of page.danmaku) if (d.mediaTimeMs !== null) m.rows.set(keyOf(d), { ...d, mediaTimeMs: d.mediaTimeMs })
    const last = page.danmaku.at(-1)?.mediaTimeMs ?? null
    m.settled = page.settled
    m.upTo = page.more && last !== null ? last + 1 : end
    m.next = now + (page.more ? partEveryMs : freshMs)
  }

  private keep(n: number): Minute<T> {
    let m = this.minutes.get(n)
    if (m === undefined) m = { rows: new Map(), upTo: n * minuteMs, settled: false, next: 0, asking: false }
    this.minutes.delete(n)
    this.minutes.set(n, m) // the last that was looked for is the last to go
    for (const old of this.minutes.keys()) {
      if (this.minutes.size <= keptMinutes) break
      this.minutes.delete(old)
    }
    return m
  }
}

function keyOf(d: Timed): string {
  return `${d.position.epoch}:${d.position.offset}`
}
