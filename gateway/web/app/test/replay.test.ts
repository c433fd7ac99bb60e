import { describe, expect, it, vi } from 'vitest'
import { Replay, type Load, type Page } from '@/danmaku/replay'

interface Word {
  position: { epoch: string; offset: string }
  mediaTimeMs: number | null
}

const word = (ms: number, offset = ms): Word => ({ position: { epoch: '1', offset: String(offset) }, mediaTimeMs: ms })
const settle = () => new Promise((resolve) => setTimeout(resolve))

/** A server that has danmaku at these times, and notes what it is asked. */
function server(times: number[], { limit = 1000, settled = true } = {}) {
  const asked: [number, number][] = []
  const load: Load<Word> = (from, to) => {
    asked.push([from, to])
    const all = times.filter((t) => t >= from && t < to)
    return Promise.resolve<Page<Word>>({ danmaku: all.slice(0, limit).map((t) => word(t)), settled, more: all.length > limit })
  }
  return { asked, load }
}

/** Plays from a picture to another at 60 frames a second, and gives what was due. */
async function play(r: Replay<Word>, from: number, to: number, now = Date.now()): Promise<number[]> {
  const out: number[] = []
  for (let t = from; t <= to; t += 1000 / 60) {
    out.push(...r.due(t, now + t).map((d) => d.mediaTimeMs as number))
    if (Math.round(t) % 200 < 17) await settle()
  }
  return out
}

describe('the replay', () => {
  it('gives each once, in the order of the pictures, with one request for a minute', async () => {
    const { asked, load } = server([500, 61_000, 59_990, 60_000, 119_000])
    const r = new Replay(load)
    r.due(0, 0)
    await settle()
    expect(await play(r, 0, 100_000)).toEqual([500, 59_990, 60_000, 61_000])
    expect(asked).toEqual([[0, 60_000], [60_000, 120_000]])
  })

  it('gives nothing of what was leapt over, forwards or backwards', async () => {
    const { load } = server([1000, 30_000, 30_500])
    const r = new Replay(load)
    r.due(0, 0)
    await settle()
    expect(await play(r, 0, 1500)).toEqual([1000])
    expect(r.due(30_200, 0)).toEqual([])
    expect(await play(r, 30_201, 31_000)).toEqual([30_500])
    expect(r.due(500, 0)).toEqual([])
    expect(await play(r, 501, 1500)).toEqual([1000])
  })

  it('stands while the picture does', async () => {
    const { load } = server([100])
    const r = new Replay(load)
    r.due(0, 0)
    await settle()
    expect([r.due(50, 1), r.due(50, 2), r.due(100, 3), r.due(100, 4)].map((x) => x.length)).toEqual([0, 0, 1, 0])
  })

  it('keeps few minutes, and asks again for one that went', async () => {
    const { asked, load } = server([])
    const r = new Replay(load)
    for (let n = 0; n < 8; n++) r.due(n * 60_000 + 1, 0)
    await settle()
    r.due(1, 0)
    expect(asked.filter(([from]) => from === 0)).toHaveLength(2)
    r.due(7 * 60_000 + 2, 0)
    expect(asked).toHaveLength(9)
  })

  it('asks for the rest of a minute that is too full as it is needed, and only so often', async () => {
    const times = Array.from({ length: 6000 }, (_, i) => i * 10)
    const { asked, load } = server(times, { limit: 500 })
    const r = new Replay(load)
    const began = Date.now()
    const clock = vi.spyOn(Date, 'now')
    for (let t = 0; t < 60_000; t += 50) {
      clock.mockReturnValue(began + t)
      r.due(t, began + t)
      await settle()
    }
    clock.mockRestore()
    expect(asked.filter(([from]) => from < 60_000).length).toBeLessThan(60_000 / 1500 + 2)
    expect(asked.filter(([from]) => from < 60_000).at(-1)?.[0]).toBeGreaterThan(50_000)
  })

  it('asks again for a minute to which others may still add, after a while', async () => {
    const { asked, load } = server([], { settled: false })
    const r = new Replay(load)
    const now = Date.now()
    r.due(1, now)
    await settle()
    r.due(2, now + 1000)
    expect(asked).toHaveLength(1)
    r.due(3, now + 60_000)
    expect(asked).toHaveLength(2)
  })

  it('asks again after a failure, a little later', async () => {
    let fails = true
    const load = vi.fn<Load<Word>>(() => (fails ? Promise.reject(new Error('away')) : Promise.resolve({ danmaku: [word(500)], settled: true, more: false })))
    const r = new Replay(load)
    const now = Date.now()
    r.due(0, now)
    await settle()
    r.due(1, now + 100)
    expect(load).toHaveBeenCalledTimes(1)
    fails = false
    r.due(2, now + 60_000)
    await settle()
    expect(r.due(600, now + 60_001).map((d) => d.mediaTimeMs)).toEqual([500])
  })

  it('draws one that was just posted on this picture, and keeps one for a picture to come', async () => {
    const { load } = server([])
    const r = new Replay(load)
    expect(r.offer(word(1000))).toBe(false)
    r.due(10_000, 0)
    await settle()
    expect([r.offer(word(9900)), r.offer(word(10_500)), r.offer(word(1000)), r.offer({ ...word(1), mediaTimeMs: null })]).toEqual([true, false, false, false])
    expect(r.due(10_600, 0).map((d) => d.mediaTimeMs)).toEqual([10_500])
  })
})
