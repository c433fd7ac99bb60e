import { describe, expect, it } from 'vitest'
import { codecName } from '@/live/codec'
import { mediaTime } from '@/live/clock'
import { phaseOf } from '@/live/phase'

describe('media time', () => {
  const start = Date.UTC(2026, 0, 1)
  for (const c of [
    { name: 'is the date less the start', date: new Date(start + 1234), start, want: 1234 },
    { name: 'is 0 at the start', date: new Date(start), start, want: 0 },
    { name: 'is unknown before the first picture', date: null, start, want: null },
    { name: 'is unknown when nothing is live', date: new Date(start), start: null, want: null },
    { name: 'is never negative', date: new Date(start - 1), start, want: null },
    { name: 'is unknown for a broken date', date: new Date(NaN), start, want: null },
  ]) it(c.name, () => expect(mediaTime(c.date, c.start)).toBe(c.want))
})

describe('the phase of the stage', () => {
  for (const c of [
    { name: 'offline at first', state: 'offline', seen: false, picture: false, moving: false, want: 'offline' },
    { name: 'ended once a broadcast was seen', state: 'offline', seen: true, picture: true, moving: true, want: 'ended' },
    { name: 'starting until the first picture', state: 'live', seen: true, picture: false, moving: false, want: 'starting' },
    { name: 'live with a picture', state: 'live', seen: true, picture: true, moving: true, want: 'live' },
    { name: 'live while paused', state: 'live', seen: true, picture: true, moving: false, want: 'live' },
    { name: 'live while the buffer still plays', state: 'interrupted', seen: true, picture: true, moving: true, want: 'live' },
    { name: 'interrupted once it stands still', state: 'interrupted', seen: true, picture: true, moving: false, want: 'interrupted' },
    { name: 'interrupted without a picture', state: 'interrupted', seen: true, picture: false, moving: false, want: 'interrupted' },
  ] as const) it(c.name, () => expect(phaseOf(c)).toBe(c.want))
})

describe('codecs', () => {
  it('are called by the name people use', () =>
    expect(['avc1.42c01f', 'H264', 'hvc1.1.6.L93', 'av01.0.05M.08', 'mp4a.40.2', 'Opus', 'odd'].map(codecName)).toEqual(['H.264', 'H.264', 'H.265', 'AV1', 'AAC', 'Opus', 'odd']))
})
