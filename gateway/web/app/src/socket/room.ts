// One room over one websocket: joins, resumes after every loss from the last Position, keeps posts until they are
// acknowledged (a retry carries the same key, so it is one danmaku), and tells the page what happened through Events.
// No post is reported as sent before the server said so, and a gap is never hidden.
import type { Refusal } from '@/messages/errors'
import { Backoff } from './backoff'
import { afterClose } from './close'
import { decode, encode, isAfter, postBody, subprotocol } from './protocol'
import type { ClientBody, Danmaku, Draft, Position, RoomState, ServerFrame } from './protocol'

const answerMs = 10_000
const postMs = 12_000
const retryMs = 500
// A connection that lasted this long was good: the next loss starts with the shortest wait.
const stableMs = 10_000
const historyWanted = 100
const outboxLimit = 8
// Refusals of the join after which coming back would only be refused again (SPEC.md section 4).
const finalKinds = new Set(['not_found', 'denied', 'invalid', 'conflict'])

export class SocketError extends Error implements Refusal {
  constructor(readonly kind: string, readonly code: string, message: string, readonly retryAfterMs = 0) {
    super(message)
    this.name = 'SocketError'
  }
}

export type Connection =
  | { status: 'connecting' }
  | { status: 'joined' }
  | { status: 'waiting'; until: number }
  | { status: 'refused'; error: SocketError }
  | { status: 'closed' }

/** Where danmaku came from: kept before we joined, missed while away and recovered, or just now. */
export type Source = 'history' | 'recovered' | 'live'

export interface Events {
  danmaku(list: Danmaku[], source: Source): void
  state(state: RoomState): void
  connection(connection: Connection): void
  /** Danmaku will not come: why, and how many; 0 where nobody knows. */
  missed(reason: string, count: number): void
}

export interface Options {
  url: string
  room: string
  events: Events
  /** The access token to present, or null for a guest. */
  token(): Promise<string | null>
  /** The server refused the token: true if there is a new one. */
  renew(token: string): Promise<boolean>
  random?: () => number
  WebSocket?: typeof WebSocket
}

interface Waiting {
  resolve(frame: ServerFrame): void
  reject(error: SocketError): void
  timer: ReturnType<typeof setTimeout>
}

interface Outgoing {
  draft: Draft
  resolve(position: Position): void
  reject(error: SocketError): void
  deadline: number
  inFlight: boolean
}

export class RoomSocket {
  private socket: WebSocket | null = null
  private connection: Connection = { status: 'closed' }
  private position: Position | null = null
  private version = 0
  private nextId = 1
  private readonly waiting = new Map<number, Waiting>()
  private readonly outbox = new Map<string, Outgoing>()
  private readonly backoff: Backoff
  private readonly random: () => number
  private dialTimer: ReturnType<typeof setTimeout> | undefined
  private pingTimer: ReturnType<typeof setTimeout> | undefined
  private stableTimer: ReturnType<typeof setTimeout> | undefined
  private minimumWaitMs = 0
  /** The rights in the token that was presented are not those of the account any more. */
  private outdated = false
  /** Grows with every dial; answers of an older connection are ignored. */
  private generation = 0

  constructor(private readonly options: Options) {
    this.random = options.random ?? Math.random
    this.backoff = new Backoff(this.random)
  }

  open(): void {
    if (this.connection.status === 'closed') this.dial()
  }

  /** Leaves for good; waiting posts are refused. */
  close(): void {
    this.drop()
    clearTimeout(this.dialTimer)
    for (const [key, post] of this.outbox) this.settle(key, () => post.reject(new SocketError('unavailable', 'closed', 'the page left the room')))
    this.become({ status: 'closed' })
  }

  /** Try now instead of waiting on: the network came back, or the reader asked. */
  hurry(): void {
    if (this.connection.status === 'waiting') this.dial()
  }

  /** The reader logged in or out: come back as that person, from the same Position. */
  reauthenticate(): void {
    if (this.connection.status === 'closed') return
    this.drop()
    this.dial()
  }

  /** The token was renewed: present it before the old one ends, or the server closes the connection. */
  present(): void {
    if (this.connection.status !== 'joined') return
    const generation = this.generation
    this.authenticate().catch(() => this.lost(generation))
  }

  /** Sends a danmaku; resolves with its place once the room's log holds it. */
  post(draft: Draft, key: string): Promise<Position> {
    if (this.outbox.size >= outboxLimit) return Promise.reject(new SocketError('exhausted', 'outbox_full', 'earlier danmaku are still on their way'))
    return new Promise((resolve, reject) => {
      this.outbox.set(key, { draft, resolve, reject, deadline: Date.now() + postMs, inFlight: false })
      setTimeout(() => this.settle(key, () => reject(new SocketError('timeout', 'no_answer', 'the server did not confirm in time'))), postMs)
      if (this.connection.status === 'joined') void this.push(key)
    })
  }

  private dial(): void {
    clearTimeout(this.dialTimer)
    const generation = ++this.generation
    this.outdated = false
    this.become({ status: 'connecting' })
    const Socket = this.options.WebSocket ?? WebSocket
    const socket = new Socket(this.options.url, [subprotocol])
    this.socket = socket
    const limit = setTimeout(() => this.lost(generation), answerMs)
    socket.onopen = () => {
      clearTimeout(limit)
      void this.enter(generation)
    }
    socket.onmessage = (event: MessageEvent) => {
      if (generation === this.generation && typeof event.data === 'string') this.receive(event.data)
    }
    socket.onclose = (event: CloseEvent) => {
      clearTimeout(limit)
      if (generation === this.generation) this.closed(event)
    }
  }

  private closed(event: CloseEvent): void {
    switch (afterClose(event.code)) {
      case 'stay away':
        this.refuse(new SocketError('denied', `close_${event.code}`, event.reason))
        return
      case 'reconnect slowly':
        this.backoff.slow()
        break
      default: // a token that has ended is renewed, or let go, when the next connection presents it
    }
    this.lost(this.generation)
  }

  /** Presents the token, joins or resumes, and sends what still waits. */
  private async enter(generation: number): Promise<void> {
    try {
      await this.authenticate()
      if (generation !== this.generation) return
      for (let more = true; more; ) {
        const since = this.position
        const reply = await this.ask({ join: { room: this.options.room, ...(since ? { since } : {}), history: historyWanted } })
        if (generation !== this.generation || reply.type !== 'joined') return
        this.joined(reply, since)
        more = reply.more
      }
    } catch (e) {
      if (generation === this.generation) this.refusedEntry(e)
    }
  }

  private async authenticate(): Promise<void> {
    const token = await this.options.token()
    if (token === null) return
    try {
      await this.ask({ auth: { token } })
    } catch (e) {
      // A guest may still watch, so a token that stays refused, or a login with too many tabs, is not the end.
      if (e instanceof SocketError && e.code === 'too_many_sockets') return
      if (!(e instanceof SocketError) || e.kind !== 'unauthenticated') throw e
      if (!(await this.options.renew(token))) return
      const fresh = await this.options.token()
      if (fresh !== null) await this.ask({ auth: { token: fresh } })
    }
  }

  private refusedEntry(e: unknown): void {
    if (e instanceof SocketError && finalKinds.has(e.kind)) {
      this.refuse(e)
      return
    }
    if (e instanceof SocketError) this.minimumWaitMs = Math.max(this.minimumWaitMs, e.retryAfterMs)
    this.lost(this.generation)
  }

  private refuse(error: SocketError): void {
    this.drop()
    this.become({ status: 'refused', error })
  }

  private joined(reply: ServerFrame & { type: 'joined' }, since: Position | null): void {
    const recovered = since !== null && reply.recovered
    if (since !== null && !recovered) this.options.events.missed(reply.reason, 0)
    this.position = reply.position
    if (reply.more) {
      // The rest is asked for before we are in the room.
      this.options.events.danmaku(reply.danmaku, 'recovered')
      return
    }
    this.minimumWaitMs = 0
    clearTimeout(this.stableTimer)
    this.stableTimer = setTimeout(() => this.backoff.reset(), stableMs)
    this.become({ status: 'joined' })
    if (reply.danmaku.length > 0) this.options.events.danmaku(reply.danmaku, recovered ? 'recovered' : 'history')
    this.version = 0
    if (reply.state) this.changed(reply.state)
    this.refreshRights()
    for (const key of this.outbox.keys()) void this.push(key)
  }

  private receive(message: string): void {
    const frame = decode(message)
    if (frame === null) return
    if (frame.id > 0) {
      const waiting = this.waiting.get(frame.id)
      this.waiting.delete(frame.id)
      if (waiting === undefined) return
      clearTimeout(waiting.timer)
      if (frame.type === 'error') waiting.reject(new SocketError(frame.kind, frame.code, frame.message, frame.retryAfterMs))
      else waiting.resolve(frame)
      return
    }
    this.announced(frame)
  }

  private announced(frame: ServerFrame): void {
    switch (frame.type) {
      case 'welcome':
        this.keepAlive(frame.pingSeconds)
        break
      case 'batch':
        if (frame.room === this.options.room) this.batch(frame)
        break
      case 'gap':
        if (frame.room === this.options.room) this.gap(frame)
        break
      case 'state':
        if (frame.room === this.options.room) this.changed(frame.state)
        break
      case 'reconnect':
        this.moveOn(frame.maxDelayMs)
        break
      case 'error':
        if (frame.code === 'token_outdated') {
          // We go on as a guest until a token with the rights of now is presented.
          this.outdated = true
          this.refreshRights()
          break
        }
        // It announces a close; the wait it asks for is kept when that comes.
        this.minimumWaitMs = Math.max(this.minimumWaitMs, frame.retryAfterMs)
        break
      default:
    }
  }

  /** Presents a token that has the rights of now, once we are in the room. */
  private refreshRights(): void {
    if (!this.outdated || this.connection.status !== 'joined') return
    this.outdated = false
    this.present()
  }

  private batch(frame: ServerFrame & { type: 'batch' }): void {
    const at = this.position
    if (this.connection.status !== 'joined' || at === null || !isAfter(frame.to, at)) return
    if (isAfter(frame.from, at)) {
      // Something between is missing: ask for it instead of showing a hole.
      this.drop()
      this.dial()
      return
    }
    this.position = frame.to
    const fresh = frame.danmaku.filter((d) => isAfter(d.position, at))
    if (fresh.length > 0) this.options.events.danmaku(fresh, 'live')
    if (frame.skipped > 0) this.options.events.missed(frame.why, frame.skipped)
  }

  private gap(frame: ServerFrame & { type: 'gap' }): void {
    if (this.connection.status !== 'joined') return
    if (frame.to === null) {
      // We are out of the room: come back from where we were, but not all at once.
      this.lost(this.generation)
      return
    }
    this.position = frame.to
    this.options.events.missed(frame.reason, frame.count)
  }

  /** States may overtake each other where the server merges them. */
  private changed(state: RoomState): void {
    if (state.version < this.version) return
    this.version = state.version
    this.options.events.state(state)
  }

  /** The server wants to be left (it restarts, or another one has room): go within the time it gave. */
  private moveOn(maxDelayMs: number): void {
    const generation = this.generation
    clearTimeout(this.dialTimer)
    this.dialTimer = setTimeout(() => {
      if (generation !== this.generation) return
      this.drop()
      this.dial()
    }, this.random() * maxDelayMs)
  }

  private keepAlive(pingSeconds: number): void {
    clearTimeout(this.pingTimer)
    const every = Math.max(1, pingSeconds || 30) * 600
    const generation = this.generation
    this.pingTimer = setTimeout(() => {
      this.ask({ ping: {} }).then(
        () => {
          if (generation === this.generation) this.keepAlive(pingSeconds)
        },
        // An error answer is an answer: only silence means that the line is dead.
        (e: unknown) => {
          if (generation !== this.generation) return
          if (e instanceof SocketError && e.code !== 'no_answer') this.keepAlive(pingSeconds)
          else this.lost(generation)
        },
      )
    }, every)
  }

  /** Sends one post of the outbox and settles it by the answer; what may yet succeed is tried again until its deadline. */
  private async push(key: string): Promise<void> {
    const post = this.outbox.get(key)
    if (post === undefined || post.inFlight) return
    post.inFlight = true
    try {
      const reply = await this.ask(postBody(this.options.room, key, post.draft))
      if (reply.type === 'posted') this.settle(key, () => post.resolve(reply.position))
    } catch (e) {
      const error = e as SocketError
      const again = ['unavailable', 'timeout', 'fenced'].includes(error.kind) || error.code === 'token_outdated'
      const wait = Math.max(retryMs, error.retryAfterMs)
      if (!again || Date.now() + wait > post.deadline) this.settle(key, () => post.reject(error))
      else setTimeout(() => this.connection.status === 'joined' && void this.push(key), wait)
    } finally {
      post.inFlight = false
    }
  }

  private settle(key: string, tell: () => void): void {
    if (this.outbox.delete(key)) tell()
  }

  private ask(body: ClientBody): Promise<ServerFrame> {
    return new Promise((resolve, reject) => {
      const socket = this.socket
      if (socket === null || socket.readyState !== 1) {
        reject(new SocketError('unavailable', 'not_connected', 'the connection is gone'))
        return
      }
      const id = this.nextId++
      const timer = setTimeout(() => {
        this.waiting.delete(id)
        reject(new SocketError('timeout', 'no_answer', 'the server did not answer in time'))
      }, answerMs)
      this.waiting.set(id, { resolve, reject, timer })
      socket.send(encode(id, body))
    })
  }

  private lost(generation: number): void {
    if (generation !== this.generation) return
    this.drop()
    const wait = Math.max(this.backoff.next(), this.minimumWaitMs)
    this.minimumWaitMs = 0
    this.become({ status: 'waiting', until: Date.now() + wait })
    this.dialTimer = setTimeout(() => this.dial(), wait)
  }

  /** Lets go of the connection without waiting for the other side, which may be gone. */
  private drop(): void {
    this.generation++
    clearTimeout(this.pingTimer)
    clearTimeout(this.stableTimer)
    clearTimeout(this.dialTimer)
    const socket = this.socket
    this.socket = null
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = null
      socket.close(1000)
    }
    for (const waiting of this.waiting.values()) {
      clearTimeout(waiting.timer)
      waiting.reject(new SocketError('unavailable', 'not_connected', 'the connection is gone'))
    }
    this.waiting.clear()
  }

  private become(connection: Connection): void {
    this.connection = connection
    this.options.events.connection(connection)
  }
}
