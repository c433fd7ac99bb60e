// Decides when a danmaku is drawn: together with the picture its author saw. A viewer whose picture is already past that
// sees it at once; one whose picture is behind sees it when the picture gets there. Pure: times are arguments, in ms.

// Danmaku that wait; the oldest is dropped first. Someone who watches far behind a busy room fills it.
const capacity = 2000
// After a jump forward, what was passed over by more than this is not drawn any more.
const staleMs = 5000

interface Timed {
  mediaTimeMs: number | null
}

export class Timeline<T extends Timed> {
  private waiting: { item: T; at: number }[] = []
  /** How many were dropped because too many waited. */
  dropped = 0

  /** Takes one; true if it is to be drawn now, false if it waits for its picture. */
  offer(item: T, pictureMs: number | null): boolean {
    const at = item.mediaTimeMs
    if (at === null || pictureMs === null || at <= pictureMs) return true
    let i = this.waiting.length
    while (i > 0 && (this.waiting[i - 1] as { at: number }).at > at) i--
    this.waiting.splice(i, 0, { item, at })
    if (this.waiting.length > capacity) {
      this.waiting.shift()
      this.dropped++
    }
    return false
  }

  /** Those whose picture is on screen now, in order. */
  due(pictureMs: number): T[] {
    let count = 0
    while (count < this.waiting.length && (this.waiting[count] as { at: number }).at <= pictureMs) count++
    if (count === 0) return []
    return this.waiting.splice(0, count).filter((w) => w.at > pictureMs - staleMs).map((w) => w.item)
  }

  /** All that wait, in order: no picture will come for them for now. */
  rest(): T[] {
    return this.waiting.splice(0).map((w) => w.item)
  }

  /** Another broadcast has another clock: nothing that waits has a picture any more. */
  clear(): void {
    this.waiting = []
  }

  get size(): number {
    return this.waiting.length
  }
}
