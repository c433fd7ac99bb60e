import { describe, expect, it } from 'vitest'
import { clockText, dateOf, positionOf, secondsOf } from '@/live/window'

// Two seconds each; between the second and the third the publisher was gone for ten.
const parts = [
  { start: 0, duration: 2, programDateTime: 1000 },
  { start: 2, duration: 2, programDateTime: 3000 },
  { start: 4, duration: 2, programDateTime: 15_000 },
]

describe('the window', () => {
  it('finds the picture of a moment', () => expect([1000, 2500, 4000, 15_500].map((d) => positionOf(parts, d))).toEqual([0, 1.5, 3, 4.5]))
  it('finds the nearest one where there is none', () => expect([0, 9000, 99_000].map((d) => positionOf(parts, d))).toEqual([0, 4, 6]))
  it('finds the moment of a picture', () => expect([0, 3, 4.5].map((p) => dateOf(parts, p))).toEqual([1000, 4000, 15_500]))
  it('knows the moment of the very end', () => expect(dateOf(parts, 6)).toBe(17_000))
  it('knows none without dates', () => {
    const bare = parts.map((p) => ({ ...p, programDateTime: null }))
    expect([positionOf(bare, 1), dateOf(bare, 1), dateOf([], 1), dateOf(parts, -1)]).toEqual([null, null, null, null])
  })
  it('is there and back the same', () => {
    for (let p = 0; p < 6; p += 0.37) expect(positionOf(parts, dateOf(parts, p) as number)).toBeCloseTo(p)
  })
})

describe('times', () => {
  it('are written as people do', () => expect([0, 5, 65, 3599.6, 3725].map(clockText)).toEqual(['0:00', '0:05', '1:05', '1:00:00', '1:02:05']))
  it('are read from addresses', () => expect(['90', '90s', '1m30s', '1h', '1h2m3s'].map(secondsOf)).toEqual([90, 90, 90, 3600, 3723]))
  it('are nothing else', () => expect(['', 'x', '-5', '1.5', 's', '99999999', ['1'], null, undefined].map(secondsOf)).toEqual([null, null, null, null, null, null, null, null, null]))
})
