// The native socket protocol, version 1, in its JSON encoding (internal/wire/SPEC.md): canonical protobuf JSON with the
// schema's own field names. 64-bit numbers are strings there, and a field at its default is left out.

export const subprotocol = 'barrage.v1.json'

/** A place in a room's log. The parts stay strings: they may exceed what a number holds exactly. */
export interface Position {
  epoch: string
  offset: string
}

export type Mode = 'scroll' | 'top' | 'bottom'
export type Size = 'small' | 'normal' | 'large'

export interface Danmaku {
  position: Position
  user: string
  name: string
  text: string
  mode: Mode
  colour: number
  size: Size
  /** Of the picture its author saw; null if unknown. */
  mediaTimeMs: number | null
  sentAtMs: number
}

export interface RoomState {
  online: number
  slowModeSeconds: number
  maxLength: number
  live: boolean
  /** Unix ms of media time 0; null when not live. */
  broadcastStartMs: number | null
  broadcast: string
  /** Of two states of one connection the one with the higher version is newer. */
  version: number
}

export interface Draft {
  text: string
  mode: Mode
  colour: number
  size: Size
  mediaTimeMs: number | null
}

export type ServerFrame = { id: number } & (
  | { type: 'welcome'; user: string; name: string; pingSeconds: number; roles: string[] }
  | { type: 'error'; kind: string; code: string; message: string; retryAfterMs: number; field: string }
  | { type: 'joined'; room: string; position: Position; recovered: boolean; more: boolean; reason: string; danmaku: Danmaku[]; state: RoomState | null }
  | { type: 'posted'; key: string; position: Position; duplicate: boolean }
  | { type: 'batch'; room: string; from: Position; to: Position; skipped: number; why: string; danmaku: Danmaku[] }
  // Without to we are out of the room.
  | { type: 'gap'; room: string; from: Position; to: Position | null; count: number; reason: string }
  | { type: 'state'; room: string; state: RoomState }
  | { type: 'reconnect'; maxDelayMs: number; reason: string }
  | { type: 'other' }
)

type Json = Record<string, unknown>

const white = 0xffffff

const record = (v: unknown): Json => (typeof v === 'object' && v !== null ? (v as Json) : {})
const text = (v: unknown): string => (typeof v === 'string' ? v : '')
const list = (v: unknown): unknown[] => (Array.isArray(v) ? v : [])

/** A number that may come as a string; anything else is the default, 0. */
function number(v: unknown): number {
  const n = typeof v === 'string' || typeof v === 'number' ? Number(v) : 0
  return Number.isFinite(n) ? n : 0
}

/** An unsigned 64-bit number as its decimal digits. */
function digits(v: unknown): string {
  const s = typeof v === 'number' ? String(v) : text(v)
  return /^\d+$/.test(s) ? s : '0'
}

const modes: readonly Mode[] = ['scroll', 'top', 'bottom']
const sizes: readonly Size[] = ['normal', 'small', 'large']

/** An enum value by name ("MODE_TOP") or number; unknown ones are the first, as the schema says of UNSPECIFIED. */
function option<T extends string>(v: unknown, prefix: string, values: readonly [T, ...T[]] | readonly T[]): T {
  const first = values[0] as T
  if (typeof v === 'number') return values[v - 1] ?? first
  return values.find((x) => prefix + x.toUpperCase() === v) ?? first
}

/** A position; the place before everything is absent on the wire. */
function position(v: unknown): Position {
  const p = record(v)
  return { epoch: digits(p.epoch), offset: digits(p.offset) }
}

/** A danmaku of the API, which leaves nothing out that is not unknown. */
export function pastDanmaku(v: unknown): Danmaku {
  return danmaku(v, { epoch: '0', offset: '0' })
}

/** The danmaku of a message that ends at a position: an epoch that is left out is that of the end. */
function danmaku(v: unknown, end: Position): Danmaku {
  const d = record(v)
  return {
    position: { epoch: d.epoch === undefined ? end.epoch : digits(d.epoch), offset: digits(d.offset) },
    user: digits(d.user),
    name: text(d.name),
    text: text(d.text),
    mode: option(d.mode, 'MODE_', modes),
    colour: d.colour === undefined ? white : number(d.colour) & white,
    size: option(d.size, 'SIZE_', sizes),
    mediaTimeMs: d.media_time_ms === undefined ? null : number(d.media_time_ms),
    sentAtMs: number(d.sent_at_ms),
  }
}

const danmakuOf = (v: unknown, end: Position): Danmaku[] => list(v).map((d) => danmaku(d, end))

function state(v: unknown): RoomState {
  const s = record(v)
  const start = number(s.broadcast_start_ms)
  return {
    online: number(s.online),
    slowModeSeconds: number(s.slow_mode_seconds),
    maxLength: number(s.max_length),
    live: s.live === true,
    broadcastStartMs: start > 0 ? start : null,
    broadcast: text(s.broadcast),
    version: number(s.version),
  }
}

/** Reads one server frame; null if it is not one. Unknown bodies are kept as "other", so that newer servers do not break older pages. */
export function decode(message: string): ServerFrame | null {
  let frame: Json
  try {
    frame = record(JSON.parse(message))
  } catch {
    return null
  }
  return { id: number(frame.id), ...body(frame) } as ServerFrame
}

function body(f: Json): Json {
  if (f.batch) return batch(record(f.batch))
  if (f.gap) return gap(record(f.gap))
  if (f.posted) {
    const p = record(f.posted)
    return { type: 'posted', key: text(p.key), position: position(p.position), duplicate: p.duplicate === true }
  }
  if (f.room_state) return { type: 'state', room: text(record(f.room_state).room), state: state(f.room_state) }
  if (f.joined) return joined(record(f.joined))
  if (f.welcome) {
    const w = record(f.welcome)
    return { type: 'welcome', user: digits(w.user), name: text(w.name), pingSeconds: number(w.ping_seconds), roles: list(w.roles).map(text) }
  }
  if (f.error) {
    const e = record(f.error)
    return { type: 'error', kind: text(e.kind), code: text(e.code), message: text(e.message), retryAfterMs: number(e.retry_after_ms), field: text(e.field) }
  }
  if (f.reconnect) {
    const r = record(f.reconnect)
    return { type: 'reconnect', maxDelayMs: number(r.max_delay_ms), reason: text(r.reason) }
  }
  return { type: 'other' }
}

function batch(b: Json): Json {
  const to = position(b.to)
  return { type: 'batch', room: text(b.room), from: position(b.from), to, skipped: number(b.skipped), why: text(b.why), danmaku: danmakuOf(b.danmaku, to) }
}

function gap(g: Json): Json {
  return { type: 'gap', room: text(g.room), from: position(g.from), to: g.to ? position(g.to) : null, count: number(g.count), reason: text(g.reason) }
}

function joined(j: Json): Json {
  const at = position(j.position)
  return {
    type: 'joined',
    room: text(j.room),
    position: at,
    recovered: j.recovered === true,
    more: j.more === true,
    reason: text(j.reason),
    danmaku: danmakuOf(j.danmaku, at),
    state: j.state ? state(j.state) : null,
  }
}

export type ClientBody =
  | { auth: { token: string } }
  | { join: { room: string; since?: Position; history?: number } }
  | { post: PostBody }
  | { ping: Record<string, never> }

interface PostBody {
  room: string
  key: string
  text: string
  mode: string
  colour: number
  size: string
  media_time_ms?: string
}

export function postBody(room: string, key: string, draft: Draft): { post: PostBody } {
  return {
    post: {
      room,
      key,
      text: draft.text,
      mode: `MODE_${draft.mode.toUpperCase()}`,
      colour: draft.colour,
      size: `SIZE_${draft.size.toUpperCase()}`,
      ...(draft.mediaTimeMs === null ? {} : { media_time_ms: String(Math.max(0, Math.round(draft.mediaTimeMs))) }),
    },
  }
}

export function encode(id: number, body: ClientBody): string {
  return JSON.stringify({ id: String(id), ...body })
}

/** Whether a place is behind another one in the log. Offsets go on when the room gets a new owner, which raises the epoch. */
export function isAfter(a: Position, b: Position): boolean {
  return BigInt(a.offset) > BigInt(b.offset)
}
