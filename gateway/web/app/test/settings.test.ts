import { beforeEach, describe, expect, it } from 'vitest'
import { nextTick } from 'vue'
import { defaults, keep, read } from '@/settings/store'

beforeEach(() => localStorage.clear())

describe('settings', () => {
  it('start at the defaults', () => expect(read(localStorage)).toEqual(defaults))

  it('are kept for the next visit', async () => {
    const settings = keep(localStorage)
    settings.opacity = 0.5
    settings.area = 'half'
    await nextTick()
    expect(read(localStorage)).toEqual({ ...defaults, opacity: 0.5, area: 'half' })
  })

  for (const c of [
    { name: 'no JSON', kept: '{' },
    { name: 'null', kept: 'null' },
    { name: 'a list', kept: '[1]' },
    { name: 'a number', kept: '7' },
    { name: 'wrong types', kept: '{"on":"yes","opacity":"1","speed":3,"area":null,"scale":[]}' },
    { name: 'out of range', kept: '{"opacity":0,"scale":99,"volume":-1,"speed":"warp","area":"none"}' },
  ]) it(`survive ${c.name}`, () => {
    localStorage.setItem('barrage.settings', c.kept)
    expect(read(localStorage)).toEqual(defaults)
  })

  it('keep the good fields of a partly broken entry', () => {
    localStorage.setItem('barrage.settings', '{"on":false,"speed":"warp"}')
    expect(read(localStorage)).toEqual({ ...defaults, on: false })
  })
})
