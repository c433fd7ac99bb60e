// The picture: hls.js on a video element. Of what is live it starts as close to the live edge as the playlist's
// PART-HOLD-BACK allows, catches up gently when it fell behind, and survives what can be survived without help; whoever
// goes back within the playlist stays back until told otherwise. A recording is played from a place in it.
import { reactive } from 'vue'
import Hls, { ErrorDetails, ErrorTypes, Events, type BufferCodecsData, type ErrorData, type HlsConfig } from 'hls.js/light'
import { codecName } from './codec'
import { positionOf } from './window'

export interface PlayerState {
  /** A picture of this source has been shown. */
  picture: boolean
  /** The picture moves. */
  moving: boolean
  /** The picture should move and has not for a while. */
  stuck: boolean
  paused: boolean
  /** Autoplay was only allowed without sound. */
  silenced: boolean
  /** Autoplay was not allowed at all: the viewer has to start it. */
  blocked: boolean
  failed: boolean
  unsupported: boolean
  /** What of this source the browser cannot decode, as people call it; empty if it can. */
  undecodable: string
  /** Seconds behind the live edge; null until known. */
  latency: number | null
  /** Far enough behind the target that "go to live" makes sense. */
  behind: boolean
  width: number
  height: number
  /** Where one is in what can be played, in seconds of the player; to is the newest picture, or the end. */
  at: number
  from: number
  to: number
  /** The viewer has gone back from what is live. */
  back: boolean
  /** A recording has played to its end. */
  ended: boolean
  rate: number
}

/** What to play, and how. */
export interface Source {
  url: string
  /** Another picture will follow the newest one. */
  live: boolean
  /** The moment to begin at, in ms since 1970; null: at the live edge, or at the beginning. */
  startAt: number | null
}

/** A player of which nothing is known. */
export const nothing: Readonly<PlayerState> = {
  picture: false, moving: false, stuck: false, paused: true, silenced: false, blocked: false, failed: false, unsupported: false, undecodable: '',
  latency: null, behind: false, width: 0, height: 0, at: 0, from: 0, to: 0, back: false, ended: false, rate: 1,
}
const fresh: Partial<PlayerState> = {
  picture: false, moving: false, stuck: false, latency: null, behind: false, at: 0, from: 0, to: 0, back: false, ended: false,
}

// Catching up faster than this is heard.
const catchUpRate = 1.08
const sampleMs = 250
// A picture that stands still for longer is told.
const stuckMs = 1000
// A start may be corrected by one skip: within this time, by at least so much, with at least so much loaded behind it.
const settleMs = 3000
const worthASkipSeconds = 0.25
const safeSeconds = 0.3
const behindSlackSeconds = 2.5
// Someone this far behind did not choose to be: the tab slept, or the network was gone. Playing faster would not catch up.
const jumpSeconds = 5
// Whoever seeks to less than this before the live edge means the edge.
const edgeSeconds = 3
// The oldest pictures are about to leave the playlist.
const leavingSeconds = 4
const retryBaseMs = 1000
const retryCapMs = 8000
const recoveriesPerMinute = 3

const config: Partial<HlsConfig> = {
  lowLatencyMode: true,
  maxLiveSyncPlaybackRate: catchUpRate,
  liveDurationInfinity: true,
  // After a stall a little more distance is kept; the library's whole second would be kept for the rest of the visit.
  liveSyncOnStallIncrease: 0.25,
  backBufferLength: 30,
  maxBufferLength: 20,
  // Nothing is re-muxed (the segments are fMP4 already), so a worker would only cost a round trip.
  enableWorker: false,
  startFragPrefetch: true,
  testBandwidth: false,
}

const recorded: Partial<HlsConfig> = {
  ...config, lowLatencyMode: false, maxLiveSyncPlaybackRate: 1, liveDurationInfinity: false, maxBufferLength: 30,
}

/** Which kinds of tracks there are. */
const kinds = (tracks: BufferCodecsData) => Object.keys(tracks).toSorted().join()

export class Player {
  readonly state = reactive<PlayerState>({ ...nothing })
  private hls: Hls | null = null
  private source: Source | null = null
  // Where to begin, once there is something to seek in.
  private begin: number | null = null
  private failures = 0
  private recoveries: number[] = []
  private retryTimer: ReturnType<typeof setTimeout> | undefined
  private readonly sampler: ReturnType<typeof setInterval>
  private lastTime = -1
  private stillMs = 0
  private settled = false
  private readonly listeners = new AbortController()

  constructor(private readonly video: HTMLVideoElement) {
    const on = (name: string, f: () => void) => video.addEventListener(name, f, { signal: this.listeners.signal })
    on('playing', () => this.started())
    on('loadeddata', () => this.jump())
    on('canplay', () => this.tighten())
    on('pause', () => (this.state.paused = true))
    on('play', () => Object.assign(this.state, { paused: false, ended: false }))
    on('seeking', () => (this.state.ended = false))
    on('ended', () => (this.state.ended = true))
    on('ratechange', () => (this.state.rate = video.playbackRate))
    on('volumechange', () => {
      if (!video.muted) this.state.silenced = false
    })
    on('resize', () => {
      this.state.width = video.videoWidth
      this.state.height = video.videoHeight
    })
    this.sampler = setInterval(() => this.sample(), sampleMs)
  }

  /** Plays something in place of what played before. */
  load(source: Source): void {
    this.stop()
    this.source = source
    this.settled = false
    this.begin = null
    Object.assign(this.state, fresh, { failed: false, back: source.live && source.startAt !== null })
    if (Hls.isSupported()) this.attach(source)
    else if ('ManagedMediaSource' in globalThis && this.video.canPlayType('application/vnd.apple.mpegurl') !== '') {
      this.video.src = source.url
      this.play()
    } else this.state.unsupported = true
  }

  /** Ends playback and frees the decoder; the last picture goes. */
  stop(): void {
    clearTimeout(this.retryTimer)
    this.hls?.destroy()
    this.hls = null
    this.source = null
    this.video.removeAttribute('src')
    this.video.load()
    Object.assign(this.state, fresh)
  }

  close(): void {
    clearInterval(this.sampler)
    this.listeners.abort()
    this.stop()
  }

  /** Starts playing; if the browser forbids sound without a gesture, without sound. */
  play(): void {
    this.video.play().then(
      () => (this.state.blocked = false),
      (e: unknown) => {
        if (!(e instanceof DOMException) || e.name !== 'NotAllowedError') return
        if (this.video.muted) {
          this.state.blocked = true
          return
        }
        this.video.muted = true
        this.state.silenced = true
        this.play()
      },
    )
  }

  toggle(): void {
    const { video, state } = this
    if (!video.paused) {
      video.pause()
      return
    }
    // What was missed during a pause is still there to be seen.
    if (this.source?.live && state.picture) this.look()
    if (this.source?.live && !state.back && state.behind) state.back = true
    if (this.source?.live && !state.back) this.goLive()
    else this.play()
  }

  /** Jumps to the live edge and plays. */
  goLive(): void {
    this.state.back = false
    const edge = this.edge()
    if (edge !== null && edge > this.video.currentTime) this.video.currentTime = edge
    this.play()
  }

  /** Goes to a place, in seconds of the player, as far as there is one; near the live edge that is the edge. */
  seek(to: number): void {
    const { state, video, source } = this
    if (!state.picture || source === null) return
    this.look()
    if (source.live && to > state.to - edgeSeconds) {
      this.goLive()
      return
    }
    state.back = source.live
    video.currentTime = Math.min(Math.max(to, state.from + (source.live ? leavingSeconds : 0)), state.to)
    this.look()
  }

  /** Plays faster or slower, but for what is live, which comes as fast as it does. */
  speed(rate: number): void {
    if (this.source !== null && !this.source.live) this.video.playbackRate = rate
  }

  /** The wall-clock date of the picture on screen; null before there is one. */
  playingDate(): Date | null {
    if (!this.state.picture) return null
    if (this.hls) return this.hls.playingDate
    const start = (this.video as { getStartDate?: () => Date }).getStartDate?.()
    return start ? new Date(start.getTime() + this.video.currentTime * 1000) : null
  }

  private jump(): void {
    if (this.begin !== null) this.video.currentTime = this.begin
    this.begin = null
  }

  private attach(source: Source): void {
    const hls = new Hls(source.live ? config : recorded)
    this.hls = hls
    let codecs: string[] = []
    hls.on(Events.MANIFEST_LOADED, (_, { levels }) => {
      codecs = [...new Set(levels.flatMap((level) => (level.attrs.CODECS ?? '').split(',')))]
    })
    hls.on(Events.MANIFEST_PARSED, () => {
      this.state.undecodable = ''
      this.play()
    })
    hls.once(Events.LEVEL_LOADED, (_, { details }) => {
      if (source.startAt !== null) this.begin = positionOf(details.fragments, source.startAt)
    })
    let begun = ''
    hls.on(Events.BUFFER_CODECS, (_, tracks) => {
      if (begun !== '' && kinds(tracks) !== begun) this.anew()
      begun = kinds(tracks)
    })
    hls.on(Events.ERROR, (_, data) => this.failure(data, codecs))
    hls.loadSource(source.url)
    hls.attachMedia(this.video)
  }

  private failure(data: ErrorData, codecs: string[]): void {
    if (!data.fatal) return
    if (data.details === ErrorDetails.MANIFEST_INCOMPATIBLE_CODECS_ERROR) {
      // The streamer may come back with others, so it is tried again.
      this.state.undecodable = undecodable(codecs)
      this.retry()
      return
    }
    if (data.type === ErrorTypes.MEDIA_ERROR && this.mayRecover()) {
      this.hls?.recoverMediaError()
      return
    }
    this.state.failed = !this.state.picture
    this.retry()
  }

  /** Loads the same again a little later, and meanwhile nothing. */
  private retry(): void {
    this.hls?.stopLoad()
    const { source } = this
    if (source === null) return
    // A recording goes on where it stopped.
    const startAt = source.live ? source.startAt : (this.playingDate()?.getTime() ?? source.startAt)
    const wait = Math.min(retryCapMs, retryBaseMs * 2 ** this.failures++) * (0.5 + Math.random() / 2)
    clearTimeout(this.retryTimer)
    this.retryTimer = setTimeout(() => this.load({ ...source, startAt }), wait)
  }

  /** Loads what goes on with other tracks, such as pictures that join sound: a browser takes only those it began with. */
  private anew(): void {
    const { source, state } = this
    if (source === null) return
    const startAt = source.live && !state.back ? null : (this.playingDate()?.getTime() ?? source.startAt)
    clearTimeout(this.retryTimer)
    this.retryTimer = setTimeout(() => this.load({ ...source, startAt }))
  }

  private mayRecover(): boolean {
    const now = Date.now()
    this.recoveries = this.recoveries.filter((at) => at > now - 60_000)
    this.recoveries.push(now)
    return this.recoveries.length <= recoveriesPerMinute
  }

  /** At the start: what was loaded while the start was on its way is skipped, instead of being caught up later. */
  private tighten(): void {
    const edge = this.edge()
    if (this.settled || this.state.back || edge === null || edge < this.video.currentTime + worthASkipSeconds) return
    const { buffered } = this.video
    for (let i = 0; i < buffered.length; i++) {
      if (edge < buffered.start(i) || edge + safeSeconds > buffered.end(i)) continue
      this.settled = true
      this.video.currentTime = edge
    }
  }

  private started(): void {
    this.failures = 0
    if (!this.state.picture) setTimeout(() => (this.settled = true), settleMs)
    Object.assign(this.state, { picture: true, moving: true, failed: false, blocked: false })
  }

  private sample(): void {
    const { video, state, hls } = this
    state.moving = state.picture && !video.paused && video.currentTime !== this.lastTime
    this.lastTime = video.currentTime
    this.stillMs = state.moving || !state.picture || video.paused ? 0 : this.stillMs + sampleMs
    state.stuck = this.stillMs > stuckMs
    if (!state.picture) return
    this.look()
    if (!hls || !this.source?.live) return
    this.tighten()
    state.latency = hls.latency > 0 ? hls.latency : null
    if (video.paused) return
    // Whoever was back until the pictures left the playlist has been taken to the edge.
    if (state.back && this.begin === null && !video.seeking && this.gap() < 1) state.back = false
    if (!state.back && this.gap() > jumpSeconds) this.goLive()
  }

  /** Where one is live; null until known, and in a recording, for which the library has such a place, too. */
  private edge(): number | null {
    return this.source?.live === true ? (this.hls?.liveSyncPosition ?? null) : null
  }

  /** Seconds from the picture to where one would be live; of positions, since the library's latency is told later. */
  private gap(): number {
    const edge = this.edge()
    return edge === null ? 0 : edge - this.video.currentTime
  }

  /** Looks where one is. */
  private look(): void {
    const { video, state, hls } = this
    state.at = video.currentTime
    const details = hls?.latestLevelDetails
    if (details) {
      state.from = details.fragmentStart
      state.to = (details.live ? this.edge() : null) ?? details.edge
    } else if (video.seekable.length > 0) {
      state.from = video.seekable.start(0)
      state.to = video.seekable.end(video.seekable.length - 1)
    }
    state.behind = this.source?.live === true && this.gap() > behindSlackSeconds
  }
}

/** Names those of some codecs that the browser does not decode, or all of them if it says that it knows each. */
function undecodable(codecs: string[]): string {
  const not = codecs.filter((codec) => !MediaSource.isTypeSupported(`video/mp4; codecs="${codec}"`))
  return (not.length > 0 ? not : codecs).map(codecName).join(', ')
}
