import { afterEach, describe, expect, it, vi } from 'vitest'
import { Player } from '@/live/player'

// The library as the player sees it, of which a test says where the live edge is and what the playlist holds.
const library = vi.hoisted(() => ({
  edge: 0,
  details: null as null | { fragmentStart: number; edge: number; live: boolean; fragments: unknown[] },
  heard: new Map<string, (event: string, data: unknown) => void>(),
}))
vi.mock('hls.js/light', () => {
  class Hls {
    static isSupported = () => true
    get liveSyncPosition() { return library.edge }
    get latestLevelDetails() { return library.details }
    latency = 0
    on(event: string, f: (event: string, data: unknown) => void) { library.heard.set(event, f) }
    once(event: string, f: (event: string, data: unknown) => void) { library.heard.set(event, f) }
    loadSource() {}
    attachMedia() {}
    stopLoad() {}
    destroy() {}
  }
  const Events = { MANIFEST_LOADED: 'manifest', MANIFEST_PARSED: 'parsed', LEVEL_LOADED: 'level', ERROR: 'error', BUFFER_CODECS: 'tracks' }
  return { default: Hls, Events, ErrorTypes: { MEDIA_ERROR: 'media' }, ErrorDetails: { MANIFEST_INCOMPATIBLE_CODECS_ERROR: 'codecs' } }
})

/** A video element that has loaded so much and stands at a place. */
function video(loaded: [from: number, to: number], at: number): HTMLVideoElement {
  const v = document.createElement('video')
  v.load = () => undefined
  v.play = () => Promise.resolve()
  const buffered = { length: 1, start: () => loaded[0], end: () => loaded[1] }
  Object.defineProperty(v, 'buffered', { value: buffered })
  Object.defineProperty(v, 'currentTime', { value: at, writable: true })
  return v
}

describe('the player', () => {
  let player: Player
  afterEach(() => {
    player.close()
    vi.unstubAllGlobals()
    Object.assign(library, { edge: 0, details: null })
  })

  function canPlay(live: boolean): number {
    library.edge = 15
    const v = video([3, 27], 4)
    player = new Player(v)
    player.load({ url: '/index.m3u8', live, startAt: null })
    v.dispatchEvent(new Event('canplay'))
    return v.currentTime
  }

  it('skips to the live edge what was loaded while the start was on its way', () => {
    expect(canPlay(true)).toBe(15)
  })

  it('skips nothing of a recording', () => {
    expect(canPlay(false)).toBe(4)
  })

  /** A player that plays at a place of a playlist from 100 s to 160 s, of which 158 s is the live edge. */
  function playing(live: boolean, at: number): HTMLVideoElement {
    Object.assign(library, { edge: 158, details: { fragmentStart: 100, edge: 160, live, fragments: [] } })
    const v = video([100, 160], at)
    player = new Player(v)
    player.load({ url: '/index.m3u8', live, startAt: null })
    v.dispatchEvent(new Event('playing'))
    return v
  }

  it('begins anew where pictures join the sound', async () => {
    vi.useFakeTimers()
    playing(true, 150)
    const tell = (tracks: object) => library.heard.get('tracks')?.('tracks', tracks)
    const load = vi.spyOn(player, 'load')
    tell({ audio: {} })
    tell({ audio: {} }) // in another format
    await vi.runOnlyPendingTimersAsync()
    expect(load).not.toHaveBeenCalled()
    tell({ audiovideo: {} })
    await vi.runOnlyPendingTimersAsync()
    expect(load).toHaveBeenCalledWith({ url: '/index.m3u8', live: true, startAt: null })
    vi.useRealTimers()
  })

  it.each([
    { to: 130, at: 130, back: true },
    { to: 20, at: 104, back: true }, // the oldest pictures are about to leave
    { to: 156, at: 158, back: false }, // so close to the edge means the edge
    { to: 1e6, at: 158, back: false },
  ])('seeks to $to s within what is live', ({ to, at, back }) => {
    const v = playing(true, 150)
    player.seek(to)
    expect([v.currentTime, player.state.back]).toEqual([at, back])
  })

  it.each([{ to: 130, at: 130 }, { to: 20, at: 100 }, { to: 159, at: 159 }, { to: 1e6, at: 160 }])('seeks to $to s in a recording', ({ to, at }) => {
    const v = playing(false, 110)
    player.seek(to)
    expect([v.currentTime, player.state.back, player.state.at]).toEqual([at, false, at])
  })

  it('goes back to the edge, and no further than that', () => {
    const v = playing(true, 150)
    player.seek(120)
    expect(player.state.behind).toBe(true)
    player.goLive()
    expect([v.currentTime, player.state.back]).toEqual([158, false])
    v.currentTime = 159
    player.goLive()
    expect(v.currentTime).toBe(159)
  })

  it('seeks nowhere before there is a picture', () => {
    Object.assign(library, { edge: 158, details: { fragmentStart: 100, edge: 160, live: true, fragments: [] } })
    const v = video([100, 160], 150)
    player = new Player(v)
    player.load({ url: '/index.m3u8', live: true, startAt: null })
    player.seek(120)
  })

  /** Loads a source that begins at a moment, and says where the picture is once there is something to seek in. */
  function beginning(live: boolean, startAt: number | null): number {
    const fragments = [0, 4, 8].map((start) => ({ start: 100 + start, duration: 4, programDateTime: 50_000 + start * 1000 }))
    const v = video([100, 112], 111)
    player = new Player(v)
    player.load({ url: '/index.m3u8', live, startAt })
    library.heard.get('level')?.('level', { details: { fragments } })
    v.dispatchEvent(new Event('loadeddata'))
    return v.currentTime
  }

  it('begins at a moment that an address names', () => {
    expect(beginning(true, 56_000)).toBe(106)
    expect(player.state.back).toBe(true)
    player.close()
    expect(beginning(false, 56_000)).toBe(106)
    expect(player.state.back).toBe(false)
  })

  it('begins at the oldest picture where the moment is over, and at its own place where nobody names one', () => {
    expect(beginning(true, 1000)).toBe(100)
    player.close()
    expect(beginning(true, null)).toBe(111)
  })

  it('says which codec the browser does not decode, until a source comes that it does', () => {
    vi.stubGlobal('MediaSource', { isTypeSupported: (type: string) => !type.includes('hvc1') })
    player = new Player(video([0, 1], 0))
    player.load({ url: '/index.m3u8', live: true, startAt: null })
    library.heard.get('manifest')?.('manifest', { levels: [{ attrs: { CODECS: 'hvc1.1.6.L93.B0,mp4a.40.2' } }] })
    library.heard.get('error')?.('error', { fatal: true, type: 'media', details: 'codecs' })
    expect([player.state.undecodable, player.state.failed]).toEqual(['H.265', false])
    library.heard.get('parsed')?.('parsed', {})
    expect(player.state.undecodable).toBe('')
  })
})
