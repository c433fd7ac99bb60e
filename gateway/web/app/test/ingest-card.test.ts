import { createApp, nextTick } from 'vue'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Channel, Ingest } from '@/api/types'
import IngestCard from '@/components/studio/IngestCard.vue'

const { ingest } = vi.hoisted(() => ({ ingest: vi.fn() }))
vi.mock('@/app', () => ({ barrage: { ingest } }))

const idle: Ingest = {
  state: 'offline', bitrate_bps: 0, fps: 0, keyframe_interval_ms: 0, width: 0, height: 0, video_codec: '', audio_codec: '', since_ms: 0, warnings: [],
}

async function shown(given: Partial<Ingest>): Promise<string> {
  ingest.mockResolvedValue({ ...idle, ...given })
  const root = document.createElement('div')
  const app = createApp(IngestCard, { channel: { id: '1' } as Channel })
  app.mount(root)
  await vi.waitFor(() => expect(ingest).toHaveBeenCalled())
  await new Promise((done) => setTimeout(done))
  await nextTick()
  const text = root.textContent ?? ''
  app.unmount()
  return text
}

describe('the health of a stream', () => {
  afterEach(() => ingest.mockReset())
  const refusal = { code: 'codec_unsupported', message: 'MP3 is not carried', protocol: 'rtmp', at_ms: Date.now() - 61_000 }

  it('tells of nobody who was turned away', async () => expect(await shown({})).not.toContain('turned away'))
  it('tells why the last encoder was turned away', async () =>
    expect(await shown({ last_refusal: refusal })).toContain('An encoder was turned away 2 min ago (RTMP): MP3 is not carried (codec_unsupported)'))
  it('forgets that when one has been let in since', async () =>
    expect(await shown({ state: 'live', since_ms: Date.now(), last_refusal: refusal })).not.toContain('turned away'))
  it('shows what needs attention', async () =>
    expect(await shown({ state: 'live', since_ms: 1, warnings: [{ code: 'no_video', message: 'There is no picture.' }] })).toContain('There is no picture.'))
})
