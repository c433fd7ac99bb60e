import { describe, expect, it } from 'vitest'
import { dark, css } from '@/danmaku/overlay'
import { Timeline } from '@/danmaku/timeline'

const at = (mediaTimeMs: number | null) => ({ mediaTimeMs })

describe('the timeline', () => {
  it('draws what has no media time at once', () => expect(new Timeline().offer(at(null), 1000)).toBe(true))
  it('draws at once while the picture time is unknown', () => expect(new Timeline().offer(at(500), null)).toBe(true))
  it('draws a late one at once', () => expect(new Timeline().offer(at(500), 1000)).toBe(true))
  it('draws one of this very picture at once', () => expect(new Timeline().offer(at(1000), 1000)).toBe(true))

  it('keeps one whose picture is still to come', () => {
    const line = new Timeline()
    expect(line.offer(at(2000), 1000)).toBe(false)
    expect(line.due(1999)).toEqual([])
    expect(line.due(2000)).toEqual([at(2000)])
    expect(line.size).toBe(0)
  })

  it('gives them in the order of their pictures, and of arrival within one', () => {
    const line = new Timeline<{ mediaTimeMs: number; n: number }>()
    for (const [n, mediaTimeMs] of [[1, 300], [2, 100], [3, 200], [4, 200]] as const) line.offer({ n, mediaTimeMs }, 0)
    expect(line.due(400).map((x) => x.n)).toEqual([2, 3, 4, 1])
  })

  it('skips what a jump forward passed over long ago', () => {
    const line = new Timeline()
    for (const ms of [1000, 20_000, 29_000]) line.offer(at(ms), 0)
    expect(line.due(30_000)).toEqual([at(29_000)])
    expect(line.size).toBe(0)
  })

  it('gives all that wait when no picture comes for them', () => {
    const line = new Timeline()
    for (const ms of [20_000, 1000]) line.offer(at(ms), 0)
    expect(line.rest()).toEqual([at(1000), at(20_000)])
    expect(line.size).toBe(0)
  })

  it('drops the oldest when too many wait, and counts them', () => {
    const line = new Timeline()
    for (let i = 1; i <= 2010; i++) line.offer(at(i), 0)
    expect([line.size, line.dropped]).toEqual([2000, 10])
    expect(line.due(11)).toEqual([at(11)])
  })

  it('forgets with the broadcast', () => {
    const line = new Timeline()
    line.offer(at(5), 0)
    line.clear()
    expect(line.due(10)).toEqual([])
  })
})

describe('colours', () => {
  it('are written as CSS', () => expect([css(0), css(0xff), css(0xffffff)]).toEqual(['#000000', '#0000ff', '#ffffff']))
  it('too dark for a dark outline are told', () => expect([0x000000, 0x0000ff, 0xff0000, 0x777777, 0xffffff].map(dark)).toEqual([true, false, false, false, false]))
})
