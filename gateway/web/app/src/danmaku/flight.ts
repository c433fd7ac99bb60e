// The time that danmaku fly in: it stands while the picture is paused and runs as fast as the picture does. To the danmaku
// library it is the medium that is played.

export class FlightClock extends EventTarget {
  /** The library multiplies what it flew by this, which would count the rate twice. */
  readonly playbackRate = 1
  paused = false
  private rate = 1
  private base = 0
  private since = performance.now()

  /** Seconds. */
  get currentTime(): number {
    return this.paused ? this.base : this.base + ((performance.now() - this.since) / 1000) * this.rate
  }

  set(paused: boolean, rate: number): void {
    if (paused === this.paused && rate === this.rate) return
    this.base = this.currentTime
    this.since = performance.now()
    this.rate = rate
    if (paused !== this.paused) {
      this.paused = paused
      this.dispatchEvent(new Event(paused ? 'pause' : 'play'))
    } else this.settle()
  }

  /**
   * Once a frame. The library lets time run at the speed of the wall clock from one play to the next; another speed is
   * told by these, after the frame: within it they would take the library's own away.
   */
  step(): void {
    if (!this.paused && this.rate !== 1) setTimeout(() => this.settle())
  }

  private settle(): void {
    if (this.paused) return
    this.dispatchEvent(new Event('pause'))
    this.dispatchEvent(new Event('play'))
  }
}
