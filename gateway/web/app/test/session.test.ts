import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ApiError } from '@/api/client'
import { Session } from '@/auth/session'

interface Call {
  method: string
  path: string
  body: unknown
  token: string | null
}

type Answer = { status?: number; body?: unknown; headers?: Record<string, string> } | 'down'

let calls: Call[]
let answers: Record<string, (n: number) => Answer>

/** A server that answers by "METHOD path" and remembers what it was asked. */
const server: typeof fetch = async (input, init) => {
  const path = String(input)
  const method = init?.method ?? 'GET'
  const headers = new Headers(init?.headers)
  calls.push({ method, path, body: init?.body ? JSON.parse(String(init.body)) : undefined, token: headers.get('Authorization')?.slice(7) ?? null })
  const before = calls.filter((c) => c.path === path && c.method === method).length
  const answer = answers[`${method} ${path}`]?.(before) ?? { status: 404 }
  if (answer === 'down') throw new TypeError('network')
  const status = answer.status ?? 200
  return new Response(status === 204 ? null : JSON.stringify(answer.body ?? {}), { status, headers: { 'Content-Type': 'application/json', ...answer.headers } })
}

const ann = { id: '7', handle: 'ann', roles: ['viewer'] }
const grant = (token: string, seconds = 900) => ({ body: { user: ann, access_token: token, expires_in: seconds } })
const asked = (path: string) => calls.filter((c) => c.path === path)

beforeEach(() => {
  vi.useFakeTimers()
  localStorage.clear()
  calls = []
  answers = {}
})

afterEach(() => vi.useRealTimers())

describe('a session', () => {
  it('of a guest asks nothing', async () => {
    const s = new Session(localStorage, server)
    await s.restore()
    expect(calls).toEqual([])
    expect([s.state.settled, s.state.account, await s.current()]).toEqual([true, null, null])
  })

  it('begins with a log-in that leaves the refresh token in a cookie', async () => {
    answers['POST /v1/auth/login'] = () => grant('A1')
    const s = new Session(localStorage, server)
    expect(await s.login('ann', 'secret-secret')).toEqual(ann)
    expect(calls[0]).toMatchObject({ body: { handle: 'ann', password: 'secret-secret', cookie: true }, token: null })
    expect(await s.current()).toBe('A1')
    expect(JSON.stringify({ ...localStorage })).not.toContain('A1')
  })

  it('asks who it is when the grant does not say', async () => {
    answers['POST /v1/auth/login'] = () => ({ body: { access_token: 'A1', expires_in: 900 } })
    answers['GET /v1/me'] = () => ({ body: ann })
    const s = new Session(localStorage, server)
    await s.login('ann', 'secret-secret')
    expect(s.state.account).toEqual(ann)
    expect(asked('/v1/me')[0]?.token).toBe('A1')
  })

  it('is taken up again after a reload', async () => {
    localStorage.setItem('barrage.session', '1')
    answers['POST /v1/auth/refresh'] = () => grant('A2')
    const s = new Session(localStorage, server)
    await s.restore()
    expect(calls[0]).toMatchObject({ body: { cookie: true } })
    expect(s.state.account).toEqual(ann)
  })

  it('that was ended elsewhere becomes a guest for good', async () => {
    localStorage.setItem('barrage.session', '1')
    answers['POST /v1/auth/refresh'] = () => ({ status: 401, body: { kind: 'unauthenticated', code: 'session_ended' } })
    await new Session(localStorage, server).restore()
    await new Session(localStorage, server).restore()
    expect(asked('/v1/auth/refresh')).toHaveLength(1)
  })

  it('survives a server that is down, and tries again', async () => {
    localStorage.setItem('barrage.session', '1')
    answers['POST /v1/auth/refresh'] = (n) => (n === 1 ? 'down' : grant('A2'))
    const s = new Session(localStorage, server)
    await s.restore()
    expect([s.state.settled, s.state.account]).toEqual([true, null])
    await vi.advanceTimersByTimeAsync(5000)
    expect(s.state.account).toEqual(ann)
  })

  it('is renewed before its token ends', async () => {
    answers['POST /v1/auth/login'] = () => grant('A1')
    answers['POST /v1/auth/refresh'] = () => grant('A2')
    const s = new Session(localStorage, server)
    await s.login('ann', 'secret-secret')
    const renewals = s.state.renewals
    await vi.advanceTimersByTimeAsync(839_000)
    expect(await s.current()).toBe('A1')
    await vi.advanceTimersByTimeAsync(2000)
    expect(await s.current()).toBe('A2')
    expect(s.state.renewals).toBe(renewals + 1)
  })

  it('is renewed once however many need it', async () => {
    answers['POST /v1/auth/login'] = () => grant('A1')
    answers['POST /v1/auth/refresh'] = () => grant('A2')
    const s = new Session(localStorage, server)
    await s.login('ann', 'secret-secret')
    vi.setSystemTime(Date.now() + 3_600_000)
    expect(await Promise.all([s.current(), s.current(), s.renew('A1'), s.current()])).toEqual(['A2', 'A2', true, 'A2'])
    expect(asked('/v1/auth/refresh')).toHaveLength(1)
  })

  it('renews when a request is refused, and repeats that request once', async () => {
    answers['POST /v1/auth/login'] = () => grant('A1')
    answers['POST /v1/auth/refresh'] = () => grant('A2')
    answers['GET /v1/me/channels'] = (n) => (n === 1 ? { status: 401, body: { kind: 'unauthenticated', code: 'token_expired' } } : { body: { channels: [] } })
    const s = new Session(localStorage, server)
    await s.login('ann', 'secret-secret')
    expect(await s.api.get('/v1/me/channels')).toEqual({ channels: [] })
    expect(asked('/v1/me/channels').map((c) => c.token)).toEqual(['A1', 'A2'])
  })

  it('ends here at once, and on the server', async () => {
    answers['POST /v1/auth/login'] = () => grant('A1')
    answers['POST /v1/auth/logout'] = () => ({ status: 204 })
    const s = new Session(localStorage, server)
    await s.login('ann', 'secret-secret')
    await s.logout()
    expect([s.state.account, await s.current(), localStorage.length]).toEqual([null, null, 0])
    expect(asked('/v1/auth/logout')[0]).toMatchObject({ body: { cookie: true } })
    await vi.advanceTimersByTimeAsync(3_600_000)
    expect(asked('/v1/auth/refresh')).toHaveLength(0)
  })

  it('follows the other tabs of the browser', async () => {
    answers['POST /v1/auth/refresh'] = () => grant('A2')
    const s = new Session(localStorage, server)
    await s.restore()
    localStorage.setItem('barrage.session', '1')
    s.follow({ key: 'barrage.session', newValue: '1' })
    await vi.advanceTimersByTimeAsync(0)
    expect(s.state.account).toEqual(ann)
    s.follow({ key: 'barrage.settings', newValue: null })
    expect(s.state.account).toEqual(ann)
    s.follow({ key: 'barrage.session', newValue: null })
    expect(s.state.account).toBeNull()
  })
})

describe('a refusal', () => {
  const s = () => new Session(localStorage, server)
  const refusal = async (answer: Answer): Promise<ApiError> => {
    answers['GET /v1/x'] = () => answer
    return (await s().api.get('/v1/x').catch((e: unknown) => e)) as ApiError
  }

  it('carries what the problem says', async () => {
    const e = await refusal({ status: 422, body: { kind: 'invalid', code: 'bad_name', detail: 'no', field: 'name' } })
    expect(e).toBeInstanceOf(ApiError)
    expect(e).toMatchObject({ status: 422, kind: 'invalid', code: 'bad_name', message: 'no', field: 'name' })
  })
  it('is classed by its status when it is no problem document', async () => expect(await refusal({ status: 503, body: 'x' })).toMatchObject({ kind: 'unavailable', code: 'unavailable' }))
  it('tells how long to wait', async () => expect(await refusal({ status: 429, headers: { 'Retry-After': '7' } })).toMatchObject({ kind: 'exhausted', retryAfterMs: 7000 }))
  it('of nobody is being offline', async () => expect(await refusal('down')).toMatchObject({ status: 0, kind: 'unavailable', code: 'offline' }))
})
