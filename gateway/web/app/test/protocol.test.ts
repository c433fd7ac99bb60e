import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { compare, decode, encode, follows, postBody } from '@/socket/protocol'

// The golden vectors of the specification, which the server's codec is held to as well.
const golden = join(import.meta.dirname, '../../../../internal/wire/testdata/golden')

describe('decoding', () => {
  it('reads a welcome', () => {
    expect(decode('{"welcome":{"user":"7","name":"ann","session":"s","ping_seconds":25,"roles":["viewer"]}}')).toEqual({
      id: 0, type: 'welcome', user: '7', name: 'ann', pingSeconds: 25, roles: ['viewer'],
    })
  })

  it('reads a batch with every field, and with only defaults', () => {
    const frame = decode('{"batch":{"room":"3","danmaku":[{"position":{"epoch":"2","offset":"9007199254740993"},"key":"k","user":"7","name":"ann","text":"<b>hi</b>","mode":"MODE_BOTTOM","colour":255,"size":"SIZE_LARGE","media_time_ms":"1500","sent_at_ms":"1700000000000"},{"position":{"epoch":"2","offset":"9007199254740994"}}]}}')
    expect(frame).toEqual({
      id: 0, type: 'batch', room: '3', danmaku: [
        { position: { epoch: '2', offset: '9007199254740993' }, key: 'k', user: '7', name: 'ann', text: '<b>hi</b>', mode: 'bottom', colour: 255, size: 'large', mediaTimeMs: 1500, sentAtMs: 1_700_000_000_000 },
        { position: { epoch: '2', offset: '9007199254740994' }, key: '', user: '', name: '', text: '', mode: 'scroll', colour: 0, size: 'normal', mediaTimeMs: 0, sentAtMs: 0 },
      ],
    })
  })

  it('takes an unknown media time for what it is', () => {
    const frame = decode('{"batch":{"room":"3","danmaku":[{"media_time_ms":"-1"}]}}')
    expect(frame?.type === 'batch' && frame.danmaku[0]?.mediaTimeMs).toBeNull()
  })

  it('accepts enums as numbers, and unknown ones as the default', () => {
    const modes = ['2', '"MODE_TOP"', '9', '"MODE_SPIRAL"'].map((mode) => {
      const frame = decode(`{"batch":{"danmaku":[{"mode":${mode}}]}}`)
      return frame?.type === 'batch' ? frame.danmaku[0]?.mode : undefined
    })
    expect(modes).toEqual(['top', 'top', 'scroll', 'scroll'])
  })

  it('reads the state of a room that is not live', () => {
    expect(decode('{"room_state":{"room":"3","online":4,"max_length":100}}')).toEqual({
      id: 0, type: 'state', room: '3', state: { online: 4, slowModeSeconds: 0, maxLength: 100, live: false, broadcastStartMs: null, broadcast: '' },
    })
  })

  it('reads a join of an empty room', () => {
    const frame = decode('{"id":"4","joined":{"room":"3","state":{"room":"3"}}}')
    expect(frame).toMatchObject({ id: 4, type: 'joined', position: null, recovered: false, danmaku: [] })
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
      const known = /"(welcome|error|joined|posted|batch|room_state|reconnect)":/.test(raw)
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
  it('says -1 for an unknown media time', () =>
    expect(postBody('3', 'k', { text: 'x', mode: 'scroll', colour: 0, size: 'normal', mediaTimeMs: null }).post.media_time_ms).toBe('-1'))
})

describe('positions', () => {
  const at = (epoch: string, offset: string) => ({ epoch, offset })
  it('follow each other by one, over a change of the owner too', () => {
    expect(follows(at('1', '9007199254740993'), at('1', '9007199254740994'))).toBe(true)
    expect(follows(at('1', '5'), at('1', '7'))).toBe(false)
    expect(follows(at('1', '5'), at('2', '6'))).toBe(true)
    expect(follows(at('1', '5'), at('2', '1'))).toBe(false)
    expect(follows(at('2', '5'), at('1', '6'))).toBe(false)
  })
  it('are ordered by epoch, then offset', () => {
    expect(Math.sign(compare(at('1', '9'), at('2', '1')))).toBe(-1)
    expect(Math.sign(compare(at('2', '10'), at('2', '9')))).toBe(1)
    expect(compare(at('2', '9'), at('2', '9'))).toBe(0)
  })
})
