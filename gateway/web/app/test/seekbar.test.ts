import { mount } from '@vue/test-utils'
import { describe, expect, it, vi } from 'vitest'
import { reactive } from 'vue'
import SeekBar from '@/components/SeekBar.vue'
import { nothing, type Player, type PlayerState } from '@/live/player'

function bar(live: boolean, state: Partial<PlayerState>) {
  const seek = vi.fn<(to: number) => void>()
  const player = { state: reactive<PlayerState>({ ...nothing, picture: true, ...state }), seek } as unknown as Player
  const wrapper = mount(SeekBar, { props: { player, live } })
  return { seek, player, wrapper, input: wrapper.get('input') }
}

describe('the seek bar', () => {
  it('stands at the edge for who watches live', () => {
    const { input } = bar(true, { from: 100, to: 400, at: 398 })
    expect([input.element.value, input.attributes('aria-valuetext')]).toEqual(['1000', 'Live'])
  })

  it('says how far back one is', () => {
    const { input } = bar(true, { from: 100, to: 400, at: 250, back: true })
    expect([input.element.value, input.attributes('aria-valuetext')]).toEqual(['500', '2:30 behind live'])
  })

  it('says where in a recording one is', () => {
    const { input } = bar(false, { from: 0, to: 7200, at: 3600 })
    expect(input.attributes('aria-valuetext')).toBe('1:00:00 of 2:00:00')
  })

  it('moves the picture when it is dropped, not while it is dragged', async () => {
    const { seek, input, wrapper } = bar(false, { from: 0, to: 1000, at: 0 })
    input.element.value = '250'
    await input.trigger('input')
    expect(seek).not.toHaveBeenCalled()
    expect(wrapper.get('.tip').text()).toBe('4:10')
    await input.trigger('change')
    expect(seek.mock.calls).toEqual([[250]])
    expect(wrapper.find('.tip').exists()).toBe(false)
  })

  it('follows the window that slides while it is dragged', async () => {
    const { player, input, seek } = bar(true, { from: 0, to: 100, at: 50, back: true })
    input.element.value = '500'
    await input.trigger('input')
    Object.assign(player.state, { from: 10, to: 110 })
    await input.trigger('change')
    expect(seek.mock.calls).toEqual([[60]])
  })

  it('is moved by keys, which the page then leaves alone', async () => {
    const { seek, input } = bar(true, { from: 0, to: 300, at: 150, back: true })
    const heard = vi.fn()
    document.addEventListener('keydown', heard)
    for (const key of ['ArrowLeft', 'ArrowRight', 'PageDown', 'Home', 'End', 'x']) await input.trigger('keydown', { key })
    document.removeEventListener('keydown', heard)
    expect(seek.mock.calls.map(([to]) => to)).toEqual([145, 155, 90, 0, 300])
  })
})
