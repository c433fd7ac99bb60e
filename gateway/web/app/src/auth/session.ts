// Who is using this browser. The access token lives only here in memory; the refresh token is an HttpOnly cookie that no
// script can read. A hint in localStorage says that such a cookie may exist, so that guests never ask for a refresh.
import { reactive, readonly } from 'vue'
import { Api, ApiError, type Tokens } from '@/api/client'
import type { Account, Grant } from '@/api/types'

const hintKey = 'barrage.session'
// A token is renewed this long before it ends, so that no request meets an expired one.
const marginMs = 60_000
const retryMs = 5_000
const lockName = 'barrage.refresh'

export interface SessionState {
  account: Account | null
  /** False until it is known whether the reader is logged in. */
  settled: boolean
  /** Grows whenever there is a new token; whoever holds a connection presents it again. */
  renewals: number
}

export class Session implements Tokens {
  private readonly live = reactive<SessionState>({ account: null, settled: false, renewals: 0 })
  /** For the pages to read and watch. */
  readonly state = readonly(this.live)
  readonly api: Api
  private token: string | null = null
  private endsAt = 0
  private renewal: Promise<boolean> | null = null
  private timer: ReturnType<typeof setTimeout> | undefined

  constructor(private readonly storage: Storage, fetcher?: typeof fetch) {
    this.api = new Api(this, fetcher)
  }

  /** Takes up the session of an earlier visit, if there was one. Call once at start. */
  async restore(): Promise<void> {
    if (this.storage.getItem(hintKey) !== null) await this.refresh()
    this.live.settled = true
  }

  login(handle: string, password: string): Promise<Account> {
    return this.enter('/v1/auth/login', handle, password)
  }

  register(handle: string, password: string): Promise<Account> {
    return this.enter('/v1/auth/register', handle, password)
  }

  /** Ends the session here at once, and on the server as soon as it answers. */
  async logout(): Promise<void> {
    this.forget()
    await this.api.call('POST', '/v1/auth/logout', { body: { cookie: true }, bare: true }).catch(() => undefined)
  }

  async current(): Promise<string | null> {
    if (this.token !== null && Date.now() > this.endsAt - marginMs / 2) await this.refresh()
    else if (this.token === null && this.renewal !== null) await this.renewal
    return this.token
  }

  async renew(refused: string): Promise<boolean> {
    if (this.token !== null && this.token !== refused) return true
    return this.refresh()
  }

  /** Another tab logged in or out: follow it. Wire to the window's storage event. */
  follow(event: { key: string | null; newValue: string | null }): void {
    if (event.key !== hintKey && event.key !== null) return
    if (event.newValue === null) this.forget()
    else if (this.token === null) void this.refresh()
  }

  /** The tab woke up: timers may have slept. Wire to visibilitychange. */
  wake(): void {
    if (this.token !== null && Date.now() > this.endsAt - marginMs) void this.refresh()
  }

  private async enter(path: string, handle: string, password: string): Promise<Account> {
    const grant = await this.api.call<Grant>('POST', path, { body: { handle, password, cookie: true }, bare: true })
    return this.adopt(grant)
  }

  /** Renews the token, once however many ask; tabs of one browser take turns, because each turn replaces the cookie. */
  private refresh(): Promise<boolean> {
    this.renewal ??= this.exclusive(() => this.ask()).finally(() => (this.renewal = null))
    return this.renewal
  }

  private exclusive<T>(work: () => Promise<T>): Promise<T> {
    const locks = globalThis.navigator?.locks as LockManager | undefined
    return locks ? locks.request(lockName, work) as Promise<T> : work()
  }

  private async ask(): Promise<boolean> {
    try {
      const grant = await this.api.call<Grant>('POST', '/v1/auth/refresh', { body: { cookie: true }, bare: true })
      await this.adopt(grant)
      return true
    } catch (e) {
      if (e instanceof ApiError && (e.status === 401 || e.status === 403)) this.forget()
      else if (this.storage.getItem(hintKey) !== null) this.schedule(retryMs)
      return false
    }
  }

  private async adopt(grant: Grant): Promise<Account> {
    this.token = grant.access_token
    this.endsAt = Date.now() + grant.expires_in * 1000
    this.storage.setItem(hintKey, '1')
    this.schedule(Math.max(retryMs, grant.expires_in * 1000 - marginMs))
    // Straight to the API: call() would wait for the renewal this runs in.
    const account = grant.user ?? (await this.whoAmI(grant.access_token))
    this.live.account = account
    this.live.settled = true
    this.live.renewals++
    return account
  }

  private whoAmI(token: string): Promise<Account> {
    const fixed: Tokens = { current: async () => token, renew: async () => false }
    return new Api(fixed, this.api.fetch).get<Account>('/v1/me')
  }

  private forget(): void {
    clearTimeout(this.timer)
    this.token = null
    this.live.account = null
    this.storage.removeItem(hintKey)
  }

  private schedule(ms: number): void {
    clearTimeout(this.timer)
    this.timer = setTimeout(() => void this.refresh(), ms)
  }
}
