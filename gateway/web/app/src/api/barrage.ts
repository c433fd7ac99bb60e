// The calls the pages make, by name.
import type { Api } from './client'
import { pastDanmaku, type Danmaku } from '@/socket/protocol'
import type { Page } from '@/danmaku/replay'
import type { Broadcast, BroadcastPage, Channel, Ingest, MintedKey, Mute, StreamKey, TimelinePage } from './types'

const at = encodeURIComponent

export class Barrage {
  constructor(private readonly api: Api) {}

  async live(signal?: AbortSignal): Promise<Channel[]> {
    return (await this.api.get<{ channels: Channel[] }>('/v1/channels?live=true', signal ? { signal } : {})).channels
  }

  channel(name: string, signal?: AbortSignal): Promise<Channel> {
    return this.api.get(`/v1/channels/${at(name)}`, signal ? { signal } : {})
  }

  /** A page of the broadcasts of a channel, the newest first: the first one, or the one after a cursor. */
  broadcasts(channel: string, after: string, signal?: AbortSignal): Promise<BroadcastPage> {
    const query = after === '' ? '' : `?cursor=${at(after)}`
    return this.api.get(`/v1/channels/${at(channel)}/broadcasts${query}`, signal ? { signal } : {})
  }

  broadcast(channel: string, broadcast: string, signal?: AbortSignal): Promise<Broadcast> {
    return this.api.get(`/v1/channels/${at(channel)}/broadcasts/${at(broadcast)}`, signal ? { signal } : {})
  }

  /** The danmaku on the pictures of some media time. Everybody gets the same, so caches answer. */
  async timeline(channel: string, broadcast: string, fromMs: number, toMs: number, signal: AbortSignal): Promise<Page<Danmaku>> {
    const path = `/v1/channels/${at(channel)}/broadcasts/${at(broadcast)}/danmaku?from_ms=${fromMs}&to_ms=${toMs}`
    const page = await this.api.get<TimelinePage>(path, { signal, bare: true })
    return { danmaku: page.danmaku.map(pastDanmaku), settled: page.settled, more: page.next !== undefined }
  }

  async mine(): Promise<Channel[]> {
    return (await this.api.get<{ channels: Channel[] }>('/v1/me/channels')).channels
  }

  create(name: string, title: string): Promise<Channel> {
    return this.api.call('POST', '/v1/channels', { body: { name, title } })
  }

  retitle(channel: string, title: string): Promise<Channel> {
    return this.api.call('PATCH', `/v1/channels/${at(channel)}`, { body: { title } })
  }

  keys(channel: string): Promise<{ keys: StreamKey[]; rtmp_url: string }> {
    return this.api.get(`/v1/channels/${at(channel)}/keys`)
  }

  mint(channel: string): Promise<MintedKey> {
    return this.api.call('POST', `/v1/channels/${at(channel)}/keys`)
  }

  revoke(channel: string, key: string): Promise<void> {
    return this.api.call('DELETE', `/v1/channels/${at(channel)}/keys/${at(key)}`)
  }

  ingest(channel: string, signal?: AbortSignal): Promise<Ingest> {
    return this.api.get(`/v1/channels/${at(channel)}/ingest`, signal ? { signal } : {})
  }

  configure(room: string, slowModeSeconds: number, maxLength: number): Promise<void> {
    return this.api.call('PATCH', `/v1/rooms/${at(room)}`, { body: { slow_mode_seconds: slowModeSeconds, max_length: maxLength } })
  }

  mute(room: string, user: string, seconds: number): Promise<Mute> {
    return this.api.call('PUT', `/v1/rooms/${at(room)}/mutes/${at(user)}`, { body: { until_ms: Date.now() + seconds * 1000 } })
  }

  unmute(room: string, user: string): Promise<void> {
    return this.api.call('DELETE', `/v1/rooms/${at(room)}/mutes/${at(user)}`)
  }
}
