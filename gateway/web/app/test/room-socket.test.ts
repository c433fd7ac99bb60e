import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Backoff } from '@/socket/backoff'
import type { Danmaku, RoomState } from '@/socket/protocol'
import { RoomSocket, type Connection, type Options, type Source } from '@/socket/room'
import { Line } from './line'

interface Log {
  drawn: { source: Source; texts: string[] }[]
  states: RoomState[]
  connections: string[]
  missed: string[]
}

let token: string | null = null
let renew: Options['renew'] = async () => false
let log: Log
let socket: RoomSocket

const draft = { text: 'hi', mode: 'scroll', colour: 0, size: 'normal', mediaTimeMs: 1000 } as const
const word = (offset: number, text: string, epoch = 1) => ({ epoch: String(epoch), offset: String(offset), user: '7', name: 'ann', text })
const at = (offset: number) => ({ epoch: '1', offset: String(offset) })
/** A batch that goes on from an offset; what its words do not fill was left out. */
const batch = (from: number, to: number, words: ReturnType<typeof word>[], room = '3') => ({
  batch: { room, from: at(from), to: at(to), danmaku: words, ...(to - from > words.length ? { skipped: to - from - words.length, why: 'sampled' } : {}) },
})
const joined = (offset: number, more: object = {}) => ({ joined: { room: '3', position: { epoch: '1', offset: String(offset) }, state: { room: '3', online: 2, max_length: 100 }, ...more } })

function start(): void {
  log = { drawn: [], states: [], connections: [], missed: [] }
  socket = new RoomSocket({
    url: 'ws://test/ws', room: '3', random: () => 1, WebSocket: Line as unknown as typeof WebSocket,
    token: async () => token, renew: (t) => renew(t),
    events: {
      danmaku: (list: Danmaku[], source) => log.drawn.push({ source, texts: list.map((d) => d.text) }),
      state: (s) => log.states.push(s),
      connection: (c: Connection) => log.connections.push(c.status),
      missed: (reason, count) => log.missed.push(`${reason} ${count}`),
    },
  })
  socket.open()
}

/** Lets time pass until the client dials again. */
async function redial(): Promise<void> {
  const count = Line.all.length
  while (Line.all.length === count) await vi.advanceTimersByTimeAsync(100)
}

const settle = () => vi.advanceTimersByTimeAsync(0)

async function enter(offset = 5, more: object = {}): Promise<void> {
  Line.last.open()
  await settle()
  Line.last.answer(joined(offset, more))
  await settle()
}

beforeEach(() => {
  vi.useFakeTimers()
  Line.all = []
  token = null
  renew = async () => false
})

afterEach(() => {
  socket.close()
  vi.useRealTimers()
})

describe('entering', () => {
  it('a guest joins with the newest danmaku', async () => {
    start()
    expect(Line.last.protocols).toEqual(['barrage.v1.json'])
    Line.last.open()
    await settle()
    expect(Line.last.answer(joined(5, { danmaku: [word(5, 'old')] }))).toMatchObject({ join: { room: '3', history: 100 } })
    await settle()
    expect(log.drawn).toEqual([{ source: 'history', texts: ['old'] }])
    expect(log.states[0]).toMatchObject({ online: 2 })
    expect(log.connections).toEqual(['connecting', 'joined'])
  })

  it('a user presents the token first', async () => {
    token = 'T1'
    start()
    Line.last.open()
    await settle()
    expect(Line.last.answer({ welcome: { user: '7' } })).toMatchObject({ auth: { token: 'T1' } })
    await settle()
    expect(Line.last.next()).toHaveProperty('join')
  })

  it('a refused token is renewed once', async () => {
    token = 'T1'
    renew = async () => {
      token = 'T2'
      return true
    }
    start()
    Line.last.open()
    await settle()
    Line.last.answer({ error: { kind: 'unauthenticated', code: 'token_expired' } })
    await settle()
    expect(Line.last.answer({ welcome: {} })).toMatchObject({ auth: { token: 'T2' } })
    await settle()
    expect(Line.last.next()).toHaveProperty('join')
  })

  it('a token that stays refused leaves a guest', async () => {
    token = 'T1'
    start()
    Line.last.open()
    await settle()
    Line.last.answer({ error: { kind: 'unauthenticated', code: 'token_invalid' } })
    await settle()
    expect(Line.last.next()).toHaveProperty('join')
  })

  it('an unknown room is not asked for again', async () => {
    start()
    Line.last.open()
    await settle()
    Line.last.answer({ error: { kind: 'not_found', code: 'no_room' } })
    await vi.advanceTimersByTimeAsync(120_000)
    expect(log.connections.at(-1)).toBe('refused')
    expect(Line.all).toHaveLength(1)
  })

  it('a busy server is asked again after the time it gave', async () => {
    start()
    Line.last.open()
    await settle()
    Line.last.answer({ error: { kind: 'exhausted', code: 'room_busy', retry_after_ms: 7000 } })
    await vi.advanceTimersByTimeAsync(6900)
    expect(Line.all).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(200)
    expect(Line.all).toHaveLength(2)
  })
})

describe('receiving', () => {
  it('batches go on behind the join, without what it held already', async () => {
    start()
    await enter(5)
    Line.last.say(batch(4, 7, [word(5, 'old'), word(6, 'a'), word(7, 'b')]))
    Line.last.say(batch(4, 5, [word(5, 'again')]))
    Line.last.say(batch(7, 8, [word(8, 'elsewhere')], '4'))
    expect(log.drawn).toEqual([{ source: 'live', texts: ['a', 'b'] }])
  })

  it('a hole makes it ask again from the last place', async () => {
    start()
    await enter(5)
    Line.last.say(batch(8, 9, [word(9, 'far')]))
    expect(log.drawn).toEqual([])
    Line.last.open()
    await settle()
    expect(Line.last.next()).toMatchObject({ join: { since: { epoch: '1', offset: '5' } } })
  })

  it('a room that was empty takes the first batch as it comes', async () => {
    start()
    Line.last.open()
    await settle()
    Line.last.answer({ joined: { room: '3' } })
    await settle()
    Line.last.say({ batch: { room: '3', to: at(1), danmaku: [word(1, 'first')] } })
    expect(log.drawn).toEqual([{ source: 'live', texts: ['first'] }])
  })

  it('taken out of the room by the server, it comes back after a wait', async () => {
    start()
    await enter(5)
    Line.last.say({ gap: { room: '3', reason: 'room_closed' } })
    await settle()
    expect(log.connections.at(-1)).toBe('waiting')
    await redial()
    Line.last.open()
    await settle()
    expect(Line.last.next()).toMatchObject({ join: { since: { offset: '5' } } })
  })

  it('what was left out is told, and the next batch goes on behind it', async () => {
    start()
    await enter(5)
    Line.last.say(batch(5, 9, [word(9, 'a')]))
    Line.last.say(batch(9, 10, [word(10, 'b')]))
    expect(log.drawn).toEqual([{ source: 'live', texts: ['a'] }, { source: 'live', texts: ['b'] }])
    expect(log.missed).toEqual(['sampled 3'])
  })

  it('a gap is told, and the next batch goes on behind it', async () => {
    start()
    await enter(5)
    Line.last.say({ gap: { room: '3', from: at(5), to: at(9), count: 4, reason: 'slow' } })
    Line.last.say({ gap: { room: '4', from: at(9), to: at(19), count: 10, reason: 'slow' } })
    Line.last.say(batch(9, 10, [word(10, 'b')]))
    expect(log.missed).toEqual(['slow 4'])
    expect(log.drawn).toEqual([{ source: 'live', texts: ['b'] }])
  })

  it('an older state does not replace a newer one', async () => {
    start()
    await enter(5)
    Line.last.say({ room_state: { room: '3', online: 9, version: '8' } })
    Line.last.say({ room_state: { room: '3', online: 7, version: '7' } })
    expect(log.states.at(-1)).toMatchObject({ online: 9 })
  })

  it('what is no frame is passed over', async () => {
    start()
    await enter()
    Line.last.onmessage?.({ data: 'garbage' })
    Line.last.onmessage?.({ data: new ArrayBuffer(2) })
    Line.last.say({ hologram: {} })
    expect(log.connections.at(-1)).toBe('joined')
  })
})

describe('resuming', () => {
  it('asks for what came since, and says that nothing was missed', async () => {
    start()
    await enter(5)
    Line.last.say(batch(5, 6, [word(6, 'a')]))
    Line.last.cut()
    await vi.advanceTimersByTimeAsync(500)
    Line.last.open()
    await settle()
    expect(Line.last.answer(joined(8, { recovered: true, danmaku: [word(7, 'b'), word(8, 'c')] }))).toMatchObject({ join: { since: { epoch: '1', offset: '6' } } })
    await settle()
    expect(log.drawn.at(-1)).toEqual({ source: 'recovered', texts: ['b', 'c'] })
    expect(log.missed).toEqual([])
  })

  it('goes on with a recovery that comes in steps', async () => {
    start()
    await enter(5)
    Line.last.cut()
    await vi.advanceTimersByTimeAsync(500)
    await enter(7, { recovered: true, more: true, danmaku: [word(6, 'a'), word(7, 'b')] })
    expect(log.connections.at(-1)).toBe('connecting')
    expect(Line.last.answer(joined(8, { recovered: true, danmaku: [word(8, 'c')] }))).toMatchObject({ join: { since: { epoch: '1', offset: '7' } } })
    await settle()
    expect(log.drawn.slice(-2)).toEqual([{ source: 'recovered', texts: ['a', 'b'] }, { source: 'recovered', texts: ['c'] }])
    expect(log.connections.at(-1)).toBe('joined')
    expect(log.missed).toEqual([])
  })

  it('tells when something could not be recovered', async () => {
    start()
    await enter(5)
    Line.last.cut()
    await vi.advanceTimersByTimeAsync(500)
    await enter(900, { reason: 'too_many', danmaku: [word(900, 'z')] })
    expect(log.missed).toEqual(['too_many 0'])
    expect(log.drawn.at(-1)).toEqual({ source: 'history', texts: ['z'] })
  })

  it('waits longer after every failure, up to the cap', async () => {
    start()
    const waits: number[] = []
    for (let i = 0; i < 8; i++) {
      const before = Date.now()
      Line.last.cut()
      await redial()
      waits.push(Date.now() - before)
    }
    expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000])
  })

  it('starts over with short waits once a connection held', async () => {
    start()
    for (let i = 0; i < 5; i++) {
      Line.last.cut()
      await redial()
    }
    await enter(5)
    await vi.advanceTimersByTimeAsync(10_000)
    const count = Line.all.length
    Line.last.cut()
    await vi.advanceTimersByTimeAsync(500)
    expect(Line.all).toHaveLength(count + 1)
  })

  it('does not start over for a connection that was lost at once', async () => {
    start()
    for (let i = 0; i < 3; i++) {
      Line.last.cut()
      await redial()
    }
    await enter(5)
    const count = Line.all.length
    Line.last.cut()
    await vi.advanceTimersByTimeAsync(3900)
    expect(Line.all).toHaveLength(count)
  })

  it('goes at once when the network came back', async () => {
    start()
    for (let i = 0; i < 4; i++) {
      Line.last.cut()
      await redial()
    }
    Line.last.cut()
    const count = Line.all.length
    socket.hurry()
    expect(Line.all).toHaveLength(count + 1)
  })

  it('moves on within the time a leaving server gives', async () => {
    start()
    await enter(5)
    Line.last.say({ reconnect: { max_delay_ms: 4000, reason: 'drain' } })
    await vi.advanceTimersByTimeAsync(3900)
    expect(Line.all).toHaveLength(1)
    Line.last.say(batch(5, 6, [word(6, 'meanwhile')]))
    expect(log.drawn.at(-1)?.texts).toEqual(['meanwhile'])
    await vi.advanceTimersByTimeAsync(200)
    expect(Line.all).toHaveLength(2)
  })

  for (const code of [1002, 4001, 4403, 4404, 4409]) {
    it(`stays away after ${code}`, async () => {
      start()
      await enter(5)
      Line.last.cut(code)
      await vi.advanceTimersByTimeAsync(120_000)
      expect(Line.all).toHaveLength(1)
      expect(log.connections.at(-1)).toBe('refused')
    })
  }

  it('comes back slowly after its rate was too high', async () => {
    start()
    await enter(5)
    Line.last.cut(4429)
    await vi.advanceTimersByTimeAsync(29_900)
    expect(Line.all).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(200)
    expect(Line.all).toHaveLength(2)
  })

  it('keeps the wait that was asked for before a close', async () => {
    start()
    await enter(5)
    Line.last.say({ error: { kind: 'unavailable', code: 'draining', retry_after_ms: 9000 } })
    Line.last.cut(1013)
    await vi.advanceTimersByTimeAsync(8900)
    expect(Line.all).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(200)
    expect(Line.all).toHaveLength(2)
  })

  it('notices a line that is silently dead', async () => {
    start()
    await enter(5)
    await vi.advanceTimersByTimeAsync(15_000)
    expect(Line.last.next()).toHaveProperty('ping')
    await vi.advanceTimersByTimeAsync(10_000)
    expect(log.connections.at(-1)).toBe('waiting')
  })

  it('keeps a line that answers its pings', async () => {
    start()
    await enter(5)
    for (let i = 0; i < 5; i++) {
      await vi.advanceTimersByTimeAsync(15_000)
      Line.last.answer({ pong: {} })
    }
    expect(Line.all).toHaveLength(1)
  })

  it('gives up on a connection that never opens', async () => {
    start()
    await vi.advanceTimersByTimeAsync(10_000)
    expect(log.connections.at(-1)).toBe('waiting')
  })
})

describe('posting', () => {
  it('is done when the log holds it', async () => {
    start()
    await enter(5)
    const done = socket.post(draft, 'k1')
    await settle()
    expect(Line.last.answer({ posted: { room: '3', key: 'k1', position: { epoch: '1', offset: '6' } } })).toMatchObject({ post: { key: 'k1', text: 'hi' } })
    await expect(done).resolves.toEqual({ epoch: '1', offset: '6' })
  })

  it('is sent again with the same key after a loss', async () => {
    start()
    await enter(5)
    const done = socket.post(draft, 'k1')
    await settle()
    expect(Line.last.next()).toMatchObject({ post: { key: 'k1' } })
    Line.last.cut()
    await vi.advanceTimersByTimeAsync(500)
    await enter(6, { recovered: true, danmaku: [word(6, 'hi')] })
    expect(Line.last.answer({ posted: { key: 'k1', position: { epoch: '1', offset: '6' }, duplicate: true } })).toMatchObject({ post: { key: 'k1' } })
    await expect(done).resolves.toEqual({ epoch: '1', offset: '6' })
  })

  it('written before the room was joined goes out with the join', async () => {
    start()
    const done = socket.post(draft, 'k1')
    await enter(5)
    Line.last.answer({ posted: { key: 'k1', position: { epoch: '1', offset: '6' } } })
    await expect(done).resolves.toBeDefined()
  })

  it('is refused with the code of the room', async () => {
    start()
    await enter(5)
    const done = expect(socket.post(draft, 'k1')).rejects.toMatchObject({ kind: 'exhausted', code: 'slow_mode', retryAfterMs: 3000 })
    await settle()
    Line.last.answer({ error: { kind: 'exhausted', code: 'slow_mode', retry_after_ms: 3000 } })
    await done
  })

  it('is tried again when the server could not just then', async () => {
    start()
    await enter(5)
    const done = socket.post(draft, 'k1')
    await settle()
    Line.last.answer({ error: { kind: 'unavailable', code: 'draining', retry_after_ms: 800 } })
    await vi.advanceTimersByTimeAsync(800)
    expect(Line.last.answer({ posted: { key: 'k1', position: { epoch: '1', offset: '6' } } })).toMatchObject({ post: { key: 'k1' } })
    await expect(done).resolves.toBeDefined()
  })

  it('ends as unknown when nobody confirms', async () => {
    start()
    await enter(5)
    const done = expect(socket.post(draft, 'k1')).rejects.toMatchObject({ kind: 'timeout', code: 'no_answer' })
    await vi.advanceTimersByTimeAsync(12_000)
    await done
  })

  it('is bounded', async () => {
    start()
    const waiting = Array.from({ length: 8 }, (_, i) => socket.post(draft, `k${i}`))
    await expect(socket.post(draft, 'k9')).rejects.toMatchObject({ code: 'outbox_full' })
    socket.close()
    for (const one of waiting) await expect(one).rejects.toMatchObject({ code: 'closed' })
  })
})

describe('who one is', () => {
  it('a log-in comes back from the same place', async () => {
    start()
    await enter(5)
    token = 'T1'
    socket.reauthenticate()
    Line.last.open()
    await settle()
    expect(Line.last.answer({ welcome: { user: '7' } })).toHaveProperty('auth')
    await settle()
    expect(Line.last.next()).toMatchObject({ join: { since: { offset: '5' } } })
  })

  it('a renewed token is presented on the connection there is', async () => {
    token = 'T1'
    start()
    Line.last.open()
    await settle()
    Line.last.answer({ welcome: {} })
    await settle()
    Line.last.answer(joined(5))
    await settle()
    token = 'T2'
    socket.present()
    await settle()
    expect(Line.last.next()).toMatchObject({ auth: { token: 'T2' } })
    expect(Line.all).toHaveLength(1)
  })

  it('a change of rights renews the token, and what is posted meanwhile is posted again', async () => {
    token = 'T1'
    renew = async () => {
      token = 'T2'
      return true
    }
    start()
    Line.last.open()
    await settle()
    Line.last.answer({ welcome: {} })
    await settle()
    Line.last.answer(joined(5))
    await settle()
    const told = { error: { kind: 'unauthenticated', code: 'token_outdated' } }
    const posted = socket.post(draft, 'k1')
    Line.last.say(told)
    Line.last.answer(told)
    await settle()
    expect(Line.last.answer(told)).toMatchObject({ auth: { token: 'T1' } })
    await settle()
    expect(Line.last.answer({ welcome: { user: '7' } })).toMatchObject({ auth: { token: 'T2' } })
    await vi.advanceTimersByTimeAsync(1000)
    expect(Line.last.answer({ posted: { position: at(6) } })).toMatchObject({ post: { key: 'k1' } })
    expect(await posted).toMatchObject({ offset: '6' })
    expect(Line.all).toHaveLength(1)
  })

  it('a change of rights before the room is entered renews the token afterwards', async () => {
    token = 'T1'
    start()
    Line.last.open()
    await settle()
    Line.last.answer({ welcome: {} })
    await settle()
    Line.last.say({ error: { kind: 'unauthenticated', code: 'token_outdated' } })
    expect(Line.last.answer(joined(5))).toHaveProperty('join')
    await settle()
    expect(Line.last.next()).toMatchObject({ auth: { token: 'T1' } })
  })
})

describe('the wait between tries', () => {
  it('is spread over the whole range', () => {
    let draw = 0
    const b = new Backoff(() => draw)
    expect(b.next()).toBe(0)
    draw = 0.5
    expect([b.next(), b.next()]).toEqual([500, 1000])
    b.reset()
    expect(b.next()).toBe(250)
  })
})
