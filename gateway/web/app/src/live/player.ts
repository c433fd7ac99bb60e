// The live picture: hls.js in low latency mode on a video element. It starts as close to the live edge as the playlist's
// PART-HOLD-BACK allows, catches up gently when it fell behind, and survives what can be survived without help.
import { reactive } from 'vue'
import Hls, { ErrorTypes, Events, type ErrorData, type HlsConfig } from 'hls.js/light'

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
  /** Seconds behind the live edge; null until known. */
  latency: number | null
  /** Far enough behind the target that "go to live" makes sense. */
  behind: boolean
  width: number
  height: number
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

export class Player {
  readonly state = reactive<PlayerState>({
    picture: false, moving: false, stuck: false, paused: true, silenced: false, blocked: false, failed: false, unsupported: false,
    latency: null, behind: false, width: 0, height: 0,
  })
  private hls: Hls | null = null
  private url = ''
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
    on('canplay', () => this.tighten())
    on('pause', () => (this.state.paused = true))
    on('play', () => (this.state.paused = false))
    on('volumechange', () => {
      if (!video.muted) this.state.silenced = false
    })
    on('resize', () => {
      this.state.width = video.videoWidth
      this.state.height = video.videoHeight
    })
    this.sampler = setInterval(() => this.sample(), sampleMs)
  }

  /** Plays a playlist from its live edge, in place of what played before. */
  load(url: string): void {
    this.stop()
    this.url = url
    this.settled = false
    Object.assign(this.state, { picture: false, moving: false, stuck: false, failed: false, latency: null, behind: false })
    if (Hls.isSupported()) this.attach(url)
    else if ('ManagedMediaSource' in globalThis && this.video.canPlayType('application/vnd.apple.mpegurl') !== '') {
      this.video.src = url
      this.play()
    } else this.state.unsupported = true
  }

  /** Ends playback and frees the decoder; the last picture goes. */
  stop(): void {
    clearTimeout(this.retryTimer)
    this.hls?.destroy()
    this.hls = null
    this.url = ''
    this.video.removeAttribute('src')
    this.video.load()
    Object.assign(this.state, { picture: false, moving: false, stuck: false, latency: null, behind: false })
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
    if (!this.video.paused) {
      this.video.pause()
      return
    }
    this.goLive()
  }

  /** Jumps to the live edge and plays. */
  goLive(): void {
    const edge = this.hls?.liveSyncPosition ?? null
    if (edge !== null && edge > this.video.currentTime) this.video.currentTime = edge
    this.play()
  }

  /** The wall-clock date of the picture on screen; null before there is one. */
  playingDate(): Date | null {
    if (!this.state.picture) return null
    if (this.hls) return this.hls.playingDate
    const start = (this.video as { getStartDate?: () => Date }).getStartDate?.()
    return start ? new Date(start.getTime() + this.video.currentTime * 1000) : null
  }

  private attach(url: string): void {
    const hls = new Hls(config)
    this.hls = hls
    hls.on(Events.MANIFEST_PARSED, () => this.play())
    hls.on(Events.ERROR, (_, data) => this.failure(data))
    hls.loadSource(url)
    hls.attachMedia(this.video)
  }

  private failure(data: ErrorData): void {
    if (!data.fatal) return
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
    const url = this.url
    const wait = Math.min(retryCapMs, retryBaseMs * 2 ** this.failures++) * (0.5 + Math.random() / 2)
    clearTimeout(this.retryTimer)
    this.retryTimer = setTimeout(() => this.load(url), wait)
  }

  private mayRecover(): boolean {
    const now = Date.now()
    this.recoveries = this.recoveries.filter((at) => at > now - 60_000)
    this.recoveries.push(now)
    return this.recoveries.length <= recoveriesPerMinute
  }

  /** At the start: what was loaded while the start was on its way is skipped, instead of being caught up later. */
  private tighten(): void {
    const edge = this.hls?.liveSyncPosition ?? null
    if (this.settled || edge === null || edge < this.video.currentTime + worthASkipSeconds) return
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
    if (!state.picture || !hls) return
    this.tighten()
    const latency = hls.latency
    state.latency = latency > 0 ? latency : null
    const target = hls.targetLatency ?? 0
    state.behind = latency > target + behindSlackSeconds
    if (latency > target + jumpSeconds && !video.paused) this.goLive()
  }
}
