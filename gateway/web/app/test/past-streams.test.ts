import { describe, expect, it } from 'vitest'
import type { Broadcast } from '@/api/types'
import { extended, refreshed } from '@/room/pastStreams'

/** A broadcast that began at a minute. */
const at = (minute: number): Broadcast => ({
  id: `b${minute}`, title: '', start_ms: minute * 60_000, duration_ms: 1000, state: 'ended', bytes: 1, playlist: '',
})
const page = (minutes: number[], next?: string) => ({ broadcasts: minutes.map(at), ...(next === undefined ? {} : { next }) })
const ids = (list: Broadcast[]) => list.map((b) => b.start_ms / 60_000)

describe('the past streams of a channel', () => {
  const first = refreshed(null, page([9, 8, 7], 'c1'))
  const both = extended(first, page([6, 5, 4], 'c2'))

  it('begin with the first page and go on with the next', () => {
    expect([ids(first.list), first.next]).toEqual([[9, 8, 7], 'c1'])
    expect([ids(both.list), both.next]).toEqual([[9, 8, 7, 6, 5, 4], 'c2'])
    expect(extended(both, page([3])).next).toBe('')
  })
  it('keep what is older when the first page is read again', () => {
    const again = refreshed(both, page([10, 9, 8], 'x'))
    expect([ids(again.list), again.next]).toEqual([[10, 9, 8, 7, 6, 5, 4], 'c2'])
  })
  it('lack what was deleted', () => {
    const again = refreshed(both, page([9, 7, 6], 'x'))
    expect([ids(again.list), again.next]).toEqual([[9, 7, 6, 5, 4], 'c2'])
  })
  it('go on behind the first page where nothing older is known', () => {
    expect(refreshed(first, page([10, 9, 8], 'y'))).toMatchObject({ next: 'c1' })
    expect(refreshed(refreshed(null, page([3, 2], 'a')), page([3, 2], 'b')).next).toBe('b')
  })
  it('begin anew where the two do not meet', () => {
    const again = refreshed(both, page([30, 29, 28], 'z'))
    expect([ids(again.list), again.next]).toEqual([[30, 29, 28], 'z'])
  })
  it('are all on a page that has no next', () => {
    const again = refreshed(both, page([9, 8]))
    expect([ids(again.list), again.next]).toEqual([[9, 8], ''])
  })
  it('have nothing twice', () => expect(ids(extended(first, page([7, 6])).list)).toEqual([9, 8, 7, 6]))
})
