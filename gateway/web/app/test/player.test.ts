import { afterEach, describe, expect, it, vi } from 'vitest'
import { Player } from '@/live/player'

// The library as the player sees it, of which a test says where the live edge is.
const library = vi.hoisted(() => ({ edge: 0 }))
vi.mock('hls.js/light', () => {
  class Hls {
    static isSupported = () => true
    liveSyncPosition = library.edge
    latestLevelDetails = null
    latency = 0
    on() {}
    once() {}
    loadSource() {}
    attachMedia() {}
    stopLoad() {}
    destroy() {}
  }
  return { default: Hls, Events: {}, ErrorTypes: {} }
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
  afterEach(() => player.close())

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
})
