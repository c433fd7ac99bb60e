import { describe, expect, it } from 'vitest'
import { positionOf, secondsOf } from '@/live/window'

// Two seconds each; between the second and the third the publisher was gone for ten.
const parts = [
  { start: 0, duration: 2, programDateTime: 1000 },
  { start: 2, duration: 2, programDateTime: 3000 },
  { start: 4, duration: 2, programDateTime: 15_000 },
]

describe('the window', () => {
  it('finds the picture of a moment', () => expect([1000, 2500, 4000, 15_500].map((d) => positionOf(parts, d))).toEqual([0, 1.5, 3, 4.5]))
  it('finds the nearest one where there is none', () => expect([0, 9000, 99_000].map((d) => positionOf(parts, d))).toEqual([0, 4, 6]))
  it('knows none without dates', () => {
    expect([positionOf(parts.map((p) => ({ ...p, programDateTime: null })), 1), positionOf([], 1)]).toEqual([null, null])
  })
})

describe('times', () => {
  it('are read from addresses', () => expect(['90', '90s', '1m30s', '1h', '1h2m3s'].map(secondsOf)).toEqual([90, 90, 90, 3600, 3723]))
  it('are nothing else', () => expect(['', 'x', '-5', '1.5', 's', '99999999', ['1'], null, undefined].map(secondsOf)).toEqual([null, null, null, null, null, null, null, null, null]))
})
