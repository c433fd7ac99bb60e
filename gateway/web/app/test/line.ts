// A websocket that a test holds the other end of. It keeps the rules of the browser's: nothing is sent before it opened,
// nothing arrives after it closed.

export class Line {
  static all: Line[] = []
  readyState = 0
  onopen: (() => void) | null = null
  onclose: ((event: { code: number; reason: string }) => void) | null = null
  onmessage: ((event: { data: unknown }) => void) | null = null
  readonly sent: Record<string, unknown>[] = []
  private taken = 0

  constructor(readonly url: string, readonly protocols: string[]) {
    Line.all.push(this)
  }

  static get last(): Line {
    const line = Line.all.at(-1)
    if (!line) throw new Error('nothing was dialled')
    return line
  }

  send(message: string): void {
    if (this.readyState !== 1) throw new Error('sent on a line that is not open')
    this.sent.push(JSON.parse(message) as Record<string, unknown>)
  }

  close(): void {
    this.readyState = 3
  }

  open(): void {
    this.readyState = 1
    this.onopen?.()
    this.say({ welcome: { ping_seconds: 25 } })
  }

  say(frame: object): void {
    if (this.readyState === 1) this.onmessage?.({ data: JSON.stringify(frame) })
  }

  /** The other side goes away. */
  cut(code = 1006): void {
    this.readyState = 3
    this.onclose?.({ code, reason: '' })
  }

  /** The next frame the client sent that nobody took yet. */
  next(): Record<string, unknown> | undefined {
    return this.sent[this.taken++]
  }

  /** Answers the next frame with a body. */
  answer(body: object): Record<string, unknown> {
    const frame = this.next()
    if (!frame) throw new Error('nothing to answer')
    this.say({ id: frame.id, ...body })
    return frame
  }
}

