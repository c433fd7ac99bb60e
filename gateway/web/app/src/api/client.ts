// The HTTP API: one place that speaks JSON, attaches the access token, renews it once when it is refused, and turns every
// failure into an ApiError.
import type { Refusal } from '@/messages/errors'

/** A refusal of the server, or (kind "unavailable", code "offline") no answer at all. */
export class ApiError extends Error implements Refusal {
  constructor(
    readonly status: number,
    readonly kind: string,
    readonly code: string,
    message: string,
    readonly field: string,
    readonly retryAfterMs: number,
  ) {
    super(message)
    this.name = 'ApiError'
  }
}

/** Where the client gets its token from. */
export interface Tokens {
  /** A token good for the next request, or null for a guest. */
  current(): Promise<string | null>
  /** Called once when the server refused that token; true if there is a new one to try with. */
  renew(refused: string): Promise<boolean>
}

export interface CallOptions {
  body?: unknown
  signal?: AbortSignal
  /** Do not attach a token: for the calls that make or end a session. */
  bare?: boolean
}

export class Api {
  constructor(
    private readonly tokens: Tokens,
    readonly fetch: typeof globalThis.fetch = (...args) => globalThis.fetch(...args),
    private readonly timeoutMs = 15_000,
  ) {}

  get<T>(path: string, options: CallOptions = {}): Promise<T> {
    return this.call('GET', path, options)
  }

  /** Sends one request; resolves with the decoded body (undefined when there is none), rejects with an ApiError. */
  async call<T>(method: string, path: string, options: CallOptions = {}): Promise<T> {
    const token = options.bare ? null : await this.tokens.current()
    let response = await this.send(method, path, options, token)
    if (response.status === 401 && token !== null && (await this.tokens.renew(token))) {
      response = await this.send(method, path, options, await this.tokens.current())
    }
    if (!response.ok) throw await problem(response)
    if (response.status === 204 || response.headers.get('Content-Length') === '0') return undefined as T
    return (await response.json()) as T
  }

  private async send(method: string, path: string, options: CallOptions, token: string | null): Promise<Response> {
    const headers: Record<string, string> = { Accept: 'application/json, application/problem+json' }
    if (token !== null) headers.Authorization = `Bearer ${token}`
    if (options.body !== undefined) headers['Content-Type'] = 'application/json'
    const limit = AbortSignal.timeout(this.timeoutMs)
    try {
      return await this.fetch(path, {
        method,
        headers,
        credentials: 'same-origin',
        signal: options.signal ? AbortSignal.any([options.signal, limit]) : limit,
        ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
      })
    } catch (cause) {
      if (options.signal?.aborted) throw cause
      throw new ApiError(0, 'unavailable', 'offline', 'no answer from the server', '', 0)
    }
  }
}

/** Reads a problem document; an answer without one is classed by its status. */
async function problem(response: Response): Promise<ApiError> {
  const body = await response.json().catch(() => ({})) as Record<string, unknown>
  const text = (name: string) => (typeof body[name] === 'string' ? (body[name] as string) : '')
  const kind = text('kind') || kindOf(response.status)
  return new ApiError(response.status, kind, text('code') || kind, text('detail') || text('message') || text('title'), text('field'), retryAfter(response, body))
}

function kindOf(status: number): string {
  const kinds: Record<number, string> = {
    400: 'invalid', 401: 'unauthenticated', 403: 'denied', 404: 'not_found', 409: 'conflict', 413: 'invalid', 422: 'invalid',
    429: 'exhausted', 502: 'unavailable', 503: 'unavailable', 504: 'timeout',
  }
  return kinds[status] ?? 'internal'
}

function retryAfter(response: Response, body: Record<string, unknown>): number {
  if (typeof body.retry_after_ms === 'number') return body.retry_after_ms
  const seconds = Number(response.headers.get('Retry-After') ?? '')
  return Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : 0
}
