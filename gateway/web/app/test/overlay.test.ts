import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Overlay } from '@/danmaku/overlay'
import { defaults } from '@/settings/store'
import type { Danmaku } from '@/socket/protocol'

// The library takes the browser's frames when it is loaded.
vi.hoisted(() => vi.useFakeTimers())

let still = false
let overlay: Overlay
let stage: HTMLElement

const word = (text: string, more: Partial<Danmaku> = {}): Danmaku => ({
  position: { epoch: '1', offset: '1' }, user: '7', name: 'ann', text, mode: 'scroll', colour: 0xff8800, size: 'normal',
  mediaTimeMs: null, sentAtMs: 0, ...more,
})
const drawn = () => [...stage.querySelectorAll<HTMLElement>('.danmaku')]

/** Lets the library take up what was emitted. */
const frame = () => vi.advanceTimersByTimeAsync(40)

beforeEach(() => {
  // There is no layout here: every box is as big as a picture.
  vi.spyOn(HTMLElement.prototype, 'offsetWidth', 'get').mockReturnValue(640)
  vi.spyOn(HTMLElement.prototype, 'offsetHeight', 'get').mockReturnValue(360)
  still = false
  stage = document.createElement('div')
  document.body.append(stage)
  overlay = new Overlay(stage, () => still)
  overlay.apply({ ...defaults })
})

afterEach(() => {
  overlay.close()
  stage.remove()
})

afterAll(() => void vi.useRealTimers())

/** Where the only danmaku is, in pixels from the left. */
const place = () => Number(/translate\((-?[\d.]+)px/.exec(drawn()[0]?.parentElement?.style.transform ?? '')?.[1])

/** How far it flies in a while, stepped as the stage steps it: in frames, before the library does its own. */
async function flown(ms: number): Promise<number> {
  const from = place()
  const tick = () => {
    stepping = requestAnimationFrame(tick)
    overlay.step()
  }
  let stepping = requestAnimationFrame(tick)
  await vi.advanceTimersByTimeAsync(ms)
  cancelAnimationFrame(stepping)
  return from - place()
}

describe('the overlay', () => {
  it('stands while the picture is paused, and goes on from there', async () => {
    overlay.draw(word('held'), { own: false })
    await frame()
    const before = place()
    overlay.follow(true, 1)
    expect(await flown(5000)).toBe(0)
    overlay.follow(false, 1)
    await frame()
    expect(before - place()).toBeLessThan(20)
    expect(await flown(320)).toBeGreaterThan(40)
  })

  it('flies as fast as the picture plays, without a jump', async () => {
    overlay.draw(word('quick'), { own: false })
    await frame()
    const once = await flown(480)
    overlay.follow(false, 2)
    const step = await flown(16)
    const twice = await flown(480)
    overlay.follow(false, 0.5)
    await flown(16)
    const half = await flown(480)
    expect(Math.abs(step)).toBeLessThan(12)
    expect(twice / once).toBeCloseTo(2, 0)
    expect(half / once).toBeCloseTo(0.5, 0)
  })

  it('keeps what came while the picture stood', async () => {
    overlay.follow(true, 1)
    overlay.draw(word('mine'), { own: true })
    await frame()
    expect(drawn()).toEqual([])
    overlay.follow(false, 1)
    await frame()
    expect(drawn()).toHaveLength(1)
  })

  it('is rid of an engine once what it drew has flown', async () => {
    for (let i = 0; i < 501; i++) {
      overlay.draw(word(`w${i}`), { own: false })
      if (i % 100 === 99) await vi.advanceTimersByTimeAsync(9000)
    }
    expect(stage.children.length).toBeGreaterThan(1)
    await vi.advanceTimersByTimeAsync(13_000)
    overlay.step()
    expect(stage.children.length).toBe(1)
  })

  for (const text of ['<img src=x onerror=alert(1)>', '<script>alert(1)</script>', '&amp;', '  spaced  ']) {
    it(`draws ${text} as text`, async () => {
      overlay.draw(word(text), { own: false })
      await frame()
      expect(drawn().map((d) => d.textContent)).toEqual([text])
      expect(drawn()[0]?.children).toHaveLength(0)
    })
  }

  it('shows colour, size and whose it is', async () => {
    overlay.draw(word('mine', { size: 'large' }), { own: true })
    overlay.draw(word('black', { colour: 0 }), { own: false })
    await frame()
    const [mine, black] = drawn()
    expect(mine?.className).toBe('danmaku danmaku-large danmaku-own')
    expect(mine?.style.color).toBe('#ff8800')
    expect(black?.className).toBe('danmaku danmaku-normal danmaku-dark')
  })

  it('lets nothing scroll for who asks for less motion', async () => {
    still = true
    overlay.draw(word('calm'), { own: false })
    await frame()
    const at = () => drawn()[0]?.parentElement?.style.transform
    const before = at()
    await vi.advanceTimersByTimeAsync(500)
    expect(at()).toBe(before)
  })

  it('sets off what stands still from what flies past', async () => {
    overlay.draw(word('up', { mode: 'top' }), { own: false })
    overlay.draw(word('by'), { own: false })
    await frame()
    expect(drawn().map((d) => [d.textContent, d.classList.contains('danmaku-still')]).sort()).toEqual([['by', false], ['up', true]])
  })

  it('takes settings over at once', () => {
    overlay.apply({ ...defaults, opacity: 0.4, scale: 1.5, area: 'half' })
    expect(stage.dataset.area).toBe('half')
    expect([stage.style.getPropertyValue('--danmaku-opacity'), stage.style.getPropertyValue('--danmaku-scale')]).toEqual(['0.4', '1.5'])
  })

  it('is emptied when danmaku are switched off', async () => {
    overlay.draw(word('gone'), { own: false })
    await frame()
    overlay.apply({ ...defaults, on: false })
    expect(drawn()).toEqual([])
  })

  it('draws no more at once than can be read', async () => {
    for (let i = 0; i < 200; i++) {
      overlay.draw(word(`w${i}`), { own: false })
      if (i % 10 === 9) await frame()
    }
    expect(drawn().length).toBeLessThanOrEqual(160)
  })

  it('leaves nothing behind', async () => {
    overlay.draw(word('x'), { own: false })
    await frame()
    overlay.close()
    expect(drawn()).toEqual([])
    overlay = new Overlay(stage, () => still)
  })
})
