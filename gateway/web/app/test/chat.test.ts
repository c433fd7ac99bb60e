import { mount } from '@vue/test-utils'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import ChatPanel from '@/components/ChatPanel.vue'
import { Session } from '@/auth/session'
import { lineLimit, Room } from '@/room/room'
import { Line } from './line'

beforeEach(() => {
  Line.all = []
  vi.stubGlobal('WebSocket', Line)
})

async function open(): Promise<Room> {
  const room = new Room('3', new Session(localStorage), 'ws://test/ws')
  room.open()
  Line.last.open()
  await vi.waitFor(() => expect(Line.last.sent.length).toBe(1))
  Line.last.answer({ joined: { room: '3', position: { epoch: '1', offset: '0' }, state: { room: '3', online: 1, max_length: 100 } } })
  await vi.waitFor(() => expect(room.view.connection.status).toBe('joined'))
  return room
}

const at = (offset: number) => ({ epoch: '1', offset: String(offset) })
const say = (offset: number, text: string, name = 'ann', from = offset - 1) =>
  Line.last.say({ batch: { room: '3', from: at(from), to: at(offset), danmaku: [{ offset: String(offset), user: '7', name, text, sent_at_ms: '1' }],
    ...(from < offset - 1 ? { skipped: offset - from - 1, why: 'sampled' } : {}) } })

const hostile = ['<img src=x onerror=alert(1)>', '<script>alert(1)</script>', '{{constructor.constructor("alert(1)")()}}', '&lt;b&gt;', 'a\u202eb']

describe('the chat', () => {
  for (const text of hostile) {
    it(`shows ${text} as text`, async () => {
      const room = await open()
      const panel = mount(ChatPanel, { props: { room, moderator: true, pictureTime: () => null } })
      say(1, text, text)
      await vi.waitFor(() => expect(panel.find('.text').exists()).toBe(true))
      expect(panel.find('.text').element.textContent).toBe(text)
      expect(panel.find('.name').element.textContent).toBe(text)
      expect(panel.find('.text').element.children).toHaveLength(0)
      expect(panel.findAll('img, script')).toHaveLength(0)
      panel.unmount()
      room.close()
    })
  }

  it('keeps the newest lines only', async () => {
    const room = await open()
    for (let i = 1; i <= lineLimit + 20; i++) say(i, `m${i}`)
    expect(room.lines.value).toHaveLength(lineLimit)
    expect(room.lines.value.at(-1)).toMatchObject({ danmaku: { text: `m${lineLimit + 20}` } })
    room.close()
  })

  it('says that something is missing, of what a busy room leaves out once in a while', async () => {
    const room = await open()
    say(1, 'a')
    for (let i = 10; i <= 50; i += 10) say(i, 'b', 'ann', i === 10 ? 1 : i - 10)
    expect(room.lines.value.filter((line) => 'missed' in line)).toHaveLength(1)
    Line.last.say({ gap: { room: '3', from: at(50), to: at(60), count: 10, reason: 'slow' } })
    expect(room.lines.value.filter((line) => 'missed' in line)).toHaveLength(2)
    room.close()
  })

  it('lets those who wait go when slow mode ends', async () => {
    const room = await open()
    const configured = (seconds: number) => Line.last.say({ room_state: { room: '3', online: 1, max_length: 100, slow_mode_seconds: seconds } })
    configured(20)
    await vi.waitFor(() => expect(room.view.state.slowModeSeconds).toBe(20))
    const posting = room.post({ text: 'hi', mode: 'scroll', colour: 0xffffff, size: 'normal', mediaTimeMs: null }, true)
    Line.last.answer({ posted: { room: '3', position: { epoch: '1', offset: '1' } } })
    await posting
    expect(room.view.waitUntil).toBeGreaterThan(Date.now() + 15_000)
    configured(0)
    await vi.waitFor(() => expect(room.view.waitUntil).toBeLessThanOrEqual(Date.now()))
    room.close()
  })

  it('draws what comes, but not what was said before', async () => {
    const room = await open()
    const drawn: string[] = []
    room.onDraw((list) => drawn.push(...list.map((d) => d.text)))
    say(1, 'now')
    expect(drawn).toEqual(['now'])
    room.close()
  })

  it('offers guests a log-in instead of a box', async () => {
    const room = await open()
    const panel = mount(ChatPanel, { props: { room, moderator: false, pictureTime: () => null } })
    expect(panel.find('form').exists()).toBe(false)
    expect(panel.text()).toContain('Log in to join in')
    panel.unmount()
    room.close()
  })
})
