// One room as the pages show it: the chat lines, who is here, the connection, and posting. The stage subscribes to what is
// to be drawn.
import { reactive, shallowRef, type ShallowRef } from 'vue'
import { isRefusal } from '@/messages/errors'
import { RoomSocket, type Connection, type Source } from '@/socket/room'
import type { Danmaku, Draft, RoomState } from '@/socket/protocol'
import type { Session } from '@/auth/session'

// Chat lines kept; older ones leave the page (not the room's log).
export const lineLimit = 300
const defaultMaxLength = 100
const sampledEveryMs = 60_000

export type Line = { id: string; danmaku: Danmaku } | { id: string; missed: true }

export interface View {
  connection: Connection
  state: RoomState
  /** Until when slow mode keeps us from posting; ms of the local clock. */
  waitUntil: number
}

export type Draw = (list: Danmaku[]) => void

export class Room {
  readonly lines: ShallowRef<Line[]> = shallowRef([])
  readonly view = reactive<View>({
    connection: { status: 'connecting' },
    state: { online: 0, slowModeSeconds: 0, maxLength: defaultMaxLength, live: false, broadcastStartMs: null, broadcast: '', version: 0 },
    waitUntil: 0,
  })
  private readonly socket: RoomSocket
  private readonly seen = new Set<string>()
  private readonly drawers = new Set<Draw>()
  private breaks = 0
  private sampledAt = -Infinity

  constructor(readonly id: string, session: Session, url: string) {
    this.socket = new RoomSocket({
      url,
      room: id,
      token: () => session.current(),
      renew: (token) => session.renew(token),
      events: {
        danmaku: (list, source) => this.arrived(list, source),
        state: (state) => this.changed(state),
        connection: (connection) => (this.view.connection = connection),
        missed: (reason) => this.broke(reason),
      },
    })
  }

  open(): void {
    this.socket.open()
  }

  close(): void {
    this.socket.close()
    this.drawers.clear()
  }

  hurry(): void {
    this.socket.hurry()
  }

  reauthenticate(): void {
    this.socket.reauthenticate()
  }

  present(): void {
    this.socket.present()
  }

  /** Calls draw with danmaku that belong over the picture; returns how to stop. */
  onDraw(draw: Draw): () => void {
    this.drawers.add(draw)
    return () => this.drawers.delete(draw)
  }

  /** Posts; rejects with a refusal, which also tells how long to wait. Slow mode spares who is not paced. */
  async post(draft: Draft, paced: boolean): Promise<void> {
    try {
      await this.socket.post(draft, newKey())
      if (paced && this.view.state.slowModeSeconds > 0) this.view.waitUntil = Date.now() + this.view.state.slowModeSeconds * 1000
    } catch (e) {
      if (isRefusal(e) && e.code === 'slow_mode' && e.retryAfterMs > 0) this.view.waitUntil = Date.now() + e.retryAfterMs
      throw e
    }
  }

  private changed(state: RoomState): void {
    this.view.state = { ...state, maxLength: state.maxLength || defaultMaxLength }
    // A slow mode made shorter, or ended, holds for those who wait already.
    this.view.waitUntil = Math.min(this.view.waitUntil, Date.now() + state.slowModeSeconds * 1000)
  }

  private arrived(list: Danmaku[], source: Source): void {
    const fresh = list.filter((d) => !this.seen.has(lineId(d)))
    if (fresh.length === 0) return
    for (const d of fresh) this.seen.add(lineId(d))
    this.push(fresh.map((d) => ({ id: lineId(d), danmaku: d })))
    // What was said before we came is in the chat, not in the air.
    if (source !== 'history') for (const draw of this.drawers) draw(fresh)
  }

  private broke(reason: string): void {
    if (reason === 'sampled') {
      // A room that talks faster than anybody can read leaves out some of every batch: that is said once in a while.
      if (Date.now() - this.sampledAt < sampledEveryMs) return
      this.sampledAt = Date.now()
    }
    if (this.lines.value.length > 0) this.push([{ id: `missed-${++this.breaks}`, missed: true }])
  }

  private push(lines: Line[]): void {
    const all = [...this.lines.value, ...lines]
    for (const line of all.splice(0, Math.max(0, all.length - lineLimit))) this.seen.delete(line.id)
    this.lines.value = all
  }
}

/** A key nobody else draws. Not randomUUID, which browsers keep from pages that came without TLS. */
function newKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

function lineId(d: Danmaku): string {
  return `${d.position.epoch}:${d.position.offset}`
}

/** The socket's address on the server the page came from. */
export function socketUrl(location: Location): string {
  return `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws`
}
