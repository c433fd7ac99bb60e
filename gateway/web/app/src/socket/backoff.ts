// How long to wait before the next try to connect: exponential with full jitter, so that a room full of viewers that lost
// the same server does not come back at the same moment.

const baseMs = 500
const capMs = 30_000

export class Backoff {
  private failures = 0

  constructor(private readonly random: () => number = Math.random) {}

  /** The wait before the next try, counting one more failure. */
  next(): number {
    const ceiling = Math.min(capMs, baseMs * 2 ** this.failures)
    this.failures++
    return this.random() * ceiling
  }

  /** The server asked for less: the next wait is drawn from the whole range. */
  slow(): void {
    this.failures = Math.max(this.failures, Math.ceil(Math.log2(capMs / baseMs)))
  }

  /** The connection held: start from the shortest wait again. */
  reset(): void {
    this.failures = 0
  }
}
