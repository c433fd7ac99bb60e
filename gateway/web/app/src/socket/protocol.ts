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
  key: string
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
  | { type: 'joined'; room: string; position: Position | null; recovered: boolean; reason: string; danmaku: Danmaku[]; state: RoomState | null }
  | { type: 'posted'; key: string; position: Position; duplicate: boolean }
  | { type: 'batch'; room: string; danmaku: Danmaku[] }
  | { type: 'state'; room: string; state: RoomState }
  | { type: 'reconnect'; maxDelayMs: number; reason: string }
  | { type: 'other' }
)

type Json = Record<string, unknown>

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

function position(v: unknown): Position {
  const p = record(v)
  return { epoch: digits(p.epoch), offset: digits(p.offset) }
}

function danmaku(v: unknown): Danmaku {
  const d = record(v)
  const media = number(d.media_time_ms)
  return {
    position: position(d.position),
    key: text(d.key),
    user: text(d.user),
    name: text(d.name),
    text: text(d.text),
    mode: option(d.mode, 'MODE_', modes),
    colour: number(d.colour) & 0xffffff,
    size: option(d.size, 'SIZE_', sizes),
    mediaTimeMs: media < 0 ? null : media,
    sentAtMs: number(d.sent_at_ms),
  }
}

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
  if (f.batch) return { type: 'batch', room: text(record(f.batch).room), danmaku: list(record(f.batch).danmaku).map(danmaku) }
  if (f.posted) {
    const p = record(f.posted)
    return { type: 'posted', key: text(p.key), position: position(p.position), duplicate: p.duplicate === true }
  }
  if (f.room_state) return { type: 'state', room: text(record(f.room_state).room), state: state(f.room_state) }
  if (f.joined) return joined(record(f.joined))
  if (f.welcome) {
    const w = record(f.welcome)
    return { type: 'welcome', user: text(w.user), name: text(w.name), pingSeconds: number(w.ping_seconds), roles: list(w.roles).map(text) }
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

function joined(j: Json): Json {
  return {
    type: 'joined',
    room: text(j.room),
    // Absent when the room's log is empty.
    position: j.position ? position(j.position) : null,
    recovered: j.recovered === true,
    reason: text(j.reason),
    danmaku: list(j.danmaku).map(danmaku),
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
  media_time_ms: string
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
      media_time_ms: String(draft.mediaTimeMs === null ? -1 : Math.round(draft.mediaTimeMs)),
    },
  }
}

export function encode(id: number, body: ClientBody): string {
  return JSON.stringify({ id: String(id), ...body })
}

/** Whether b is the very next place after a. Offsets go on when the room gets a new owner, which raises the epoch. */
export function follows(a: Position, b: Position): boolean {
  return BigInt(b.epoch) >= BigInt(a.epoch) && BigInt(b.offset) === BigInt(a.offset) + 1n
}

/** Order of two places: below 0 if a is before b. */
export function compare(a: Position, b: Position): number {
  const [ae, be, ao, bo] = [BigInt(a.epoch), BigInt(b.epoch), BigInt(a.offset), BigInt(b.offset)]
  if (ae !== be) return ae < be ? -1 : 1
  return ao === bo ? 0 : ao < bo ? -1 : 1
}
