import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { afterClose } from '@/socket/close'
import { decode, encode, isAfter, postBody } from '@/socket/protocol'

// The golden vectors of the specification, which the server's codec is held to as well.
const golden = join(import.meta.dirname, '../../../../internal/wire/testdata/golden')

describe('decoding', () => {
  it('reads a welcome', () => {
    expect(decode('{"welcome":{"user":"7","name":"ann","session":"s","ping_seconds":25,"roles":["viewer"]}}')).toEqual({
      id: 0, type: 'welcome', user: '7', name: 'ann', pingSeconds: 25, roles: ['viewer'],
    })
  })

  it('reads a batch with every field, and with only defaults', () => {
    const frame = decode('{"batch":{"room":"3","from":{"epoch":"1","offset":"9007199254740992"},"to":{"epoch":"2","offset":"9007199254740995"},"skipped":1,"why":"sampled","danmaku":[{"epoch":"1","offset":"9007199254740993","user":"7","name":"ann","text":"<b>hi</b>","mode":"MODE_BOTTOM","colour":255,"size":"SIZE_LARGE","media_time_ms":"1500","sent_at_ms":"1700000000000"},{"offset":"9007199254740994"}]}}')
    expect(frame).toEqual({
      id: 0, type: 'batch', room: '3', from: { epoch: '1', offset: '9007199254740992' }, to: { epoch: '2', offset: '9007199254740995' }, skipped: 1, why: 'sampled', danmaku: [
        { position: { epoch: '1', offset: '9007199254740993' }, user: '7', name: 'ann', text: '<b>hi</b>', mode: 'bottom', colour: 255, size: 'large', mediaTimeMs: 1500, sentAtMs: 1_700_000_000_000 },
        { position: { epoch: '2', offset: '9007199254740994' }, user: '0', name: '', text: '', mode: 'scroll', colour: 0xffffff, size: 'normal', mediaTimeMs: null, sentAtMs: 0 },
      ],
    })
  })

  it('tells black from no colour, and the beginning of the broadcast from no media time', () => {
    const frame = decode('{"batch":{"room":"3","danmaku":[{"colour":0,"media_time_ms":"0"}]}}')
    expect(frame?.type === 'batch' && frame.danmaku[0]).toMatchObject({ colour: 0, mediaTimeMs: 0 })
  })

  it('reads a gap, and the end of a room', () => {
    expect(decode('{"gap":{"room":"3","from":{"epoch":"1","offset":"5"},"to":{"epoch":"1","offset":"9"},"count":4,"reason":"slow"}}')).toEqual({
      id: 0, type: 'gap', room: '3', from: { epoch: '1', offset: '5' }, to: { epoch: '1', offset: '9' }, count: 4, reason: 'slow',
    })
    expect(decode('{"gap":{"room":"3","reason":"room_closed"}}')).toMatchObject({ to: null, reason: 'room_closed' })
  })

  it('accepts enums as numbers, and unknown ones as the default', () => {
    const modes = ['2', '"MODE_TOP"', '9', '"MODE_SPIRAL"'].map((mode) => {
      const frame = decode(`{"batch":{"danmaku":[{"mode":${mode}}]}}`)
      return frame?.type === 'batch' ? frame.danmaku[0]?.mode : undefined
    })
    expect(modes).toEqual(['top', 'top', 'scroll', 'scroll'])
  })

  it('reads the state of a room that is not live', () => {
    expect(decode('{"room_state":{"room":"3","online":4,"max_length":100,"version":"8"}}')).toEqual({
      id: 0, type: 'state', room: '3', state: { online: 4, slowModeSeconds: 0, maxLength: 100, live: false, broadcastStartMs: null, broadcast: '', version: 8 },
    })
  })

  it('reads a join of an empty room', () => {
    const frame = decode('{"id":"4","joined":{"room":"3","state":{"room":"3"}}}')
    expect(frame).toMatchObject({ id: 4, type: 'joined', position: { epoch: '0', offset: '0' }, recovered: false, more: false, danmaku: [] })
  })

  it('reads an error', () => {
    expect(decode('{"id":"9","error":{"kind":"exhausted","code":"slow_mode","message":"m","retry_after_ms":3000}}')).toEqual({
      id: 9, type: 'error', kind: 'exhausted', code: 'slow_mode', message: 'm', retryAfterMs: 3000, field: '',
    })
  })

  it('keeps a body it does not know', () => expect(decode('{"id":"2","hologram":{}}')).toEqual({ id: 2, type: 'other' }))
  for (const bad of ['', 'x', '{', 'null', '[]', '7', '{"batch":7}', '{"batch":{"danmaku":"x"}}', '{"batch":{"danmaku":[null]}}', '{"joined":{"danmaku":{}}}'])
    it(`survives ${bad || 'nothing'}`, () => expect(() => decode(bad)).not.toThrow())

  const vectors = readdirSync(golden).filter((f) => f.endsWith('.json'))
  it('has the vectors of the specification at hand', () => expect(vectors.length).toBeGreaterThan(10))
  for (const file of vectors.filter((f) => f.startsWith('server'))) {
    it(`understands the specification's ${file}`, () => {
      const raw = readFileSync(join(golden, file), 'utf8')
      const known = /"(welcome|error|joined|posted|batch|gap|room_state|reconnect)":/.test(raw)
      const frame = decode(raw)
      expect(frame).not.toBeNull()
      expect(frame?.type === 'other').toBe(!known)
    })
  }
})

describe('encoding', () => {
  it('writes a post as the schema names it', () => {
    const body = postBody('3', 'k1', { text: 'hi', mode: 'top', colour: 0xff00ff, size: 'small', mediaTimeMs: 1234.4 })
    expect(JSON.parse(encode(5, body))).toEqual({
      id: '5', post: { room: '3', key: 'k1', text: 'hi', mode: 'MODE_TOP', colour: 16711935, size: 'SIZE_SMALL', media_time_ms: '1234' },
    })
  })
  it('leaves an unknown media time out', () =>
    expect(postBody('3', 'k', { text: 'x', mode: 'scroll', colour: 0, size: 'normal', mediaTimeMs: null }).post).not.toHaveProperty('media_time_ms'))
})

describe('positions', () => {
  const at = (epoch: string, offset: string) => ({ epoch, offset })
  it('are ordered by offset, which goes on when the owner changes', () => {
    expect(isAfter(at('1', '9007199254740993'), at('1', '9007199254740992'))).toBe(true)
    expect(isAfter(at('2', '10'), at('1', '9'))).toBe(true)
    expect(isAfter(at('2', '9'), at('1', '9'))).toBe(false)
    expect(isAfter(at('2', '9'), at('2', '10'))).toBe(false)
  })
})

describe('the end of a connection', () => {
  const spec = readFileSync(join(import.meta.dirname, '../../../../internal/wire/SPEC.md'), 'utf8')
  const rows = [...spec.matchAll(/^\| (\d{4}) \|.*\| ([a-z ]+) \|$/gm)]
  it('has a table in the specification', () => expect(rows.length).toBeGreaterThan(15))
  for (const [, code, next] of rows) it(`by ${code} is answered as the specification asks: ${next}`, () => expect(afterClose(Number(code))).toBe(next))
  it('by a code nobody knows is no reason to stay away', () => expect(afterClose(4999)).toBe('reconnect'))
})
