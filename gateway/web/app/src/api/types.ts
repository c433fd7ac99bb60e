// Documents of the HTTP API, as /openapi.json describes them.

export interface Account {
  id: string
  handle: string
  roles: string[]
}

export interface Grant {
  user?: Account
  access_token: string
  expires_in: number
}

export type ChannelState = 'offline' | 'live' | 'interrupted'

export interface Channel {
  id: string
  name: string
  title: string
  owner: { id: string; handle: string }
  room: string
  live: boolean
  state: ChannelState
  broadcast?: string
  broadcast_start_ms?: number
  viewers: number
  playlist_url: string
}

export interface StreamKey {
  id: string
  /** The first letters of the secret part. */
  hint: string
  created_at_ms: number
  last_used_at_ms?: number
  /** Set when a newer key was made. */
  expires_at_ms?: number
  revoked: boolean
  in_use: boolean
}

export interface MintedKey {
  id: string
  stream_key: string
  rtmp_url: string
  created_at_ms: number
}

export interface Mute {
  user: string
  until_ms: number
  by: string
  muted_at_ms: number
}

export interface Ingest {
  state: ChannelState
  bitrate_bps: number
  fps: number
  keyframe_interval_ms: number
  width: number
  height: number
  video_codec: string
  audio_codec: string
  since_ms: number
  warnings: { code: string; message: string }[]
  last_refusal?: Refusal
}

/** Why a publisher with a key of the channel was turned away, or let go. */
export interface Refusal {
  code: string
  message: string
  protocol: string
  at_ms: number
}

export type BroadcastState = 'live' | 'interrupted' | 'ended'

/** A broadcast that is or was on. */
export interface Broadcast {
  id: string
  title: string
  /** Of media time 0, in ms since 1970. */
  start_ms: number
  duration_ms: number
  state: BroadcastState
  bytes: number
  playlist: string
}

/** Some broadcasts of a channel, the newest first. */
export interface BroadcastPage {
  broadcasts: Broadcast[]
  /** The cursor of the next page; absent at the end. */
  next?: string
}

/** The danmaku of some media time, each as the socket has it. */
export interface TimelinePage {
  settled: boolean
  next?: string
  danmaku: Record<string, unknown>[]
}
